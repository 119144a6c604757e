package tools_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"trunkline/pipeline"
	"trunkline/pipeline/tools"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is a small real HTTP server with the failures that servers have.
type service struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
}

// request is what reached the service.
type request struct {
	Method, URL, Key, Auth, Body string
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)

	return s
}

func (s *service) serve(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.requests = append(s.requests, request{r.Method, r.URL.RequestURI(), r.Header.Get("Idempotency-Key"), r.Header.Get("Authorization"), string(b)})
	n := len(s.requests)
	s.mu.Unlock()
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch first {
	case "down-once":
		if n == 1 {
			w.WriteHeader(http.StatusInternalServerError)

			return
		}
	case "busy-once":
		if n == 1 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)

			return
		}
	case "cut-once":
		if n == 1 {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"half":`)

			return
		}
	case "down":
		w.WriteHeader(http.StatusBadGateway)

		return
	case "refused":
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, "{\"error\": \"that time\n is taken\"}")

		return
	case "page":
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<html>no</html>")

		return
	case "huge":
		_, _ = io.WriteString(w, `"`+strings.Repeat("x", 40<<10)+`"`)

		return
	case "text":
		_, _ = io.WriteString(w, "  open until five\n")

		return
	case "binary":
		_, _ = w.Write([]byte{0xff, 0xfe, 0x00})

		return
	case "empty":
		w.WriteHeader(http.StatusNoContent)

		return
	case "within":
		http.Redirect(w, r, "/ok", http.StatusFound)

		return
	case "away":
		http.Redirect(w, r, "http://192.0.2.1/ok", http.StatusTemporaryRedirect)

		return
	case "slow":
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Second):
		}

		return
	}
	_, _ = fmt.Fprintf(w, `{ "ok": true, "n": %d, "items": [{"id": 7}, {"id": 8}] }`, n)
}

func (s *service) got() []request {
	s.mu.Lock()
	defer s.mu.Unlock()

	return append([]request(nil), s.requests...)
}

var scope = pipeline.ToolScope{CallID: "c1", Key: "c1-t1", Vars: map[string]string{"caller": "+15550100"}}

// run makes a tool and calls it once.
func run(t *testing.T, tool tools.Tool, args string) pipeline.ToolResult {
	t.Helper()
	tool.Name, tool.Description = "it", "does it"
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	set, err := tools.New(tools.Options{Tools: []tools.Tool{tool}, Client: transport})
	if err != nil {
		t.Fatal(err)
	}

	return set.Run(t.Context(), scope, pipeline.ToolCall{ID: "t1", Name: "it", Args: json.RawMessage(args)}).Result
}

const anyID = `{"type":"object","properties":{"id":{"type":"string"},"n":{"type":"integer"},"tags":{"type":"array"}},"required":["id"]}`

func TestAnswers(t *testing.T) {
	t.Parallel()
	const all = `{"items":[{"id":7},{"id":8}],"n":1,"ok":true}`
	second := strings.Replace(all, `"n":1`, `"n":2`, 1)
	for name, tt := range map[string]struct {
		tool   tools.Tool // HTTP.URL has the path
		args   string
		want   string
		failed bool
		tries  int
	}{
		"fine":                 {tool: tools.Tool{HTTP: tools.HTTP{URL: "/ok"}}, want: all, tries: 1},
		"a part":               {tool: tools.Tool{HTTP: tools.HTTP{URL: "/ok"}, Result: tools.Result{Path: "items.1.id"}}, want: "8", tries: 1},
		"no such part":         {tool: tools.Tool{HTTP: tools.HTTP{URL: "/ok"}, Result: tools.Result{Path: "items.2"}}, want: `it was done, but the answer cannot be used: it has no "2"`, failed: true, tries: 1},
		"wrong schema":         {tool: tools.Tool{HTTP: tools.HTTP{URL: "/ok"}, Result: tools.Result{Schema: json.RawMessage(`{"properties":{"ok":{"type":"string"}}}`)}}, want: "it was done, but the answer cannot be used: ok: got boolean, want string", failed: true, tries: 1},
		"right schema":         {tool: tools.Tool{HTTP: tools.HTTP{URL: "/ok"}, Result: tools.Result{Path: "ok", Schema: json.RawMessage(`{"type":"boolean"}`)}}, want: "true", tries: 1},
		"text":                 {tool: tools.Tool{HTTP: tools.HTTP{URL: "/text"}}, want: "open until five", tries: 1},
		"binary":               {tool: tools.Tool{HTTP: tools.HTTP{URL: "/binary"}}, want: "it was done, but the answer cannot be used: it is no text", failed: true, tries: 1},
		"nothing":              {tool: tools.Tool{HTTP: tools.HTTP{URL: "/empty", Method: "post"}}, want: "done", tries: 1},
		"huge":                 {tool: tools.Tool{HTTP: tools.HTTP{URL: "/huge"}}, want: "it was done, but the answer is longer than 16384 bytes and was not read", failed: true, tries: 1},
		"huge, allowed":        {tool: tools.Tool{HTTP: tools.HTTP{URL: "/huge"}, Result: tools.Result{Limit: 64 << 10}}, want: `"` + strings.Repeat("x", 40<<10) + `"`, tries: 1},
		"refused":              {tool: tools.Tool{HTTP: tools.HTTP{URL: "/refused"}, Retries: 2}, want: `the service refused it (HTTP 409): {"error": "that time is taken"}`, failed: true, tries: 1},
		"a page":               {tool: tools.Tool{HTTP: tools.HTTP{URL: "/page"}}, want: "the service refused it (HTTP 403)", failed: true, tries: 1},
		"down once":            {tool: tools.Tool{HTTP: tools.HTTP{URL: "/down-once"}, Retries: 1}, want: second, tries: 2},
		"down once, no retry":  {tool: tools.Tool{HTTP: tools.HTTP{URL: "/down-once"}}, want: "the service failed (HTTP 500)", failed: true, tries: 1},
		"down":                 {tool: tools.Tool{HTTP: tools.HTTP{URL: "/down"}, Retries: 2}, want: "the service failed (HTTP 502)", failed: true, tries: 3},
		"busy once":            {tool: tools.Tool{HTTP: tools.HTTP{URL: "/busy-once", Method: "POST"}, Retries: 1, SideEffect: true}, want: second, tries: 2},
		"cut once":             {tool: tools.Tool{HTTP: tools.HTTP{URL: "/cut-once"}, Retries: 1}, want: second, tries: 2},
		"redirect on the host": {tool: tools.Tool{HTTP: tools.HTTP{URL: "/within"}}, want: second, tries: 2},
		"redirect of a POST":   {tool: tools.Tool{HTTP: tools.HTTP{URL: "/within", Method: "POST"}}, want: "the service sent the call elsewhere (HTTP 302), which is not followed", failed: true, tries: 1},
		"redirect elsewhere":   {tool: tools.Tool{HTTP: tools.HTTP{URL: "/away"}}, want: "the service sent the call elsewhere (HTTP 307), which is not followed", failed: true, tries: 1},
		"slow":                 {tool: tools.Tool{HTTP: tools.HTTP{URL: "/slow", Timeout: 2 * time.Second}}, want: "the service did not answer in time", failed: true, tries: 1},
		"arguments are checked": {
			tool: tools.Tool{Parameters: json.RawMessage(anyID), HTTP: tools.HTTP{URL: "/ok/{id}"}}, args: `{"id": 7}`,
			want: "the arguments are wrong: id: got number, want string", failed: true,
		},
		"a missing argument": {
			tool: tools.Tool{Parameters: json.RawMessage(anyID), HTTP: tools.HTTP{URL: "/ok/{id}"}}, args: ``,
			want: "the arguments are wrong: missing property 'id'", failed: true,
		},
		"no JSON":         {tool: tools.Tool{HTTP: tools.HTTP{URL: "/ok"}}, args: `{`, want: "the arguments are wrong: they are no JSON", failed: true},
		"no object":       {tool: tools.Tool{HTTP: tools.HTTP{URL: "/ok"}}, args: `[1]`, want: "the arguments are wrong: they are no JSON object", failed: true},
		"out of the path": {tool: tools.Tool{Parameters: json.RawMessage(anyID), HTTP: tools.HTTP{URL: "/ok/{id}"}}, args: `{"id": ".."}`, want: `id: ".." is no name that can stand in a path`, failed: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			tt.tool.HTTP.URL = s.URL + tt.tool.HTTP.URL
			got := run(t, tt.tool, tt.args)
			if d := cmp.Diff(pipeline.ToolResult{ID: "t1", Name: "it", Content: tt.want, Failed: tt.failed}, got); d != "" {
				t.Errorf("result (-want +got):\n%s", d)
			}
			if n := len(s.got()); n != tt.tries {
				t.Errorf("%d requests, want %d", n, tt.tries)
			}
		})
	}
}

func TestRequests(t *testing.T) {
	t.Setenv("TOOLS_TEST_TOKEN", "s3cret")
	args := `{"id": "a/b?c d&é", "n": 3, "tags": ["x", "\"y"]}`
	for name, tt := range map[string]struct {
		tool tools.Tool
		want request
	}{
		"path and query are escaped": {
			tools.Tool{HTTP: tools.HTTP{URL: "/ok/{id}?n={n}&t={tags}&from={call.caller}&id={id}"}},
			request{Method: "GET", URL: "/ok/a%2Fb%3Fc%20d&%C3%A9?n=3&t=%5B%22x%22%2C%22%5C%22y%22%5D&from=%2B15550100&id=a%2Fb%3Fc+d%26%C3%A9"},
		},
		"arguments are the body": {
			tools.Tool{HTTP: tools.HTTP{URL: "/ok", Method: "POST"}, SideEffect: true},
			request{Method: "POST", URL: "/ok", Key: "c1-t1", Body: `{"id":"a/b?c d\u0026é","n":3,"tags":["x","\"y"]}`},
		},
		"a body with holes": {
			tools.Tool{HTTP: tools.HTTP{URL: "/ok", Body: `{"ref": {id}, "who": {call.caller}, "none": {call.none}, "tags": {tags}}`}},
			request{Method: "POST", URL: "/ok", Key: "c1-t1", Body: `{"ref": "a/b?c d\u0026é", "who": "+15550100", "none": null, "tags": ["x","\"y"]}`},
		},
		"secrets from the environment": {
			tools.Tool{HTTP: tools.HTTP{URL: "/ok", Headers: map[string]string{"authorization": "Bearer ${TOOLS_TEST_TOKEN}"}}},
			request{Method: "GET", URL: "/ok", Auth: "Bearer s3cret"},
		},
		"an idempotent side effect has a key too": {
			tools.Tool{HTTP: tools.HTTP{URL: "/ok", Method: "DELETE"}, SideEffect: true},
			request{Method: "DELETE", URL: "/ok", Key: "c1-t1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			tt.tool.HTTP.URL = s.URL + tt.tool.HTTP.URL
			tt.tool.Parameters = json.RawMessage(anyID)
			if r := run(t, tt.tool, args); r.Failed {
				t.Fatal(r.Content)
			}
			if d := cmp.Diff([]request{tt.want}, s.got()); d != "" {
				t.Errorf("requests (-want +got):\n%s", d)
			}
		})
	}
}

// TestRetriesHaveOneKey also holds for the key of a request whose answer was
// lost.
func TestRetriesHaveOneKey(t *testing.T) {
	t.Parallel()
	s := newService(t)
	got := run(t, tools.Tool{HTTP: tools.HTTP{URL: s.URL + "/cut-once", Method: "POST"}, SideEffect: true, Retries: 2}, "")
	if got.Failed {
		t.Fatal(got.Content)
	}
	for _, r := range s.got() {
		if r.Key != "c1-t1" {
			t.Errorf("key %q", r.Key)
		}
	}
}

func TestNothingSecretIsTold(t *testing.T) {
	t.Parallel()
	got := run(t, tools.Tool{Parameters: json.RawMessage(anyID), HTTP: tools.HTTP{URL: "http://127.0.0.1:1/{id}", Headers: map[string]string{"X-Key": "hidden"}}}, `{"id": "private"}`)
	if got.Content != "the service could not be reached" {
		t.Errorf("told %q", got.Content)
	}
}

// transport is a service without a network, for virtual time.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, retryAfter string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Retry-After": {retryAfter}}, Body: io.NopCloser(strings.NewReader("{}")), ProtoMajor: 1, ProtoMinor: 1,
	}
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		serve    func(n int, r *http.Request) (*http.Response, error)
		tries    int
		min, max time.Duration
		failed   bool
	}{
		"the first attempt hangs, the second answers": {
			func(n int, r *http.Request) (*http.Response, error) {
				if n == 1 {
					<-r.Context().Done()

					return nil, r.Context().Err()
				}

				return answer(200, ""), nil
			}, 2, 4 * time.Second, 4200 * time.Millisecond, false,
		},
		"all attempts hang": {
			func(_ int, r *http.Request) (*http.Response, error) {
				<-r.Context().Done()

				return nil, r.Context().Err()
			}, 3, 10 * time.Second, 10 * time.Second, true,
		},
		"it waits as long as it is asked to": {
			func(n int, _ *http.Request) (*http.Response, error) {
				if n == 1 {
					return answer(429, "3"), nil
				}

				return answer(200, ""), nil
			}, 2, 3 * time.Second, 3 * time.Second, false,
		},
		"it does not wait beyond the deadline": {
			func(int, *http.Request) (*http.Response, error) { return answer(429, "3600"), nil }, 1, 0, 0, true,
		},
		"it backs off": {
			func(int, *http.Request) (*http.Response, error) { return answer(500, ""), nil }, 6, 2 * time.Second, 5 * time.Second, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				set, err := tools.New(tools.Options{
					Client: transport(func(r *http.Request) (*http.Response, error) {
						tries++

						return tt.serve(tries, r)
					}),
					Tools: []tools.Tool{{Name: "it", Description: "does it", HTTP: tools.HTTP{URL: "http://service.test/"}, Retries: 5}},
				})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				out := set.Run(t.Context(), scope, pipeline.ToolCall{ID: "t1", Name: "it"})
				if took := time.Since(start); took < tt.min || took > tt.max || tries != tt.tries || out.Result.Failed != tt.failed {
					t.Errorf("%d tries in %s, %+v", tries, took, out.Result)
				}
			})
		})
	}
}

func TestParallelCallsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		running, most := 0, 0
		set, err := tools.New(tools.Options{
			Parallel: 2,
			Client: transport(func(*http.Request) (*http.Response, error) {
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				running--
				mu.Unlock()

				return answer(200, ""), nil
			}),
			Tools: []tools.Tool{{Name: "it", Description: "does it", HTTP: tools.HTTP{URL: "http://service.test/"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		start := time.Now()
		for range 6 {
			all.Go(func() {
				if out := set.Run(t.Context(), scope, pipeline.ToolCall{Name: "it"}); out.Result.Failed {
					t.Errorf("failed: %s", out.Result.Content)
				}
			})
		}
		all.Wait()
		if took := time.Since(start); most != 2 || took != 3*time.Second {
			t.Errorf("%d at once, %s in all", most, took)
		}
	})
}

func TestMistakesAreToldAtTheStart(t *testing.T) {
	t.Parallel()
	good := func(change func(*tools.Tool)) tools.Tool {
		tool := tools.Tool{Name: "it", Description: "does it", Parameters: json.RawMessage(anyID), HTTP: tools.HTTP{URL: "https://api.test/{id}"}}
		change(&tool)

		return tool
	}
	for want, tool := range map[string]tools.Tool{
		"is no name":             good(func(t *tools.Tool) { t.Name = "no name" }),
		"no description":         good(func(t *tools.Tool) { t.Description = " " }),
		"retries must be 0 to 5": good(func(t *tools.Tool) { t.Retries = 6 }),
		"schema of an object":    good(func(t *tools.Tool) { t.Parameters = json.RawMessage(`{"type":"string"}`) }),
		"cannot name other documents": good(func(t *tools.Tool) {
			t.Parameters = json.RawMessage(`{"type":"object","required":["id"],"properties":{"id":{"$ref":"file:///etc/passwd"}}}`)
		}),
		"must begin with https":           good(func(t *tools.Tool) { t.HTTP.URL = "ftp://x/{id}" }),
		"must name its host outright":     good(func(t *tools.Tool) { t.HTTP.URL = "https://{id}.test/" }),
		"must not hold a user":            good(func(t *tools.Tool) { t.HTTP.URL = "https://u:p@api.test/" }),
		"must not have a fragment":        good(func(t *tools.Tool) { t.HTTP.URL = "https://api.test/#x" }),
		"{who} is none of the parameters": good(func(t *tools.Tool) { t.HTTP.URL = "https://api.test/{who}" }),
		"must list it as required":        good(func(t *tools.Tool) { t.HTTP.URL = "https://api.test/{n}" }),
		"is no JSON once its holes":       good(func(t *tools.Tool) { t.HTTP.Body = `{"id": "{id}}` }),
		`method: "TRACE" is not known`:    good(func(t *tools.Tool) { t.HTTP.Method = "TRACE" }),
		"the environment has no TOOLS_TEST_NOT_SET": good(func(t *tools.Tool) {
			t.HTTP.Headers = map[string]string{"A": "${TOOLS_TEST_NOT_SET}"}
		}),
		"result.schema":     good(func(t *tools.Tool) { t.Result.Schema = json.RawMessage(`{"type": 5}`) }),
		"name of two tools": good(func(t *tools.Tool) { t.Name = tools.HangUp }),
	} {
		if _, err := tools.New(tools.Options{Tools: []tools.Tool{tool}, BuiltIn: tools.BuiltIn{HangUp: true}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// book keeps callbacks and opt-outs.
type book struct {
	err       error
	callbacks []tools.Callback
	optOuts   []tools.OptedOut
}

func (b *book) ScheduleCallback(_ context.Context, c tools.Callback) error {
	b.callbacks = append(b.callbacks, c)

	return b.err
}

func (b *book) OptOut(_ context.Context, o tools.OptedOut) error {
	b.optOuts = append(b.optOuts, o)

	return b.err
}

func TestBuiltIn(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, time.November, 21, 9, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		call, args string
		broken     error
		noCaller   bool
		want       string
		failed     bool
		act        *pipeline.Act
		keys       string
		language   string
		callback   *tools.Callback
		optOut     *tools.OptedOut
	}{
		"transfer": {
			call: "transfer", args: `{"target": "desk"}`, want: "the caller is put through after your words",
			act: &pipeline.Act{Name: "hand_off", Args: map[string]string{"target": "desk"}},
		},
		"transfer to a number": {
			call: "transfer", args: `{"target": "+15550199"}`, want: `the arguments are wrong: target: value must be one of 'desk', 'night'`, failed: true,
		},
		"hang up":    {call: "hang_up", want: "the call ends after your words", act: &pipeline.Act{Name: "hang_up", Args: map[string]string{"reason": ""}}},
		"keys":       {call: "send_dtmf", args: `{"keys": "1w#"}`, want: "the keys were sent", keys: "1w#"},
		"wrong keys": {call: "send_dtmf", args: `{"keys": "call"}`, want: "the arguments are wrong: keys: 'call' does not match pattern '^[0-9A-D*#w]{1,32}$'", failed: true},
		"callback": {
			call: "schedule_callback", args: `{"at": "2026-11-24T15:30", "note": "teeth"}`, want: "recorded for Tuesday, 24 November 2026, at 15:30",
			callback: &tools.Callback{CallID: "c1", Key: "c1-t1", Number: "+15550100", At: time.Date(2026, 11, 24, 15, 30, 0, 0, berlin), Note: "teeth"},
		},
		"callback with an offset to another number": {
			call: "schedule_callback", args: `{"at": "2026-11-24T15:30:00Z", "number": "+1 555 0142"}`, want: "recorded for Tuesday, 24 November 2026, at 16:30",
			callback: &tools.Callback{CallID: "c1", Key: "c1-t1", Number: "+1 555 0142", At: time.Date(2026, 11, 24, 15, 30, 0, 0, time.UTC)},
		},
		"callback in the past": {call: "schedule_callback", args: `{"at": "2026-11-21T09:30"}`, want: "that time is past: it is Saturday, 21 November 2026, 10:00", failed: true},
		"callback far away":    {call: "schedule_callback", args: `{"at": "2027-11-21T09:30"}`, want: "that is more than 90 days from now", failed: true},
		"callback at no time":  {call: "schedule_callback", args: `{"at": "soon"}`, want: "the time cannot be read: write it as 2026-11-24T15:30", failed: true},
		"callback to nobody":   {call: "schedule_callback", args: `{"at": "2026-11-24T15:30"}`, noCaller: true, want: "the caller's number is not known: ask for it", failed: true},
		"callback is not recorded": {
			call: "schedule_callback", args: `{"at": "2026-11-24T15:30"}`, broken: io.ErrClosedPipe, want: "it could not be recorded; do not promise it", failed: true,
			callback: &tools.Callback{CallID: "c1", Key: "c1-t1", Number: "+15550100", At: time.Date(2026, 11, 24, 15, 30, 0, 0, berlin)},
		},
		"opt out": {
			call: "opt_out", args: `{"words": "stop calling"}`, want: "recorded: this number is not called again",
			optOut: &tools.OptedOut{CallID: "c1", Key: "c1-t1", Number: "+15550100", Words: "stop calling"},
		},
		"language": {
			call: "switch_language", args: `{"language": "de-DE"}`, want: "the conversation goes on in de-DE: answer in it from now on", language: "de-DE",
		},
		"a language that does not open": {
			call: "switch_language", args: `{"language": "de-DE"}`, broken: io.ErrClosedPipe,
			want: "the language could not be changed; go on in the one before", failed: true, language: "de-DE",
		},
		"no such language": {
			call: "switch_language", args: `{"language": "fr"}`, want: `the arguments are wrong: language: value must be one of 'en-US', 'de-DE'`, failed: true,
		},
		"opt out of nobody": {call: "opt_out", noCaller: true, want: "the caller's number is not known; offer to put them through to a person", failed: true},
		"no such tool":      {call: "rm", want: "there is no tool of this name", failed: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &book{err: tt.broken}
			set, err := tools.New(tools.Options{Now: func() time.Time { return now }, BuiltIn: tools.BuiltIn{
				Targets: []tools.Target{{Name: "desk", Description: "appointments"}, {Name: "night"}},
				HangUp:  true, SendDTMF: true, Callbacks: b, OptOuts: b, Zone: berlin, Languages: []string{"en-US", "de-DE"},
			}})
			if err != nil {
				t.Fatal(err)
			}
			keys := ""
			in := scope
			in.Keys = func(_ context.Context, k string) error {
				keys = k

				return nil
			}
			language := ""
			in.Language = func(_ context.Context, tag string) error {
				language = tag

				return tt.broken
			}
			if tt.noCaller {
				in.Vars = nil
			}
			out := set.Run(t.Context(), in, pipeline.ToolCall{ID: "t1", Name: tt.call, Args: json.RawMessage(tt.args)})
			if d := cmp.Diff(pipeline.ToolResult{ID: "t1", Name: tt.call, Content: tt.want, Failed: tt.failed}, out.Result); d != "" {
				t.Errorf("result (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.act, out.Act); d != "" || keys != tt.keys {
				t.Errorf("keys %q, act (-want +got):\n%s", keys, d)
			}
			if language != tt.language {
				t.Errorf("language %q, want %q", language, tt.language)
			}
			var callbacks []tools.Callback
			var optOuts []tools.OptedOut
			if tt.callback != nil {
				callbacks = append(callbacks, *tt.callback)
			}
			if tt.optOut != nil {
				optOuts = append(optOuts, *tt.optOut)
			}
			if d := cmp.Diff(callbacks, b.callbacks); d != "" {
				t.Errorf("callbacks (-want +got):\n%s", d)
			}
			if d := cmp.Diff(optOuts, b.optOuts); d != "" {
				t.Errorf("opt-outs (-want +got):\n%s", d)
			}
		})
	}
}

// FuzzArguments holds for whatever a model writes: the request goes to the
// configured host and path, or nowhere.
func FuzzArguments(f *testing.F) {
	f.Add(`{"id": "a"}`)
	f.Add(`{"id": "../../x", "n": 1e999, "tags": [[[[{}]]]]}`)
	f.Add(`{"id": "@evil.test/"}`)
	f.Add(`{"id": "\u0000%2e%2e"}`)
	f.Fuzz(func(t *testing.T, args string) {
		set, err := tools.New(tools.Options{
			Client: transport(func(r *http.Request) (*http.Response, error) {
				if r.URL.Host != "api.test" || !strings.HasPrefix(r.URL.EscapedPath(), "/v1/") || strings.Count(r.URL.EscapedPath(), "/") != 2 {
					t.Errorf("%s goes to %s", args, r.URL)
				}

				return answer(200, ""), nil
			}),
			Tools: []tools.Tool{{
				Name: "it", Description: "does it", Parameters: json.RawMessage(anyID), HTTP: tools.HTTP{URL: "https://api.test/v1/{id}?n={n}&tags={tags}"},
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		set.Run(t.Context(), scope, pipeline.ToolCall{Name: "it", Args: json.RawMessage(args)})
	})
}

func TestRequestsCarryTheTraceContext(t *testing.T) {
	t.Parallel()
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, strings.Join(r.Header.Values("Traceparent"), ","))
	}))
	defer s.Close()
	set, err := tools.New(tools.Options{Tools: []tools.Tool{{Name: "look", Description: "Looks.", HTTP: tools.HTTP{URL: s.URL}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, trace := range []string{parent, ""} {
		of := scope
		of.Trace = trace
		if out := set.Run(t.Context(), of, pipeline.ToolCall{ID: "t1", Name: "look"}); out.Result.Failed {
			t.Fatal(out.Result.Content)
		}
	}
	if d := cmp.Diff([]string{parent, ""}, got); d != "" {
		t.Errorf("traceparent (-want +got):\n%s", d)
	}
}
