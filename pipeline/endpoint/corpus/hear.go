package corpus

import (
	"context"
	"fmt"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/endpoint"
)

// Heard is a turn as the ear of its caller heard it.
type Heard struct {
	Turn       *Turn
	Asked      endpoint.Asked
	Boundaries []Boundary
}

// Hear has one caller speak the turns, in their order, and hands each to
// take, with its audio.
func (s *Set) Hear(ctx context.Context, caller int, voice pipeline.Synthesizer, take func(Heard, *Audio) error) error {
	ear, err := NewEar()
	if err != nil {
		return err
	}
	for i := range s.Turns {
		t := &s.Turns[i]
		if t.Caller != caller {
			continue
		}
		a, err := s.Render(ctx, voice, i)
		if err != nil {
			return err
		}
		h := Heard{Turn: t, Asked: endpoint.Question(endpoint.DefaultLanguage, t.Question), Boundaries: Boundaries(a, ear.Listen(a))}
		if err := take(h, a); err != nil {
			return fmt.Errorf("turn %q: %w", t.Text(), err)
		}
	}

	return nil
}

// Cut gives the audio of the talkspurt before a boundary, with as many frames
// of the silence around it as the recogniser gets.
func (b *Boundary) Cut(a *Audio, preRoll, hangover int) []media.Frame {
	return a.Frames[max(0, b.Talkspurt.First-preRoll):min(len(a.Frames), b.Talkspurt.Last+1+hangover)]
}
