package call

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"

	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/ledger"
	"trunkline/pipeline/tools"
	"trunkline/storage"
	"trunkline/trace"
	"trunkline/trace/tracetest"
)

// seen is a call whose trace has arrived.
type seen struct {
	*rig

	desk      *desk
	collector *tracetest.Collector
	spans     []*tracetest.Span

	mu      sync.Mutex
	ledgers map[int]ledger.Ledger // by the turn's number
}

// keeping is a Trace that keeps the turns' ledgers.
type keeping struct {
	Trace

	in *seen
}

func (k keeping) Turn(t *pipeline.Turn) {
	k.in.mu.Lock()
	defer k.in.mu.Unlock()
	k.in.ledgers[t.Number] = t.Ledger
	k.Trace.Turn(t)
}

// traced runs a test of a call whose trace goes to a collector. When it is
// over, all spans have arrived.
func traced(t *testing.T, private bool, test func(r *rig), look func(*seen)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		collector := tracetest.New(t)
		defer collector.Stop()
		tracer, err := trace.New(trace.Options{
			Endpoint: tracetest.Endpoint, Sample: 1, Private: private, Node: "desk-1", Version: "1", Client: collector.Client,
			Engines: map[string]trace.Engines{"reception": {
				Recogniser: trace.Engine{Provider: "deepgram"},
				Model:      trace.Engine{Provider: "gemini", Model: "gemini-2.5-flash"},
				Voice:      trace.Engine{Provider: "cartesia", Model: "sonic-2"},
			}},
			Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		all := &seen{collector: collector, ledgers: map[int]ledger.Ledger{}}
		desk := &desk{}
		r := newRig(t, desk.options())
		r.manager.cfg.Trace = func(rec storage.Call) Trace { return keeping{tracer.Begin(rec), all} }
		r.manager.cfg.Agents["reception"].Conversation.Tools = desk.tools(t)
		all.rig, all.desk = r, desk
		defer r.clock.Stop()
		test(r)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := r.manager.Stop(ctx); err != nil {
			t.Error(err)
		}
		if err := tracer.Stop(ctx); err != nil {
			t.Error(err)
		}
		all.spans = collector.Spans()
		if s := tracer.Stats(); s.Dropped != 0 || s.Queued != 0 || int(s.Exported) != len(all.spans) {
			t.Errorf("of %d spans that arrived it counts %+v", len(all.spans), s)
		}
		look(all)
	})
}

// desk is an agent that looks up what the caller says.
type desk struct {
	parents []string // trace contexts of its tool's requests
}

func (d *desk) tools(t *testing.T) *tools.Set {
	t.Helper()
	set, err := tools.New(tools.Options{
		Tools: []tools.Tool{{
			Name: "find_booking", Description: "Finds a booking.", HTTP: tools.HTTP{URL: "http://desk.example/bookings?name={name}"},
			Parameters: []byte(`{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}`),
		}},
		Client: roundTrip(func(req *http.Request) *http.Response {
			d.parents = append(d.parents, req.Header.Get("Traceparent"))
			time.Sleep(2 * time.Second) // long enough for a filler
			w := httptest.NewRecorder()
			_, _ = w.WriteString(`"tomorrow at nine"`)

			return w.Result()
		}),
	})
	if err != nil {
		t.Fatal(err)
	}

	return set
}

func (*desk) options() options {
	looked := func(req pipeline.Request) bool { return req.History[len(req.History)-1].Role == pipeline.Tool }

	return options{
		recogniser: &declared.Recognizer{Final: 100 * time.Millisecond, FirstPartial: 100 * time.Millisecond, Says: declared.Always("my name is zebedee")},
		model: &declared.Model{
			FirstToken: 200 * time.Millisecond, TokensPerSecond: 50,
			Reply: func(req pipeline.Request) (string, *pipeline.Act) {
				if looked(req) {
					return "You come tomorrow at nine, dear Zebedee.", nil
				}

				return "", nil
			},
			Calls: func(req pipeline.Request) []pipeline.ToolCall {
				if looked(req) {
					return nil
				}

				return []pipeline.ToolCall{{Name: "find_booking", Args: []byte(`{"name":"zebedee"}`)}}
			},
		},
	}
}

type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// aWholeCall is greeting, question, tool, answer, hang-up.
func aWholeCall(r *rig) {
	r.talk()
	speakUp(r)
	r.agentTurns(2)
	r.door.end(CallerHangup)
	r.end()
}

func TestACallIsOneTrace(t *testing.T) {
	traced(t, false, aWholeCall, func(r *seen) {
		rec := r.journal.last()
		id := strings.ReplaceAll(rec.ID.String(), "-", "")
		byID := map[string]*tracetest.Span{}
		for _, s := range r.spans {
			byID[s.ID()] = s
			if s.Trace() != id || s.Schema != trace.SchemaURL || s.Resource["service.instance.id"] != "desk-1" {
				r.Errorf("span %s of trace %s, schema %s, resource %v", s.GetName(), s.Trace(), s.Schema, s.Resource)
			}
		}
		r.same("spans have IDs of their own", len(r.spans), len(byID))
		tree := map[string]int{} // parent/name
		for _, s := range r.spans {
			parent := byID[s.Parent()]
			if parent == nil && s.Parent() != "" {
				r.Errorf("the parent of %s is no span", s.GetName())
			}
			if parent == nil {
				parent = &tracetest.Span{Span: &otlp.Span{}, Began: s.Began, Ended: s.Ended}
			}
			if s.Began.Before(parent.Began) || s.Ended.After(parent.Ended) {
				r.Errorf("%s (%v to %v) is not within its parent %s (%v to %v)", s.GetName(), s.Began, s.Ended, parent.GetName(), parent.Began, parent.Ended)
			}
			tree[parent.GetName()+"/"+s.GetName()]++
		}
		r.same("spans by parent", map[string]int{
			"/call": 1, "call/ring": 1, "call/agent": 2, "call/caller": 1,
			"caller/recognise": 1, "caller/endpoint": 1,
			"agent/chat gemini-2.5-flash": 2, "agent/execute_tool find_booking": 1, "agent/filler": 1, "agent/speak": 2,
		}, tree)
		atTheirTimes(r, rec)
		about(r)

		tool := one(r, "execute_tool find_booking")
		r.same("trace context of the tool's request", []string{"00-" + id + "-" + tool.ID() + "-01"}, r.desk.parents)
	})
}

// one is the nth span of a name, from 0.
func one(r *seen, name string, nth ...int) *tracetest.Span {
	r.Helper()
	n := append(nth, 0)[0]
	var all []*tracetest.Span
	for _, s := range r.spans {
		if s.GetName() == name {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *tracetest.Span) int { return a.Began.Compare(b.Began) })
	if len(all) <= n {
		r.Fatalf("no span %q", name)
	}

	return all[n]
}

// atTheirTimes compares the spans' times with the records'.
func atTheirTimes(r *seen, rec storage.Call) {
	r.Helper()
	turns := r.journal.turns()
	reply, caller := turns[2], turns[1]
	l := r.ledgers[3]
	const ms = time.Millisecond
	for what, pair := range map[string][2]time.Time{
		"call began":      {rec.StartedAt, one(r, "call").Began},
		"call ended":      {rec.EndedAt, one(r, "call").Ended},
		"ring ended":      {rec.AnsweredAt, one(r, "ring").Ended},
		"endpoint began":  {l.At(ledger.Speech), one(r, "endpoint").Began},
		"endpoint ended":  {l.At(ledger.Endpoint), one(r, "endpoint").Ended},
		"caller ended":    {l.At(ledger.Endpoint), one(r, "caller").Ended},
		"caller began":    {caller.StartedAt, one(r, "caller").Began},
		"recognise ended": {l.At(ledger.Final), one(r, "recognise").Ended},
		"agent began":     {l.At(ledger.Endpoint), one(r, "agent", 1).Began},
		"agent ended":     {reply.EndedAt, one(r, "agent", 1).Ended},
		"think began":     {l.At(ledger.Endpoint), one(r, "chat gemini-2.5-flash").Began},
		"think asked":     {one(r, "execute_tool find_booking").Began, one(r, "chat gemini-2.5-flash").Ended},
		"tool took 2 s":   {one(r, "execute_tool find_booking").Began.Add(2000 * ms), one(r, "execute_tool find_booking").Ended},
		"think went on":   {one(r, "execute_tool find_booking").Ended, one(r, "chat gemini-2.5-flash", 1).Began},
		"think ended":     {l.At(ledger.Written), one(r, "chat gemini-2.5-flash", 1).Ended},
		"filler began":    {l.At(ledger.Filler), one(r, "filler").Began},
		"speak began":     {l.At(ledger.Sentence), one(r, "speak", 1).Began},
		"speak ended":     {reply.EndedAt, one(r, "speak", 1).Ended},
	} {
		if !pair[0].Equal(pair[1]) {
			r.Errorf("%s at %v, want %v", what, pair[1], pair[0])
		}
	}
}

// about looks at what the spans tell.
func about(r *seen) {
	r.Helper()
	rec := r.journal.last()
	call := one(r, "call")
	delete(call.Attrs, "trunkline.media.packets_lost")
	r.same("call", map[string]any{
		"gen_ai.conversation.id": rec.ID.String(), "gen_ai.agent.name": "reception",
		"trunkline.call.direction": "inbound", "trunkline.call.door": "sip", "trunkline.call.trunk": "carrier",
		"trunkline.call.end_reason": "caller_hangup", "trunkline.call.fault": "caller",
		"trunkline.media.codec": "PCMU", "trunkline.media.mos_in": 4.38, "trunkline.media.mos_out": 4.1, "trunkline.media.round_trip": .03,
	}, call.Attrs)
	tool := one(r, "execute_tool find_booking")
	r.same("tool", map[string]any{
		"trunkline.stage": "tool", "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find_booking",
		"gen_ai.tool.call.id": "call_1_0_0", "gen_ai.tool.type": "function", "gen_ai.conversation.id": rec.ID.String(),
	}, tool.Attrs)
	think := one(r, "chat gemini-2.5-flash")
	r.same("think", map[string]any{
		"trunkline.stage": "think", "gen_ai.operation.name": "chat", "gen_ai.provider.name": "gcp.gemini",
		"gen_ai.request.model": "gemini-2.5-flash", "gen_ai.conversation.id": rec.ID.String(), "trunkline.think.guess": false,
		"gen_ai.response.time_to_first_chunk": .2,
	}, think.Attrs)
	r.same("stages", []string{"endpoint", "filler", "recognise", "speak", "think", "tool"}, stagesOf(r.spans))
	reply := one(r, "agent", 1)
	answer, filler := reply.Attrs["trunkline.turn.time_to_answer"], reply.Attrs["trunkline.turn.time_to_filler"]
	l := r.ledgers[3]
	total, _ := l.Total()
	r.same("time to answer and to filler", []any{total.Seconds(), l.At(ledger.Filler).Sub(l.At(ledger.Speech)).Seconds()}, []any{answer, filler})
	r.same("first sample and packet", []string{"first_sample", "first_packet"}, one(r, "speak", 1).Events())
	r.same("partial", []string{"first_partial"}, one(r, "recognise").Events())
}

func stagesOf(spans []*tracetest.Span) []string {
	all := map[string]bool{}
	for _, s := range spans {
		if stage, ok := s.Attrs["trunkline.stage"].(string); ok {
			all[stage] = true
		}
	}

	return slices.Sorted(maps.Keys(all))
}

// said are words, numbers and arguments of the whole call, as they would stand
// in a message.
var said = []string{"zebedee", "Zebedee", "my name", "tomorrow", "how can I help", "5550100123", "5550100999"}

func TestATraceTellsNothingPrivate(t *testing.T) {
	traced(t, false, aWholeCall, func(r *seen) {
		for _, s := range append(said, trace.PrivatePrefix) {
			if bytes.Contains(r.collector.Bytes(), []byte(s)) {
				r.Errorf("%q was exported", s)
			}
		}
	})
}

func TestPrivateDataStandsUnderOnePrefix(t *testing.T) {
	traced(t, true, aWholeCall, func(r *seen) {
		for _, s := range said {
			if !bytes.Contains(r.collector.Bytes(), []byte(s)) {
				r.Errorf("%q was not exported", s)
			}
		}
		for _, s := range r.spans {
			for key, value := range s.Attrs {
				text, _ := value.(string)
				if slices.ContainsFunc(said, func(w string) bool { return strings.Contains(text, w) }) && !strings.HasPrefix(key, trace.PrivatePrefix) {
					r.Errorf("%s of %s tells %q", key, s.GetName(), text)
				}
			}
		}
		r.same("arguments", `{"name":"zebedee"}`, one(r, "execute_tool find_booking").Attrs[trace.PrivatePrefix+"tool.arguments"].(string))
	})
}
