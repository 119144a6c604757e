package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/breaker"
	"trunkline/pipeline/cost"
)

// Provider is one configured provider of an agent.
type Provider struct {
	Agent    string
	Language string // of which it is an override; empty: the agent's own
	Stage    pipeline.Stage
	Order    int    // in its list, from 1
	Rule     string // when its list is used; empty: from the beginning of a call
	Name     string // differs from those of the agent's stage, such as "deepgram"
	Engine   string // of the configuration
	Model    string // the model, the voice, or both
	Host     string // empty: it is on this machine
	Breaker  *breaker.Breaker

	metrics *Metrics
	price   cost.Price
	using   any // as its room made it

	mu       sync.Mutex
	failures int
	latest   pipeline.FaultKind
	at       time.Time
}

// ErrNothingToAsk says that a provider's key cannot be checked without using
// it, or that it has none.
var ErrNothingToAsk = errors.New("there is nothing to ask without paying")

// Warm opens a connection and tells how long that took. It is zero for a
// provider that has none to open.
func (p *Provider) Warm(ctx context.Context) (time.Duration, error) {
	w, ok := p.using.(pipeline.Warmer)
	if !ok {
		return 0, nil
	}
	began := time.Now()
	err := w.Warm(ctx)

	return time.Since(began), err
}

// Check asks the vendor whether the key is good. The error is ErrNothingToAsk
// where that would cost something.
func (p *Provider) Check(ctx context.Context) error {
	c, ok := p.using.(interface {
		Check(ctx context.Context) error
	})
	if !ok {
		return ErrNothingToAsk
	}

	return c.Check(ctx)
}

// failed notes a failure.
func (p *Provider) failed(kind pipeline.FaultKind, now time.Time) {
	p.metrics.failed(p, kind)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures++
	p.latest, p.at = kind, now
}

// Health is how a provider does.
type Health struct {
	Breaker  breaker.State
	Until    time.Time // when an open breaker lets somebody try; zero: it is not open
	Failures int       // since the start
	Latest   pipeline.FaultKind
	At       time.Time // of the latest failure; zero: there was none
}

// Health tells how the provider does.
func (p *Provider) Health(now time.Time) Health {
	h := Health{Breaker: p.Breaker.State(now)}
	if h.Breaker == breaker.Open {
		h.Until = p.Breaker.Until()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	h.Failures, h.Latest, h.At = p.failures, p.latest, p.at

	return h
}
