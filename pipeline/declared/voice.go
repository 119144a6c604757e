package declared

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
)

// Chunk is how much audio the Voice yields at a time.
const Chunk = 100 * time.Millisecond

// Voice is a pipeline.Synthesizer that speaks after declared delays. Its
// fields must not be changed once it is in use.
type Voice struct {
	// FirstAudio is from the first iteration of the sequence to its first
	// chunk.
	FirstAudio time.Duration
	// Speed is how many times faster than real time the further chunks come;
	// 0 means all at once.
	Speed float64
	// PerWord is how long each word of the text takes; 0 means 300 ms.
	PerWord time.Duration
	// Speech gives the audio of a text in place of a tone of 400 Hz at
	// -19 dBov. It is not changed.
	Speech func(text string) []int16
	// Faults are counted over all texts of the Voice.
	Faults Plan

	texts counter
}

var _ pipeline.Synthesizer = (*Voice)(nil)

// Synthesize streams a tone, or the given speech, at the declared pace. The
// words of the text are spread evenly over it.
func (v *Voice) Synthesize(ctx context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		w := deadlines{start: time.Now()}
		defer w.stop()
		fault := v.Faults.fault(v.texts.next())
		words := strings.Fields(text)
		length := v.length(words)
		var speech []int16
		if v.Speech != nil {
			speech = v.Speech(text)
			length = len(speech)
		}
		fail := func(err error) { yield(pipeline.Speech{}, fmt.Errorf("declared voice: %w", err)) }
		size := int(media.SamplesIn(Chunk))
		said := 0
		for at := 0; at < length; at += size {
			if err := w.wait(ctx, v.due(at)); err != nil {
				fail(err)
				return
			}
			if fault.strikes(at / size) {
				fail(fault.strike(ctx))
				return
			}
			end := min(at+size, length)
			s := pipeline.Speech{Samples: make([]int16, end-at)}
			if v.Speech != nil {
				copy(s.Samples, speech[at:end])
			} else {
				copy(s.Samples, tone[at%period:])
			}
			for ; said < len(words) && said*length/len(words) < end; said++ {
				s.Words = append(s.Words, media.Word{Text: words[said], Start: media.Samples(said * length / len(words))})
			}
			if !yield(s, nil) {
				return
			}
		}
	}
}

// length is how many samples the words take.
func (v *Voice) length(words []string) int {
	per := v.PerWord
	if per <= 0 {
		per = 300 * time.Millisecond
	}
	return len(words) * int(media.SamplesIn(per))
}

// due is when the chunk that begins at a sample comes.
func (v *Voice) due(at int) time.Duration {
	if v.Speed <= 0 {
		return v.FirstAudio
	}
	return v.FirstAudio + time.Duration(float64(media.Samples(at).Duration())/v.Speed)
}

// period is the length of one cycle of the tone, in samples.
const period = media.SampleRate / 400

// tone is long enough for a chunk that begins anywhere in a cycle. An
// amplitude of 5200 is -19 dBov.
var tone = func() []int16 {
	s := make([]int16, int(media.SamplesIn(Chunk))+period)
	for i := range s {
		s[i] = int16(math.Round(5200 * math.Sin(2*math.Pi*float64(i)/period)))
	}
	return s
}()
