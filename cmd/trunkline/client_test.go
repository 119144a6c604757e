package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"trunkline/access"
	"trunkline/config"
	"trunkline/console"
)

// TestAsk asks a console that needs keys, as commands do.
func TestAsk(t *testing.T) { // it sets the environment
	var keys access.Keys
	key := access.NewKey()
	if err := keys.Add(access.SumOf(key), access.Holder{Name: "watcher", Role: access.Viewer}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(console.New(console.Config{Access: &keys, Providers: func() []console.Provider { return nil }}))
	defer server.Close()
	var cfg config.Config
	cfg.HTTP.Listen = strings.TrimPrefix(server.URL, "http://")

	var why *refusal
	t.Setenv(apiKeyEnv, "")
	if err := ask(t.Context(), &cfg, http.MethodGet, "/v1/providers", nil, nil); !errors.As(err, &why) ||
		why.Status != http.StatusUnauthorized || !strings.Contains(err.Error(), apiKeyEnv) {
		t.Errorf("without a key: %v; want 401 and what to set", err)
	}
	t.Setenv(apiKeyEnv, key)
	var answer json.RawMessage
	if err := ask(t.Context(), &cfg, http.MethodGet, "/v1/providers", nil, &answer); err != nil || len(answer) == 0 {
		t.Errorf("with a key: %v, %q", err, answer)
	}
	err := ask(t.Context(), &cfg, http.MethodPost, "/v1/calls/00000000-0000-0000-0000-000000000000/recording", struct{}{}, nil)
	if !errors.As(err, &why) || why.Code != "forbidden" || strings.Contains(err.Error(), key) {
		t.Errorf("an act with a viewer's key: %v; want it forbidden, without the key", err)
	}
	server.Close()
	if err := ask(t.Context(), &cfg, http.MethodGet, "/v1/providers", nil, nil); !errors.Is(err, errNoGateway) {
		t.Errorf("with no gateway: %v; want errNoGateway", err)
	}
}

func TestKeyCommand(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := (&keyCmd{Name: "desk", Role: "operator"}).Run(&streams{out: &out}); err != nil {
		t.Fatal(err)
	}
	_, settings, _ := strings.Cut(out.String(), "under http:")
	settings, _, _ = strings.Cut(settings, "Programs")
	cfg, err := config.Parse("t.yaml", []byte("http:\n"+strings.TrimPrefix(settings, "\n\n")), config.Overrides{})
	if err != nil {
		t.Fatalf("what the command prints is no configuration: %v\n%s", err, settings)
	}
	keys, err := cfg.HTTP.Access()
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.Fields(out.String())[7]
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+shown)
	if h, ok := keys.Holder(r); !ok || h.Name != "desk" || h.Role != access.Operator {
		t.Errorf("the key %q that was shown is held by %v, %v", shown, h, ok)
	}
}
