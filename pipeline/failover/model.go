package failover

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"trunkline/pipeline"
)

// Defaults of an Option.
const (
	defaultFirstByte = 1500 * time.Millisecond
	defaultStall     = 3 * time.Second
)

// Model is the first of several models that works.
type Model struct {
	options []Option[pipeline.Model]
	watch   Watch
}

var (
	_ pipeline.Model  = (*Model)(nil)
	_ pipeline.Warmer = (*Model)(nil)
)

// NewModel makes a Model of at least one option, best first.
func NewModel(w Watch, options ...Option[pipeline.Model]) *Model {
	return &Model{options: withDefaults(options), watch: w}
}

func withDefaults[T any](options []Option[T]) []Option[T] {
	out := append([]Option[T](nil), options...)
	for i := range out {
		out[i].FirstByte = cmp.Or(out[i].FirstByte, defaultFirstByte)
		out[i].Stall = cmp.Or(out[i].Stall, defaultStall)
	}

	return out
}

// Warm opens the connections of all models.
func (m *Model) Warm(ctx context.Context) error { return warm(ctx, m.options) }

// Generate streams the reply of the first model that works. When one fails in
// mid-reply the next is given what was said of it and goes on. A failure after
// a tool was called ends the reply: the tool's result asks for the next one.
func (m *Model) Generate(ctx context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		r := reply{yield: yield}
		before := req.Said
		var errs []error
		for i := range m.options {
			req.Said = strings.TrimSpace(before + " " + r.said.String())
			err := m.one(ctx, &m.options[i], req, &r)
			if err == nil || r.left || r.called {
				return
			}
			errs = append(errs, err)
			if ctx.Err() != nil {
				break
			}
			r.relief.wanted()
		}
		yield(pipeline.Delta{}, errors.Join(errs...))
	}
}

// reply is what came so far, from whichever model.
type reply struct {
	yield  func(pipeline.Delta, error) bool
	said   strings.Builder
	called bool // a tool, or an act
	left   bool // nobody wants more
	relief relief
}

// one streams one model's reply. It is nil when the reply is whole, or nobody
// wants more.
func (m *Model) one(ctx context.Context, o *Option[pipeline.Model], req pipeline.Request, r *reply) error {
	a, err := try(ctx, pipeline.Think, o, m.watch)
	if err != nil {
		return err
	}
	inner, p := expect(ctx, o.FirstByte, slow(o.Name, "first token", o.FirstByte))
	defer p.end()
	for d, err := range o.Provider.Generate(inner, req) {
		p.pause() // whoever reads may take its time
		if err != nil {
			return a.failed(ctx, cause(inner, err))
		}
		r.relief.came(ctx, pipeline.Think, o.Name)
		r.said.WriteString(d.Text)
		r.called = r.called || d.Call != nil || d.Act != nil
		if !r.yield(d, nil) {
			r.left = true
			a.leave.Abandon()

			return nil
		}
		p.next(o.Stall)
	}
	if inner.Err() != nil { // it ended as if it were done
		return a.failed(ctx, context.Cause(inner))
	}
	a.leave.Succeed()

	return nil
}

// cause is why a provider's stream failed: our patience, or its own error.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}

	return err
}
