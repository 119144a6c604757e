package pipeline

import (
	"testing"

	"trunkline/media"
	"trunkline/media/player"
)

// spy counts what a front sees, holds one frame back as a suppressor does, and
// marks the others.
type spy struct {
	heard, begun int
	held         bool
	out          media.Frame
}

func (s *spy) Hear(*media.Frame, bool) { s.heard++ }

func (s *spy) Begin() { s.begun, s.held = s.begun+1, false }

func (s *spy) Clean(f *media.Frame) *media.Frame {
	if !s.held {
		s.held = true
		return nil
	}
	s.out = *f
	s.out[0] = 4242
	return &s.out
}

// taken is a recogniser that keeps what it hears.
type taken struct {
	Recognition

	frames []media.Frame
}

func (*taken) Begin(int)              {}
func (t *taken) Write(f *media.Frame) { t.frames = append(t.frames, *f) }
func (*taken) End()                   {}

func TestFrontTreatsWhatTheRecogniserHears(t *testing.T) {
	t.Parallel()
	front, heard := &spy{}, &taken{}
	c := NewConversation(Config{Front: func() Front { return front }}, Providers{}, player.New(player.Options{}), nil)
	c.ear.recognition = heard
	for i := range 100 {
		var f media.Frame
		for k := range f {
			f[k] = int16(3000 * (k%2*2 - 1) * (i / 50))
		}
		c.Hear(&f, media.Inbound{Kind: media.Received}, i >= 50)
	}
	if front.heard != 100 || front.begun != 1 {
		t.Errorf("the front heard %d frames and %d talkspurts, want 100 and 1", front.heard, front.begun)
	}
	if want := preRollFrames + 48 - 1; len(heard.frames) != want {
		t.Errorf("the recogniser heard %d frames, want %d: all but the one that is held back", len(heard.frames), want)
	}
	for i := range heard.frames {
		if heard.frames[i][0] != 4242 {
			t.Fatalf("frame %d is not the front's", i)
		}
	}
}
