package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"

	"github.com/prometheus/client_golang/prometheus"

	"trunkline/console"
	"trunkline/sip"
	"trunkline/storage"
)

// trunksCmd shows the trunks of the running gateway.
type trunksCmd struct {
	JSON bool `help:"Print JSON." name:"json"`
}

func (t *trunksCmd) Run(ctx context.Context, c *cli, std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, gatewayBound)
	defer cancel()
	var body console.Trunks
	if err := ask(ctx, &cfg, http.MethodGet, "/v1/trunks", nil, &body); err != nil {
		return err
	}
	if t.JSON {
		out := json.NewEncoder(std.out)
		out.SetIndent("", "  ")

		return out.Encode(body)
	}

	return trunkTable(std.out, body.Trunks)
}

// trunkTable shows each trunk in a line, and its targets below.
func trunkTable(out io.Writer, all []console.Trunk) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TRUNK\tCALLS\tIN\tOUT\tANSWERED\tREGISTRATION")
	for i := range all {
		t := &all[i]
		calls := fmt.Sprint(t.Calls)
		if t.MaxCalls > 0 {
			calls += fmt.Sprintf("/%d", t.MaxCalls)
		}
		registration := "-"
		if r := t.Registration; r != nil {
			registration = r.State
			if r.State != "registered" && r.Status > 0 {
				registration += fmt.Sprintf(" (%d)", r.Status)
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\n", t.Name, calls, t.Inbound.Attempts, t.Outbound.Attempts, share(t.Outbound), registration)
		for _, target := range t.Targets {
			answer := "not asked"
			switch {
			case target.Status > 0:
				answer = fmt.Sprintf("%d after %.0f ms", target.Status, target.TookMS)
			case target.State == "down":
				answer = "no answer"
			}
			fmt.Fprintf(w, "  %s\t%s\t%s\n", target.URI, target.State, answer)
		}
	}

	return w.Flush()
}

// share is the answer-seizure ratio of calls out.
func share(c console.TrunkCalls) string {
	if c.Attempts == 0 {
		return "-"
	}

	return fmt.Sprintf("%.0f %%", 100*float64(c.Answers)/float64(c.Attempts))
}

// trunks is console.Config.Trunks.
func (g *gateway) trunks() []console.Trunk {
	status := g.sip.Trunks()
	all := make([]console.Trunk, len(status))
	for i := range status {
		s := &status[i]
		all[i] = console.Trunk{
			Name: s.Name, Calls: s.Calls, MaxCalls: s.MaxCalls, Inbound: trunkCalls(s.Inbound), Outbound: trunkCalls(s.Outbound),
			Targets: []console.TrunkTarget{}, PostDial: postDialDelay(s),
		}
		if r := s.Registration; r != nil {
			all[i].Registration = &console.Registration{State: r.State.String(), Since: r.Since, Status: r.Status}
			if !r.Until.IsZero() {
				all[i].Registration.Until = &r.Until
			}
		}
		for _, target := range s.Targets {
			shown := console.TrunkTarget{
				URI: target.URI, State: target.State.String(), Status: target.Status, TookMS: storage.Milliseconds(target.Took),
				Doubt: target.Doubt, DoubtOf: target.DoubtOf,
			}
			if !target.Since.IsZero() {
				shown.Since = &target.Since
			}
			all[i].Targets = append(all[i].Targets, shown)
		}
	}

	return all
}

// postDialDelay sums up the counts of the buckets.
func postDialDelay(t *sip.TrunkStatus) console.PostDialDelay {
	out := console.PostDialDelay{Within: []console.CallsUntil{}}
	for i, n := range t.PostDialDelay {
		out.Calls += n
		if i < len(sip.DelayBounds) {
			out.Within = append(out.Within, console.CallsUntil{MS: storage.Milliseconds(sip.DelayBounds[i]), Calls: out.Calls})
		}
	}
	if out.Calls > 0 {
		out.MeanMS = storage.Milliseconds(t.PostDialDelaySum) / float64(out.Calls)
	}

	return out
}

func trunkCalls(c sip.CallCounts) console.TrunkCalls {
	out := console.TrunkCalls{Attempts: c.Attempts, Answers: c.Answers, Failures: make(map[string]uint64)}
	for class, n := range c.Failures {
		out.Failures[string(class)] = n
	}

	return out
}

// trunkMetrics exposes what the SIP door counts of each trunk.
type trunkMetrics struct {
	trunks func() []sip.TrunkStatus

	calls, attempts, answers, failures, delay, target, registered *prometheus.Desc
}

func newTrunkMetrics(trunks func() []sip.TrunkStatus) *trunkMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("trunkline_trunk_"+name, help, append([]string{"trunk"}, labels...), nil)
	}

	return &trunkMetrics{
		trunks:     trunks,
		calls:      desc("calls_active", "Calls that run on a trunk."),
		attempts:   desc("attempts_total", "Calls tried on a trunk, by direction: in, out.", "direction"),
		answers:    desc("answers_total", "Calls of a trunk that were answered; over the attempts, this is the answer-seizure ratio.", "direction"),
		failures:   desc("failures_total", "Calls of a trunk that were not answered, by class: "+strings.Join(failureClasses(), ", ")+".", "direction", "class"),
		delay:      desc("post_dial_delay_seconds", "From our INVITE to the first sign of the callee: 18x or an answer."),
		target:     desc("target_up", "Whether a target answers OPTIONS: 1 up, 0 down.", "target"),
		registered: desc("registered", "Whether a trunk is registered with its carrier: 1 yes, 0 no."),
	}
}

func failureClasses() []string {
	var all []string
	for _, c := range sip.CallClasses() {
		all = append(all, string(c))
	}

	return all
}

// Describe tells the registry what Collect gives.
func (m *trunkMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.calls, m.attempts, m.answers, m.failures, m.delay, m.target, m.registered} {
		out <- d
	}
}

// Collect takes the counts as they are now.
func (m *trunkMetrics) Collect(out chan<- prometheus.Metric) {
	for _, t := range m.trunks() {
		out <- prometheus.MustNewConstMetric(m.calls, prometheus.GaugeValue, float64(t.Calls), t.Name)
		for direction, c := range map[string]sip.CallCounts{"in": t.Inbound, "out": t.Outbound} {
			out <- prometheus.MustNewConstMetric(m.attempts, prometheus.CounterValue, float64(c.Attempts), t.Name, direction)
			out <- prometheus.MustNewConstMetric(m.answers, prometheus.CounterValue, float64(c.Answers), t.Name, direction)
			for class, n := range c.Failures {
				out <- prometheus.MustNewConstMetric(m.failures, prometheus.CounterValue, float64(n), t.Name, direction, string(class))
			}
		}
		m.delays(out, &t)
		for _, target := range t.Targets {
			if target.Status > 0 || target.State.String() != "unknown" {
				out <- prometheus.MustNewConstMetric(m.target, prometheus.GaugeValue, oneIf(target.State.String() == "up"), t.Name, target.URI)
			}
		}
		if r := t.Registration; r != nil {
			out <- prometheus.MustNewConstMetric(m.registered, prometheus.GaugeValue, oneIf(r.State.String() == "registered"), t.Name)
		}
	}
}

// delays turns the counts of the buckets into those of a histogram, which
// are cumulative.
func (m *trunkMetrics) delays(out chan<- prometheus.Metric, t *sip.TrunkStatus) {
	if len(t.PostDialDelay) == 0 {
		return
	}
	buckets := make(map[float64]uint64)
	var count uint64
	for i, n := range t.PostDialDelay {
		count += n
		if i < len(sip.DelayBounds) {
			buckets[sip.DelayBounds[i].Seconds()] = count
		}
	}
	out <- prometheus.MustNewConstHistogram(m.delay, count, t.PostDialDelaySum.Seconds(), buckets, t.Name)
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}

	return 0
}
