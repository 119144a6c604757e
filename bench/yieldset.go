package bench

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"trunkline/media"
	"trunkline/pipeline/tts/flite"
)

// sounding is one thing that a caller does over the agent's voice.
type sounding struct {
	class string
	words string // what a recogniser that errs in nothing hears
	audio []int16
	echo  bool // the far end returns the agent's voice instead
}

// Classes of soundings.
const (
	interrupting = "interruption"
	agreeing     = "backchannel"
	coughing     = "cough"
	clattering   = "click, breath or noise"
	echoing      = "the agent's own echo"
)

var soundClasses = []string{interrupting, agreeing, coughing, clattering, echoing}

// takingWords and agreeingWords are what the voices say over the agent.
var (
	takingWords = []string{
		"wait", "stop", "hold on a second", "no that's not right", "can you repeat that", "I have a question",
		"sorry what did you say", "what about sunday", "I want to speak to a person", "cancel the appointment",
		"excuse me where is that", "no I mean friday",
	}
	agreeingWords = []string{
		"yeah", "okay", "right", "uh huh", "I see", "got it", "sure", "yes", "all right", "okay great", "hmm", "thank you",
	}
)

// Levels of a caller, and of the line's noise under each of them, in dBov.
var (
	soundLevels = []float64{-18, -25, -32}
	noiseLevels = []float64{-75, -55}
)

// soundings makes the set from a seed: each phrase by voices in turn, at every
// level, on a clean and on a noisy line; and as many sounds that no voice
// makes.
func soundings(ctx context.Context, voices []string, seed uint64) ([]sounding, error) {
	r := rand.New(rand.NewPCG(seed, 20))
	var all []sounding
	for _, said := range []struct {
		class   string
		phrases []string
	}{{interrupting, takingWords}, {agreeing, agreeingWords}} {
		for i, words := range said.phrases {
			for j, level := range soundLevels {
				for k, noise := range noiseLevels {
					audio, err := sayAs(ctx, voices[(i+j+k)%len(voices)], pronounced(words))
					if err != nil {
						return nil, err
					}
					all = append(all, sounding{class: said.class, words: strings.ToLower(words), audio: mix(r, audio, level, noise)})
				}
			}
		}
	}
	for range 12 {
		for _, level := range soundLevels {
			for _, noise := range noiseLevels {
				all = append(all,
					sounding{class: coughing, audio: mix(r, coughs(r), level, noise)},
					sounding{class: clattering, audio: mix(r, clatter(r), level, noise)},
				)
			}
		}
	}
	for range 24 {
		all = append(all, sounding{class: echoing, echo: true})
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })

	return all, nil
}

// pronounced is what the voices are given for words that they would spell out.
func pronounced(words string) string {
	if words == "hmm" {
		return "hum"
	}

	return words
}

// sayAs is a text by one of the offline voices, silence at its ends cut off.
func sayAs(ctx context.Context, voice, text string) ([]int16, error) {
	v, err := flite.New(flite.Options{Voice: voice})
	if err != nil {
		return nil, err
	}
	var audio []int16
	for s, err := range v.Synthesize(ctx, text) {
		if err != nil {
			return nil, fmt.Errorf("say %q: %w", text, err)
		}
		audio = append(audio, s.Samples...)
	}

	return audio, nil
}

// mix brings a sound to its level, on top of the line's noise.
func mix(r *rand.Rand, sound []int16, level, noise float64) []int16 {
	var power float64
	loud := 0
	for _, v := range sound {
		if v > 200 || v < -200 {
			power += float64(v) * float64(v)
			loud++
		}
	}
	gain := math.Pow(10, level/20) * 32768 / math.Sqrt(power/float64(max(1, loud))+1)
	hiss := math.Pow(10, noise/20) * 32768
	out := make([]int16, len(sound))
	for i, v := range sound {
		out[i] = clip(float64(v)*gain + r.NormFloat64()*hiss)
	}

	return out
}

func clip(v float64) int16 { return int16(max(-32768, min(32767, v))) }

// coughs are one to three coughs: a burst as the throat opens, turbulent noise
// that dies away, and sometimes a short hoarse voice at its end.
func coughs(r *rand.Rand) []int16 {
	var out []int16
	for range 1 + r.IntN(3) {
		burst := 20 + r.IntN(30)
		length := burst + 100 + r.IntN(180)
		hoarse := r.IntN(3) == 0
		pitch := 90 + 120*r.Float64()
		var low, lower float64
		cut := 0.35 + 0.4*r.Float64()
		for i := range length * media.SampleRate / 1000 {
			ms := float64(i) * 1000 / media.SampleRate
			level := 1.0
			if ms > float64(burst) {
				level = 0.7 * math.Exp(-(ms-float64(burst))/70)
			}
			v := r.NormFloat64()
			if hoarse && ms > float64(length)*0.65 {
				level += 0.15
				v = 0.5*v + math.Sin(2*math.Pi*pitch*ms/1000)
			}
			low += cut * (v - low)
			lower += 0.05 * (low - lower)
			out = append(out, clip(6000*level*(low-lower)))
		}
		out = append(out, make([]int16, (40+r.IntN(140))*media.SampleRate/1000)...)
	}

	return out
}

// clatter is a sound of the caller's room: clicks, a breath, a bang, or keys.
func clatter(r *rand.Rand) []int16 {
	switch r.IntN(4) {
	case 0: // clicks
		out := make([]int16, (100+r.IntN(300))*media.SampleRate/1000)
		for range 1 + r.IntN(5) {
			at := r.IntN(len(out) - 40)
			for i := range 40 {
				out[at+i] = clip(12000 * r.NormFloat64() * math.Exp(-float64(i)/10))
			}
		}

		return out
	case 1: // a breath into the microphone
		out := make([]int16, (300+r.IntN(600))*media.SampleRate/1000)
		var low float64
		for i := range out {
			low += 0.5 * (r.NormFloat64() - low)
			out[i] = clip(2500 * low * math.Sin(math.Pi*float64(i)/float64(len(out))))
		}

		return out
	case 2: // something falls: a thud and its ringing
		out := make([]int16, (150+r.IntN(250))*media.SampleRate/1000)
		f := 60 + 200*r.Float64()
		for i := range out {
			t := float64(i) / media.SampleRate
			out[i] = clip(9000 * math.Exp(-12*t) * (math.Sin(2*math.Pi*f*t) + 0.8*r.NormFloat64()))
		}

		return out
	default: // hiss, as of a car that passes
		out := make([]int16, (200+r.IntN(700))*media.SampleRate/1000)
		for i := range out {
			out[i] = clip(3000 * r.NormFloat64())
		}

		return out
	}
}
