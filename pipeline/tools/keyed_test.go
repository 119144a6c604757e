package tools_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/tools"
)

const pan = "4111111111111111"

// payment is a tool that takes a card.
func payment(url string) tools.Tool {
	return tools.Tool{
		Name: "pay", Description: "takes a payment", SideEffect: true,
		Parameters: json.RawMessage(`{"type":"object","properties":{"amount":{"type":"number"}},"required":["amount"]}`),
		HTTP:       tools.HTTP{Method: "POST", URL: url + "/pay", Body: `{"card": {keyed.card}, "amount": {amount}}`},
		Keyed:      []tools.Keyed{{Name: "card", Ask: "Please key in your card.", Min: 13, Max: 19, Check: "luhn"}},
	}
}

func TestKeyedValuesGoToTheServiceAlone(t *testing.T) {
	t.Parallel()
	var body string
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body = string(b)
		_, _ = io.WriteString(w, `{"charged": "`+pan+`", "ok": true}`) // a service that repeats it
	}))
	defer service.Close()
	set, err := tools.New(tools.Options{Tools: []tools.Tool{payment(service.URL)}})
	if err != nil {
		t.Fatal(err)
	}
	var asked []pipeline.Ask
	scope := pipeline.ToolScope{Key: "k", Ask: func(ctx context.Context, all []pipeline.Ask) ([]string, error) {
		asked = all
		if end, ok := ctx.Deadline(); !ok || time.Until(end) < time.Minute {
			t.Error("the caller has less than a minute")
		}

		return []string{pan}, nil
	}}
	out := set.Run(t.Context(), scope, pipeline.ToolCall{ID: "1", Name: "pay", Args: json.RawMessage(`{"amount": 12.5}`)})
	if out.Result.Failed || body != `{"card": "`+pan+`", "amount": 12.5}` {
		t.Errorf("result %+v of the body %s", out.Result, body)
	}
	if strings.Contains(out.Result.Content, pan) || !strings.Contains(out.Result.Content, "[hidden]") {
		t.Errorf("the model is told %s", out.Result.Content)
	}
	if len(asked) != 1 || asked[0].Rules.Min != 13 || asked[0].Valid("4111111111111112") || !asked[0].Valid(pan) {
		t.Errorf("asked %+v", asked)
	}
	if spec := set.Specs()[0]; strings.Contains(spec.Description+string(spec.Parameters), "card") {
		t.Errorf("the model is told of the card: %+v", spec)
	}
}

func TestKeyedValuesNeedACallThatCanAsk(t *testing.T) {
	t.Parallel()
	set, err := tools.New(tools.Options{Tools: []tools.Tool{payment("https://pay.example.net")}})
	if err != nil {
		t.Fatal(err)
	}
	out := set.Run(t.Context(), pipeline.ToolScope{}, pipeline.ToolCall{ID: "1", Name: "pay", Args: json.RawMessage(`{"amount": 1}`)})
	if !out.Result.Failed || !strings.Contains(out.Result.Content, "no key") {
		t.Errorf("result %+v; want a failure that says why", out.Result)
	}
	refuse := func(context.Context, []pipeline.Ask) ([]string, error) { return nil, pipeline.ErrNoKeys }
	out = set.Run(t.Context(), pipeline.ToolScope{Ask: refuse}, pipeline.ToolCall{ID: "1", Name: "pay", Args: json.RawMessage(`{"amount": 1}`)})
	if !out.Result.Failed || out.Uncertain || out.Result.Content != pipeline.ErrNoKeys.Error() {
		t.Errorf("result %+v; want nothing done, for certain", out)
	}
}

func TestKeyedValuesThatCannotWork(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*tools.Tool)
		want   string
	}{
		"in the URL":     {func(x *tools.Tool) { x.HTTP.URL += "/{keyed.card}" }, "servers' logs"},
		"plain HTTP":     {func(x *tools.Tool) { x.HTTP.URL = "http://pay.example.net/pay" }, "https only"},
		"unknown":        {func(x *tools.Tool) { x.HTTP.Body = `{"pin": {keyed.pin}}` }, "none of the keyed values"},
		"no words":       {func(x *tools.Tool) { x.Keyed[0].Ask = " " }, "keyed[0].ask"},
		"no keys":        {func(x *tools.Tool) { x.Keyed[0].Min = 0 }, "1 to 32"},
		"unknown check":  {func(x *tools.Tool) { x.Keyed[0].Check = "iban" }, "luhn"},
		"the same twice": {func(x *tools.Tool) { x.Keyed = append(x.Keyed, x.Keyed[0]) }, "two values"},
	} {
		x := payment("https://pay.example.net")
		tc.change(&x)
		if _, err := tools.New(tools.Options{Tools: []tools.Tool{x}}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v; want %q", name, err, tc.want)
		}
	}
}
