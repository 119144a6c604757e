package failover

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"trunkline/pipeline"
)

// Synthesizer is the first of several voices that works.
type Synthesizer struct {
	options []Option[pipeline.Synthesizer]
	watch   Watch
}

var (
	_ pipeline.Chorus = (*Synthesizer)(nil)
	_ pipeline.Warmer = (*Synthesizer)(nil)
)

// NewSynthesizer makes a Synthesizer of at least one option, best first.
func NewSynthesizer(w Watch, options ...Option[pipeline.Synthesizer]) *Synthesizer {
	return &Synthesizer{options: withDefaults(options), watch: w}
}

// Warm opens the connections of all voices.
func (s *Synthesizer) Warm(ctx context.Context) error { return warm(ctx, s.options) }

// Voice is the voice of one reply.
func (s *Synthesizer) Voice() pipeline.Synthesizer { return &voice{s: s} }

// Synthesize says one text that is no part of a reply.
func (s *Synthesizer) Synthesize(ctx context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return s.Voice().Synthesize(ctx, text)
}

// voice speaks one reply, a sentence after the other. It goes down the list,
// and never up again.
type voice struct {
	s      *Synthesizer
	at     int // the option that speaks
	relief relief
}

// Synthesize says one sentence in one voice. An error after some of its audio
// has ErrSayAgain in it when there is another voice.
func (v *voice) Synthesize(ctx context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		var errs []error
		for i := v.at; i < len(v.s.options); i++ {
			v.at = i
			heard, err := v.one(ctx, &v.s.options[i], text, yield)
			if err == nil {
				return
			}
			errs = append(errs, err)
			if ctx.Err() != nil {
				break
			}
			v.relief.wanted()
			if heard {
				v.at = i + 1
				if i+1 < len(v.s.options) {
					errs = append(errs, pipeline.ErrSayAgain)
				}

				break
			}
		}
		if len(errs) == 0 {
			errs = append(errs, fmt.Errorf("all voices: %w", ErrResting))
		}
		yield(pipeline.Speech{}, errors.Join(errs...))
	}
}

// one has one voice speak, and tells whether any of it was given on.
func (v *voice) one(
	ctx context.Context, o *Option[pipeline.Synthesizer], text string, yield func(pipeline.Speech, error) bool,
) (heard bool, err error) {
	a, err := try(ctx, pipeline.Speak, o, v.s.watch)
	if err != nil {
		return false, err
	}
	inner, p := expect(ctx, o.FirstByte, slow(o.Name, "audio", o.FirstByte))
	defer p.end()
	for chunk, err := range o.Provider.Synthesize(inner, text) {
		p.pause() // the player takes its time
		if err != nil {
			return heard, a.failed(ctx, cause(inner, err))
		}
		if len(chunk.Samples) > 0 {
			heard = true
			v.relief.came(ctx, pipeline.Speak, o.Name)
		}
		if !yield(chunk, nil) {
			a.leave.Abandon()

			return heard, nil
		}
		p.next(o.Stall)
	}
	if inner.Err() != nil {
		return heard, a.failed(ctx, context.Cause(inner))
	}
	a.leave.Succeed()

	return heard, nil
}
