package config

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestNearestKey(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"trunk": "trunks", "lissten": "listen", "recognizer": "recogniser", "max_call": "max_calls", "agent": "agents",
		"zzzzzz": "", "nothing_like_any_key": "",
	} {
		if got := nearest(key, reflect.TypeFor[*Config]()); got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
	}
}

func TestEdits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-c]{0,6}`)
		a, b, c := word.Draw(t, "a"), word.Draw(t, "b"), word.Draw(t, "c")
		d := edits(a, b)
		switch {
		case (d == 0) != (a == b):
			t.Errorf("%d between %q and %q", d, a, b)
		case d != edits(b, a):
			t.Error("it depends on the order")
		case d > max(len(a), len(b)) || d < max(len(a), len(b))-min(len(a), len(b)):
			t.Errorf("%d between %q and %q", d, a, b)
		case d > edits(a, c)+edits(c, b):
			t.Errorf("%d, and less by way of %q", d, c)
		}
	})
}
