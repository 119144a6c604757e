package jobs

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// lookEvery bounds how often metrics look at the database.
	lookEvery = 15 * time.Second
	// lookTimeout bounds one look; what was seen before stands meanwhile.
	lookTimeout = 2 * time.Second
)

var (
	overdue = prometheus.NewDesc("trunkline_job_overdue",
		"1 where a job that is to be done every so often has not succeeded for two periods, on any node.", []string{"kind"}, nil)
	lastDone = prometheus.NewDesc("trunkline_job_last_success_timestamp_seconds",
		"When a job of this kind last succeeded, on any node; 0 where none has.", []string{"kind"}, nil)
	allRuns = prometheus.NewDesc("trunkline_job_runs_total",
		"Attempts at jobs, on all nodes.", []string{"kind"}, nil)
	allFailures = prometheus.NewDesc("trunkline_job_failures_total",
		"Attempts at jobs that failed, on all nodes.", []string{"kind"}, nil)
)

// Metrics tell how jobs do. They are a prometheus.Collector.
type Metrics struct {
	look func(ctx context.Context) ([]Standing, error)

	mu   sync.Mutex
	seen []Standing
	at   time.Time // of the latest look
}

// NewMetrics makes Metrics of what look tells.
func NewMetrics(look func(ctx context.Context) ([]Standing, error)) *Metrics {
	return &Metrics{look: look}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{overdue, lastDone, allRuns, allFailures} {
		to <- d
	}
}

// Collect implements prometheus.Collector. While the database is away it tells
// what it saw last, and what is overdue by then.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	now := time.Now()
	for _, s := range m.standings(now) {
		late, done := 0.0, 0.0
		if s.Overdue(now) {
			late = 1
		}
		if !s.DoneAt.IsZero() {
			done = float64(s.DoneAt.UnixMilli()) / 1000
		}
		to <- prometheus.MustNewConstMetric(overdue, prometheus.GaugeValue, late, s.Kind)
		to <- prometheus.MustNewConstMetric(lastDone, prometheus.GaugeValue, done, s.Kind)
		to <- prometheus.MustNewConstMetric(allRuns, prometheus.CounterValue, float64(s.Runs), s.Kind)
		to <- prometheus.MustNewConstMetric(allFailures, prometheus.CounterValue, float64(s.Failures), s.Kind)
	}
}

func (m *Metrics) standings(now time.Time) []Standing {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.at.IsZero() && now.Sub(m.at) < lookEvery {
		return m.seen
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	m.at = now
	if all, err := m.look(ctx); err == nil {
		m.seen = all
	}

	return m.seen
}
