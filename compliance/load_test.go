package compliance

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEveryPackLoads(t *testing.T) {
	t.Parallel()
	r := packs(t, Packs()...)
	if !slices.Equal(Packs(), []string{"canada", "eu", "uk", "us-debt-collection", "us-federal", "us-states"}) {
		t.Errorf("packs %v", Packs())
	}
	for _, rule := range r.All() {
		if rule.ReviewedBy != Unreviewed {
			t.Errorf("%s says that %q has reviewed it; add who and when to this test", rule.ID, rule.ReviewedBy)
		}
	}
	if got := r.LongestWindow(); got != 30*24*time.Hour {
		t.Errorf("history must reach back %s", got)
	}
	if len(r.Packs()) != len(Packs())+1 || !strings.Contains(r.Version(), "us-states@2026-11-21:") || !strings.HasPrefix(r.TzdataVersion(), "sha256:") {
		t.Errorf("%v, %s, %s", r.Packs(), r.Version(), r.TzdataVersion())
	}
}

// TestInForce: rules change on days, and a day is somewhere on earth before
// and after it is so in Greenwich.
func TestInForce(t *testing.T) {
	t.Parallel()
	day := func(text string) Day {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}

		return Day{start: at}
	}
	from, until := Rule{From: day("2026-01-01")}, Rule{To: day("2026-01-01")}
	for at, want := range map[string][2]bool{
		"2025-12-31T09:59:59Z": {false, true},
		"2025-12-31T10:00:00Z": {true, true}, // midnight in Kiribati
		"2026-01-01T11:59:59Z": {true, true}, // the last second of the year on Baker Island
		"2026-01-01T12:00:00Z": {true, false},
	} {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{from.InForce(when), until.InForce(when)}; got != want {
			t.Errorf("%s: in force %v, want %v", at, got, want)
		}
	}
}

// TestEffectiveDates: Oregon's cap of 2026 and the ten days of 2025 at their
// boundaries, through the decisions themselves.
func TestEffectiveDates(t *testing.T) {
	t.Parallel()
	r := american(t)
	for local, capped := range map[string]bool{"2025-12-30 12:00:00": false, "2025-12-31 12:00:00": true, "2026-01-01 12:00:00": true} {
		a := goodAttempt()
		move(a, "+15035550123", "OR", local)
		f := goodFacts(a)
		for range 3 {
			f.History.Value.Attempts = append(f.History.Value.Attempts, PastAttempt{At: a.At.Add(-time.Hour)})
		}
		if d := Decide(a, f, r); d.Allow == capped {
			t.Errorf("%s: allow %v, %v", local, d.Allow, denials(&d))
		}
	}
	for at, want := range map[string]time.Duration{"2025-04-10T09:00:00Z": 720 * time.Hour, "2025-04-11T12:00:00Z": 240 * time.Hour} {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if d, _ := r.OptOut([]string{"US-NY"}, when); d.HonourWithin != want {
			t.Errorf("%s: honoured within %s, want %s", at, d.HonourWithin, want)
		}
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	const head = "pack: ours\nversion: 2026-11-20\nrules:\n"
	const good = `  - {id: x, jurisdiction: US, applies_to: [every], citation: c, confidence: house, reviewed_by: nobody, `
	for name, c := range map[string]struct{ yaml, want string }{
		"an unknown key":           {head + good + "hour: {}}", "unknown field"},
		"no YAML":                  {"{", "ours.yaml"},
		"no name":                  {"version: 2026-11-20", "pack: is missing"},
		"a taken name":             {"pack: us-federal\nversion: 2026-11-20", "choose another name"},
		"no version":               {"pack: ours", "version: is missing"},
		"a destination":            {"pack: ours\nversion: 2026-11-20\ndestinations: [{country: MX, prefix: '52', zones: [America/Mexico_City], purposes: [telemarketing]}]", "stricter"},
		"no block":                 {head + good + "}", "rule x: has no block"},
		"two blocks":               {head + good + "blocked: {why: y}, place: {max_zones: 1}}", "several blocks (blocked, place)"},
		"a bad id":                 {head + strings.Replace(good, "id: x", "id: X Y", 1) + "blocked: {why: y}}", `id: "X Y" is no id`},
		"a taken id":               {head + strings.Replace(good, "id: x", "id: house-clock", 1) + "blocked: {why: y}}", "stands in house too"},
		"a bad jurisdiction":       {head + strings.Replace(good, "US,", "USA,", 1) + "blocked: {why: y}}", "jurisdiction"},
		"a bad purpose":            {head + strings.Replace(good, "every", "selling", 1) + "blocked: {why: y}}", `applies_to: "selling"`},
		"no purpose":               {head + strings.Replace(good, "applies_to: [every], ", "", 1) + "blocked: {why: y}}", "applies_to: is missing"},
		"no citation":              {head + strings.Replace(good, "citation: c, ", "", 1) + "blocked: {why: y}}", "citation: is missing"},
		"no reviewer":              {head + strings.Replace(good, "reviewed_by: nobody, ", "", 1) + "blocked: {why: y}}", "counsel review pending"},
		"no source":                {head + strings.Replace(good, "house", "secondary", 1) + "blocked: {why: y}}", "source_url"},
		"unknown confidence":       {head + strings.Replace(good, "house", "sure", 1) + "blocked: {why: y}}", "confidence"},
		"an unknown condition":     {head + good + "when: sometimes, blocked: {why: y}}", "when"},
		"ends before it begins":    {head + good + "effective_from: 2026-02-01, effective_to: 2026-01-01, blocked: {why: y}}", "effective_to"},
		"no day":                   {head + good + "effective_from: soon, blocked: {why: y}}", "cannot parse"},
		"a bad part of a day":      {head + good + "hours: {weekdays: morning}}", "HH:MM-HH:MM"},
		"a day that ends at once":  {head + good + `hours: {weekdays: "21:00-08:00"}}`, "HH:MM-HH:MM"},
		"half a week":              {head + good + `hours: {weekdays: closed}}`, "needs weekdays, saturday and sunday"},
		"holidays of no calendar":  {head + good + `hours: {weekdays: closed, saturday: closed, sunday: closed, holidays: closed}}`, "go together"},
		"an unknown calendar":      {head + good + `hours: {weekdays: closed, saturday: closed, sunday: closed, holidays: closed, calendars: [US-XX]}}`, `no calendar "US-XX"`},
		"a bad holiday":            {"pack: ours\nversion: 2026-11-20\ncalendars: {mine: [{name: x, month: 13, day: 1}]}", "calendars.mine"},
		"a cap of nothing":         {head + good + "cap: {max: 3}}", "needs max and window"},
		"a cap per moon":           {head + good + "cap: {max: 3, window: 1h, per: moon}}", "cap.per"},
		"an unknown level":         {head + good + "consent: {wireless: maybe, landline: pec}}", "consent.wireless"},
		"an unknown list":          {head + good + "registry: {list: mine, max_age: 1h}}", "registry.list"},
		"a list for ever":          {head + good + "registry: {list: national}}", "registry.max_age"},
		"a state's list for all":   {head + good + "registry: {list: state, max_age: 1h}}", "needs a state"},
		"an alarm above the pause": {head + good + "abandonment: {window: 1h, max_age: 1h, limit_permille: 30, pause_permille: 20, alarm_permille: 25}}", "alarm <= pause <= limit"},
		"a bad recording":          {head + good + "recording: {consent: none}}", "recording.consent"},
		"a bad scope":              {head + good + "opt_out: {default_scope: all}}", "opt_out.default_scope"},
		"a bad retention":          {head + good + "retention: {class: audio}}", "retention"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Load(nil, Source{Name: "ours.yaml", YAML: []byte(c.yaml)})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "ours.yaml") {
				t.Fatalf("the error is %v; want %q in it, and the file", err, c.want)
			}
			var at *LoadError
			if !errors.As(err, &at) {
				t.Errorf("%T is no LoadError", err)
			}
		})
	}
	taken := Source{Name: "ours.yaml", YAML: []byte("pack: ours\nversion: 2026-11-20\ncalendars: {US-FED: [{name: x, month: 1, day: 1}]}")}
	if _, err := Load(DefaultPacks(), taken); err == nil || !strings.Contains(err.Error(), "calendars.US-FED: stands in another file too") {
		t.Errorf("a calendar's taken name: %v", err)
	}
	if _, err := Load([]string{"us-federal"}); err == nil || !strings.Contains(err.Error(), `"us-states" must be in use`) {
		t.Errorf("the federal pack alone: %v", err)
	}
	if _, err := Load([]string{"mars"}); err == nil || !strings.Contains(err.Error(), "us-federal") {
		t.Errorf("an unknown pack: %v", err)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"08:00-21:00", "13:30-24:00", "00:00-00:01", "closed"} {
		var s Span
		if err := s.UnmarshalYAML([]byte(`"` + text + `"`)); err != nil || s.String() != text {
			t.Errorf("%s is read as %s (%v)", text, s.String(), err)
		}
	}
}
