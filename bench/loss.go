package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/jitter"
	"trunkline/media/plc"
	"trunkline/pipeline"
	"trunkline/pipeline/asr/distance"
	"trunkline/pipeline/asr/sphinx"
	"trunkline/pipeline/tts/flite"
	"trunkline/softphone/impair"
)

// uttered is one line of a caller that a voice says.
type uttered struct {
	text  string
	voice []int16 // with the silence around it
}

// over is the line over white noise so many dB below the speech, or over none
// when snr is 0, through G.711.
func (u *uttered) over(snr float64, seed uint64) uttered {
	r := rand.New(rand.NewPCG(seed, 5))
	power := 0.0
	for _, v := range u.voice {
		power += float64(v) * float64(v) / float64(len(u.voice))
	}
	rms := 0.0
	if snr != 0 {
		rms = math.Sqrt(power * math.Pow(10, -snr/10))
	}
	out := uttered{text: u.text, voice: make([]int16, len(u.voice))}
	for i, v := range u.voice {
		out.voice[i] = int16(min(max(float64(v)+rms*r.NormFloat64(), -32768), 32767))
	}
	wire := make([]byte, len(out.voice))
	g711.PCMU.Encode(wire, out.voice)
	g711.PCMU.Decode(out.voice, wire)

	return out
}

// utterances has the offline voices say the phrases: the first voice the first
// of each so many, the second the next.
func utterances(ctx context.Context, phrases, voices []string, every int) ([]uttered, error) {
	var all []uttered
	for k, name := range voices {
		v, err := flite.New(flite.Options{Voice: name})
		if errors.Is(err, flite.ErrNotBuilt) {
			return nil, fmt.Errorf("%w: %w", errSkipped, err)
		}
		if err != nil {
			return nil, err
		}
		for i := k; i < len(phrases); i += every {
			u, err := utter(ctx, v, phrases[i])
			if err != nil {
				return nil, fmt.Errorf("voice %s: %w", name, err)
			}
			all = append(all, u)
		}
	}

	return all, nil
}

// utter has one line said.
func utter(ctx context.Context, v pipeline.Synthesizer, text string) (uttered, error) {
	const around = 300 * time.Millisecond
	u := uttered{text: text, voice: make([]int16, media.SamplesIn(around))}
	for s, err := range v.Synthesize(ctx, text) {
		if err != nil {
			return u, err
		}
		u.voice = append(u.voice, s.Samples...)
	}
	u.voice = append(u.voice, make([]int16, media.SamplesIn(around)+media.FrameSamples)...)

	return u, nil
}

// carried is the line as it is heard at the end of a bad network.
func (u *uttered) carried(w weather, c jitter.Concealer, seed uint64) []media.Frame {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	arrivals, _ := travel(len(u.voice)/media.FrameSamples, w, seed, began)
	var heard []media.Frame
	adaptive(u.voice, arrivals, began.Add(time.Duration(seed%20)*time.Millisecond), c, func(f *media.Frame) { heard = append(heard, *f) })

	return heard
}

// tally is the count of wrong words, line by line.
type tally struct {
	wrong, words []int
}

// rate is the share of words that were wrong.
func (t *tally) rate() float64 {
	wrong, words := 0, 0
	for i := range t.wrong {
		wrong, words = wrong+t.wrong[i], words+t.words[i]
	}

	return float64(wrong) / float64(max(words, 1))
}

// against is by how much more often words are wrong than in whole, and the
// bounds that 95 of 100 repetitions with other lines would keep to: a bootstrap
// over lines.
func (t *tally) against(whole *tally) (ratio, low, high float64) {
	const draws = 2000
	r := rand.New(rand.NewPCG(1, 2))
	lines := len(whole.wrong)
	ratios := make([]float64, draws)
	for d := range ratios {
		ours, theirs := 0, 0
		for range lines {
			i := r.IntN(lines)
			theirs += whole.wrong[i]
			ours += t.wrong[i]
		}
		ratios[d] = float64(ours) / math.Max(float64(theirs), 1)
	}
	slices.Sort(ratios)

	return t.rate() / math.Max(whole.rate(), 1e-9), ratios[draws/40], ratios[draws-draws/40]
}

// words has the recogniser hear every line under one weather.
func words(ctx context.Context, r *sphinx.Recognizer, lines []uttered, w weather, concealed bool) (*tally, error) {
	t := &tally{wrong: make([]int, len(lines)), words: make([]int, len(lines))}
	var mu sync.Mutex
	var failed error
	var all sync.WaitGroup
	for worker := range r.Size() {
		all.Go(func() {
			for i := worker; i < len(lines) && ctx.Err() == nil; i += r.Size() {
				var c jitter.Concealer
				if concealed {
					c = &plc.Concealer{}
				}
				text, err := understood(ctx, r, lines[i].carried(w, c, uint64(i)))
				wrong, said := distance.Words(text, lines[i].text)
				mu.Lock()
				t.wrong[i], t.words[i] = wrong, said
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	all.Wait()

	return t, errors.Join(failed, ctx.Err())
}

// understood is what the recogniser makes of one line, as the first of a call.
func understood(ctx context.Context, r *sphinx.Recognizer, audio []media.Frame) (string, error) {
	s, err := r.Open(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = s.Close() }() // its words are here
	s.Begin(1)
	for i := range audio {
		s.Write(&audio[i])
	}
	s.End()
	for t := range s.Transcripts() {
		if t.Final || t.Err != nil {
			return t.Text, t.Err
		}
	}

	return "", errors.New("the recogniser ended")
}

// loss measures what lost packets cost the recogniser.
func (b *bench) loss(ctx context.Context) error {
	phrases, err := receptionPhrases()
	if err != nil {
		return err
	}
	lines, err := utterances(ctx, phrases, []string{"slt", "rms", "awb"}, pick(b, 6, 200))
	if err != nil {
		return err
	}
	r, err := b.recogniser(ctx, phrases, pick(b, 2, 1))
	if errors.Is(err, sphinx.ErrNotBuilt) {
		return fmt.Errorf("%w: %w", errSkipped, err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(b.Out, "\nThe offline recogniser in its mode \"domain\" hears %d lines of the sample desk, said by the offline voices, through G.711, 20 ms of\n"+
		"queueing jitter, loss and the jitter buffer; on a quiet line few words are wrong, over white noise enough to count. Silence: zeros in\n"+
		"place of what is missing. Ratio: word errors against the same lines without loss, with the bounds that 95 of 100 sets of lines\n"+
		"would keep to. Target: at 2 %% 1.10.\n", len(lines))
	t := newTable("noise", "lost", "in its place", "words", "wrong %", "ratio", "from", "to")
	for _, snr := range []float64{0, 20} { // dB; at 10 next to nothing is understood
		over := make([]uttered, len(lines))
		for i := range lines {
			over[i] = lines[i].over(snr, uint64(i))
		}
		name := "none"
		if snr != 0 {
			name = fmt.Sprintf("%.0f dB below", snr)
		}
		if err := b.losses(ctx, r, over, t, name); err != nil {
			return errors.Join(err, r.Close())
		}
	}
	t.write(b.Out)

	return r.Close()
}

// losses adds the rows of one noise.
func (b *bench) losses(ctx context.Context, r *sphinx.Recognizer, lines []uttered, t *table, noise string) error {
	var whole *tally
	run := func(w weather, concealed bool) error {
		w.jitter, w.shape = 20*time.Millisecond, impair.Queue
		place := "silence"
		if concealed {
			place = "appendix I"
		}
		got, err := words(ctx, r, lines, w, concealed)
		if err != nil {
			return err
		}
		if whole == nil {
			whole = got
		}
		said := 0
		for _, n := range got.words {
			said += n
		}
		ratio, low, high := got.against(whole)
		b.progressf("loss: noise %s, lost %s, %s in its place: %.2f %% of %d words wrong, ratio %.2f (%.2f to %.2f)",
			noise, w.lossName(), place, 100*got.rate(), said, ratio, low, high)
		t.row(noise, w.lossName(), place, said, fmt.Sprintf("%.2f", 100*got.rate()), fmt.Sprintf("%.2f", ratio), fmt.Sprintf("%.2f", low), fmt.Sprintf("%.2f", high))

		return nil
	}
	for _, w := range lossKinds[:4] {
		for _, concealed := range []bool{true, false} {
			if w.loss == 0 && !concealed {
				continue // nothing is lost
			}
			if err := run(w, concealed); err != nil {
				return err
			}
		}
	}

	return nil
}
