package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"trunkline/storage"
)

var _ Reader = (*storage.Store)(nil)

// reader has one call, and remembers what was asked for.
type reader struct {
	history storage.History
	next    string
	err     error
	asked   storage.Filter
}

func (r *reader) Calls(_ context.Context, f storage.Filter) (storage.Page, error) {
	r.asked = f
	return storage.Page{Calls: []storage.Call{r.history.Call}, Next: r.next}, r.err
}

func (r *reader) Call(_ context.Context, id uuid.UUID) (storage.History, error) {
	if r.err != nil {
		return storage.History{}, r.err
	}
	if id != r.history.Call.ID {
		return storage.History{}, fmt.Errorf("read call: %w", storage.ErrNotFound)
	}
	return r.history, nil
}

func setup(t *testing.T) (*reader, Config) {
	t.Helper()
	r := &reader{history: sample()}
	dir := t.TempDir()
	writeRecording(t, dir, &r.history)
	return r, Config{Reader: r, Recordings: dir}
}

func get(h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	return ask(h, http.MethodGet, path, headers...)
}

func ask(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAPICall(t *testing.T) {
	t.Parallel()
	_, config := setup(t)
	w := get(New(config), "/v1/calls/"+callID.String())
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("status %d, type %s", w.Code, w.Header().Get("Content-Type"))
	}
	var got map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	turns, ok := got["turns"].([]any)
	if !ok || len(turns) != 9 {
		t.Fatalf("turns: %v", got["turns"])
	}
	delete(got, "turns")
	want := map[string]any{
		"id": callID.String(), "direction": "inbound", "door": "sip", "from": "+14155550123", "to": "+14155550199",
		"agent": "reception", "state": "ended", "purpose": nil, "campaign": nil, "decision_id": nil, "attempt_id": nil, "answered_by": nil, "greeted_at": nil, "opened_at": nil, "started_at": "2026-03-09T14:02:11.48Z", "answered_at": "2026-03-09T14:02:12.38Z",
		"ended_at": "2026-03-09T14:02:48.58Z", "end_reason": "agent_goodbye", "fault": "agent", "attestation": nil,
		"recording": "/calls/" + callID.String() + "/recording", "cost": 0.013,
		"costs": []any{
			map[string]any{"stage": "think", "provider": "gpt", "amount": 0.0123},
			map[string]any{"stage": "speak", "provider": "aura", "amount": 0.0007},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("call (-want +got):\n%s", diff)
	}
	wantTurn := map[string]any{
		"role":       "agent",
		"text":       "We are open Monday to Friday from nine to six, and on Saturday from ten until two. On public holidays we are closed.",
		"heard_text": "We are open Monday to Friday from nine to six, and on", "interrupted": true,
		"latency_ms": map[string]any{
			"endpoint": 480.0, "first_token": 22.0, "first_sentence": 96.0, "first_sample": 210.0, "first_packet": 11.0, "total": 819.0,
		},
	}
	if diff := cmp.Diff(wantTurn, turns[2]); diff != "" {
		t.Errorf("third turn (-want +got):\n%s", diff)
	}
	if first, ok := turns[0].(map[string]any); !ok || first["latency_ms"] != nil {
		t.Errorf("a turn that was not measured has the latency %v, want null", first["latency_ms"])
	}
}

func TestAPICallThatRings(t *testing.T) {
	t.Parallel()
	r, config := setup(t)
	r.history = storage.History{Call: storage.Call{ID: callID, State: storage.Ringing, StartedAt: start}}
	var got map[string]any
	if err := json.Unmarshal(get(New(config), "/v1/calls/"+callID.String()).Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"answered_at", "ended_at", "end_reason", "fault", "recording"} {
		if value, there := got[key]; !there || value != nil {
			t.Errorf("%s is %v, want null", key, value)
		}
	}
	if turns, ok := got["turns"].([]any); !ok || len(turns) != 0 {
		t.Errorf("turns are %v, want none", got["turns"])
	}
}

func TestAPICalls(t *testing.T) {
	t.Parallel()
	r, config := setup(t)
	r.next = "next-page"
	w := get(New(config), "/v1/calls?state=ended&since=2026-03-01&limit=20&cursor=here")
	if w.Code != http.StatusOK {
		t.Fatal(w.Code, w.Body)
	}
	want := storage.Filter{State: storage.Ended, Since: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Limit: 20, Cursor: "here"}
	if diff := cmp.Diff(want, r.asked); diff != "" {
		t.Errorf("filter (-want +got):\n%s", diff)
	}
	var got struct {
		Calls []struct {
			ID string `json:"id"`
		} `json:"calls"`
		Next string `json:"next"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Calls) != 1 || got.Calls[0].ID != callID.String() || got.Next != "next-page" {
		t.Errorf("got %+v", got)
	}
}

func TestParseFilterSince(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Time{
		"24h":                  now.Add(-24 * time.Hour),
		"2026-03-08":           time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC),
		"2026-03-08T07:30:00Z": time.Date(2026, 3, 8, 7, 30, 0, 0, time.UTC),
		"":                     {},
	} {
		f, err := parseFilter(url.Values{"since": {value}}, now)
		if err != nil || !f.Since.Equal(want) {
			t.Errorf("since=%s: %v, %v, want %v", value, f.Since, err, want)
		}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		method, path string
		err          error
		status       int
		code         string
	}{
		{"GET", "/v1/calls/" + uuid.Nil.String(), nil, 404, "no_such_call"},
		{"GET", "/v1/calls/not-an-id", nil, 404, "no_such_call"},
		{"GET", "/v1/nothing", nil, 404, "no_such_path"},
		{"GET", "/nothing", nil, 404, "no_such_path"},
		{"POST", "/v1/providers", nil, 405, "method_not_allowed"},
		{"DELETE", "/calls/" + callID.String(), nil, 405, "method_not_allowed"},
		{"GET", "/v1/calls?state=lost", nil, 400, "bad_parameter"},
		{"GET", "/v1/calls?since=yesterday", nil, 400, "bad_parameter"},
		{"GET", "/v1/calls?limit=0", nil, 400, "bad_parameter"},
		{"GET", "/v1/calls?limit=501", nil, 400, "bad_parameter"},
		{"GET", "/v1/calls?colour=red", nil, 400, "bad_parameter"},
		{"GET", "/v1/calls?cursor=x", fmt.Errorf("list calls: %w", storage.ErrCursor), 400, "bad_cursor"},
		{"GET", "/v1/calls", fmt.Errorf("list calls: %w", storage.ErrAway), 503, "database_away"},
		{"GET", "/v1/calls", storage.ErrSchemaOld, 503, "schema_mismatch"},
		{"GET", "/v1/calls", errors.New("secret detail"), 500, "internal"},
		{"GET", "/calls/" + uuid.Nil.String() + "/recording", nil, 404, "no_such_call"},
	} {
		r, config := setup(t)
		r.err = tc.err
		w := ask(New(config), tc.method, tc.path)
		var got struct {
			Error map[string]string `json:"error"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Errorf("%s %s: %v: %s", tc.method, tc.path, err, w.Body)
			continue
		}
		if w.Code != tc.status || got.Error["code"] != tc.code || got.Error["message"] == "" || got.Error["hint"] == "" {
			t.Errorf("%s %s: %d %+v, want %d %s", tc.method, tc.path, w.Code, got.Error, tc.status, tc.code)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s %s tells the internals: %s", tc.method, tc.path, w.Body)
		}
		if tc.status == 405 && w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s %s: Allow is %q", tc.method, tc.path, w.Header().Get("Allow"))
		}
	}
}

func TestBrowsersGetProblemsAsPages(t *testing.T) {
	t.Parallel()
	_, config := setup(t)
	w := get(New(config), "/calls/"+uuid.Nil.String(), "Accept", "text/html,*/*")
	if w.Code != 404 || !strings.Contains(w.Body.String(), "There is no such call.") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		t.Errorf("a browser gets %d %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
}

func TestHealthAndReadiness(t *testing.T) {
	t.Parallel()
	_, config := setup(t)
	fine := Check{"speech", func(context.Context) error { return nil }}
	away := Check{"database", func(context.Context) error { return errors.New("the database is away") }}
	config.Checks = []Check{fine}
	config.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "calls 1") })
	h := New(config)
	if w := get(h, "/healthz"); w.Code != 200 || !strings.Contains(w.Body.String(), `"ok"`) {
		t.Errorf("healthz: %d %s", w.Code, w.Body)
	}
	if w := get(h, "/readyz"); w.Code != 200 || !strings.Contains(w.Body.String(), `"ready"`) {
		t.Errorf("readyz: %d %s", w.Code, w.Body)
	}
	if w := get(h, "/metrics"); w.Body.String() != "calls 1" {
		t.Errorf("metrics: %d %s", w.Code, w.Body)
	}
	config.Checks = []Check{fine, away}
	w := get(New(config), "/readyz")
	var got struct {
		Status string    `json:"status"`
		Checks []outcome `json:"checks"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if w.Code != 503 || got.Status != "not_ready" || len(got.Checks) != 2 || !got.Checks[0].OK ||
		got.Checks[1].Name != "database" || got.Checks[1].OK || got.Checks[1].Error != "the database is away" {
		t.Errorf("readyz: %d %+v", w.Code, got)
	}
}

func TestRecording(t *testing.T) {
	t.Parallel()
	_, config := setup(t)
	h, path := New(config), "/calls/"+callID.String()+"/recording"
	whole := get(h, path)
	if whole.Code != 200 || whole.Header().Get("Content-Type") != "audio/wav" || !strings.HasPrefix(whole.Body.String(), "RIFF") {
		t.Fatalf("%d %s, %d bytes", whole.Code, whole.Header().Get("Content-Type"), whole.Body.Len())
	}
	part := get(h, path, "Range", "bytes=8-11")
	if part.Code != 206 || part.Body.String() != "WAVE" {
		t.Errorf("range: %d %q", part.Code, part.Body)
	}
	if w := get(h, path, "Range", "bytes=99999999-"); w.Code != 416 {
		t.Errorf("a range beyond the end: %d", w.Code)
	}
}

func TestRecordingStaysInItsDirectory(t *testing.T) {
	t.Parallel()
	r, config := setup(t)
	secret := filepath.Join(t.TempDir(), "secret.wav")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(config.Recordings, "link.wav")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{secret, "../secret.wav", "..", ".", "/", filepath.Join(config.Recordings, "link.wav"), ""} {
		r.history.Call.Recording = name
		if w := get(New(config), "/calls/"+callID.String()+"/recording"); w.Code < 400 || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("recording %q: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestForeignHostsAreRefusedOnLoopback(t *testing.T) {
	t.Parallel()
	_, config := setup(t)
	server := httptest.NewServer(New(config))
	defer server.Close()
	for host, want := range map[string]int{
		"": 200, "localhost": 200, "localhost:8080": 200, "LOCALHOST.": 200, "console.localhost": 200, "[::1]:8080": 200, "127.0.0.1": 200,
		"attacker.example": 421, "attacker.example:8080": 421, "127.0.0.1.attacker.example": 421,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/v1/calls", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		response, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("Host %q: %d, want %d", host, response.StatusCode, want)
		}
	}
}
