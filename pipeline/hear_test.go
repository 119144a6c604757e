package pipeline_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trunkline/media"
	"trunkline/media/player"
	"trunkline/pipeline"
	"trunkline/pipeline/pipelinetest"
)

// scribe is a recogniser that writes down which frames it gets, by number; a
// talkspurt begins with -1 and ends with -2, a lull with -3 and -4.
type scribe struct {
	got []int16
	out chan pipeline.Transcript
}

func (s *scribe) Open(context.Context) (pipeline.Recognition, error) { return s, nil }
func (s *scribe) Begin(int)                                          { s.got = append(s.got, -1) }
func (s *scribe) Write(f *media.Frame)                               { s.got = append(s.got, f[0]) }
func (s *scribe) End()                                               { s.got = append(s.got, -2) }
func (s *scribe) Lull()                                              { s.got = append(s.got, -3) }
func (s *scribe) Resume()                                            { s.got = append(s.got, -4) }
func (s *scribe) Transcripts() <-chan pipeline.Transcript            { return s.out }
func (s *scribe) Close() error                                       { return nil }

// listening is a conversation that hears frames, numbered from 0 in their first
// sample.
func listening(t *testing.T) (s *scribe, hear func(frames int, voiced bool)) {
	t.Helper()
	s = &scribe{out: make(chan pipeline.Transcript)}
	conv := pipeline.NewConversation(pipeline.Config{}, pipeline.Providers{Recognizer: s}, player.New(player.Options{}), &pipelinetest.Notes{})
	if err := conv.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conv.Stop)
	number := int16(0)

	return s, func(frames int, voiced bool) {
		for range frames {
			var f media.Frame
			f[0] = number
			if voiced {
				for i := 1; i < len(f); i++ {
					f[i] = int16(3000 - 6000*(i%2))
				}
			}
			conv.Hear(&f, media.Inbound{Kind: media.Received, Arrived: time.Now()}, voiced)
			number++
		}
	}
}

// TestTheRecogniserHearsNoSpeechTwice: it gets 300 ms from before the onset and
// the hangover, and nothing again of the talkspurt before but its silence.
func TestTheRecogniserHearsNoSpeechTwice(t *testing.T) {
	t.Parallel()
	s, hear := listening(t)
	hear(20, false) // 0-19
	hear(5, true)   // 20-24: the onset is heard at 21
	hear(12, false) // 25-36: the end is heard at 34
	hear(5, true)   // 37-41: the onset is heard at 38
	hear(10, false) // 42-51: the end is heard at 51
	want := []int16{-1}
	for n := int16(7); n < 34; n++ { // 15 frames up to and with 21
		want = append(want, n)
		if n == 27 {
			want = append(want, -3)
		}
	}
	want = append(want, -2, -1)
	for n := int16(25); n < 51; n++ { // 34, in which the end was heard, was not written yet
		want = append(want, n)
		if n == 44 {
			want = append(want, -3)
		}
	}
	want = append(want, -2)
	if d := cmp.Diff(want, s.got); d != "" {
		t.Errorf("frames written (-want +got):\n%s", d)
	}
}

// TestTheRecogniserIsToldOfASilenceThatMayBeTheEnd: after 60 ms of it.
func TestTheRecogniserIsToldOfASilenceThatMayBeTheEnd(t *testing.T) {
	t.Parallel()
	s, hear := listening(t)
	hear(5, true)   // 0-4
	hear(2, false)  // 5-6: too short
	hear(6, true)   // 7-12
	hear(6, false)  // 13-18: the lull is told after 15
	hear(2, true)   // 19-20
	hear(10, false) // 21-30: told after 23; the end is heard at 30
	want := []int16{-1}
	for n := int16(0); n < 30; n++ {
		want = append(want, n)
		switch n {
		case 15, 23:
			want = append(want, -3)
		case 19:
			want = append(want, -4)
		}
	}
	want = append(want, -2)
	if d := cmp.Diff(want, s.got); d != "" {
		t.Errorf("frames written (-want +got):\n%s", d)
	}
}
