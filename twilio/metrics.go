package twilio

import (
	"github.com/prometheus/client_golang/prometheus"
)

// observe makes the door's metrics, for Config.Metrics.
func (s *Server) observe(r prometheus.Registerer) error {
	requests := func(outcome string, value func(*Stats) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "trunkline_twilio_webhooks_total", Help: "Requests of carriers, by outcome: taken, forged, malformed.",
			ConstLabels: prometheus.Labels{"outcome": outcome},
		}, s.counter(value))
	}
	sockets := func(outcome string, value func(*Stats) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "trunkline_twilio_sockets_total",
			Help:        "Audio sockets, by outcome: stream, token (unknown, spent or another call's), late (did not say in time whose it is), strange.",
			ConstLabels: prometheus.Labels{"outcome": outcome},
		}, s.counter(value))
	}
	counter := func(name, help string, value func(*Stats) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "trunkline_twilio_" + name, Help: help}, s.counter(value))
	}
	s.answers = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "trunkline_twilio_answer_seconds", Help: "Time from a call's webhook to its answer; carriers wait for 5 to 15 s.",
		Buckets: []float64{.005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10},
	})
	for _, c := range []prometheus.Collector{
		s.answers,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "trunkline_twilio_calls", Help: "Calls at the door, until the carrier has confirmed their end."},
			func() float64 { return float64(s.Active()) }),
		requests("taken", func(t *Stats) uint64 { return t.Webhooks }),
		requests("forged", func(t *Stats) uint64 { return t.Forged }),
		requests("malformed", func(t *Stats) uint64 { return t.Malformed }),
		sockets("stream", func(t *Stats) uint64 { return t.Streams }),
		sockets("token", func(t *Stats) uint64 { return t.Replays }),
		sockets("late", func(t *Stats) uint64 { return t.Late }),
		sockets("strange", func(t *Stats) uint64 { return t.Strangers }),
		counter("turned_away_total", "Calls turned away at once, for want of a place or while stopping.", func(t *Stats) uint64 { return t.Refused }),
		counter("undecided_total", "Calls that went to the fallback because nobody took them in time.", func(t *Stats) uint64 { return t.Undecided }),
		counter("no_stream_total", "Calls that were answered and whose audio socket never came.", func(t *Stats) uint64 { return t.NoStream }),
		counter("stale_callbacks_total", "Status callbacks that came twice, or after a later one.", func(t *Stats) uint64 { return t.Stale }),
	} {
		if err := r.Register(c); err != nil {
			return err
		}
	}

	return nil
}

// counter reads one of the counters.
func (s *Server) counter(value func(*Stats) uint64) func() float64 {
	return func() float64 {
		stats := s.Stats()

		return float64(value(&stats))
	}
}
