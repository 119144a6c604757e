//go:build !offline

package flite

import (
	"context"
	"iter"

	"trunkline/pipeline"
)

// Synthesizer speaks with one voice.
type Synthesizer struct{}

// New returns ErrNotBuilt: the engine is not in this binary.
func New(o Options) (*Synthesizer, error) {
	if _, err := o.check(); err != nil {
		return nil, err
	}
	return nil, ErrNotBuilt
}

// Synthesize gives ErrNotBuilt.
func (*Synthesizer) Synthesize(context.Context, string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		yield(pipeline.Speech{}, ErrNotBuilt)
	}
}
