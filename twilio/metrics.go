package twilio

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metric is one of the door's counters, with its value for each outcome; ""
// where it has none.
type metric struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	values map[string]func(*Stats) uint64
}

func newMetric(name, help string, kind prometheus.ValueType, values map[string]func(*Stats) uint64) metric {
	var labels []string
	if values[""] == nil {
		labels = []string{"outcome"}
	}

	return metric{prometheus.NewDesc("trunkline_twilio_"+name, help, labels, nil), kind, values}
}

func single(value func(*Stats) uint64) map[string]func(*Stats) uint64 {
	return map[string]func(*Stats) uint64{"": value}
}

var metrics = []metric{
	newMetric("webhooks_total", "Requests of carriers, by outcome: taken, forged, malformed.", prometheus.CounterValue, map[string]func(*Stats) uint64{
		"taken": func(t *Stats) uint64 { return t.Webhooks }, "forged": func(t *Stats) uint64 { return t.Forged }, "malformed": func(t *Stats) uint64 { return t.Malformed },
	}),
	newMetric("sockets_total", "Audio sockets, by outcome: stream, token (unknown, spent or another call's), late (did not say in time whose it is), strange.",
		prometheus.CounterValue, map[string]func(*Stats) uint64{
			"stream": func(t *Stats) uint64 { return t.Streams }, "token": func(t *Stats) uint64 { return t.Replays },
			"late": func(t *Stats) uint64 { return t.Late }, "strange": func(t *Stats) uint64 { return t.Strangers },
		}),
	newMetric("calls", "Calls at the door, until the carrier has confirmed their end.", prometheus.GaugeValue, single(func(t *Stats) uint64 { return uint64(t.Active) })),
	newMetric("turned_away_total", "Calls turned away at once, for want of a place or while stopping.", prometheus.CounterValue, single(func(t *Stats) uint64 { return t.Refused })),
	newMetric("undecided_total", "Calls that went to the fallback because nobody took them in time.", prometheus.CounterValue, single(func(t *Stats) uint64 { return t.Undecided })),
	newMetric("no_stream_total", "Calls that were answered and whose audio socket never came.", prometheus.CounterValue, single(func(t *Stats) uint64 { return t.NoStream })),
	newMetric("elsewhere_total", "Calls that were answered and went on at another node, which the carrier asked again.", prometheus.CounterValue, single(func(t *Stats) uint64 { return t.Elsewhere })),
	newMetric("stale_callbacks_total", "Status callbacks that came twice, or after a later one.", prometheus.CounterValue, single(func(t *Stats) uint64 { return t.Stale })),
}

func newAnswers() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "trunkline_twilio_answer_seconds", Help: "Time from a call's webhook to its answer; carriers wait for 5 to 15 s.",
		Buckets: []float64{.005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10},
	})
}

// Describe implements prometheus.Collector: a Server can be registered.
func (s *Server) Describe(to chan<- *prometheus.Desc) {
	s.answers.Describe(to)
	for _, m := range metrics {
		to <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (s *Server) Collect(to chan<- prometheus.Metric) {
	s.answers.Collect(to)
	stats := s.Stats()
	for _, m := range metrics {
		for outcome, value := range m.values {
			var labels []string
			if outcome != "" {
				labels = []string{outcome}
			}
			to <- prometheus.MustNewConstMetric(m.desc, m.kind, float64(value(&stats)), labels...)
		}
	}
}
