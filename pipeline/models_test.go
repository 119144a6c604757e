package pipeline_test

import (
	"context"
	"iter"
	"sync/atomic"
	"time"

	"trunkline/pipeline"
)

// slowly is a model whose nth reply takes the nth delay.
type slowly struct {
	delays []time.Duration
	n      atomic.Int64
}

func (s *slowly) Generate(ctx context.Context, _ pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		pause(ctx, s.delays[s.n.Add(1)-1])
		yield(pipeline.Delta{Text: "Yes, of course."}, nil)
	}
}

// pausing is a model that stops between two sentences.
type pausing struct {
	first, second string
	pause         time.Duration
}

func (p *pausing) Generate(ctx context.Context, _ pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		if !yield(pipeline.Delta{Text: p.first + " "}, nil) {
			return
		}
		pause(ctx, p.pause)
		yield(pipeline.Delta{Text: p.second}, nil)
	}
}

// deltas is a model that says what it is given, one after the other.
type deltas []pipeline.Delta

func (d deltas) Generate(context.Context, pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		for _, delta := range d {
			if !yield(delta, nil) {
				return
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
