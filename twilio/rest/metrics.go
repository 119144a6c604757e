package rest

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the Prometheus metrics of all accounts together.
type Metrics struct {
	requests *prometheus.CounterVec // by class of the HTTP status, or "failed"
	latency  prometheus.Histogram
	waiting  prometheus.Gauge   // calls in our own queue
	queued   prometheus.Counter // calls that waited in Twilio's
	lost     *prometheus.CounterVec
	ending   prometheus.Gauge
	unended  prometheus.Counter
}

func newMetrics() *Metrics {
	return &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trunkline_twilio_requests_total", Help: "Requests to Twilio's REST API, by class of the answer: 2xx, 4xx, 429, 5xx, failed.",
		}, []string{"answer"}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "trunkline_twilio_request_seconds", Help: "Time that Twilio's REST API takes to answer.",
			Buckets: []float64{.05, .1, .2, .5, 1, 2, 5, 10},
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "trunkline_twilio_calls_waiting", Help: "Calls that wait for their turn to leave (calls_per_second).",
		}),
		queued: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "trunkline_twilio_queued_total",
			Help: "Calls that waited in Twilio's own queue. More than 0: calls_per_second is higher than what Twilio allows, or somebody else uses the account.",
		}),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trunkline_twilio_unanswered_creates_total",
			Help: "Requests for a call that were not answered, by what the account's list told: found, none, unreadable.",
		}, []string{"outcome"}),
		ending: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "trunkline_twilio_calls_ending", Help: "Calls that were hung up and have not been seen to be over.",
		}),
		unended: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "trunkline_twilio_unended_total",
			Help: "Calls whose hang-up was given up: they run to their time limit at Twilio unless somebody ends them there.",
		}),
	}
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	m := newMetrics()
	for _, c := range []prometheus.Collector{m.requests, m.latency, m.waiting, m.queued, m.lost, m.ending, m.unended} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}

	return m, nil
}

// took counts an answered request.
func (m *Metrics) took(status int, d time.Duration) {
	class := strconv.Itoa(status/100) + "xx"
	if status == 429 {
		class = "429"
	}
	m.requests.WithLabelValues(class).Inc()
	m.latency.Observe(d.Seconds())
}
