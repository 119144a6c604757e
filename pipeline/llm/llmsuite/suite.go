package llmsuite

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"trunkline/pipeline"
	"trunkline/pipeline/llm/llmtest"
	"trunkline/pipeline/vendorsuite"
	"trunkline/pipeline/vendortest"
)

// patience is how long anything may take that ends by itself.
const patience = 10 * time.Second

// bench is one vendor's server and a model that talks to it.
type bench struct {
	script *llmtest.Script
	model  pipeline.Model
	conns  func() int // connections that were made
}

// Run holds the suite against a vendor. newModel gets the server's base URL and
// the key.
func Run(t *testing.T, newVendor func() llmtest.Vendor, newModel func(url, key string) pipeline.Model) {
	t.Helper()
	setup := func(t *testing.T, key string) *bench {
		t.Helper()
		v := newVendor()
		srv := vendorsuite.Serve(t, v)
		m := newModel(srv.URL, key)
		vendorsuite.CloseAtEnd(t, m)

		return &bench{script: v.Script(), model: m, conns: srv.Connections}
	}
	for name, test := range map[string]func(*testing.T, *bench){
		"text":           text,
		"tool calls":     toolCalls,
		"request":        request,
		"goes on":        goesOn,
		"refused":        refused,
		"breaks":         breaks,
		"hangs":          hangs,
		"is left":        isLeft,
		"many at a time": manyAtATime,
		"warm":           warm,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, setup(t, vendortest.Key))
		})
	}
	vendorsuite.Keys(t, func(t *testing.T, key string) (any, func() error) {
		t.Helper()
		b := setup(t, key)

		return b.model, func() error {
			_, err := collect(t.Context(), b.model, plain())

			return err
		}
	})
}

// reply is a collected reply.
type reply struct {
	Text  string
	Calls []pipeline.ToolCall
	Usage *pipeline.Usage
}

func collect(ctx context.Context, m pipeline.Model, req pipeline.Request) (r reply, err error) {
	for d, err := range m.Generate(ctx, req) {
		if err != nil {
			return r, err
		}
		r.Text += d.Text
		if d.Call != nil {
			r.Calls = append(r.Calls, *d.Call)
		}
		if d.Usage != nil {
			r.Usage = d.Usage
		}
	}

	return r, nil
}

// plain is a request with one question.
func plain() pipeline.Request {
	return pipeline.Request{System: "Be brief.", History: []pipeline.Message{{Role: pipeline.Caller, Text: "when do you open"}}}
}

func text(t *testing.T, b *bench) {
	b.script.Say(llmtest.Reply{
		Text: []string{"We ", "open", " at nine.", "  Grüß", " \"Gott\"\n"}, Usage: &pipeline.Usage{InputTokens: 40, CachedTokens: 8, OutputTokens: 12},
	})
	got, err := collect(t.Context(), b.model, plain())
	if err != nil {
		t.Fatal(err)
	}
	want := reply{Text: "We open at nine.  Grüß \"Gott\"\n", Usage: &pipeline.Usage{InputTokens: 40, CachedTokens: 8, OutputTokens: 12}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	b.script.Say(llmtest.Reply{})
	if got, err := collect(t.Context(), b.model, plain()); err != nil || got.Text != "" {
		t.Errorf("an empty reply: %+v, %v", got, err)
	}
}

func toolCalls(t *testing.T, b *bench) {
	want := []pipeline.ToolCall{
		{ID: "c1", Name: "opening_hours", Args: json.RawMessage(`{"day":"Monday \"late\""}`)},
		{ID: "c2", Name: "book", Args: json.RawMessage(`{"seats":4,"at":{"hour":19}}`)},
		{ID: "c3", Name: "ping", Args: json.RawMessage(`{}`)},
	}
	b.script.Say(llmtest.Reply{Text: []string{"Let me see."}, Calls: want, Usage: &pipeline.Usage{InputTokens: 5, OutputTokens: 9}})
	got, err := collect(t.Context(), b.model, plain())
	if err != nil {
		t.Fatal(err)
	}
	// A protocol without ids of calls makes them up.
	named := cmpopts.IgnoreFields(pipeline.ToolCall{}, "ID")
	if d := cmp.Diff(reply{Text: "Let me see.", Calls: want, Usage: &pipeline.Usage{InputTokens: 5, OutputTokens: 9}}, got,
		named, cmp.Comparer(sameJSON)); d != "" {
		t.Error(d)
	}
	ids := map[string]bool{"": true}
	for _, c := range got.Calls {
		if ids[c.ID] {
			t.Errorf("the id %q comes twice, or is empty", c.ID)
		}
		ids[c.ID] = true
	}
	b.script.Say(llmtest.Reply{Calls: want[:1]})
	if got, err := collect(t.Context(), b.model, plain()); err != nil || len(got.Calls) != 1 || got.Text != "" {
		t.Errorf("a reply of one call: %+v, %v", got, err)
	}
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	if len(a) == 0 || len(b) == 0 {
		return len(a) == len(b)
	}

	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && cmp.Equal(x, y)
}

func request(t *testing.T, b *bench) {
	schema := json.RawMessage(`{"type":"object","properties":{"day":{"type":"string"}},"required":["day"]}`)
	req := pipeline.Request{
		System: "Be brief.",
		Tools:  []pipeline.ToolSpec{{Name: "opening_hours", Description: "When the shop is open.", Parameters: schema}},
		History: []pipeline.Message{
			{Role: pipeline.Agent, Text: "Hello, how can I help?"},
			{Role: pipeline.Caller, Text: "when do you open"},
			{Role: pipeline.Agent, Text: "Let me see.", Calls: []pipeline.ToolCall{
				{ID: "a", Name: "opening_hours", Args: json.RawMessage(`{"day":"Monday"}`)},
				{ID: "b", Name: "opening_hours", Args: json.RawMessage(`{"day":"Tuesday"}`)},
			}},
			{Role: pipeline.Tool, Results: []pipeline.ToolResult{
				{ID: "a", Name: "opening_hours", Content: `{"open":"nine"}`},
				{ID: "b", Name: "opening_hours", Content: "it did not answer", Failed: true},
			}},
			{Role: pipeline.Agent, Text: "On Monday we open at", Cut: true},
			{Role: pipeline.Caller, Text: "no on sunday"},
			{Role: pipeline.Caller, Text: "hello"},
		},
	}
	b.script.Say(llmtest.Reply{Text: []string{"Closed."}})
	if _, err := collect(t.Context(), b.model, req); err != nil {
		t.Fatal(err)
	}
	asked := b.script.Asked()
	if len(asked) != 1 {
		t.Fatalf("%d requests", len(asked))
	}
	if d := cmp.Diff(req, asked[0].Request, cmpopts.EquateEmpty(), cmp.Comparer(sameJSON)); d != "" {
		t.Errorf("what the server understood: %s", d)
	}
	if asked[0].Model == "" {
		t.Error("no model was named")
	}
}

// goesOn wants the beginning of a reply to reach the vendor as the agent's own.
func goesOn(t *testing.T, b *bench) {
	req := plain()
	req.Said = "We open at"
	b.script.Say(llmtest.Reply{Text: []string{" nine."}})
	if _, err := collect(t.Context(), b.model, req); err != nil {
		t.Fatal(err)
	}
	if got := b.script.Asked()[0].Said; got != req.Said {
		t.Errorf("the server was told that the reply begins with %q", got)
	}
}

func refused(t *testing.T, b *bench) {
	for _, tc := range []struct {
		reply llmtest.Reply
		kind  pipeline.FaultKind
	}{
		{llmtest.Reply{Status: 429, Code: "rate_limit_exceeded", RetryAfter: 3 * time.Second}, pipeline.RateLimited},
		{llmtest.Reply{Status: 400, Code: "invalid_request_error"}, pipeline.Rejected},
		{llmtest.Reply{Status: 404, Code: "model_not_found"}, pipeline.Rejected},
		{llmtest.Reply{Status: 500, Code: "server_error"}, pipeline.Unavailable},
		{llmtest.Reply{Status: 503, Code: "overloaded_error"}, pipeline.Unavailable},
		{llmtest.Reply{Status: 504, Code: "timeout"}, pipeline.Slow},
	} {
		b.script.Say(tc.reply)
		got, err := collect(t.Context(), b.model, plain())
		f := pipeline.Fault(err)
		if err == nil || f.Kind != tc.kind || f.RetryAfter != tc.reply.RetryAfter || got.Text != "" {
			t.Errorf("HTTP %d: %+v, %v after %v", tc.reply.Status, got, err, f.RetryAfter)
		}
		if err != nil && strings.Contains(err.Error(), vendortest.Key) {
			t.Errorf("the key is in %v", err)
		}
	}
}

func breaks(t *testing.T, b *bench) {
	for name, tc := range map[string]struct {
		reply llmtest.Reply
		kind  pipeline.FaultKind
	}{
		"cut":        {llmtest.Reply{Text: []string{"We open"}, Cut: true}, pipeline.Unavailable},
		"junk":       {llmtest.Reply{Text: []string{"We open"}, Junk: true}, pipeline.Garbled},
		"overloaded": {llmtest.Reply{Text: []string{"We open"}, Error: "overloaded_error"}, pipeline.Unavailable},
	} {
		b.script.Say(tc.reply)
		got, err := collect(t.Context(), b.model, plain())
		if f := pipeline.Fault(err); err == nil || f.Kind != tc.kind {
			t.Errorf("%s: %v", name, err)
		}
		if got.Text != "We open" {
			t.Errorf("%s: %q came before", name, got.Text)
		}
	}
}

func hangs(t *testing.T, b *bench) {
	for _, r := range []llmtest.Reply{{Hang: true}, {Text: []string{"We"}, Hang: true}, {FirstToken: time.Hour}} {
		b.script.Say(r)
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		timer := time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
		began := time.Now()
		if _, err := collect(ctx, b.model, plain()); !errors.Is(err, why) {
			t.Error(err)
		}
		timer.Stop()
		if took := time.Since(began); took > patience/2 {
			t.Errorf("it ended after %v", took)
		}
	}
}

func isLeft(t *testing.T, b *bench) {
	b.script.Say(llmtest.Reply{Text: []string{"one", "two", "three"}, Hang: true})
	for _, err := range b.model.Generate(t.Context(), plain()) {
		if err != nil {
			t.Error(err)
		}

		break
	}
	select {
	case <-b.script.Gone():
	case <-time.After(patience):
		t.Error("the stream was not closed")
	}
}

func manyAtATime(t *testing.T, b *bench) {
	b.script.Say(llmtest.Reply{Text: []string{"a", "b", "c"}, Between: time.Millisecond})
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			if got, err := collect(t.Context(), b.model, plain()); err != nil || got.Text != "abc" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	all.Wait()
}

func warm(t *testing.T, b *bench) {
	w, ok := b.model.(pipeline.Warmer)
	if !ok {
		t.Fatal("it cannot be warmed")
	}
	if err := w.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.conns(); n != 1 {
		t.Fatalf("warming made %d connections", n)
	}
	if n := len(b.script.Asked()); n != 0 {
		t.Errorf("warming cost %d requests", n)
	}
	b.script.Say(llmtest.Reply{Text: []string{"hello"}})
	for range 3 {
		if _, err := collect(t.Context(), b.model, plain()); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.conns(); n != 1 {
		t.Errorf("%d connections for three replies after warming", n)
	}
}
