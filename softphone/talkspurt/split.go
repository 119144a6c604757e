package talkspurt

import (
	"math"
	"time"

	"trunkline/media"
)

// Level is the level of linear 16-bit samples in dBov; minus infinity for
// digital silence or no samples.
func Level(samples []int16) float64 {
	var sum int64
	for _, s := range samples {
		sum += int64(s) * int64(s)
	}
	if sum == 0 {
		return math.Inf(-1)
	}

	return 10 * math.Log10(float64(sum)/float64(len(samples))/(1<<30))
}

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
		end := min((i+1)*media.FrameSamples, len(samples))
		at := epoch.Add(time.Duration(i) * media.FrameDuration)
		if d.Step(Level(samples[i*media.FrameSamples:end]), at, media.FrameDuration) == Offset {
			add()
		}
	}
	if d.Flush() {
		add()
	}

	return spans
}
