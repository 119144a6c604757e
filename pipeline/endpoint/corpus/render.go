package corpus

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/pipeline"
)

// Audio is a turn as it arrives, and where its parts lie.
type Audio struct {
	Frames []media.Frame
	Parts  []Span
}

// Span is where a part is spoken, from the beginning of the audio.
type Span struct {
	From, To time.Duration
}

// Silence before the first part, and after the last one.
const (
	leadIn  = 400 * time.Millisecond
	leadOut = 1200 * time.Millisecond
)

// Render speaks a turn and sends it over the caller's line. At half of the
// pauses the voice is cut off in the flow of its sentence, at the others it has
// made a phrase's end. The seed is the turn's own.
func (s *Set) Render(ctx context.Context, voice pipeline.Synthesizer, number int) (*Audio, error) {
	t := &s.Turns[number]
	r := rand.New(rand.NewPCG(uint64(number), 7))
	speech, cuts, err := speak(ctx, voice, t, r)
	if err != nil {
		return nil, err
	}
	a := &Audio{}
	audio := append([]float64(nil), make([]float64, media.SamplesIn(leadIn))...)
	for i := range t.Parts {
		part := trim(speech[cuts[i]:cuts[i+1]])
		from := len(audio)
		for k, x := range part {
			audio = append(audio, float64(x)*edge(k, len(part)))
		}
		a.Parts = append(a.Parts, Span{From: at(from), To: at(len(audio))})
		silence := leadOut
		if i < len(t.Pauses) {
			silence = t.Pauses[i]
		}
		audio = append(audio, make([]float64, media.SamplesIn(silence))...)
	}
	a.Frames = line(audio, s.Callers[t.Caller].SNR, r)

	return a, nil
}

func at(sample int) time.Duration { return media.Samples(sample).Duration() }

// speak gives the turn's speech without its pauses, and where its parts are cut.
func speak(ctx context.Context, voice pipeline.Synthesizer, t *Turn, r *rand.Rand) ([]int16, []int, error) {
	var text strings.Builder
	for i, p := range t.Parts {
		text.WriteString(p)
		switch {
		case i == len(t.Parts)-1:
			text.WriteString(".")
		case r.IntN(2) == 0:
			text.WriteString(", ")
		default:
			text.WriteString(" ")
		}
	}
	var speech []int16
	var words []media.Word
	for chunk, err := range voice.Synthesize(ctx, text.String()) {
		if err != nil {
			return nil, nil, fmt.Errorf("corpus: %q: %w", text.String(), err)
		}
		speech = append(speech, chunk.Samples...)
		words = append(words, chunk.Words...)
	}
	cuts := []int{0}
	first := 0
	for _, p := range t.Parts[:len(t.Parts)-1] {
		first += len(strings.Fields(p))
		if first >= len(words) {
			return nil, nil, fmt.Errorf("corpus: %q: the voice placed %d words", text.String(), len(words))
		}
		cuts = append(cuts, int(words[first].Start))
	}

	return speech, append(cuts, len(speech)), nil
}

// faint is the amplitude below which a voice is silent.
const faint = 60

// trim drops silence at both ends.
func trim(x []int16) []int16 {
	for len(x) > 0 && x[0] < faint && x[0] > -faint {
		x = x[1:]
	}
	for len(x) > 0 && x[len(x)-1] < faint && x[len(x)-1] > -faint {
		x = x[:len(x)-1]
	}

	return x
}

// edge fades 5 ms at both ends, so that a cut does not click.
func edge(i, n int) float64 {
	const ramp = 40

	return min(1, float64(min(i, n-1-i))/ramp)
}

// line sends audio through a telephone channel: 300 Hz high-pass, noise that
// falls with the frequency, and G.711.
func line(audio []float64, snr float64, r *rand.Rand) []media.Frame {
	sum, loud := 0.0, 0
	for _, x := range audio {
		if x != 0 {
			sum += x * x
			loud++
		}
	}
	noise := math.Sqrt(sum/float64(max(1, loud))) * math.Pow(10, -snr/20)
	band := highPass(300)
	hum, codec := 0.0, g711.PCMU
	frames := make([]media.Frame, len(audio)/media.FrameSamples)
	for i := range frames {
		var f media.Frame
		for k := range f {
			white := r.NormFloat64()
			hum = 0.7*hum + white
			f[k] = int16(min(max(band.next(audio[i*media.FrameSamples+k])+noise*hum*0.714, math.MinInt16), math.MaxInt16))
		}
		var coded [media.FrameSamples]byte
		codec.Encode(coded[:], f[:])
		codec.Decode(frames[i][:], coded[:])
	}

	return frames
}

// biquad is a second-order filter.
type biquad struct{ b0, b1, b2, a1, a2, x1, x2, y1, y2 float64 }

// highPass is a Butterworth high-pass with the corner at hz.
func highPass(hz float64) *biquad {
	w := 2 * math.Pi * hz / media.SampleRate
	alpha, c := math.Sin(w)/math.Sqrt2, math.Cos(w)
	a0 := 1 + alpha

	return &biquad{b0: (1 + c) / 2 / a0, b1: -(1 + c) / a0, b2: (1 + c) / 2 / a0, a1: -2 * c / a0, a2: (1 - alpha) / a0}
}

func (f *biquad) next(x float64) float64 {
	y := f.b0*x + f.b1*f.x1 + f.b2*f.x2 - f.a1*f.y1 - f.a2*f.y2
	f.x1, f.x2, f.y1, f.y2 = x, f.x1, y, f.y1

	return y
}
