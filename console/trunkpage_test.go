package console

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// trunks are one that is registered and has two targets, and one that nobody
// used.
func trunks() []Trunk {
	at := time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)
	until := at.Add(1000 * time.Hour)

	return []Trunk{
		{
			Name: "carrier", Calls: 3, MaxCalls: 50,
			Inbound:      TrunkCalls{Attempts: 120, Answers: 118, Failures: map[string]uint64{"cancelled": 2}},
			Outbound:     TrunkCalls{Attempts: 48, Answers: 34, Failures: map[string]uint64{"busy": 5, "no_answer": 8, "server": 1}},
			Registration: &Registration{State: "registered", Since: at, Until: &until, Status: 200},
			Targets: []TrunkTarget{
				{URI: "sip:one.example", State: "up", Status: 200, TookMS: 12.4, Since: &at, Doubt: 1, DoubtOf: 3},
				{URI: "sip:two.example", State: "down", Since: &at, Doubt: 1, DoubtOf: 2},
				{URI: "sip:three.example", State: "unknown"},
			},
			PostDial: PostDialDelay{Calls: 40, MeanMS: 1234, Within: []CallsUntil{{MS: 1000, Calls: 10}, {MS: 4000, Calls: 40}}},
		},
		{Name: "pbx <1>", Targets: []TrunkTarget{}},
	}
}

func TestTrunksPage(t *testing.T) {
	t.Parallel()
	page := parse(t, get(New(Config{Trunks: trunks}), "/trunks").Body.String())
	all := page.find("section", "trunk")
	if len(all) != 2 {
		t.Fatalf("%d trunks", len(all))
	}
	var got []string
	for _, row := range all[0].find("tr", "") {
		got = append(got, cells(row))
	}
	want := []string{
		"Target|State|Since|Last answer|Against it",
		"sip:one.example|up|9 Mar 2026, 12:00:00 UTC|200 after 12 ms|1 of the 3 failures in a row that make it down",
		"sip:two.example|down|9 Mar 2026, 12:00:00 UTC|none|1 of the 2 successes in a row that make it up",
		"sip:three.example|not asked|–|–|–",
		"Direction|Attempts|Answered|Share|Not answered, by class",
		"in|120|118|98 %|cancelled 2",
		"out|48|34|71 %|no answer 8, busy 5, server 1",
		"1 s|4 s",
		"25 % (10)|100 % (40)",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, fact := range []string{"3 of 50 at once", "registered last answer 200, binding ended", "71 % answer-seizure ratio", "1.23 s mean"} {
		if !strings.Contains(all[0].words(), fact) {
			t.Errorf("%q is not in %q", fact, all[0].words())
		}
	}
	if rows := all[1].find("tr", ""); len(rows) != 3 || cells(rows[1]) != "in|0|0|–|–" || !strings.HasPrefix(all[1].words(), "pbx <1>") {
		t.Errorf("the unused trunk: %q", all[1].words())
	}
	accessible(t, page, "targets", "tries", "delays")
	if w := get(New(Config{Trunks: func() []Trunk { return nil }}), "/trunks"); w.Code != 200 || !strings.Contains(w.Body.String(), "No trunks are configured.") {
		t.Errorf("without trunks: %d", w.Code)
	}
	if w := get(New(Config{}), "/trunks"); w.Code != 404 {
		t.Errorf("where nobody tells of trunks: %d", w.Code)
	}
}

// cells are those of a table's row.
func cells(row *element) string {
	var all []string
	for _, c := range row.children {
		all = append(all, c.words())
	}

	return strings.Join(all, "|")
}

// accessible wants of the tables of some classes what a keyboard and a screen
// reader need: a caption, headers that say of what, and a place with a name
// that takes the focus, so that it scrolls by keys.
func accessible(t *testing.T, page *element, classes ...string) {
	t.Helper()
	if len(page.find("h1", "")) != 1 {
		t.Error("the page has not one heading")
	}
	regions := 0
	for _, region := range page.find("div", "scroll") {
		for _, class := range classes {
			for _, table := range region.find("table", class) {
				regions++
				if region.attr["role"] != "region" || region.attr["tabindex"] != "0" || region.attr["aria-label"]+region.attr["aria-labelledby"] == "" {
					t.Errorf("the table %s scrolls in %v", class, region.attr)
				}
				if c := table.find("caption", ""); len(c) != 1 || c[0].words() == "" {
					t.Errorf("the table %s has no caption", class)
				}
				for _, th := range table.find("th", "") {
					if scope := th.attr["scope"]; scope != "col" && scope != "row" {
						t.Errorf("of what is %q the header?", th.words())
					}
				}
			}
		}
	}
	if regions < len(classes) {
		t.Errorf("%d of the tables %q scroll by keys", regions, classes)
	}
}
