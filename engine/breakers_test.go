package engine

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"trunkline/config"
	"trunkline/pipeline"
	"trunkline/pipeline/breaker"
)

// TestOneVendorsOutageIsLearntOnce opens agents that use the same vendors and
// tells which share a breaker.
func TestOneVendorsOutageIsLearntOnce(t *testing.T) {
	t.Parallel()
	v := newVendors(t)
	shared := &Breakers{}
	open := func(src string) map[pipeline.Stage]*breaker.Breaker {
		s, err := Open(t.Context(), Options{StateDir: t.TempDir(), Breakers: shared, Log: slog.New(slog.DiscardHandler)}, v.agent(t, src))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		all := map[pipeline.Stage]*breaker.Breaker{}
		for _, p := range s.Providers() {
			all[p.Stage] = p.Breaker
		}

		return all
	}
	const model = `
    model: {engine: openai, openai: {model: MODEL, base_url: "OPENAI_URL", key_env: GOOD}}
    voice: {engine: declared}
    recogniser: {engine: declared, declared: {says: [yes]}}
`
	first := open(model)
	for name, tc := range map[string]struct {
		old, new string
		same     bool
	}{
		"the same":       {"", "", true},
		"another key":    {"GOOD", "WRONG", false},
		"other settings": {"engine: openai,", "engine: openai, breaker: {failures: 9},", false},
		"another model":  {"MODEL", "other", false},
	} {
		next := open(strings.Replace(model, tc.old, tc.new, 1))
		if same := next[pipeline.Think] == first[pipeline.Think]; same != tc.same {
			t.Errorf("%s: shared %t", name, same)
		}
		if next[pipeline.Speak] == first[pipeline.Speak] {
			t.Errorf("%s: what is part of this program shares a breaker", name)
		}
	}
	leave, _ := first[pipeline.Think].Try(time.Now())
	leave.Fail(time.Now(), time.Minute)
	if s := open(model)[pipeline.Think].State(time.Now()); s != breaker.Open {
		t.Errorf("an agent that is opened later finds the breaker %s", s)
	}
	if (*Breakers)(nil).of(&Provider{Host: "a"}, "", &config.Breaker{}) == nil {
		t.Error("without Breakers there is none")
	}
}
