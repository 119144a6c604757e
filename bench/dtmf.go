package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"time"

	"trunkline/media"
	"trunkline/media/dtmf"
	"trunkline/media/g711"
	"trunkline/media/speech"
	"trunkline/pipeline/tts/flite"
)

// telephoneKeys are all keys, and keyTones their frequencies in Hz.
const telephoneKeys = "123A456B789C*0#D"

var keyRows, keyColumns = [4]float64{697, 770, 852, 941}, [4]float64{1209, 1336, 1477, 1633}

// pressed is a key as a line delivers it.
type pressed struct {
	length   time.Duration
	row, col float64 // dBm0
	snr      float64 // dB
	off      float64 // of both frequencies, relative
	law      g711.Codec
}

// sound is the key with silence around it, beginning anywhere in a frame.
func (p *pressed) sound(key int, r *rand.Rand) []int16 {
	amplitude := func(dBm0 float64) float64 { return math.Sqrt(2 * media.ZeroDBm0 * math.Pow(10, dBm0/10)) }
	noise := math.Sqrt(media.ZeroDBm0 * (math.Pow(10, p.row/10) + math.Pow(10, p.col/10)) / math.Pow(10, p.snr/10))
	lead, n := 480+r.IntN(media.FrameSamples), int(media.SamplesIn(p.length))
	x := make([]int16, lead+n+640)
	a, b := 2*math.Pi*r.Float64(), 2*math.Pi*r.Float64()
	for i := range x {
		s := noise * r.NormFloat64()
		if at := i - lead; at >= 0 && at < n {
			w := 2 * math.Pi * float64(at) / media.SampleRate * (1 + p.off)
			s += amplitude(p.row)*math.Sin(a+w*keyRows[key/4]) + amplitude(p.col)*math.Sin(b+w*keyColumns[key%4])
		}
		x[i] = int16(max(-32768, min(32767, math.Round(s))))
	}

	return speech.Coded(x, p.law)
}

// share is how many of all keys, pressed rounds times, are found once and as
// what they are, in per cent.
func (p *pressed) share(rounds int) float64 {
	r := rand.New(rand.NewPCG(7, 42))
	hits := 0
	for range rounds {
		for key := range len(telephoneKeys) {
			if got := keysIn(p.sound(key, r)); got == telephoneKeys[key:key+1] {
				hits++
			}
		}
	}

	return 100 * float64(hits) / float64(rounds*len(telephoneKeys))
}

// keysIn are the keys that a new detector finds.
func keysIn(x []int16) string {
	var d dtmf.Detector
	var keys []byte
	take := func(f *media.Frame) {
		if h := d.Step(f); h.Released.Key != 0 {
			keys = append(keys, h.Released.Key)
		}
	}
	speech.Frames(x, take)
	speech.Frames(make([]int16, 3*media.FrameSamples), take)

	return string(keys)
}

// dtmf measures the detector of keys in the audio.
func (b *bench) dtmf(ctx context.Context) error {
	rounds := pick(b, 20, 2)
	fmt.Fprintf(b.Out, "\nKeys found, in per cent of %d keys each, at any position in a frame; noise is white, its distance from both tones' power. Targets: 100 %% at\n"+
		"40 ms, -25 dBm0 and 20 dB, no key in 30 minutes of speech.\n", rounds*len(telephoneKeys))
	b.progressf("dtmf: length and noise")
	t := newTable("length, level of each tone", "SNR 20 dB", "15 dB", "12 dB", "8 dB")
	for _, ms := range []int{23, 30, 40, 50, 100} {
		length := time.Duration(ms) * time.Millisecond
		for _, level := range []float64{-10, -25, -33} {
			row := []any{fmt.Sprintf("%d ms, %.0f dBm0", ms, level)}
			for _, snr := range []float64{20, 15, 12, 8} {
				p := pressed{length: length, row: level, col: level, snr: snr}
				row = append(row, fmt.Sprintf("%.0f", p.share(rounds)))
			}
			t.row(row...)
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
	}
	t.write(b.Out)
	b.progressf("dtmf: twist and frequency")
	t = newTable("40 ms, -16 dBm0 each, 20 dB", "µ-law", "A-law")
	for _, twist := range []float64{-10, -8, -6, -4, 0, 4, 8, 10, 12} {
		name := fmt.Sprintf("column %+.0f dB over the row", 0-twist)
		t.row(append([]any{name}, inBothLaws(pressed{length: 40 * time.Millisecond, row: -16 + twist/2, col: -16 - twist/2, snr: 20}, rounds)...)...)
	}
	for _, off := range []float64{-3.5, -3, -2, -1.5, 1.5, 2, 3, 3.5} {
		name := fmt.Sprintf("frequencies %+.1f %%", off)
		t.row(append([]any{name}, inBothLaws(pressed{length: 40 * time.Millisecond, row: -16, col: -16, snr: 20, off: off / 100}, rounds)...)...)
	}
	t.write(b.Out)
	if err := b.talkOff(ctx); err != nil {
		return err
	}

	return b.keyCost()
}

func inBothLaws(p pressed, rounds int) (shares []any) {
	for _, p.law = range []g711.Codec{g711.PCMU, g711.PCMA} {
		shares = append(shares, fmt.Sprintf("%.0f", p.share(rounds)))
	}

	return shares
}

// phonemes have the sounds of English that are most like keys: vowels drawn
// out, numbers, and a hum.
const phonemes = "Glue the sheet to the dark blue background. A large size in stockings is hard to sell. " +
	"My number is five fifty five, oh one two three, extension four eight nine seven six. " +
	"She saw the cool moon over the blue lagoon, and he hummed a low tune. We will leave you alone, you know who you are. " +
	"Ooh, really? Me too! Yes. No. Oh, well, all right then."

// talkOff counts the keys heard in speech.
func (b *bench) talkOff(ctx context.Context) error {
	b.progressf("dtmf: talk-off")
	voices := map[string][][]int16{}
	all, err := speech.Recordings()
	if err != nil {
		return err
	}
	for _, x := range all {
		voices["testdata"] = append(voices["testdata"], x)
	}
	names := []string{"testdata"}
	for _, name := range flite.Voices() {
		v, err := flite.New(flite.Options{Voice: name})
		if errors.Is(err, flite.ErrNotBuilt) {
			break
		}
		if err != nil {
			return err
		}
		for _, text := range append([]string{phonemes}, sentences...) {
			var x []int16
			for s, err := range v.Synthesize(ctx, text) {
				if err != nil {
					return fmt.Errorf("voice %s: %w", name, err)
				}
				x = append(x, s.Samples...)
			}
			voices[name] = append(voices[name], x)
		}
		names = append(names, name)
	}
	fmt.Fprint(b.Out, "\nTalk-off: speech at six levels and seven positions in a frame, through µ-law. Withheld: frames silenced for the recogniser because a key may begin.\n")
	t := newTable("voice", "minutes", "keys", "frames withheld")
	for _, name := range names {
		var samples media.Samples
		keys, withheld := 0, 0
		for _, gain := range pick(b, []float64{0.1, 0.25, 0.5, 1, 2, 4}, []float64{1}) {
			for lead := media.Samples(0); lead < 40; lead += 6 {
				for _, x := range voices[name] {
					y := speech.Played(x, gain, lead, g711.PCMU)
					samples += media.Samples(len(y))
					var d dtmf.Detector
					speech.Frames(y, func(f *media.Frame) {
						h := d.Step(f)
						if h.Pressed != 0 {
							keys++
						}
						if h.Tone {
							withheld++
						}
					})
				}
			}
		}
		t.row(name, fmt.Sprintf("%.1f", samples.Duration().Minutes()), keys, withheld)
	}
	t.write(b.Out)

	return nil
}

// keyCost is the detector's processor time.
func (b *bench) keyCost() error {
	b.progressf("dtmf: processor time")
	all, err := speech.Recordings()
	if err != nil {
		return err
	}
	var voice []int16
	for _, x := range all {
		voice = append(voice, x...)
	}
	p := pressed{length: 100 * time.Millisecond, row: -10, col: -8, snr: 30}
	var keys []int16
	r := rand.New(rand.NewPCG(1, 1))
	for key := range len(telephoneKeys) {
		keys = append(keys, p.sound(key, r)...)
	}
	t := newTable("one frame", "µs")
	for _, c := range []struct {
		what string
		x    []int16
	}{{"silence", make([]int16, 10*media.SampleRate)}, {"speech", voice}, {"keys", keys}} {
		var d dtmf.Detector
		frames := 0
		w, err := watchOf(os.Getpid())
		if err != nil {
			return err
		}
		for began := time.Now(); time.Since(began) < pick(b, 2*time.Second, 200*time.Millisecond); {
			speech.Frames(c.x, func(f *media.Frame) {
				d.Step(f)
				frames++
			})
		}
		l, err := w.stop()
		if err != nil {
			return err
		}
		t.row(c.what, fmt.Sprintf("%.2f", float64(l.used[0].total().Nanoseconds())/1000/float64(frames)))
	}
	t.write(b.Out)

	return nil
}
