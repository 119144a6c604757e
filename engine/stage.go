package engine

import (
	"fmt"
	"io"
	"net/url"
	"strconv"

	"trunkline/config"
	"trunkline/pipeline"
	"trunkline/pipeline/failover"
	"trunkline/pipeline/vendor"
)

// tongue makes the providers of one language.
type tongue struct {
	set      *Set
	language string // BCP 47 tag; empty: the agent's own
}

// speaks is the language that providers are told.
func (t *tongue) speaks() string {
	if t.language != "" {
		return t.language
	}

	return t.set.Language
}

// made is one provider as its room made it.
type made[T any] struct {
	provider T
	model    string // the model, or the voice
	address  string // empty: it is on this machine
	key      vendor.Key
}

// stage is how the providers of one stage become one.
type stage[T any] struct {
	is      pipeline.Stage
	measure func(T, *Provider) T // notes first bytes
	join    func(failover.Watch, ...failover.Option[T]) T
}

// list makes one provider out of several.
type list[T any] struct {
	tongue  *tongue
	stage   *stage[T]
	rule    string // when these are used; empty: from the beginning
	options []failover.Option[T]
	outside bool // some of it is not part of this program
}

// add puts a provider at the end of the list. It has to be looked after by a
// breaker unless it is part of this program. charge is nil when it costs
// nothing.
func (l *list[T]) add(engine string, m made[T], p *config.Patience, charge func(T, *Provider) T) {
	s := l.tongue.set
	at := &Provider{
		Agent: s.name, Language: l.tongue.language, Stage: l.stage.is, Order: len(l.options) + 1, Rule: l.rule,
		Engine: engine, Model: m.model, Host: host(m.address), metrics: s.options.Metrics,
	}
	at.Breaker = s.options.Breakers.of(at, m.key, &p.Breaker)
	at.Name = s.unused(at)
	l.outside = l.outside || !inside[engine]
	at.using = m.provider
	s.providers = append(s.providers, at)
	if c, ok := any(m.provider).(io.Closer); ok {
		s.closers = append(s.closers, c)
	}
	provider := l.stage.measure(m.provider, at)
	if charge != nil {
		provider = charge(provider, at)
	}
	l.options = append(l.options, failover.Option[T]{
		Name: at.Name, Provider: provider, Breaker: at.Breaker, FirstByte: p.FirstByte, Stall: p.Stall,
	})
}

// unused is the name of a provider that no other of the agent's stage has.
func (s *Set) unused(p *Provider) string {
	name := p.Engine
	if p.Language != "" {
		name += "-" + p.Language
	}
	taken := func(name string) bool {
		for _, q := range s.providers {
			if q.Stage == p.Stage && q.Name == name {
				return true
			}
		}

		return false
	}
	for n := 2; taken(name); n++ {
		name = p.Engine + "-" + strconv.Itoa(n)
		if p.Language != "" {
			name = p.Engine + "-" + p.Language + "-" + strconv.Itoa(n)
		}
	}

	return name
}

// one is the provider that the list makes. One that is part of this program
// needs nobody to take over.
func (l *list[T]) one() T {
	if len(l.options) == 1 && !l.outside {
		return l.options[0].Provider
	}

	return l.stage.join(l.tongue.set.watch, l.options...)
}

// inside are the engines that are part of this program.
var inside = map[string]bool{"offline": true, "declared": true, "script": true}

// key reads a service's key. Where no variable is named none is wanted.
func key(s *config.Service) (vendor.Key, error) {
	if s.KeyEnv == "" {
		return "", nil
	}

	return vendor.KeyFrom(s.KeyEnv)
}

// at tells which provider of a list an error is about.
func at(stage string, i int, engine string, err error) error {
	if err == nil {
		return nil
	}
	if i == 0 {
		return fmt.Errorf("%s %s: %w", stage, engine, err)
	}

	return fmt.Errorf("%s fallback[%d] %s: %w", stage, i-1, engine, err)
}

// host is where an address is.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}

	return u.Host
}
