//go:build offline

package sphinx

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/asr/distance"
)

// hear sends one talkspurt and returns its final transcript.
func hear(t *testing.T, s pipeline.Recognition, n int, audio []media.Frame) pipeline.Transcript {
	t.Helper()
	s.Begin(n)
	for i := range audio {
		s.Write(&audio[i])
	}
	s.End()
	for tr := range s.Transcripts() {
		if tr.Spurt != n {
			t.Errorf("a transcript of talkspurt %d in talkspurt %d", tr.Spurt, n)
		}
		if tr.Final {
			return tr
		}
	}
	t.Fatal("the stream ended without a final transcript")
	return pipeline.Transcript{}
}

// Each line is the first of a new call, the hardest case: nothing is known of
// the caller's channel.
func TestAccuracy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode  Mode
		every int     // take each such line
		limit float64 // word error rate in per cent
	}{
		{Domain, 1, 8},
		{GeneralAndDomain, 7, 40},
		{General, 7, 50},
	} {
		t.Run(string(c.mode), func(t *testing.T) {
			config := reception(t, c.mode)
			config.Pool = 1
			r, err := New(context.Background(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			errors, words := 0, 0
			for i, l := range readLines(t) {
				if i%c.every != 0 {
					continue
				}
				s := open(t, r)
				tr := hear(t, s, 1, l.audio)
				_ = s.Close()
				if tr.Err != nil {
					t.Errorf("%s: %v", l.name, tr.Err)
				}
				e, n := distance.Words(tr.Text, l.text)
				errors, words = errors+e, words+n
				if e > 0 {
					t.Logf("%s: heard %q (confidence %.2f)", l.name, tr.Text, tr.Confidence)
				}
			}
			rate := 100 * float64(errors) / float64(words)
			t.Logf("%s: word error rate %.1f %% of %d words", c.mode, rate, words)
			if words < 15 || rate > c.limit {
				t.Errorf("word error rate %.1f %% of %d words, want at most %.0f %%", rate, words, c.limit)
			}
		})
	}
}

// How much speech the engine needs for a first partial, computing time apart.
func TestFirstPartial(t *testing.T) {
	t.Parallel()
	config, err := reception(t, Domain).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	m, err := prepare(config)
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDecoder(m)
	if err != nil {
		t.Fatal(err)
	}
	defer d.free()
	var delays []media.Samples
	for _, l := range readLines(t) {
		d.reset()
		if err := d.start(); err != nil {
			t.Fatal(err)
		}
		delay := media.Samples(-1)
		for i := range l.audio {
			if err := d.process(l.audio[i][:]); err != nil {
				t.Fatal(err)
			}
			if i >= l.onset && d.words("") != "" {
				delay = media.Samples(i + 1 - l.onset)
				break
			}
		}
		if _, _, err := d.finish(); err != nil {
			t.Fatal(err)
		}
		if delay < 0 {
			t.Errorf("%s: no partial", l.name)
			continue
		}
		delays = append(delays, delay*media.FrameSamples)
	}
	slices.Sort(delays)
	p95 := delays[len(delays)*95/100].Duration()
	t.Logf("first partial after %v of speech (p50), %v (p95)", delays[len(delays)/2].Duration(), p95)
	if p95 > 220*time.Millisecond {
		t.Errorf("first partial after %v of speech (p95), want at most 220 ms", p95)
	}
}

// Noise that voice activity lets through must not become a confident answer,
// and silence must not become one at all.
func TestNoise(t *testing.T) {
	t.Parallel()
	config := reception(t, Domain)
	r, err := New(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := open(t, r)
	cough, _ := readSpurt(t, "cough")
	if tr := hear(t, s, 1, cough); len(strings.Fields(tr.Text)) > 1 || tr.Err != nil {
		t.Errorf("a cough is heard as %q (error %v)", tr.Text, tr.Err)
	}
	if tr := hear(t, s, 2, make([]media.Frame, 50)); tr.Text != "" || tr.Err != nil {
		t.Errorf("silence is heard as %q (error %v)", tr.Text, tr.Err)
	}
	loud := make([]media.Frame, 50)
	for i := range loud {
		for j := range loud[i] {
			loud[i][j] = int16(32767 - 65534*(j/8%2))
		}
	}
	if tr := hear(t, s, 3, loud); tr.Err != nil {
		t.Errorf("full scale: %v", tr.Err)
	}
	if tr := hear(t, s, 4, nil); tr.Text != "" || tr.Err != nil {
		t.Errorf("nothing is heard as %q (error %v)", tr.Text, tr.Err)
	}
}

// What one call taught about its channel does not reach the next, and a call
// closed in mid-word leaves a decoder that works.
func TestDecoderIsCleanForTheNextCall(t *testing.T) {
	t.Parallel()
	config := reception(t, Domain)
	config.Pool = 1
	r, err := New(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	speech, _ := readSpurt(t, "where-are-you-located")
	var want pipeline.Transcript
	for i := range 12 {
		s := open(t, r)
		tr := hear(t, s, 1, speech)
		if i == 0 {
			want = tr
		}
		if tr.Text != want.Text || math.Abs(tr.Confidence-want.Confidence) > 0.01 || tr.Err != nil {
			t.Fatalf("call %d hears %v, the first one %v", i, tr, want)
		}
		s.Begin(2)
		for j := range speech[:40] {
			s.Write(&speech[j])
		}
		_ = s.Close()
	}
}

func TestUnusableModel(t *testing.T) {
	t.Parallel()
	config, err := reception(t, Domain).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	m, err := prepare(config)
	if err != nil {
		t.Fatal(err)
	}
	m.domain = m.dictionary // no language model
	if _, err := newDecoder(m); err == nil || !strings.HasPrefix(err.Error(), "start pocketsphinx: ") {
		t.Errorf("error %v", err)
	}
}
