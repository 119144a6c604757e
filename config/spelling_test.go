package config

import (
	"reflect"
	"testing"
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
