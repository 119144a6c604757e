package engine

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"trunkline/pipeline"
	"trunkline/pipeline/breaker"
)

// labels name a provider. No label tells of a call.
var labels = []string{"agent", "stage", "provider"}

// Metrics are how providers do, for Prometheus. A nil *Metrics counts nothing.
type Metrics struct {
	first    *prometheus.HistogramVec
	failures *prometheus.CounterVec

	mu        sync.Mutex
	providers []*Provider
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		first: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "trunkline_provider_first_byte_seconds",
			Help:    "From asking a provider to its first piece: of a model or a voice; of a recogniser, from a talkspurt's end to its last words.",
			Buckets: []float64{.025, .05, .1, .15, .2, .3, .4, .5, .75, 1, 1.5, 2, 3, 5},
		}, labels),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trunkline_provider_failures_total", Help: "Failures of a provider, by kind.",
		}, append(labels, "kind")),
	}

	return m, errors.Join(r.Register(m.first), r.Register(m.failures), r.Register((*breakers)(m)))
}

func (m *Metrics) add(providers []*Provider) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.providers = append(m.providers, providers...)
}

func (m *Metrics) firstByte(p *Provider, took time.Duration) {
	if m != nil {
		m.first.WithLabelValues(p.Agent, string(p.Stage), p.Name).Observe(took.Seconds())
	}
}

func (m *Metrics) failed(p *Provider, kind pipeline.FaultKind) {
	if m != nil {
		m.failures.WithLabelValues(p.Agent, string(p.Stage), p.Name, string(kind)).Inc()
	}
}

// breakers tells the breakers' states when it is asked for them.
type breakers Metrics

var breakerState = prometheus.NewDesc("trunkline_provider_breaker_state",
	"0: closed, the provider is used; 1: half open, one call tries it; 2: open, it is left alone.", labels, nil)

// Describe implements prometheus.Collector.
func (b *breakers) Describe(ch chan<- *prometheus.Desc) { ch <- breakerState }

// Collect implements prometheus.Collector.
func (b *breakers) Collect(ch chan<- prometheus.Metric) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for _, p := range b.providers {
		value := map[breaker.State]float64{breaker.HalfOpen: 1, breaker.Open: 2}[p.Breaker.State(now)]
		ch <- prometheus.MustNewConstMetric(breakerState, prometheus.GaugeValue, value, p.Agent, string(p.Stage), p.Name)
	}
}
