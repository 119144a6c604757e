package trace_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"trunkline/pipeline"
	"trunkline/pipeline/turn"
	"trunkline/storage"
	"trunkline/trace"
	"trunkline/trace/tracetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, o trace.Options, client *http.Client) *trace.Tracer {
	t.Helper()
	if o.Endpoint == "" {
		o.Endpoint = tracetest.Endpoint
	}
	o.Client, o.Log = client, slog.New(slog.DiscardHandler)
	tracer, err := trace.New(o)
	if err != nil {
		t.Fatal(err)
	}

	return tracer
}

// live has the tracer follow a short call: three spans.
func live(tracer *trace.Tracer) (parent string) {
	now := time.Now()
	rec := storage.Call{ID: storage.NewID(), StartedAt: now, AnsweredAt: now, EndedAt: now.Add(time.Second)}
	c := tracer.Begin(rec)
	c.Step(now, turn.Event{Kind: turn.Answered}, []turn.Action{{Kind: turn.Speak, Utterance: 1, Line: turn.Greeting}})
	parent = c.Called(pipeline.ToolCall{ID: "call_1_0_0", Name: "look"})
	c.Step(now, turn.Event{Kind: turn.ToolDone, Call: "call_1_0_0", Tool: "look"}, nil)
	c.End(rec)

	return parent
}

// perCall is how many spans live makes: call, ring, agent, tool.
const perCall = 4

func stop(t *testing.T, tracer *trace.Tracer, within time.Duration) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	began := time.Now()
	for range 2 {
		if err := tracer.Stop(ctx); err != nil {
			t.Error(err)
		}
	}

	return time.Since(began)
}

func TestSpansArriveWithinSecondsAndAtTheStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := tracetest.New(t)
		defer c.Stop()
		tracer := start(t, trace.Options{Sample: 1, Headers: map[string]string{"Authorization": "Bearer k"}}, c.Client)
		live(tracer)
		time.Sleep(3 * time.Second)
		if n := len(c.Spans()); n != perCall {
			t.Errorf("%d spans after three seconds", n)
		}
		if got := c.Header().Get("Authorization"); got != "Bearer k" {
			t.Errorf("the collector saw the key %q", got)
		}
		live(tracer)
		stop(t, tracer, time.Second)
		if n := len(c.Spans()); n != 2*perCall {
			t.Errorf("%d spans after the stop", n)
		}
		if s := tracer.Stats(); s != (trace.Stats{Exported: 2 * perCall}) {
			t.Errorf("it counts %+v", s)
		}
	})
}

// TestACollectorThatDoesNotTakeSpans is down, slow or refuses: calls go on at
// once, spans are counted, and the stop is bounded.
func TestACollectorThatDoesNotTakeSpans(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]roundTrip{
		"down":    func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF },
		"refuses": func(*http.Request) (*http.Response, error) { return answer(http.StatusBadRequest), nil },
		"busy":    func(*http.Request) (*http.Response, error) { return answer(http.StatusServiceUnavailable), nil },
		"hangs": func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()

			return nil, context.Cause(r.Context())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tracer := start(t, trace.Options{Sample: 1}, &http.Client{Transport: broken})
				calls := 50
				if name == "hangs" {
					calls = 2300 // more spans than may wait
				}
				began := time.Now()
				for range calls {
					live(tracer)
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("the calls waited for %v", took)
				}
				if took := stop(t, tracer, time.Second); took > 2*time.Second {
					t.Errorf("the stop took %v", took)
				}
				live(tracer) // nobody listens any more
				if s := tracer.Stats(); s != (trace.Stats{Dropped: uint64(perCall * calls)}) {
					t.Errorf("it counts %+v", s)
				}
			})
		})
	}
}

func TestACollectorThatComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := tracetest.New(t)
		defer c.Stop()
		tracer := start(t, trace.Options{Sample: 1}, c.Client)
		c.Refuse(http.StatusServiceUnavailable)
		live(tracer)
		time.Sleep(5 * time.Second)
		c.Refuse(0)
		time.Sleep(10 * time.Second)
		if s := tracer.Stats(); s.Exported != perCall || s.Dropped != 0 {
			t.Errorf("it counts %+v", s)
		}
		stop(t, tracer, time.Second)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(""))}
}

// TestSampling has a part of the calls traced. Requests of tools say which.
func TestSampling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, tc := range []struct {
			part     float64
			low, top int // of 400; beyond these once in a million runs
		}{{0, 0, 0}, {.5, 150, 250}, {1, 400, 400}} {
			c := tracetest.New(t)
			tracer := start(t, trace.Options{Sample: tc.part}, c.Client)
			said := 0
			for range 400 {
				if strings.HasSuffix(live(tracer), "-01") {
					said++
				}
			}
			stop(t, tracer, time.Second)
			if n := len(c.Spans()); n != perCall*said || said < tc.low || said > tc.top {
				t.Errorf("of 400 calls at %v %d are traced, with %d spans", tc.part, said, n)
			}
			c.Stop()
		}
	})
}

// TestACallThatEndsInTheMiddle closes what was open.
func TestACallThatEndsInTheMiddle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := tracetest.New(t)
		defer c.Stop()
		tracer := start(t, trace.Options{Sample: 1}, c.Client)
		now := time.Now()
		rec := storage.Call{ID: storage.NewID(), StartedAt: now, AnsweredAt: now, Fault: storage.FaultProvider, EndReason: "provider_failed"}
		call := tracer.Begin(rec)
		for i, s := range []struct {
			e       turn.Event
			actions []turn.Action
		}{
			{turn.Event{Kind: turn.SpeechOnset, Spurt: 1}, nil},
			{turn.Event{Kind: turn.SpeechEnd, Spurt: 1}, []turn.Action{{Kind: turn.StartGuess, Utterance: 1}}},
			{turn.Event{Kind: turn.Partial, Spurt: 1}, []turn.Action{{Kind: turn.DropGuess, Utterance: 1}}},
			{turn.Event{Kind: turn.Final, Spurt: 1}, []turn.Action{{Kind: turn.StartReply, Utterance: 2}}},
			{turn.Event{Kind: turn.ProviderFailed, Stage: "think", Provider: "openai", Fault: "slow"}, nil},
			{turn.Event{Kind: turn.ProviderTook, Stage: "think", Provider: "anthropic", Took: time.Second}, nil},
			{turn.Event{Kind: turn.ToolStarted, Utterance: 2, Tool: "look", Call: "call_1_0_0"}, []turn.Action{{Kind: turn.Interject, Utterance: 3}}},
			{turn.Event{Kind: turn.AudioStarted, Utterance: 3}, nil},
			{turn.Event{Kind: turn.SpeechOnset, Spurt: 2}, []turn.Action{{Kind: turn.StartGuess, Utterance: 4}}},
		} {
			call.Step(now.Add(time.Duration(i)*time.Second), s.e, s.actions)
		}
		rec.EndedAt = now.Add(time.Minute)
		call.End(rec)
		stop(t, tracer, time.Second)
		names := map[string]int{}
		byID := map[string]string{"": ""}
		for _, s := range c.Spans() {
			names[s.GetName()]++
			byID[s.ID()] = s.GetName()
			switch s.GetName() {
			case "agent":
				if got := strings.Join(s.Events(), " "); got != "provider_failed provider_took" {
					t.Errorf("the agent's turn tells %q", got)
				}
			case "call":
				if s.Attrs["error.type"] != "provider_failed" {
					t.Errorf("the call tells %v", s.Attrs)
				}
			}
		}
		for _, s := range c.Spans() {
			if _, known := byID[s.Parent()]; !known {
				t.Errorf("the parent of %s was never told", s.GetName())
			}
		}
		for name, n := range map[string]int{
			"call": 1, "ring": 1, "caller": 1, "agent": 1, "recognise": 2, "guess": 2, "chat": 3, "execute_tool look": 1, "filler": 1, "endpoint": 1,
		} {
			if names[name] != n {
				t.Errorf("%d spans %q, want %d: %v", names[name], name, n, names)
			}
		}
	})
}

func TestACallTellsWhatItCost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		collector := tracetest.New(t)
		defer collector.Stop()
		tracer := start(t, trace.Options{Sample: 1}, collector.Client)
		rec := storage.Call{ID: storage.NewID(), StartedAt: time.Now(), EndedAt: time.Now()}
		rec.Costs = []storage.Cost{
			{Stage: "think", Provider: "gpt", Amount: 12_000_000}, {Stage: "think", Provider: "claude", Amount: 3_000_000}, {Stage: "speak", Provider: "aura", Amount: 700_000},
		}
		tracer.Begin(rec).End(rec)
		stop(t, tracer, time.Minute)
		for _, s := range collector.Spans() {
			if s.Name != "call" {
				continue
			}
			for name, want := range map[string]any{"trunkline.call.cost": .0157, "trunkline.call.cost.think": .015, "trunkline.call.cost.speak": .0007} {
				if s.Attrs[name] != want {
					t.Errorf("%s is %v, want %v", name, s.Attrs[name], want)
				}
			}

			return
		}
		t.Error("there is no span of the call")
	})
}
