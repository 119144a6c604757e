package cost

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"trunkline/pipeline"
)

// Rule has a model write the replies from some point of the call on. A zero
// bound does not count; one with both needs only one to be reached.
type Rule struct {
	After  time.Duration // of the call, from its answer
	Tokens int           // used by the call's replies so far
	Model  pipeline.Model
}

func (r *Rule) holds(req *pipeline.Request) bool {
	return r.After > 0 && req.Elapsed >= r.After || r.Tokens > 0 && req.Tokens >= r.Tokens
}

// Router is the model of the last rule that holds, or the first model.
type Router struct {
	First pipeline.Model
	Rules []Rule // in the order in which a call comes to them
}

var _ pipeline.Model = (*Router)(nil)

// Generate streams the reply of the model that the rules choose.
func (r *Router) Generate(ctx context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return r.choose(&req).Generate(ctx, req)
}

func (r *Router) choose(req *pipeline.Request) pipeline.Model {
	chosen := r.First
	for i := range r.Rules {
		if r.Rules[i].holds(req) {
			chosen = r.Rules[i].Model
		}
	}

	return chosen
}

// Warm opens the connections of all models.
func (r *Router) Warm(ctx context.Context) error {
	errs := []error{warm(ctx, r.First)}
	for i := range r.Rules {
		errs = append(errs, warm(ctx, r.Rules[i].Model))
	}

	return errors.Join(errs...)
}

// Validate says what in the rules cannot work.
func (r *Router) Validate() error {
	for i := range r.Rules {
		if r.Rules[i].After <= 0 && r.Rules[i].Tokens <= 0 {
			return fmt.Errorf("rule %d never holds: give it a time or a number of tokens", i+1)
		}
	}

	return nil
}
