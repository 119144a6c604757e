package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}

	return b
}

// TestTable fails when the table is not what the command makes, and when a new
// version of the library knows more or fewer area codes in several zones, so
// that a person looks at it.
func TestTable(t *testing.T) {
	t.Parallel()
	areas, err := library()
	if err != nil {
		t.Fatal(err)
	}
	var single int
	var split []string
	for _, npa := range slices.Sorted(maps.Keys(areas)) {
		switch a := areas[npa]; {
		case !strings.HasPrefix(a.states.join(), "US-"):
		case len(a.zones) > 1:
			split = append(split, npa)
		default:
			single++
		}
	}
	want := strings.Fields("208 219 270 308 423 541 574 605 606 620 701 775 785 812 850 906 907 928 986")
	if !slices.Equal(split, want) {
		t.Errorf("the library splits %v, want %v", split, want)
	}
	if want := 346; single != want {
		t.Errorf("the library has %d area codes in one zone, want %d", single, want)
	}
	table, err := makeTable(areas, read(t, "corrections.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(table), "\n"), strings.Split(string(read(t, "table.csv")), "\n")); diff != "" {
		t.Errorf("run go run ./compliance/npa/generate and review what changed:\n%s", diff)
	}
}

func TestCorrectionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"an unknown parent": `[{npa: "999", like: "111", states: [US-TX], because: x}]`,
		"no reason":         `[{npa: "999", zones: [America/Chicago], states: [US-TX]}]`,
		"no state":          `[{npa: "999", zones: [America/Chicago], because: x}]`,
		"an unknown key":    `[{npa: "999", zone: America/Chicago, because: x}]`,
	} {
		if err := correct(map[string]area{}, []byte(src)); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func TestStatesOf(t *testing.T) {
	t.Parallel()
	for place, want := range map[string][]string{
		"New York, NY":                     {"US-NY"},
		"Texas":                            {"US-TX"},
		"Nova Scotia/Prince Edward Island": {"CA-NS", "CA-PE"},
		"United States":                    nil,
		"Bahamas":                          nil,
	} {
		if got := statesOf(place); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", place, got, want)
		}
	}
}
