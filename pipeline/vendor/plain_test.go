package vendor

import "testing"

func TestPlain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"When do you open?":    "when do you open",
		"“Yes,” he said…":      "yes he said",
		"It's 5.30 — or so.":   "it's 5.30 — or so",
		" \t":                  "",
		"¿Cuándo?":             "cuándo",
		"555-0100, extension.": "555-0100 extension",
	} {
		if got := Plain(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
