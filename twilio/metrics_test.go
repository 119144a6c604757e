package twilio

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	r := prometheus.NewPedanticRegistry()
	s := open(t, refuses, nil)
	if err := r.Register(s); err != nil {
		t.Fatal(err)
	}
	post(t, s, "/main/voice", incoming("CA1"))
	send(t, s, "/main/voice", incoming("CA2"), "forged")
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	for name, want := range map[string]float64{
		"trunkline_twilio_webhooks_total taken": 1, "trunkline_twilio_webhooks_total forged": 1, "trunkline_twilio_webhooks_total malformed": 0,
		"trunkline_twilio_answer_seconds": 1, "trunkline_twilio_sockets_total stream": 0, "trunkline_twilio_calls": 0,
	} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s is %v (there: %v), want %v", name, value, ok, want)
		}
	}
}
