package call

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"trunkline/pipeline"
	"trunkline/pipeline/ledger"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

func TestRecordsComeInOrder(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.talk()
		speakUp(r)
		r.agentTurns(2)
		r.door.end(CallerHangup)
		got := r.end()

		order := r.journal.order()
		r.same("first rows", []string{"begin", "update in_progress", "event", "turn"}, order[:4])
		r.same("last row", "update ended", order[len(order)-1])
		r.same("updates", []int{1, 1, 1}, []int{
			count1(order, "begin"), count1(order, "update in_progress"), count1(order, "update ended"),
		})

		calls := rowsOf[storage.Call](r.journal)
		r.same("states", []storage.State{storage.Ringing, storage.InProgress, storage.Ended},
			[]storage.State{calls[0].State, calls[1].State, calls[2].State})
		for _, c := range calls {
			r.same("identity", []any{got.ID, "carrier", "reception", "a@b", got.StartedAt},
				[]any{c.ID, c.Trunk, c.Agent, c.DoorCallID, c.StartedAt})
		}
		if got.AnsweredAt.Before(got.StartedAt) || got.EndedAt.Before(got.AnsweredAt) {
			r.Errorf("started %v, answered %v, ended %v", got.StartedAt, got.AnsweredAt, got.EndedAt)
		}
		if got.Media == nil || got.Media.Codec != "PCMU" || got.Media.PacketsIn == 0 {
			r.Errorf("media: %+v", got.Media)
		}

		turns := r.journal.turns()
		r.same("turns", []string{"1 agent", "2 caller", "3 agent"}, numbered(turns))
		reply := turns[2]
		r.same("stages", []string{"endpoint", "first_token", "first_sentence", "first_sample", "first_packet"}, stages(reply.Latency))
		var sum time.Duration
		for _, s := range reply.Latency.Stages {
			sum += s.Took
		}
		r.same("total", reply.Latency.Total, sum)
		if reply.Latency.Total < 300*time.Millisecond || reply.Latency.Total > 2*time.Second {
			r.Errorf("the reply took %s", reply.Latency.Total)
		}
		r.same("greeting", storage.Latency{}, turns[0].Latency)

		events := r.journal.events()
		if !slices.IsSortedFunc(events, func(a, b storage.Event) int { return int(a.At - b.At) }) {
			r.Error("the events' times go back")
		}
		if lead := got.AnsweredAt.Sub(got.StartedAt); events[0].At < lead || events[0].Kind != string(turn.Answered) {
			r.Errorf("the first event is %s at %s, the answer came at %s", events[0].Kind, events[0].At, lead)
		}
		r.replays(turn.Config{})
	})
}

func count1(all []string, what string) (n int) {
	for _, s := range all {
		if s == what {
			n++
		}
	}

	return n
}

func numbered(turns []storage.Turn) (all []string) {
	for i := range turns {
		all = append(all, string('0'+rune(turns[i].Number))+" "+string(turns[i].Role))
	}

	return all
}

func stages(l storage.Latency) (all []string) {
	for _, s := range l.Stages {
		all = append(all, s.Name)
	}

	return all
}

// TestEventsCountFromTheOffer has a phone that rings for a while.
func TestEventsCountFromTheOffer(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.providers().Recognizer = slowToOpen{r.providers().Recognizer, 3 * time.Second}
		r.talk()
		r.agentTurns(1)
		r.door.end(CallerHangup)
		got := r.end()
		lead := got.AnsweredAt.Sub(got.StartedAt)
		if at := r.journal.events()[0].At; lead < 3*time.Second || at != lead {
			r.Errorf("the first event is at %s, the answer came at %s", at, lead)
		}
		var first StepData
		if err := json.Unmarshal(r.journal.events()[0].Data, &first); err != nil || first.Event.At != 0 {
			r.Errorf("the machine's own time is %s (%v), counted from the answer", first.Event.At, err)
		}
	})
}

func TestWatchersSeeTheCall(t *testing.T) {
	var mu sync.Mutex
	var seen []Live
	o := options{watch: func(l Live) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, l)
	}}
	inBubble(t, o, func(r *rig) {
		r.talk()
		r.agentTurns(1)
		r.door.end(CallerHangup)
		got := r.end()
		mu.Lock()
		defer mu.Unlock()
		r.same("first and last", []LiveKind{LiveAnswered, LiveEnded}, []LiveKind{seen[0].Kind, seen[len(seen)-1].Kind})
		r.same("the end", got.EndReason, seen[len(seen)-1].Ended.EndReason)
		kinds := map[LiveKind]int{}
		for _, l := range seen {
			kinds[l.Kind]++
			if l.Call != got.ID || l.At.IsZero() {
				r.Errorf("%+v is of no call or time", l)
			}
			if l.Kind == LiveWords && (l.Role != pipeline.Agent || l.Text != texts.Greeting) {
				r.Errorf("words: %+v", l)
			}
			if l.Kind == LiveTurn && string(l.Turn.Text) != texts.Greeting {
				r.Errorf("turn: %+v", l.Turn)
			}
		}
		r.same("turns", 1, kinds[LiveTurn])
		r.same("steps", len(r.journal.events()), kinds[LiveStep])
	})
}

func TestMetrics(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.talk()
		speakUp(r)
		r.agentTurns(2)
		r.leg.say(yes())
		r.until("the third reply", func() bool {
			return r.leg.audible().After(time.Now().Add(-20*time.Millisecond)) && len(r.journal.turns()) >= 4
		})
		r.leg.say(recorded("wait-stop"))
		r.agentTurns(3)
		r.door.end(CallerHangup)
		r.end()
		<-r.offerAt(func() offer { d := newFakeDoor(&fakeLeg{}); d.end(CallerCancelled); return d }())

		r.same("counts", map[string]float64{
			"trunkline_calls_total{fault=caller,reason=caller_hangup}":    1,
			"trunkline_calls_total{fault=caller,reason=caller_cancelled}": 1,
			"trunkline_call_duration_seconds":                             1,
			"trunkline_call_mos{direction=in}":                            1,
			"trunkline_call_mos{direction=out}":                           1,
			"trunkline_call_round_trip_seconds":                           1,
			"trunkline_turns_total{role=agent}":                           3,
			"trunkline_turns_total{role=caller}":                          2,
			"trunkline_turn_latency_seconds{stage=total}":                 2,
			"trunkline_turn_latency_seconds{stage=endpoint}":              2,
			"trunkline_turn_latency_seconds{stage=final}":                 2,
			"trunkline_turn_latency_seconds{stage=first_token}":           2,
			"trunkline_turn_latency_seconds{stage=first_sentence}":        2,
			"trunkline_turn_latency_seconds{stage=first_sample}":          2,
			"trunkline_turn_latency_seconds{stage=first_packet}":          2,
			"trunkline_interrupted_turns_total":                           1,
			"trunkline_bargein_verdicts_total{verdict=interruption}":      1,
		}, r.gathered("calls_", "call_", "turn", "interrupted", "bargein"))
	})
}

// gathered is the count of each of some metrics by name and labels.
func (r *rig) gathered(some ...string) map[string]float64 {
	r.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		r.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		if !slices.ContainsFunc(some, func(s string) bool { return strings.HasPrefix(f.GetName(), "trunkline_"+s) }) {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := f.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			got[name] = m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}

	return got
}

func TestMetricsAreRegisteredOnce(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	if _, err := NewMetrics(r); err != nil {
		t.Fatal(err)
	}
	if _, err := NewMetrics(r); err == nil {
		t.Error("the same registry took them twice")
	}
}

// TestLatencySkipsWhatDidNotHappen has a reply whose model was not asked.
func TestLatencySkipsWhatDidNotHappen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l ledger.Ledger
		if got := latency(&l); got.Measured() {
			t.Errorf("an empty ledger gives %+v", got)
		}
		l.Stamp(ledger.Speech, time.Now())
		time.Sleep(200 * time.Millisecond)
		l.Stamp(ledger.Endpoint, time.Now())
		time.Sleep(100 * time.Millisecond)
		l.Stamp(ledger.Packet, time.Now())
		got := latency(&l)
		want := []storage.Stage{{Name: "endpoint", Took: 200 * time.Millisecond}, {Name: "first_packet", Took: 100 * time.Millisecond}}
		if !slices.Equal(got.Stages, want) || got.Total != 300*time.Millisecond {
			t.Errorf("got %+v", got)
		}
	})
}
