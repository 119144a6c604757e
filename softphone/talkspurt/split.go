package talkspurt

import (
	"time"

	"trunkline/media"
	"trunkline/media/vad"
)

// A Span is a talkspurt in a recording, in whole frames of media.FrameSamples:
// from First to before End.
type Span struct{ First, End int }

// Spans finds the talkspurts of a recording at media.SampleRate. Talkspurts
// less than gap apart are one.
func Spans(samples []int16, gap time.Duration) []Span {
	var (
		d     Detector
		spans []Span
		epoch = time.Unix(0, 0)
		add   = func() {
			s := Span{
				First: int(d.Spurt().First.Sub(epoch) / media.FrameDuration),
				End:   int(d.Spurt().Last.Sub(epoch)/media.FrameDuration) + 1,
			}
			if last := len(spans) - 1; last >= 0 && time.Duration(s.First-spans[last].End)*media.FrameDuration < gap {
				spans[last].End = s.End

				return
			}
			spans = append(spans, s)
		}
	)
	for i := 0; i*media.FrameSamples < len(samples); i++ {
		var f media.Frame // the last one is padded with silence
		copy(f[:], samples[i*media.FrameSamples:])
		at := epoch.Add(time.Duration(i) * media.FrameDuration)
		if d.Step(vad.Level(&f), at, media.FrameDuration) == Offset {
			add()
		}
	}
	if d.Flush() {
		add()
	}

	return spans
}
