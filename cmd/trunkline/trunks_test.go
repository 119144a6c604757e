package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"trunkline/console"
	"trunkline/sip"
	"trunkline/sip/health"
	"trunkline/sip/registration"
)

func TestTrunkTable(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	err := trunkTable(&out, []console.Trunk{
		{
			Name: "carrier", Calls: 3, MaxCalls: 10, Inbound: console.TrunkCalls{Attempts: 7}, Outbound: console.TrunkCalls{Attempts: 4, Answers: 3},
			Registration: &console.Registration{State: "failing", Status: 403},
			Targets: []console.TrunkTarget{
				{URI: "sip:one.example", State: "up", Status: 200, TookMS: 12.4}, {URI: "sip:two.example", State: "down"}, {URI: "sip:three.example", State: "unknown"},
			},
		},
		{Name: "pbx"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `TRUNK                CALLS    IN  OUT  ANSWERED  REGISTRATION
carrier              3/10     7   4    75 %      failing (403)
  sip:one.example    up       200 after 12 ms
  sip:two.example    down     no answer
  sip:three.example  unknown  not asked
pbx                  0        0  0  -  -
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

func TestPostDialDelay(t *testing.T) {
	t.Parallel()
	got := postDialDelay(&sip.TrunkStatus{PostDialDelay: []uint64{1, 0, 0, 0, 2, 0, 0, 0, 0, 1}, PostDialDelaySum: 30 * time.Second})
	if got.Calls != 4 || got.MeanMS != 7500 || len(got.Within) != len(sip.DelayBounds) {
		t.Fatalf("%+v", got)
	}
	for i, calls := range []uint64{1, 1, 1, 1, 3, 3, 3, 3, 3} {
		if w := got.Within[i]; w.Calls != calls || w.MS != float64(sip.DelayBounds[i].Milliseconds()) {
			t.Errorf("%+v, want %d calls", w, calls)
		}
	}
	if none := postDialDelay(&sip.TrunkStatus{}); none.Calls != 0 || none.MeanMS != 0 || none.Within == nil {
		t.Errorf("of no call: %+v", none)
	}
}

func TestTrunkMetrics(t *testing.T) {
	t.Parallel()
	m := newTrunkMetrics(func() []sip.TrunkStatus {
		return []sip.TrunkStatus{{
			Name: "carrier", Calls: 2, Outbound: sip.CallCounts{Attempts: 4, Answers: 3, Failures: map[sip.CallClass]uint64{sip.ClassBusy: 1}},
			PostDialDelay: []uint64{1, 0, 0, 0, 2, 0, 0, 0, 0, 1}, PostDialDelaySum: 30 * time.Second,
			Registration: &sip.RegistrationStatus{State: registration.Registered},
			Targets:      []sip.TargetStatus{{URI: "sip:one.example", State: health.Down}, {URI: "sip:two.example"}},
		}}
	})
	want := `# HELP trunkline_trunk_post_dial_delay_seconds From our INVITE to the first sign of the callee: 18x or an answer.
# TYPE trunkline_trunk_post_dial_delay_seconds histogram
trunkline_trunk_post_dial_delay_seconds_bucket{trunk="carrier",le="0.1"} 1
trunkline_trunk_post_dial_delay_seconds_bucket{trunk="carrier",le="0.25"} 1
trunkline_trunk_post_dial_delay_seconds_bucket{trunk="carrier",le="0.5"} 1
trunkline_trunk_post_dial_delay_seconds_bucket{trunk="carrier",le="1"} 1
trunkline_trunk_post_dial_delay_seconds_bucket{trunk="carrier",le="2"} 3
trunkline_trunk_post_dial_delay_seconds_bucket{trunk="carrier",le="4"} 3
trunkline_trunk_post_dial_delay_seconds_bucket{trunk="carrier",le="6"} 3
trunkline_trunk_post_dial_delay_seconds_bucket{trunk="carrier",le="10"} 3
trunkline_trunk_post_dial_delay_seconds_bucket{trunk="carrier",le="20"} 3
trunkline_trunk_post_dial_delay_seconds_bucket{trunk="carrier",le="+Inf"} 4
trunkline_trunk_post_dial_delay_seconds_sum{trunk="carrier"} 30
trunkline_trunk_post_dial_delay_seconds_count{trunk="carrier"} 4
# HELP trunkline_trunk_registered Whether a trunk is registered with its carrier: 1 yes, 0 no.
# TYPE trunkline_trunk_registered gauge
trunkline_trunk_registered{trunk="carrier"} 1
# HELP trunkline_trunk_target_up Whether a target answers OPTIONS: 1 up, 0 down.
# TYPE trunkline_trunk_target_up gauge
trunkline_trunk_target_up{target="sip:one.example",trunk="carrier"} 0
`
	r := prometheus.NewRegistry()
	if err := r.Register(m); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	metricsHandler(r).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(want) {
		if !strings.Contains(w.Body.String(), line) {
			t.Errorf("%q is not in\n%s", line, w.Body)
		}
	}
}
