package call

import (
	"github.com/prometheus/client_golang/prometheus"

	"trunkline/pipeline/cost"
	"trunkline/pipeline/ledger"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// Metrics are the calls' Prometheus metrics. No label names a call or a
// number.
type Metrics struct {
	calls     *prometheus.CounterVec   // by end reason and fault
	turns     *prometheus.CounterVec   // by role
	latency   *prometheus.HistogramVec // by stage, and "total"
	judged    *prometheus.CounterVec
	guesses   *prometheus.CounterVec
	fillers   prometheus.Counter
	tokens    *prometheus.CounterVec // speech over the agent's voice, by verdict
	cut       prometheus.Counter
	cost      *prometheus.CounterVec // by stage
	durations prometheus.Histogram
	mos       *prometheus.HistogramVec // of answered calls, by direction
	trips     prometheus.Histogram
}

// latencyBuckets are finest around the 700 ms that a caller tolerates.
var latencyBuckets = []float64{.005, .01, .025, .05, .1, .2, .3, .4, .5, .6, .7, .8, 1, 1.5, 2, 3, 5}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trunkline_calls_total", Help: "Calls that ended, by reason and owner of the fault.",
		}, []string{"reason", "fault"}),
		turns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trunkline_turns_total", Help: "Turns that were heard, by role.",
		}, []string{"role"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "trunkline_turn_latency_seconds", Buckets: latencyBuckets,
			Help: "Time from the caller's last packet of speech to the first packet of the answer, by stage: " +
				"endpoint, first_token, first_sentence, first_sample and first_packet add up to total; " +
				"final is the time to the last words, filler to the first packet of a filler.",
		}, []string{"stage"}),
		judged: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trunkline_bargein_verdicts_total", Help: "Speech over the agent's voice, by verdict.",
		}, []string{"verdict"}),
		guesses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trunkline_guesses_total", Help: "Replies made before the caller's turn was over: started, used, wasted.",
		}, []string{"outcome"}),
		fillers: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "trunkline_fillers_total", Help: "Times that an answer took so long that the caller was told so.",
		}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trunkline_model_tokens_total", Help: "Tokens that models counted, guesses included, by direction.",
		}, []string{"direction"}),
		cut: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "trunkline_interrupted_turns_total", Help: "Agent turns that the caller cut off.",
		}),
		cost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trunkline_cost_total", Help: "What calls that ended cost by the configured prices, in their currency, by stage.",
		}, []string{"stage"}),
		durations: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "trunkline_call_duration_seconds", Help: "Length of answered calls.",
			Buckets: []float64{1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800},
		}),
		mos: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "trunkline_call_mos", Buckets: []float64{1.5, 2, 2.6, 3.1, 3.6, 4, 4.2, 4.3, 4.4, 4.5},
			Help: "Mean opinion score of calls by the E-model: in is the caller as heard here, out the agent as heard there.",
		}, []string{"direction"}),
		trips: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "trunkline_call_round_trip_seconds", Help: "Round trip of the calls' networks, by RTCP.",
			Buckets: []float64{.001, .005, .01, .02, .05, .1, .15, .2, .3, .5, 1},
		}),
	}
	for _, c := range []prometheus.Collector{m.mos, m.trips, m.calls, m.turns, m.latency, m.judged, m.guesses, m.fillers, m.tokens, m.cut, m.cost, m.durations} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}

	return m, nil
}

func (m *Metrics) step(e turn.Event, actions []turn.Action) {
	if e.Kind == turn.ReplyCost {
		m.tokens.WithLabelValues("in").Add(float64(e.InputTokens))
		m.tokens.WithLabelValues("out").Add(float64(e.OutputTokens))
	}
	for _, a := range actions {
		switch a.Kind {
		case turn.Judge:
			m.judged.WithLabelValues(a.Text).Inc()
		case turn.StartGuess:
			m.guesses.WithLabelValues("started").Inc()
		case turn.AdoptGuess:
			m.guesses.WithLabelValues("used").Inc()
		case turn.DropGuess:
			m.guesses.WithLabelValues("wasted").Inc()
		case turn.Interject:
			m.fillers.Inc()
		}
	}
}

// turn counts a turn, and how long its stages took. The last words come in the
// time to the endpoint and a filler in the time to the answer: neither is a
// part of the total.
func (m *Metrics) turn(t *storage.Turn, l *ledger.Ledger) {
	m.turns.WithLabelValues(string(t.Role)).Inc()
	if t.Interrupted {
		m.cut.Inc()
	}
	since := l.Latency()
	for name, ms := range map[string]*float64{"final": since.Final, "filler": since.Filler} {
		if ms != nil && *ms >= 0 {
			m.latency.WithLabelValues(name).Observe(*ms / 1000)
		}
	}
	if t.Latency.Total == 0 {
		return
	}
	for _, s := range t.Latency.Stages {
		m.latency.WithLabelValues(s.Name).Observe(s.Took.Seconds())
	}
	m.latency.WithLabelValues("total").Observe(t.Latency.Total.Seconds())
}

func (m *Metrics) ended(c *storage.Call) {
	m.calls.WithLabelValues(c.EndReason, string(c.Fault)).Inc()
	if !c.AnsweredAt.IsZero() {
		m.durations.Observe(c.EndedAt.Sub(c.AnsweredAt).Seconds())
	}
	for _, x := range c.Costs {
		m.cost.WithLabelValues(x.Stage).Add(float64(x.Amount) / float64(cost.Unit))
	}
	if q := c.Media; q != nil {
		observe(m.mos.WithLabelValues("in"), q.MOSIn)
		observe(m.mos.WithLabelValues("out"), q.MOSOut)
		observe(m.trips, q.RTTMS/1000)
	}
}

// observe takes a value that is known.
func observe(o prometheus.Observer, value float64) {
	if value > 0 {
		o.Observe(value)
	}
}
