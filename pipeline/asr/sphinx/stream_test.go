package sphinx

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/pipeline"
)

// received takes the transcripts that are waiting.
func received(s pipeline.Recognition) []pipeline.Transcript {
	synctest.Wait()
	var all []pipeline.Transcript
	for {
		select {
		case t, ok := <-s.Transcripts():
			if !ok {
				return all
			}
			all = append(all, t)
		default:
			return all
		}
	}
}

func open(t *testing.T, r *Recognizer) pipeline.Recognition {
	t.Helper()
	s, err := r.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStreamPartialsAndFinals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, _ := pool(t, 1, nil)
		defer r.Close()
		s := open(t, r)
		var got []pipeline.Transcript
		s.Begin(1)
		for _, word := range []byte("abcd") {
			s.Write(frame(word))
			got = append(got, received(s)...)
		}
		s.End()
		s.Begin(2)
		s.End()
		s.Begin(3)
		s.Write(frame('z'))
		s.End()
		got = append(got, received(s)...)
		want := []pipeline.Transcript{
			{Spurt: 1, Text: "a", Confidence: hunch},       // the first one at once
			{Spurt: 1, Text: "a b c d", Confidence: hunch}, // then after 60 ms of audio
			{Spurt: 1, Text: "a b c d", Final: true, Confidence: 0.5},
			{Spurt: 2, Final: true},
			{Spurt: 3, Text: "z", Final: true, Confidence: 0.5},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// A decoder that hangs costs audio beyond 5 s, and never a final transcript.
func TestStreamOverrun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		r, _ := pool(t, 1, func(d *fakeDecoder) { d.hold = hold })
		defer r.Close()
		s := open(t, r)
		s.Begin(1)
		s.Write(frame('a'))
		synctest.Wait() // this frame alone is with the decoder now
		for range queueFrames - 11 {
			s.Write(frame('a'))
		}
		s.End()
		for n := 2; n <= 4; n++ {
			s.Begin(n)
			for range 10 {
				s.Write(frame('b'))
			}
			s.End()
		}
		close(hold)
		var finals []pipeline.Transcript
		for _, tr := range received(s) {
			if tr.Final {
				finals = append(finals, tr)
			}
		}
		if len(finals) != 4 {
			t.Fatalf("%d final transcripts, want 4", len(finals))
		}
		for i, want := range []struct {
			words int
			err   error
		}{{queueFrames - 10, nil}, {10, nil}, {1, ErrOverrun}, {0, ErrOverrun}} {
			if words := len(strings.Fields(finals[i].Text)); words != want.words || !errors.Is(finals[i].Err, want.err) {
				t.Errorf("talkspurt %d: %d words and error %v, want %d and %v", finals[i].Spurt, words, finals[i].Err, want.words, want.err)
			}
		}
		s.Begin(5)
		s.Write(frame('c'))
		s.End()
		if got := received(s); len(got) != 1 || got[0].Err != nil || got[0].Text != "c" {
			t.Errorf("after the overrun: %v", got)
		}
	})
}

func TestStreamDecoderFails(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(*fakeDecoder){
		"start":   func(d *fakeDecoder) { d.failStart = errBroken },
		"process": func(d *fakeDecoder) { d.failProcess = errBroken },
		"finish":  func(d *fakeDecoder) { d.failFinish = errBroken },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, made := pool(t, 1, breaks)
				defer r.Close()
				s := open(t, r)
				for n := 1; n <= 2; n++ {
					s.Begin(n)
					s.Write(frame('a'))
					s.End()
					got := received(s)
					if len(got) != 1 || !got[0].Final || got[0].Spurt != n || !errors.Is(got[0].Err, errBroken) {
						t.Errorf("talkspurt %d: %v", n, got)
					}
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				if !made()[0].freed.Load() {
					t.Error("a broken decoder goes back to the pool")
				}
				_ = open(t, r).Close() // the next call gets a new one
				if len(made()) != 1 {
					t.Error("no new decoder was made")
				}
			})
		})
	}
}

// The conversation may stop listening: partials are left out, finals wait, and
// Close ends the wait.
func TestStreamNobodyListens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, _ := pool(t, 1, nil)
		defer r.Close()
		s := open(t, r)
		for n := range 3 * transcripts {
			s.Begin(n)
			for range 8 {
				s.Write(frame('a'))
				synctest.Wait()
			}
			s.End()
		}
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestStreamWriteAllocatesNothing(t *testing.T) {
	r, _ := pool(t, 1, nil)
	defer r.Close()
	q := new(queue)
	f := frame('a')
	q.begin(1)
	if n := testing.AllocsPerRun(1000, func() { q.write(f) }); n != 0 {
		t.Errorf("queueing a frame allocates %g times", n)
	}
	var batch [batchFrames]media.Frame
	if n := testing.AllocsPerRun(1000, func() { q.write(f); q.take(&batch) }); n != 0 {
		t.Errorf("taking frames allocates %g times", n)
	}
}

// Whatever the order of calls, each talkspurt that ended gets exactly one
// final, in order, and frames come out once, in order, at their talkspurt.
func TestQueue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		q := new(queue)
		var batch [batchFrames]media.Frame
		spurt, running := 0, false
		var serial int16
		written := map[int][]int16{}
		dropped := map[int]bool{}
		taken := map[int][]int16{}
		nextFinal := 1
		takeOne := func(t *rapid.T) {
			n, count, final, lost := q.take(&batch)
			for _, f := range batch[:count] {
				taken[n] = append(taken[n], f[0])
			}
			if !final {
				return
			}
			if n != nextFinal || (n == spurt && running) {
				t.Fatalf("final of talkspurt %d, want %d; talkspurt %d runs: %v", n, nextFinal, spurt, running)
			}
			nextFinal++
			if diff := cmp.Diff(written[n], taken[n]); diff != "" {
				t.Fatalf("talkspurt %d: %s", n, diff)
			}
			if dropped[n] && !lost {
				t.Fatalf("talkspurt %d lost audio and does not say so", n)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(*rapid.T) { spurt++; running = true; q.begin(spurt) },
			"end":   func(*rapid.T) { running = false; q.end() },
			"write": func(t *rapid.T) {
				for range rapid.IntRange(1, 100).Draw(t, "frames") {
					before := q.length
					q.write(&media.Frame{serial})
					if q.length > before {
						written[spurt] = append(written[spurt], serial)
					} else if running {
						dropped[spurt] = true
					}
					serial++
				}
			},
			"take": takeOne,
		})
		q.end()
		for range 10 * queueFrames {
			running = false
			takeOne(t)
		}
		if nextFinal != spurt+1 {
			t.Fatalf("%d finals of %d talkspurts", nextFinal-1, spurt)
		}
	})
}
