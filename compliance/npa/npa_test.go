package npa

import (
	"strings"
	"testing"
	"time"

	_ "time/tzdata" // the zones of the table, on any machine

	"github.com/google/go-cmp/cmp"
)

func TestLookup(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		number, states, zones string
	}{
		"one zone":               {"+12125550123", "US-NY", "America/New_York"},
		"Florida panhandle":      {"+18505550123", "US-FL", "America/Chicago America/New_York"},
		"its overlay":            {"+14485550123", "US-FL", "America/Chicago America/New_York"},
		"Tennessee":              {"+14235550123", "US-TN", "America/Chicago America/New_York"},
		"an unknown overlay":     {"+17295550123", "US-TN", "America/Chicago America/New_York"},
		"Kentucky's overlay":     {"+13645550123", "US-KY", "America/Chicago America/New_York"},
		"Oregon's overlay":       {"+14585550123", "US-OR", "America/Denver America/Los_Angeles"},
		"Indiana's overlay":      {"+19305550123", "US-IN", "America/Chicago America/New_York"},
		"Navajo Nation, Arizona": {"+19285550123", "US-AZ", "America/Denver America/Phoenix"},
		"West Texas":             {"+14325550123", "US-TX", "America/Chicago America/Denver"},
		"Guam":                   {"+16715550123", "US-GU", "Pacific/Guam"},
		"Canada":                 {"+19025550123", "CA-NS CA-PE", "America/Halifax"},
		"toll-free":              {"+18005550123", "", ""},
		"personal numbers":       {"+15005550123", "", ""},
		"premium":                {"+19005550123", "", ""},
		"unassigned":             {"+12115550123", "", ""},
		"Bahamas":                {"+12425550123", "", ""},
		"Britain":                {"+442079460123", "", ""},
		"too short":              {"+1212555012", "", ""},
		"no plus":                {"12125550123", "", ""},
		"letters":                {"+1212555O123", "", ""},
		"empty":                  {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, ok := Lookup(c.number)
			if ok != (c.states != "") {
				t.Fatalf("found: %v, %+v", ok, a)
			}
			if diff := cmp.Diff([]string{c.states, c.zones}, []string{strings.Join(a.States, " "), strings.Join(a.Zones, " ")}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	if n := len(All()); n < 400 {
		t.Fatalf("%d area codes", n)
	}
	for code, a := range All() {
		if a.Code != code || len(code) != 3 || len(a.States) == 0 || len(a.Zones) == 0 {
			t.Errorf("%s: %+v", code, a)
		}
		for _, z := range a.Zones {
			if _, err := time.LoadLocation(z); err != nil {
				t.Errorf("%s: %v", code, err)
			}
		}
	}
	if !strings.HasPrefix(Version(), "sha256:") || len(Version()) != len("sha256:")+16 {
		t.Errorf("version %s", Version())
	}
}

func TestTollFree(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]bool{
		"+18005550123": true, "+18885550123": true, "+18335550123": true, "+12125550123": false, "+448005550123": false, "": false,
	} {
		if got := TollFree(number); got != want {
			t.Errorf("%s: %v", number, got)
		}
	}
}

func FuzzLookup(f *testing.F) {
	f.Add("+12125550123")
	f.Add("+1é2555012")
	f.Fuzz(func(t *testing.T, number string) {
		if a, ok := Lookup(number); ok && a.Code != number[2:5] {
			t.Errorf("%q is in %s", number, a.Code)
		}
	})
}
