package console

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"trunkline/access"
	"trunkline/storage"
)

// keyed is a console with a key for each role, and those keys.
func keyed(t *testing.T, config Config) (h http.Handler, keys map[access.Role]string) {
	t.Helper()
	keys, config.Access = make(map[access.Role]string), &access.Keys{}
	for _, role := range access.Roles() {
		key := access.NewKey()
		keys[access.Role(role)] = key
		if err := config.Access.Add(access.SumOf(key), access.Holder{Name: role + "'s", Role: access.Role(role)}); err != nil {
			t.Fatal(err)
		}
	}

	return New(config), keys
}

func pause(h http.Handler, key string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/calls/"+uuid.Max.String()+"/recording", strings.NewReader(`{"state": "paused"}`))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+key)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)

	return w
}

func TestRequestsNeedAKey(t *testing.T) {
	t.Parallel()
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	h, keys := keyed(t, Config{Reader: &reader{}, Metrics: metrics})
	for _, path := range []string{"/v1/calls", "/calls", "/v1/providers", "/metrics", "/v1/none", "/none", "/", "/v1/calls/x/recording"} {
		w := get(h, path)
		if w.Code != http.StatusUnauthorized || len(w.Header().Values("WWW-Authenticate")) != 2 {
			t.Errorf("GET %s without a key: %d, %q; want 401 and two ways to show one", path, w.Code, w.Header().Values("WWW-Authenticate"))
		}
		if w := get(h, path, "Authorization", "Bearer "+keys[access.Viewer]); w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden {
			t.Errorf("GET %s with a viewer's key: %d", path, w.Code)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if w := get(h, path); w.Code != http.StatusOK {
			t.Errorf("GET %s without a key: %d; probes have none", path, w.Code)
		}
	}
}

func TestActsNeedTheirRole(t *testing.T) {
	t.Parallel()
	paused := 0
	h, keys := keyed(t, Config{Reader: &reader{}, Record: func(uuid.UUID, string, string) error { paused++; return nil }})
	for role, want := range map[access.Role]int{
		access.Viewer: http.StatusForbidden, access.Compliance: http.StatusForbidden,
		access.Operator: http.StatusOK, access.Admin: http.StatusOK,
	} {
		if w := pause(h, keys[role]); w.Code != want {
			t.Errorf("a pause by a %s: %d; want %d", role, w.Code, want)
		}
	}
	if w := pause(h, "guess"); w.Code != http.StatusUnauthorized || paused != 2 {
		t.Errorf("a pause with a guessed key: %d, and %d pauses in all; want 401 and 2", w.Code, paused)
	}
}

func TestActsAreRecordedBeforeTheyAreDone(t *testing.T) {
	t.Parallel()
	var acts []Act
	var fail error
	config := Config{
		Reader: &reader{},
		Act: func(_ context.Context, a Act) error {
			acts = append(acts, a)

			return fail
		},
	}
	config.Record = func(_ uuid.UUID, state, by string) error {
		if state != "paused" || by != "operator's" {
			t.Errorf("%s by %s", state, by)
		}
		if len(acts) == 0 {
			t.Error("the recording was paused before that was recorded")
		}

		return nil
	}
	h, keys := keyed(t, config)
	if w := pause(h, keys[access.Operator]); w.Code != http.StatusOK {
		t.Fatalf("a pause: %d", w.Code)
	}
	if a := acts[0]; a.Actor != "operator's" || a.Role != access.Operator || !strings.Contains(a.Object, uuid.Max.String()) || a.What == "" {
		t.Errorf("recorded %+v", a)
	}

	// What runs calls goes on without the records; what changes evidence does not.
	fail = storage.ErrAway
	if w := pause(h, keys[access.Operator]); w.Code != http.StatusOK {
		t.Errorf("a pause while the database is away: %d; want it done", w.Code)
	}
	s := &console{Config: config}
	s.Log = slog.New(slog.DiscardHandler)
	r := httptest.NewRequest(http.MethodPost, "/v1/consents", nil)
	if err := s.note(r, access.Prove, "add a consent"); !errors.Is(err, storage.ErrAway) {
		t.Errorf("an act on evidence while the database is away: %v; want it refused", err)
	}
}
