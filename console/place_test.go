package console

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"trunkline/storage"
)

// placer is a gateway that places what it is told, and its records.
type placer struct {
	mu     sync.Mutex
	orders []Order
	err    error
	ended  []string
	away   error
}

func (p *placer) place(_ context.Context, o Order) (uuid.UUID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return uuid.Nil, p.err
	}
	if o.ID == uuid.Nil {
		o.ID = uuid.New()
	}
	p.orders = append(p.orders, o)

	return o.ID, nil
}

func (p *placer) hangUp(id uuid.UUID, goodbye bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.ContainsFunc(p.orders, func(o Order) bool { return o.ID == id }) {
		return ErrNotRunning
	}
	p.ended = append(p.ended, map[bool]string{false: "at once", true: "goodbye"}[goodbye])

	return nil
}

func (*placer) Calls(context.Context, storage.Filter) (storage.Page, error) {
	return storage.Page{}, nil
}

func (p *placer) Call(_ context.Context, id uuid.UUID) (h storage.History, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.orders {
		if o.ID == id {
			h.Call.ID, h.Call.To = id, "+12126640000"

			return h, nil
		}
	}
	if p.away != nil {
		return h, p.away
	}

	return h, storage.ErrNotFound
}

// send asks the API of p and returns status and body.
func send(t *testing.T, p *placer, method, path, key, body string) (int, string) {
	t.Helper()
	handler := New(Config{Reader: p, Place: p.place, HangUp: p.hangUp})
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)

	return w.Code, w.Body.String()
}

func TestCallsArePlaced(t *testing.T) {
	t.Parallel()
	p := &placer{}
	code, _ := send(t, p, http.MethodPost, "/v1/calls", "", `{"to": "(212) 664-0000", "purpose": "reminder", "agent": "desk",
		"from": "+12125550100", "ring_seconds": 20, "vars": {"name": "Mary"}, "on_machine": "leave_message"}`)
	if code != http.StatusCreated || len(p.orders) != 1 {
		t.Fatalf("status %d, orders %v", code, p.orders)
	}
	want := Order{
		ID: p.orders[0].ID, To: "(212) 664-0000", Purpose: "reminder", Agent: "desk", From: "+12125550100", RingSeconds: 20,
		Vars: map[string]string{"name": "Mary"}, OnMachine: "leave_message",
	}
	if d := cmp.Diff(want, p.orders[0]); d != "" {
		t.Error(d)
	}
}

func TestARepeatedRequestPlacesNothing(t *testing.T) {
	t.Parallel()
	p := &placer{}
	const body = `{"to": "+12126640000", "purpose": "reminder"}`
	first, one := send(t, p, http.MethodPost, "/v1/calls", "order 7", body)
	second, two := send(t, p, http.MethodPost, "/v1/calls", "order 7", body)
	if first != http.StatusCreated || second != http.StatusOK || one != two || len(p.orders) != 1 {
		t.Errorf("got %d %s, %d %s, %d orders", first, one, second, two, len(p.orders))
	}
	if code, text := send(t, p, http.MethodPost, "/v1/calls", "order 7", `{"to": "+12126641111", "purpose": "reminder"}`); code != http.StatusConflict {
		t.Errorf("another number: %d %s", code, text)
	}
	if code, _ := send(t, p, http.MethodPost, "/v1/calls", "order 8", body); code != http.StatusCreated || len(p.orders) != 2 {
		t.Errorf("another key: %d", code)
	}
	p.away = storage.ErrAway
	if code, _ := send(t, p, http.MethodPost, "/v1/calls", "order 9", body); code != http.StatusServiceUnavailable || len(p.orders) != 2 {
		t.Errorf("whether it was placed is not known: %d", code)
	}
}

func TestCallsThatAreNotPlaced(t *testing.T) {
	t.Parallel()
	decision := uuid.New()
	for name, tt := range map[string]struct {
		err  error
		body string
		code int
		want string
	}{
		"denied":      {Denied(decision, []string{"dnc.internal"}), `{"to": "1", "purpose": "p"}`, 403, decision.String()},
		"reasons":     {Denied(decision, []string{"dnc.internal"}), `{"to": "1", "purpose": "p"}`, 403, `"dnc.internal"`},
		"undecided":   {ErrUndecided, `{"to": "1", "purpose": "p"}`, 503, "undecided"},
		"full":        {ErrFull, `{"to": "1", "purpose": "p"}`, 503, "full"},
		"no gate":     {ErrNoGate, `{"to": "1", "purpose": "p"}`, 503, "no_gate"},
		"a bad field": {BadOrder("to", "it is in JM"), `{"to": "1", "purpose": "p"}`, 400, "bad_to"},
		"no JSON":     {nil, `to: 1`, 400, "bad_order"},
		"a stranger":  {nil, `{"too": "1"}`, 400, "too"},
	} {
		p := &placer{err: tt.err}
		code, body := send(t, p, http.MethodPost, "/v1/calls", "", tt.body)
		if code != tt.code || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %s, want %d with %s", name, code, body, tt.code, tt.want)
		}
	}
	if code, body := send(t, &placer{}, http.MethodPost, "/v1/calls", strings.Repeat("k", 201), `{"to": "1"}`); code != http.StatusBadRequest {
		t.Errorf("a long key: %d %s", code, body)
	}
}

func TestCallsAreEnded(t *testing.T) {
	t.Parallel()
	p := &placer{}
	send(t, p, http.MethodPost, "/v1/calls", "", `{"to": "+12126640000", "purpose": "reminder"}`)
	path := "/v1/calls/" + p.orders[0].ID.String()
	for _, tt := range []struct {
		path string
		code int
	}{
		{path, http.StatusAccepted},
		{path + "?goodbye=true", http.StatusAccepted},
		{path + "?goodbye=maybe", http.StatusBadRequest},
		{"/v1/calls/" + uuid.NewString(), http.StatusConflict},
		{"/v1/calls/7", http.StatusNotFound},
	} {
		if code, body := send(t, p, http.MethodDelete, tt.path, "", ""); code != tt.code {
			t.Errorf("%s: %d %s, want %d", tt.path, code, body, tt.code)
		}
	}
	if want := []string{"at once", "goodbye"}; !slices.Equal(p.ended, want) {
		t.Errorf("ended %v, want %v", p.ended, want)
	}
}
