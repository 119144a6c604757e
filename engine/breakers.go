package engine

import (
	"sync"

	"trunkline/config"
	"trunkline/pipeline"
	"trunkline/pipeline/breaker"
	"trunkline/pipeline/vendor"
)

// Breakers are those of all agents: what one agent's calls learn of a vendor,
// the others' know. The zero value is ready; a nil *Breakers shares nothing.
type Breakers struct {
	mu  sync.Mutex
	all map[breakerKey]*breaker.Breaker
}

// breakerKey tells which providers fail together. Another model or voice of the
// same vendor may be up, and another key may be good.
type breakerKey struct {
	stage               pipeline.Stage
	engine, host, model string
	key                 vendor.Key
	settings            config.Breaker
}

// of is the breaker of a provider. What is on this machine has one of its own.
func (b *Breakers) of(p *Provider, k vendor.Key, c *config.Breaker) *breaker.Breaker {
	fresh := func() *breaker.Breaker {
		return breaker.New(breaker.Config{Failures: c.Failures, Window: c.Window, CoolDown: c.CoolDown, Longest: c.Longest})
	}
	if b == nil || p.Host == "" {
		return fresh()
	}
	at := breakerKey{p.Stage, p.Engine, p.Host, p.Model, k, *c}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all[at] == nil {
		if b.all == nil {
			b.all = map[breakerKey]*breaker.Breaker{}
		}
		b.all[at] = fresh()
	}

	return b.all[at]
}
