package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/tts/flite"
)

// sentences are what the voices say: replies of a reception desk.
var sentences = []string{
	"We are open Monday to Friday, from nine in the morning to five in the afternoon.",
	"Our address is twelve Harbour Street, next to the old post office.",
	"Wednesday at three in the afternoon is free. Shall I book it for you?",
	"Could you tell me your full name, please?",
	"Thank you for calling, and have a good day.",
}

// tts measures the offline voices.
func (b *bench) tts(ctx context.Context) error {
	fmt.Fprint(b.Out, "\nThe offline voices, in the benchmark's own process. First audio: from the request to the first chunk of samples. The real-time\n"+
		"factor is processor time for a second of audio.\n")
	t := newTable("voice", "at once", "sentences", "first audio p50 ms", "p95 ms", "whole sentence p50 ms", "p95 ms", "real-time factor")
	for _, name := range flite.Voices() {
		for _, atOnce := range pick(b, []int{1, 8}, []int{1}) {
			b.progressf("tts: voice %s, %d at once", name, atOnce)
			v, err := flite.New(flite.Options{Voice: name})
			if errors.Is(err, flite.ErrNotBuilt) {
				return fmt.Errorf("%w: %w", errSkipped, err)
			}
			if err != nil {
				return err
			}
			m, err := speak(ctx, v, atOnce, pick(b, 40, 5))
			if err != nil {
				return fmt.Errorf("voice %s: %w", name, err)
			}
			t.row(name, atOnce, len(m.first), m.first.ms(0.5), m.first.ms(0.95), m.whole.ms(0.5), m.whole.ms(0.95),
				fmt.Sprintf("%.4f", m.cost.Seconds()/m.audio.Seconds()))
		}
	}
	t.write(b.Out)

	return nil
}

// said is what a voice took.
type said struct {
	mu           sync.Mutex
	first, whole sample
	audio, cost  time.Duration
	err          error
}

// speak has a voice say a number of sentences, some at once.
func speak(ctx context.Context, v pipeline.Synthesizer, atOnce, count int) (*said, error) {
	m := &said{}
	w, err := watchOf(os.Getpid())
	if err != nil {
		return nil, err
	}
	var all sync.WaitGroup
	for i := range atOnce {
		all.Go(func() {
			for k := range count {
				m.sentence(ctx, v, sentences[(i+k)%len(sentences)])
			}
		})
	}
	all.Wait()
	l, err := w.stop()
	if err != nil {
		return nil, err
	}
	m.cost = l.used[0].total()

	return m, m.err
}

// sentence has one sentence said.
func (m *said) sentence(ctx context.Context, v pipeline.Synthesizer, text string) {
	began := time.Now()
	var first time.Duration
	var samples media.Samples
	for s, err := range v.Synthesize(ctx, text) {
		if err != nil {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.err = errors.Join(m.err, err)

			return
		}
		if samples == 0 {
			first = time.Since(began)
		}
		samples += media.Samples(len(s.Samples))
	}
	whole := time.Since(began)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.first = append(m.first, first)
	m.whole = append(m.whole, whole)
	m.audio += samples.Duration()
}
