package compliance

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// written is a rule of the United States as the tables below write it: from
// when on it is in force, what it is about, and what it says.
func written(r *Rule) string {
	parts := []string{r.From.String() + ".." + r.To.String()}
	for _, p := range r.AppliesTo {
		parts = append(parts, map[Purpose]string{Telemarketing: "sales", Informational: "info", DebtCollection: "debt"}[p])
	}
	switch {
	case r.Hours != nil:
		h := r.Hours
		parts = append(parts, h.Weekdays.String(), h.Saturday.String(), h.Sunday.String())
		if h.Holidays != nil {
			parts = append(parts, "holidays", h.Holidays.String())
		}
		parts = append(parts, short(h.Margin))
	case r.Cap != nil:
		parts = append(parts, fmt.Sprintf("%d in %s per %s", r.Cap.Max, short(r.Cap.Window), r.Cap.Per))
		if r.Cap.AfterConversation > 0 {
			parts = append(parts, "none for "+short(r.Cap.AfterConversation))
		}
	case r.Consent != nil:
		parts = append(parts, string(r.Consent.Wireless)+"/"+string(r.Consent.Landline))
		for _, e := range slices.Sorted(maps.Keys(r.Consent.Exemptions)) {
			for _, c := range r.Consent.Exemptions[e] {
				parts = append(parts, fmt.Sprintf("%s %d in %s per %s", e, c.Max, short(c.Window), c.Per))
			}
		}
	case r.Registry != nil:
		parts = append(parts, string(r.Registry.List), short(r.Registry.MaxAge))
	case r.Recording != nil:
		parts = append(parts, string(r.Recording.Consent))
	case r.Abandonment != nil:
		a := r.Abandonment
		parts = append(parts, fmt.Sprintf("%s %s %d/%d/%d of 1000, first %d, %s", short(a.SpeakWithin), short(a.Window), a.Alarm, a.Pause, a.Limit, a.Young, short(a.ReleaseWithin)))
	case r.Reassigned != nil:
		parts = append(parts, short(r.Reassigned.MaxAge))
	case r.Retention != nil:
		parts = append(parts, string(r.Retention.Class), short(r.Retention.Least))
	}

	return strings.Join(parts, " ")
}

// short writes whole days as such.
func short(d time.Duration) string {
	if d > 0 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}

	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}

// TestNumbersOfTheLaw has each number of American law a second time, as the
// memos of 2026-11-20 give it, so that none changes by a slip. The comments name
// what they cite.
func TestNumbersOfTheLaw(t *testing.T) {
	t.Parallel()
	const always, sales = "..", " sales "
	want := map[string]string{
		// 47 CFR 64.1200(a)(1) to (3), (f)(9); exemptions by (a)(3)(ii) to (v).
		"us-consent-marketing": "2013-10-16.. sales pewc/pewc",
		"us-consent-informational": ".. info debt pec/pec commercial_nonmarketing 3 in 30d per line healthcare 1 in 1d per line healthcare 3 in 7d per line " +
			"noncommercial 3 in 30d per line nonprofit 3 in 30d per line",
		// 64.1200(c)(1), 16 CFR 310.4(c); 20:45 is the latest start.
		"us-hours": ".. sales info debt 08:00-21:00 08:00-21:00 08:00-21:00 15m",
		// 64.1200(c)(2), 16 CFR 310.4(b)(3)(iv): 31 days, of which we use 30.
		"us-national-registry": always + sales + "national 30d",
		// 64.1200(m).
		"us-reassigned": ".. sales info debt 30d",
		// 64.1200(a)(7), 16 CFR 310.4(b)(1)(iv): 3 % in 30 days, 2 s; 47 USC 227(d)(3)(B): 5 s; pause and alarm are ours.
		"us-abandonment": always + sales + "2s 30d 15/25/30 of 1000, first 20, 5s",
		// 18 USC 2511(2)(d).
		"us-recording": always + " one_party",
		// 16 CFR 310.5(b), as of 2024-05-16: 5 years.
		"us-keep-evidence": "2024-05-16.. evidence 1826d", "us-keep-scripts": "2024-05-16.. script 1826d",
		// Where no state is proven.
		"us-safe-hours": always + sales + "10:00-20:00 10:00-20:00 closed holidays closed 15m", "us-safe-cap": always + sales + "3 in 1d per line",
		// Fla. Stat. 501.616(6), 501.059; 15 O.S. 775C; Md. Com. Law 14-4502; Oregon HB 3865 (2026-01-01).
		"us-fl-hours": "2021-07-01.. sales 08:00-20:00 08:00-20:00 08:00-20:00 15m", "us-fl-cap": "2021-07-01.. sales 3 in 1d per subject", "us-fl-consent": "2021-07-01.. sales pewc/pewc",
		"us-ok-hours": "2022-11-01.. sales 08:00-20:00 08:00-20:00 08:00-20:00 15m", "us-ok-cap": "2022-11-01.. sales 3 in 1d per subject", "us-ok-consent": "2022-11-01.. sales pewc/pewc",
		"us-md-hours": "2024-01-01.. sales 08:00-20:00 08:00-20:00 08:00-20:00 15m", "us-md-cap": "2024-01-01.. sales 3 in 1d per seller", "us-md-consent": "2024-01-01.. sales pewc/pewc",
		"us-or-hours": "2026-01-01.. sales 08:00-20:00 08:00-20:00 08:00-20:00 15m", "us-or-cap": "2026-01-01.. sales 3 in 1d per seller",
		// Tex. B&C 301.051; RCW 19.158.040; Cal. PUC 2871 ff.; Conn. Gen. Stat. 42-288a.
		"us-tx-hours": always + sales + "09:00-21:00 09:00-21:00 12:00-21:00 15m", "us-wa-hours": always + sales + "08:00-20:00 08:00-20:00 08:00-20:00 15m",
		"us-ca-hours": always + sales + "09:00-21:00 09:00-21:00 09:00-21:00 15m",
		"us-ct-hours": always + sales + "09:00-20:00 09:00-20:00 09:00-20:00 15m", "us-ct-consent": always + sales + "pewc/pewc",
		// Charts: no Sundays, no legal holidays in AL and LA; no Sundays in MS.
		"us-al-hours": always + sales + "08:00-20:00 08:00-20:00 closed holidays closed 15m", "us-la-hours": always + sales + "08:00-20:00 08:00-20:00 closed holidays closed 15m",
		"us-ms-hours": always + sales + "08:00-20:00 08:00-20:00 closed 15m",
		"us-ky-hours": always + sales + "10:00-21:00 10:00-21:00 10:00-21:00 15m", "us-nv-hours": always + sales + "09:00-20:00 09:00-20:00 09:00-20:00 15m",
		"us-mi-hours": always + sales + "09:00-21:00 09:00-21:00 09:00-21:00 15m", "us-mn-hours": always + sales + "09:00-21:00 09:00-21:00 09:00-21:00 15m",
		"us-nm-hours": always + sales + "09:00-21:00 09:00-21:00 09:00-21:00 15m", "us-ma-hours": always + sales + "08:00-20:00 08:00-20:00 08:00-20:00 15m",
		"us-il-hours": always + sales + "09:00-21:00 09:00-21:00 09:00-21:00 15m",
		"us-ri-hours": always + sales + "09:00-18:00 10:00-17:00 closed holidays closed 15m", "us-ut-hours": always + sales + "08:00-21:00 08:00-21:00 closed holidays closed 15m",
		"us-pa-hours": always + sales + "08:00-21:00 08:00-21:00 13:30-21:00 holidays closed 15m", "us-sd-hours": always + sales + "09:00-21:00 09:00-21:00 closed 15m",
		"us-wy-hours": always + sales + "08:00-20:00 08:00-20:00 08:00-20:00 15m", "us-nj-hours": always + sales + "08:00-21:00 08:00-21:00 08:00-21:00 15m",
		// Recorded calls in NE; one automated call in 8 hours in ME (10 M.R.S. 1498); Va. SB 1339 (2026-01-01).
		"us-ne-hours": always + sales + "08:00-21:00 08:00-21:00 13:00-21:00 holidays 13:00-21:00 15m", "us-me-cap": always + sales + "1 in 8h per seller",
		"us-va-hours": "2026-01-01.. sales 08:00-21:00 08:00-21:00 08:00-21:00 15m",
		// 12 CFR 1006.6(b)(1)(i), 1006.14(b)(2)(i), since 2021-11-30.
		"us-debt-hours": "2021-11-30.. debt 08:00-21:00 08:00-21:00 08:00-21:00 15m", "us-debt-cap": "2021-11-30.. debt 7 in 7d per debt none for 7d",
	}
	for _, state := range strings.Fields("co fl in la ma mo ms ok pa tn tx wy") { // lists of their own
		want["us-"+state+"-registry"] = always + sales + "state 30d"
	}
	for _, state := range strings.Fields("ca fl il md ma mt nh pa wa ct de nv mi or") { // all parties, the last five by caution
		want["us-"+state+"-recording"] = always + " all_party"
	}
	rules := packs(t, append(DefaultPacks(), "us-debt-collection")...)
	seen := map[string]bool{}
	for i := range rules.rules {
		r := &rules.rules[i]
		numbers := r.Hours != nil || r.Cap != nil || r.Consent != nil || r.Registry != nil || r.Recording != nil || r.Abandonment != nil || r.Reassigned != nil || r.Retention != nil
		if !numbers || !strings.HasPrefix(r.Jurisdiction, "US") {
			continue
		}
		seen[r.ID] = true
		if got := written(r); got != want[r.ID] {
			t.Errorf("%s is %q, want %q", r.ID, got, want[r.ID])
		}
	}
	for id := range want {
		if !seen[id] {
			t.Errorf("there is no rule %s", id)
		}
	}
}

// TestWhatIsSaidByLaw has what openings must say, in the same way: 47 CFR
// 64.1200(b), 16 CFR 310.4(d), and the states' own.
func TestWhatIsSaidByLaw(t *testing.T) {
	t.Parallel()
	const sec = time.Second
	want := map[string]OpeningDuty{
		"house-opening":    {LegalNameWithin: 5 * sec, AIWithin: 5 * sec, RecordingWithin: 20 * sec, CallbackNumber: true, RemindAfterTransfers: true, EndWithin: 10 * sec},
		"us-opening":       {LegalNameWithin: 5 * sec, OptOutAfterName: 2 * sec, CallbackNumber: true, TollFreeOnVoicemail: true},
		"us-opening-sales": {PurposeWithin: 30 * sec},
		"us-fl-opening":    {LegalNameWithin: 30 * sec, PurposeWithin: 30 * sec},                      // Fla. Stat. 501.613
		"us-tx-opening":    {LegalNameWithin: 5 * sec, PurposeWithin: 10 * sec},                       // Tex. B&C 301.051
		"us-wa-opening":    {LegalNameWithin: 30 * sec, PurposeWithin: 30 * sec, EndWithin: 10 * sec}, // RCW 80.36.390
		"us-ut-ai":         {AIWithin: 5 * sec},                                                       // Utah Code 13-77
		"us-me-ai":         {AIWithin: 5 * sec},                                                       // 10 M.R.S. 1500-DD
		"us-co-ai":         {AIWithin: 5 * sec},                                                       // HB 26-1263, from 2027-01-01
		"us-ca-ai-health":  {AIWithin: 5 * sec, AIAtEnd: true},                                        // Cal. H&S 1339.75
		"eu-ai-act":        {AIWithin: 5 * sec, RemindAfterTransfers: true},                           // (EU) 2024/1689 article 50(1)
		"ca-opening":       {LegalNameWithin: 5 * sec, CallbackNumber: true, EndWithin: 10 * sec},     // CRTC, part IV
	}
	from := map[string]string{"us-co-ai": "2027-01-01", "eu-ai-act": "2026-08-02"}
	rules := packs(t, append(DefaultPacks(), "eu", "canada")...)
	for i := range rules.rules {
		r := &rules.rules[i]
		if r.Opening == nil {
			continue
		}
		if *r.Opening != want[r.ID] || r.From.String() != from[r.ID] {
			t.Errorf("%s from %q says %+v, want %+v", r.ID, r.From.String(), *r.Opening, want[r.ID])
		}
		delete(want, r.ID)
	}
	for id := range want {
		t.Errorf("there is no rule %s", id)
	}
}

// TestWhatOptOutsMeanByLaw: 64.1200(a)(10), (d)(3), (d)(6), DA 26-12, Va. SB 1339.
func TestWhatOptOutsMeanByLaw(t *testing.T) {
	t.Parallel()
	const day, year5, year10 = 24 * time.Hour, 1826 * 24 * time.Hour, 87660 * time.Hour
	rules := american(t)
	for _, c := range []struct {
		at   string
		in   []string
		want OptOutDuty
	}{
		{"2025-03-01", []string{"US"}, OptOutDuty{HonourWithin: 30 * day, Keep: year5}},
		{"2025-06-01", []string{"US"}, OptOutDuty{HonourWithin: 10 * day, Keep: year5}},
		{"2025-06-01", []string{"US-VA"}, OptOutDuty{HonourWithin: 10 * day, Keep: year5}},
		{"2026-06-01", []string{"US-VA"}, OptOutDuty{HonourWithin: 10 * day, Keep: year10}},
		{"2027-06-01", []string{"US-NY"}, OptOutDuty{HonourWithin: 10 * day, Keep: year5}},
	} {
		at, err := time.Parse(time.DateOnly, c.at)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := rules.OptOut(c.in, at)
		if got.HonourWithin != c.want.HonourWithin || got.Keep != c.want.Keep {
			t.Errorf("%s in %v: %+v, want %+v", c.at, c.in, got, c.want)
		}
		if got.Default != ScopeSeller || got.WrongNumber != ScopeEverything || got.Ambiguous != ScopeMarketing {
			t.Errorf("%s in %v: scopes %+v", c.at, c.in, got)
		}
	}
}
