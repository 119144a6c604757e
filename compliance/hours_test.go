package compliance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"trunkline/privacy"
)

// stateHours are each rule's edges, by the called party's clock on days of
// November 2026 (Wednesday 18, Saturday 21, Sunday 22) unless the day is
// named. Calls are expected to last 15 minutes.
var stateHours = []struct {
	rule, number, state string
	in, out             []string
}{
	{"us-fl-hours", "+13055550123", "FL", []string{"18 08:00:00", "18 19:44:59"}, []string{"18 07:59:59", "18 19:45:00", "18 20:00:00"}},
	{"us-ok-hours", "+14055550123", "OK", []string{"18 08:00:00", "18 19:44:59"}, []string{"18 07:59:59", "18 19:45:00"}},
	{"us-md-hours", "+13015550123", "MD", []string{"18 08:00:00", "18 19:44:59"}, []string{"18 07:59:59", "18 19:45:00"}},
	{"us-or-hours", "+15035550123", "OR", []string{"18 08:00:00", "22 19:44:59"}, []string{"18 07:59:59", "18 19:45:00"}},
	{"us-tx-hours", "+12145550123", "TX", []string{"18 09:00:00", "21 20:44:59", "22 12:00:00"}, []string{"18 08:59:59", "18 20:45:00", "22 11:59:59"}},
	{"us-ct-hours", "+12035550123", "CT", []string{"18 09:00:00", "18 19:44:59"}, []string{"18 08:59:59", "18 19:45:00"}},
	{"us-al-hours", "+12055550123", "AL", []string{"18 08:00:00", "21 19:44:59"}, []string{"18 19:45:00", "22 12:00:00", "26 12:00:00", "2026-06-01 12:00:00"}},
	{"us-la-hours", "+15045550123", "LA", []string{"18 08:00:00"}, []string{"22 12:00:00", "26 12:00:00", "2026-02-17 12:00:00", "2026-04-03 12:00:00", "2026-11-03 12:00:00"}},
	{"us-ms-hours", "+16015550123", "MS", []string{"18 08:00:00", "26 12:00:00"}, []string{"18 19:45:00", "22 12:00:00"}},
	{"us-ky-hours", "+15025550123", "KY", []string{"18 10:00:00", "18 20:44:59"}, []string{"18 09:59:59", "18 20:45:00"}},
	{"us-nv-hours", "+17025550123", "NV", []string{"18 09:00:00", "18 19:44:59"}, []string{"18 08:59:59", "18 19:45:00"}},
	{"us-mi-hours", "+13135550123", "MI", []string{"18 09:00:00", "18 20:44:59"}, []string{"18 08:59:59", "18 20:45:00"}},
	{"us-mn-hours", "+16125550123", "MN", []string{"18 09:00:00", "18 20:44:59"}, []string{"18 08:59:59", "18 20:45:00"}},
	{"us-nm-hours", "+15055550123", "NM", []string{"18 09:00:00", "18 20:44:59"}, []string{"18 08:59:59", "18 20:45:00"}},
	{"us-ma-hours", "+16175550123", "MA", []string{"18 08:00:00", "18 19:44:59"}, []string{"18 07:59:59", "18 19:45:00"}},
	{"us-il-hours", "+13125550123", "IL", []string{"18 09:00:00", "18 20:44:59"}, []string{"18 08:59:59", "18 20:45:00"}},
	{"us-ri-hours", "+14015550123", "RI", []string{"18 09:00:00", "18 17:44:59", "21 10:00:00"}, []string{"18 17:45:00", "21 09:59:59", "21 16:45:00", "22 12:00:00", "2026-08-10 12:00:00"}},
	{"us-ut-hours", "+18015550123", "UT", []string{"18 08:00:00", "21 20:44:59"}, []string{"22 12:00:00", "2026-07-24 12:00:00"}},
	{"us-pa-hours", "+12155550123", "PA", []string{"18 08:00:00", "22 13:30:00"}, []string{"22 13:29:59", "27 12:00:00"}},
	{"us-sd-hours", "+16055550123", "SD", []string{"18 10:00:00"}, []string{"18 08:59:59", "18 09:59:59", "22 12:00:00"}},
	{"us-wy-hours", "+13075550123", "WY", []string{"18 08:00:00", "18 19:44:59"}, []string{"18 07:59:59", "18 19:45:00"}},
	{"us-ne-hours", "+14025550123", "NE", []string{"18 08:00:00", "22 13:00:00", "26 13:00:00"}, []string{"22 12:59:59", "26 12:59:59"}},
	// No call may sell there at all, and their hours deny beside that.
	{"us-wa-hours", "+12065550123", "WA", nil, []string{"18 07:59:59", "18 19:45:00"}},
	{"us-ca-hours", "+13105550123", "CA", nil, []string{"18 08:59:59", "18 20:45:00"}},
	// Their hours are the federal ones, so both deny together.
	{"us-nj-hours us-hours", "+12015550123", "NJ", []string{"18 08:00:00", "18 20:44:59"}, []string{"18 07:59:59", "18 20:45:00"}},
	{"us-va-hours us-hours", "+17035550123", "VA", []string{"18 08:00:00", "22 20:44:59"}, []string{"18 07:59:59", "18 20:45:00"}},
	{"us-hours", "+12125550123", "NY", []string{"18 08:00:00", "18 20:44:59", "26 12:00:00", "22 12:00:00"}, []string{"18 07:59:59", "18 20:45:00", "18 21:00:00", "19 00:00:00"}},
}

func TestStateHours(t *testing.T) {
	t.Parallel()
	tested := []string{"us-safe-hours", "us-debt-hours", "uk-hours", "ca-hours", "eu-hours", "eu-fr-hours", "eu-es-hours"} // below
	for _, c := range stateHours {
		tested = append(tested, strings.Fields(c.rule)...)
		at := func(local string) (*Attempt, *Facts) {
			if !strings.HasPrefix(local, "2026") {
				local = "2026-11-" + local
			}
			a := goodAttempt()
			move(a, c.number, c.state, local)

			return a, goodFacts(a)
		}
		for _, local := range c.in {
			t.Run(c.state+" in "+local, func(t *testing.T) {
				t.Parallel()
				a, f := at(local)
				check(t, american(t), a, f)
			})
		}
		for _, local := range c.out {
			t.Run(c.state+" out "+local, func(t *testing.T) {
				t.Parallel()
				a, f := at(local)
				d := Decide(a, f, american(t))
				for rule := range strings.FieldsSeq(c.rule) {
					if !slices.Contains(denials(&d), rule+": OUTSIDE_HOURS") {
						t.Errorf("denied by %q, want %s too", denials(&d), rule)
					}
				}
				a.Purpose = Emergency
				check(t, american(t), a, f)
			})
		}
	}
	for _, r := range packs(t, Packs()...).All() {
		if r.Hours != nil && !slices.Contains(tested, r.ID) {
			t.Errorf("no test knows the hours of %s", r.ID)
		}
	}
}

// TestInformationalHours: the federal hours hold for informational calls too,
// the states' do not.
func TestInformationalHours(t *testing.T) {
	t.Parallel()
	a := goodAttempt()
	a.Purpose = Informational
	move(a, "+12145550123", "TX", "2026-11-22 11:00:00") // a Sunday morning in Texas
	check(t, american(t), a, goodFacts(a))
	move(a, "+12145550123", "TX", "2026-11-22 07:59:59")
	check(t, american(t), a, goodFacts(a), "us-hours: OUTSIDE_HOURS")
}

// TestLength: a call must end within the hours, and a decision holds no longer
// than it can still end there.
func TestLength(t *testing.T) {
	t.Parallel()
	a := goodAttempt()
	move(a, "+12125550123", "NY", "2026-11-18 20:00:00")
	a.Expected = hour
	check(t, american(t), a, goodFacts(a), "us-hours: OUTSIDE_HOURS")
	move(a, "+12125550123", "NY", "2026-11-18 19:59:50")
	if d := check(t, american(t), a, goodFacts(a)); d.ValidFor != 10*time.Second {
		t.Errorf("valid for %s, want the 10 s that are left", d.ValidFor)
	}
	a.Expected = 5 * hour
	check(t, american(t), a, goodFacts(a), "us-hours: OUTSIDE_HOURS")
}

// TestCandidateZones: rules hold in every zone where the party may be.
func TestCandidateZones(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		number string
		hints  []Hint
		utc    string // on 18 November 2026 unless a day is given
		deny   []string
	}{
		// 850 is split between Eastern and Central: from 8 Central to 20 Eastern.
		"panhandle, 8 Eastern":           {"+18505550123", []Hint{{Source: FromZIP, State: "FL"}}, "13:30", []string{"us-hours", "us-fl-hours"}},
		"panhandle, 8 Central":           {"+18505550123", []Hint{{Source: FromZIP, State: "FL"}}, "14:00", nil},
		"panhandle, 19:45 Eastern":       {"+18505550123", []Hint{{Source: FromZIP, State: "FL"}}, "2026-11-19 00:45", []string{"us-fl-hours"}},
		"its overlay, 8 Eastern":         {"+14485550123", []Hint{{Source: FromZIP, State: "FL"}}, "13:30", []string{"us-hours", "us-fl-hours"}},
		"a state without a zone has all": {"+13055550123", []Hint{{Source: FromAddress, State: "FL"}}, "13:30", []string{"us-hours", "us-fl-hours"}},
		"a state with its zone":          {"+13055550123", []Hint{{Source: FromAddress, State: "FL", Zone: "America/New_York"}}, "13:30", nil},
		// 928: Arizona has no summer time, the Navajo Nation has.
		"Arizona in winter":                  {"+19285550123", []Hint{{Source: FromZIP, State: "AZ"}}, "15:00", nil},
		"Arizona in winter, too early":       {"+19285550123", []Hint{{Source: FromZIP, State: "AZ"}}, "14:59", []string{"us-hours"}},
		"Arizona in summer, 8 Navajo":        {"+19285550123", []Hint{{Source: FromZIP, State: "AZ"}}, "2026-07-15 14:30", []string{"us-hours"}},
		"Arizona in summer, 8 Phoenix":       {"+19285550123", []Hint{{Source: FromZIP, State: "AZ"}}, "2026-07-15 15:00", nil},
		"Arizona in summer, 20:45 in Navajo": {"+19285550123", []Hint{{Source: FromZIP, State: "AZ"}}, "2026-07-16 02:45", []string{"us-hours"}},
		// A New York mobile whose owner lives in Oregon: both rules, both zones.
		"moved to Oregon, 11 in New York":   {"+12125550123", []Hint{{Source: FromAddress, State: "OR", Zone: "America/Los_Angeles"}}, "16:00", nil},
		"moved to Oregon, 10:59":            {"+12125550123", []Hint{{Source: FromAddress, State: "OR", Zone: "America/Los_Angeles"}}, "15:59", []string{"us-hours", "us-or-hours"}},
		"moved to Oregon, 20:45 New York":   {"+12125550123", []Hint{{Source: FromAddress, State: "OR", Zone: "America/Los_Angeles"}}, "2026-11-19 01:45", []string{"us-hours", "us-or-hours"}},
		"says that they are in Hawaii":      {"+12125550123", []Hint{{Source: FromZIP, State: "NY"}, {Source: FromPerson, Zone: "Pacific/Honolulu"}}, "17:00", []string{"us-hours"}},
		"a zone outside the packs":          {"+12125550123", []Hint{{Source: FromZIP, State: "NY"}, {Source: FromPerson, Zone: "Asia/Tokyo"}}, "17:00", []string{"house-place", "us-hours"}},
		"a state that does not exist":       {"+12125550123", []Hint{{Source: FromZIP, State: "XX"}}, "17:00", []string{"house-place", "us-hours", "us-safe-hours"}},
		"no proven state, 9:59 in New York": {"+12125550123", nil, "14:59", []string{"us-safe-hours"}},
		"no proven state, 10:00":            {"+12125550123", nil, "15:00", nil},
		"no proven state, 19:45":            {"+12125550123", nil, "2026-11-19 00:45", []string{"us-safe-hours"}},
		"no proven state, Saturday":         {"+12125550123", nil, "2026-11-21 17:00", nil},
		"no proven state, Sunday":           {"+12125550123", nil, "2026-11-22 17:00", []string{"us-safe-hours"}},
		"no proven state, Thanksgiving":     {"+12125550123", nil, "2026-11-26 17:00", []string{"us-safe-hours"}},
		"no proven state, day after it":     {"+12125550123", nil, "2026-11-27 17:00", []string{"us-safe-hours"}},
		"no proven state, Good Friday":      {"+12125550123", nil, "2026-04-03 17:00", []string{"us-safe-hours"}},
		// 4 July 2026 is a Saturday: the day itself and the Friday on which it is observed.
		"Independence Day observed":               {"+12125550123", nil, "2026-07-03 17:00", []string{"us-safe-hours"}},
		"Independence Day":                        {"+12125550123", nil, "2026-07-04 17:00", []string{"us-safe-hours"}},
		"New Year's Day, observed on 31 December": {"+12125550123", nil, "2027-12-31 17:00", []string{"us-safe-hours"}},
		// Days differ by zone: Saturday 19:00 in Guam is Saturday 04:00 in New York; Sunday in Guam begins on Saturday 14:00 UTC.
		"Guam, Saturday noon":           {"+16715550123", nil, "2026-11-21 02:00", nil},
		"Guam, Sunday morning":          {"+16715550123", nil, "2026-11-22 00:30", []string{"us-safe-hours"}},
		"Guam and New York never agree": {"+16715550123", []Hint{{Source: FromAddress, State: "NY", Zone: "America/New_York"}}, "17:00", []string{"us-hours"}},
		// The days of the change: clocks go forward on 8 March 2026, back on 1 November 2026, both Sundays.
		"before the clocks go forward, 8 EST": {"+12125550123", []Hint{{Source: FromZIP, State: "NY"}}, "2026-03-07 13:00", nil},
		"before, 7:59":                        {"+12125550123", []Hint{{Source: FromZIP, State: "NY"}}, "2026-03-07 12:59", []string{"us-hours"}},
		"the day itself, 8 EDT":               {"+12125550123", []Hint{{Source: FromZIP, State: "NY"}}, "2026-03-08 12:00", nil},
		"the day itself, 7:59":                {"+12125550123", []Hint{{Source: FromZIP, State: "NY"}}, "2026-03-08 11:59", []string{"us-hours"}},
		"the day they go back, 8 EST":         {"+12125550123", []Hint{{Source: FromZIP, State: "NY"}}, "2026-11-01 13:00", nil},
		"the day they go back, 7:59":          {"+12125550123", []Hint{{Source: FromZIP, State: "NY"}}, "2026-11-01 12:59", []string{"us-hours"}},
		"Alaska to the Aleutians":             {"+19075550123", []Hint{{Source: FromZIP, State: "AK"}}, "18:00", nil},
		"Alaska, too early in Adak":           {"+19075550123", []Hint{{Source: FromZIP, State: "AK"}}, "17:59", []string{"us-hours"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := goodAttempt()
			a.To, a.Hints = privacy.Number(c.number), c.hints
			utc := c.utc
			if !strings.HasPrefix(utc, "202") {
				utc = "2026-11-18 " + utc
			}
			at, err := time.Parse("2006-01-02 15:04", utc)
			if err != nil {
				t.Fatal(err)
			}
			a.At = at
			d := Decide(a, goodFacts(a), american(t))
			var got []string
			for _, r := range d.Denials() {
				got = append(got, r.Rule)
			}
			if !slices.Equal(got, c.deny) {
				t.Errorf("denied by %q, want %q\n%v", got, c.deny, d.Denials())
			}
		})
	}
}

// TestOtherPacks: each pack's hours, consent, caps and lists once.
func TestOtherPacks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		packs, number string
		purpose       Purpose
		utc           string
		change        func(*Facts)
		want          []string
	}{
		{"us-federal us-states us-debt-collection", "+12125550123", DebtCollection, "2026-11-18 17:00", nil, nil},
		{"us-federal us-states us-debt-collection", "+12125550123", DebtCollection, "2026-11-18 12:59", nil, []string{"us-hours: OUTSIDE_HOURS", "us-debt-hours: OUTSIDE_HOURS"}},
		{"us-federal us-states us-debt-collection", "+12125550123", DebtCollection, "2026-11-18 17:00", func(f *Facts) {
			f.History.Value.Attempts = []PastAttempt{{At: noon.Add(-6 * 24 * hour), Conversation: true}}
		}, []string{"us-debt-cap: CAP_REACHED"}},
		{"us-federal us-states us-debt-collection", "+12125550123", DebtCollection, "2026-11-18 17:00", func(f *Facts) {
			f.History.Value.Attempts = ago(hour, 2*hour, 3*hour, 4*hour, 5*hour, 6*hour, 7*hour)
		}, []string{"us-debt-cap: CAP_REACHED"}},
		{"uk", "+442079460123", Telemarketing, "2026-11-18 09:00", nil, nil},
		{"uk", "+442079460123", Telemarketing, "2026-11-18 08:59", nil, []string{"uk-hours: OUTSIDE_HOURS"}},
		{"uk", "+442079460123", Telemarketing, "2026-11-18 12:00", func(f *Facts) { f.Consents.Value[0].Level = PriorExpress }, []string{"uk-consent-marketing: CONSENT_MISSING"}},
		{"uk", "+442079460123", Informational, "2026-11-18 12:00", func(f *Facts) { f.Consents.Value = nil }, []string{"uk-consent-informational: CONSENT_MISSING"}},
		{"uk", "+442079460123", Telemarketing, "2026-11-18 12:00", func(f *Facts) { f.Lists.Value = f.Lists.Value[:1] }, []string{"uk-tps: LIST_MISSING"}},
		{"uk", "+442079460123", Telemarketing, "2026-11-18 12:00", func(f *Facts) { f.Abandonment.Value.Abandoned = 10 }, []string{"uk-abandonment: ABANDONMENT_RATE"}},
		{"uk", "+442079460123", Telemarketing, "2026-11-18 12:00", func(f *Facts) { f.History.Value.Attempts = ago(hour, hour+5*hour) }, []string{"uk-cap: CAP_REACHED"}},
		{"canada", "+14165550123", Telemarketing, "2026-11-18 14:00", nil, nil},
		{"canada", "+14165550123", Telemarketing, "2026-11-18 13:59", nil, []string{"ca-hours: OUTSIDE_HOURS"}},
		{"canada", "+14165550123", Telemarketing, "2026-11-21 23:00", nil, []string{"ca-hours: OUTSIDE_HOURS"}},
		{"canada", "+14165550123", Telemarketing, "2026-11-18 17:00", func(f *Facts) { f.Lists.Value[len(f.Lists.Value)-1].Hit = true }, []string{"ca-national-list: LIST_HIT"}},
		{"canada", "+18675550123", Telemarketing, "2026-11-18 17:00", nil, []string{"house-place: TZ_UNRESOLVED"}}, // nine zones
		{"eu", "+4930123456", Telemarketing, "2026-11-18 09:00", nil, nil},
		{"eu", "+4930123456", Telemarketing, "2026-11-18 08:59", nil, []string{"eu-hours: OUTSIDE_HOURS"}},
		{"eu", "+33123456789", Telemarketing, "2026-11-18 12:30", nil, []string{"eu-fr-hours: OUTSIDE_HOURS"}},
		{"eu", "+33123456789", Telemarketing, "2026-11-18 13:00", nil, nil},
		{"eu", "+34912345678", Telemarketing, "2026-11-18 09:30", nil, []string{"eu-hours: OUTSIDE_HOURS"}}, // 9:30 in the Canaries
		{"eu", "+34912345678", Telemarketing, "2026-11-18 10:00", nil, nil},
		{"eu", "+34912345678", Telemarketing, "2026-11-21 12:00", nil, []string{"eu-hours: OUTSIDE_HOURS", "eu-es-hours: OUTSIDE_HOURS"}},
		{"eu", "+4930123456", Telemarketing, "2026-11-18 12:00", func(f *Facts) { f.Consents.Value[0].Signature = false }, []string{"eu-consent-marketing: CONSENT_MISSING"}},
		{"eu", "+442079460123", Telemarketing, "2026-11-18 12:00", nil, []string{"house-covered-destination: DESTINATION_UNCOVERED", "house-place: TZ_UNRESOLVED"}},
	} {
		t.Run(fmt.Sprintf("%s %s %s %v", c.packs, c.number, c.utc, c.want), func(t *testing.T) {
			t.Parallel()
			a := goodAttempt()
			a.To, a.Purpose, a.Hints = privacy.Number(c.number), c.purpose, nil
			at, err := time.Parse("2006-01-02 15:04", c.utc)
			if err != nil {
				t.Fatal(err)
			}
			a.At = at
			f := goodFacts(a)
			f.Lists.Value = append(f.Lists.Value,
				ListSnapshot{ID: "tps", Kind: NationalList, State: "GB", ObtainedAt: at.AddDate(0, 0, -1), Everywhere: true},
				ListSnapshot{ID: "dncl", Kind: NationalList, State: "CA", Account: "x", ObtainedAt: at.AddDate(0, 0, -1), Everywhere: true})
			if c.change != nil {
				c.change(f)
			}
			check(t, packs(t, strings.Fields(c.packs)...), a, f, c.want...)
		})
	}
}
