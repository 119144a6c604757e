package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"

	"trunkline/media"
	"trunkline/media/clean"
	"trunkline/media/g711"
	"trunkline/media/vad"
	"trunkline/pipeline"
	"trunkline/pipeline/asr/distance"
	"trunkline/pipeline/asr/sphinx"
	"trunkline/testdata"
)

// quote is one of a caller's lines.
type quote struct {
	text  string
	audio []int16
}

// quotes are the lines of testdata.
func quotes() ([]quote, error) {
	list, err := testdata.Files.ReadFile("audio/lines.tsv")
	if err != nil {
		return nil, fmt.Errorf("sample speech: %w", err)
	}
	var out []quote
	for row := range strings.Lines(string(list)) {
		columns := strings.Split(strings.TrimSpace(row), "\t")
		if strings.HasPrefix(row, "#") || len(columns) != 3 {
			continue
		}
		audio, err := sampleSpeech(columns[0])
		if err != nil {
			return nil, err
		}
		out = append(out, quote{text: columns[2], audio: audio})
	}

	return out, nil
}

// A disturbance is what a line does to speech.
type disturbance struct {
	noise string  // white, pink, babble; empty: none
	snr   float64 // dB, of the speech while somebody speaks
	level float64 // of the speech, in dBov
}

// Before a line the caller's noise is heard alone for leadIn, and after it for
// lineGap.
const leadIn = 8 * media.SampleRate / 10

// disturb gives the line as the recogniser's ear gets it.
func (d disturbance) disturb(q *quote, all []quote, seed uint64) []media.Frame {
	r := rand.New(rand.NewPCG(seed, 7))
	x := make([]float64, leadIn+len(q.audio)+int(media.SamplesIn(lineGap)))
	gain := math.Pow(10, (d.level-activeLevel(q.audio))/20)
	for i, v := range q.audio {
		x[leadIn+i] = gain * float64(v)
	}
	if d.noise != "" {
		n := makeNoise(d.noise, len(x), all, q, r)
		sum := 0.0
		for _, v := range n {
			sum += v * v
		}
		g := 32768 * math.Pow(10, (d.level-d.snr)/20) / math.Sqrt(sum/float64(len(n)))
		for i, v := range n {
			x[i] += g * v
		}
	}
	var out []media.Frame
	for ; len(x) >= media.FrameSamples; x = x[media.FrameSamples:] {
		var f media.Frame
		for i := range f {
			f[i] = int16(min(max(math.Round(x[i]), -32768), 32767))
		}
		var wire [media.FrameSamples]byte
		g711.PCMU.Encode(wire[:], f[:])
		g711.PCMU.Decode(f[:], wire[:])
		out = append(out, f)
	}

	return out
}

// activeLevel is the level of speech while somebody speaks, in dBov: of the
// frames within 20 dB of the loudest.
func activeLevel(x []int16) float64 {
	var powers []float64
	top := 0.0
	for ; len(x) >= media.FrameSamples; x = x[media.FrameSamples:] {
		p := 0.0
		for _, v := range x[:media.FrameSamples] {
			p += float64(v) * float64(v) / media.FrameSamples
		}
		powers = append(powers, p)
		top = max(top, p)
	}
	sum, n := 0.0, 0
	for _, p := range powers {
		if p > top/100 {
			sum += p
			n++
		}
	}

	return 10 * math.Log10(sum/float64(n)/(32768*32768))
}

func makeNoise(kind string, n int, all []quote, but *quote, r *rand.Rand) []float64 {
	x := make([]float64, n)
	switch kind {
	case "babble": // eight voices at once
		for range 8 {
			q := &all[r.IntN(len(all))]
			for q.text == but.text {
				q = &all[r.IntN(len(all))]
			}
			scale := math.Pow(10, -activeLevel(q.audio)/20)
			at := r.IntN(len(q.audio))
			for i := range x {
				x[i] += scale * float64(q.audio[(at+i)%len(q.audio)])
			}
		}
	case "pink": // P. Kellet's filter of white noise
		var b [3]float64
		for i := range x {
			w := r.NormFloat64()
			b[0] = 0.99765*b[0] + w*0.0990460
			b[1] = 0.96300*b[1] + w*0.2965164
			b[2] = 0.57000*b[2] + w*1.0526913
			x[i] = b[0] + b[1] + b[2] + w*0.1848
		}
	default:
		for i := range x {
			x[i] = r.NormFloat64()
		}
	}

	return x
}

// understand has the recogniser hear one line through a call's ear.
func understand(ctx context.Context, r *sphinx.Recognizer, audio []media.Frame, with pipeline.Front) (string, error) {
	s, err := r.Open(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = s.Close() }() // all was heard
	d, err := vad.New()
	if err != nil {
		return "", err
	}
	gate := vad.NewGate(vad.FastGate())
	var words []string
	write := func(f *media.Frame) {
		if f = with.Clean(f); f != nil {
			s.Write(f)
		}
	}
	spurt := 0
	take := func() {
		s.End()
		for t := range s.Transcripts() {
			if t.Spurt == spurt && t.Final {
				if t.Text != "" {
					words = append(words, t.Text)
				}

				break
			}
		}
	}
	for i := range audio {
		f := &audio[i]
		voiced := d.Voiced(f)
		change := gate.Step(voiced, vad.Level(f))
		with.Hear(f, voiced && vad.Level(f) >= gate.Threshold())
		switch {
		case change == vad.Onset:
			spurt++
			s.Begin(spurt)
			with.Begin()
			for k := max(0, i-preRoll+1); k <= i; k++ {
				write(&audio[k])
			}
		case change == vad.Offset:
			take()
		case gate.Talking():
			write(f)
		}
	}
	if gate.Talking() {
		take()
	}

	return strings.Join(words, " "), nil
}

// plain leaves the line as it is.
type plain struct{}

func (plain) Hear(*media.Frame, bool)           {}
func (plain) Begin()                            {}
func (plain) Clean(f *media.Frame) *media.Frame { return f }

// noise measures what noise and level cost in words, and what cleaning wins
// back.
func (b *bench) noise(ctx context.Context) error {
	phrases, err := receptionPhrases()
	if err != nil {
		return err
	}
	all, err := quotes()
	if err != nil {
		return err
	}
	fmt.Fprintf(b.Out, "\nThe lines of testdata, each the first of a call, through G.711, the voice activity detector and the gate of a call; noise is heard\n"+
		"for %v before and %v after the line. Babble is eight of the other lines at once. Treated: lines whose last talkspurt was.\n",
		media.Samples(leadIn).Duration(), lineGap)
	t := newTable("mode", "noise", "SNR dB", "level dBov", "words", "WER off %", "WER auto %", "treated %")
	for _, mode := range pick(b, []sphinx.Mode{sphinx.Domain, sphinx.GeneralAndDomain}, []sphinx.Mode{sphinx.Domain}) {
		r, err := sphinx.New(ctx, sphinx.Config{Cache: filepath.Join(b.dir, "speech"), Mode: mode, Phrases: phrases, Pool: 1})
		if errors.Is(err, sphinx.ErrNotBuilt) {
			return fmt.Errorf("%w: %w", errSkipped, err)
		}
		if err != nil {
			return err
		}
		every := pick(b, 1, 10)
		if mode != sphinx.Domain {
			every = 3 // the large vocabulary takes its time
		}
		err = b.understood(ctx, r, all, every, func(d disturbance, words int, off, auto, treated float64) {
			t.row(mode, d.name(), d.ratio(), d.level, words, fmt.Sprintf("%.1f", off), fmt.Sprintf("%.1f", auto), fmt.Sprintf("%.0f", treated))
		})
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
	}
	t.write(b.Out)

	return nil
}

// disturbances are the rows of the table.
func (b *bench) disturbances() []disturbance {
	if b.Quick {
		return []disturbance{{level: -23}, {"white", 10, -23}}
	}
	var all []disturbance
	for _, level := range []float64{-10, -23, -35, -45} {
		all = append(all, disturbance{level: level})
	}
	for _, noise := range []string{"white", "pink", "babble"} {
		for _, snr := range []float64{20, 15, 10, 5} {
			all = append(all, disturbance{noise, snr, -23})
		}
	}

	return all
}

func (d disturbance) name() string {
	if d.noise == "" {
		return "none"
	}

	return d.noise
}

func (d disturbance) ratio() string {
	if d.noise == "" {
		return "–"
	}

	return fmt.Sprint(d.snr)
}

// understood tells, for each disturbance, the word error rates in per cent and
// the share of lines that were treated.
func (b *bench) understood(ctx context.Context, r *sphinx.Recognizer, all []quote, every int, tell func(d disturbance, words int, off, auto, treated float64)) error {
	for _, d := range b.disturbances() {
		b.progressf("noise: %s, %s dB, %v dBov", d.name(), d.ratio(), d.level)
		var wrong [2]int
		words, treated, lines := 0, 0, 0
		for i := 0; i < len(all); i += every {
			audio := d.disturb(&all[i], all, uint64(i))
			cleaner := clean.New()
			for k, front := range []pipeline.Front{plain{}, cleaner} {
				heard, err := understand(ctx, r, audio, front)
				if err != nil {
					return err
				}
				n, of := distance.Words(heard, all[i].text)
				wrong[k] += n
				if k == 0 {
					words += of
				}
			}
			lines++
			if noise, level := cleaner.Treats(); noise || level {
				treated++
			}
		}
		per := func(n, of int) float64 { return 100 * float64(n) / float64(of) }
		tell(d, words, per(wrong[0], words), per(wrong[1], words), per(treated, lines))
	}

	return nil
}
