package compliance

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"trunkline/compliance/npa"
	"trunkline/privacy"
)

// drawCase makes an attempt and facts, most of which are good: of every fact
// now and then something is wrong.
func drawCase(t *rapid.T) (*Attempt, *Facts) {
	a := goodAttempt()
	a.At = noon.Add(time.Duration(rapid.Int64Range(0, int64(400*24*time.Hour)).Draw(t, "at")))
	a.Purpose = rapid.SampledFrom([]Purpose{Telemarketing, Telemarketing, Informational, Emergency, ""}).Draw(t, "purpose")
	a.Line = rapid.SampledFrom([]LineType{Wireless, Landline, VoIP, ""}).Draw(t, "line")
	a.Exempt = rapid.SampledFrom([]Exemption{NoExemption, NoExemption, Healthcare, Nonprofit}).Draw(t, "exempt")
	a.Expected = time.Duration(rapid.IntRange(0, 90).Draw(t, "expected")) * time.Minute
	code := rapid.SampledFrom([]string{"212", "850", "928", "907", "671", "305", "405", "206", "214", "800", "416"}).Draw(t, "code")
	a.To = privacy.Number("+1" + code + "5550123")
	if !rapid.Bool().Draw(t, "address") {
		a.Hints = nil
	}
	f := goodFacts(a)
	if rapid.IntRange(0, 4).Draw(t, "consented") == 0 {
		consent(f).Level = rapid.SampledFrom([]ConsentLevel{NoConsent, PriorExpress, Inquiry}).Draw(t, "level")
	}
	for i := range rapid.IntRange(0, 4).Draw(t, "attempts") {
		f.History.Value.Attempts = append(f.History.Value.Attempts, PastAttempt{
			At:     a.At.Add(-time.Duration(rapid.Int64Range(0, int64(60*time.Hour)).Draw(t, fmt.Sprint("past", i)))),
			Seller: rapid.SampledFrom([]string{"roof", "windows", ""}).Draw(t, "seller"), Subject: rapid.SampledFrom([]string{"roofs", "x", ""}).Draw(t, "subject"),
		})
	}
	if rapid.IntRange(0, 9).Draw(t, "listed") == 0 {
		f.Lists.Value[0].Hit = true
	}

	return a, f
}

// worsen changes facts in one way that can never be a reason to call.
func worsen(t *rapid.T, a *Attempt, f *Facts) {
	switch rapid.IntRange(0, 14).Draw(t, "worsen") {
	case 0:
		f.Suppressions.Value = append(f.Suppressions.Value, Suppression{
			ID: "x", Scope: rapid.SampledFrom([]Scope{ScopeEverything, ScopeTenant, ScopeSeller, ScopeMarketing, ScopeCampaign, "?"}).Draw(t, "scope"),
			Seller: rapid.SampledFrom([]string{"", "roof", "windows"}).Draw(t, "whose"),
		})
	case 1:
		f.ClockOffset = Unknown[time.Duration]("")
	case 2:
		f.Consents = Unknown[[]Consent]("")
	case 3:
		f.Suppressions = Unknown[[]Suppression]("")
	case 4:
		f.Lists = Unknown[[]ListSnapshot]("")
	case 5:
		f.History = Unknown[History]("")
	case 6:
		f.Reassigned = Unknown[ReassignedResult]("")
	case 7:
		f.CallerID = Unknown[CallerID]("")
	case 8:
		f.Voice = Unknown[VoiceLicence]("")
	case 9:
		f.Campaign = Unknown[Campaign]("")
	case 10:
		f.Abandonment = Unknown[Abandonment]("")
	case 11:
		f.History.Value.Attempts = append(f.History.Value.Attempts, PastAttempt{At: a.At.Add(-time.Hour)})
	case 12:
		f.Consents.Value = nil
	case 13:
		for i := range f.Lists.Value {
			f.Lists.Value[i].Hit = true
		}
	default:
		a.Hints = append(slices.Clone(a.Hints), Hint{Source: FromPerson, Zone: "Pacific/Honolulu"})
	}
}

// TestWorseNeverAllows: what denies a call denies it still when one more
// suppression, dial, place or unknown fact is added.
func TestWorseNeverAllows(t *testing.T) {
	t.Parallel()
	r := american(t)
	rapid.Check(t, func(t *rapid.T) {
		a, f := drawCase(t)
		before := Decide(a, f, r)
		worsen(t, a, f)
		after := Decide(a, f, r)
		if after.Allow && !before.Allow {
			t.Fatalf("denied by %v, then allowed", denials(&before))
		}
		if after.Allow && after.ValidFor > before.ValidFor {
			t.Fatalf("valid for %s, then for %s", before.ValidFor, after.ValidFor)
		}
	})
}

// TestAllowedMeans: whatever is allowed is known, asked nobody to stop, keeps
// the hours in every zone, and is no fourth call under a cap of three.
func TestAllowedMeans(t *testing.T) {
	t.Parallel()
	r := american(t)
	allowed := 0
	rapid.Check(t, func(t *rapid.T) {
		a, f := drawCase(t)
		for range rapid.IntRange(0, 2).Draw(t, "worse") {
			worsen(t, a, f)
		}
		d := Decide(a, f, r)
		if d.Allow != (len(d.Denials()) == 0) || d.Allow != (d.ValidFor > 0) || d.ValidFor > 30*time.Second {
			t.Fatalf("allow %v for %s with denials %v", d.Allow, d.ValidFor, denials(&d))
		}
		if !d.Allow {
			return
		}
		allowed++
		selling := d.Purpose == Telemarketing
		if !f.Suppressions.Known || !f.ClockOffset.Known || !f.CallerID.Known || !f.Voice.Known || !f.Campaign.Known ||
			d.Purpose != Emergency && (!f.Consents.Known || !f.Lists.Known || !f.Reassigned.Known) ||
			selling && !f.Abandonment.Known {
			t.Fatal("allowed without knowing")
		}
		if d.Purpose == Emergency {
			return
		}
		for _, s := range f.Suppressions.Value {
			if s.Scope == ScopeEverything || s.Scope == ScopeTenant || s.Scope == "?" || s.Scope == ScopeSeller && s.Seller != "windows" {
				t.Fatalf("allowed in spite of %+v", s)
			}
		}
		area, _ := npa.Lookup(string(a.To))
		for _, zone := range area.Zones {
			loc, err := time.LoadLocation(zone)
			if err != nil {
				t.Fatal(err)
			}
			begin, end := a.At.In(loc), a.At.Add(max(a.Expected, 15*time.Minute)).In(loc)
			if begin.Hour() < 8 || end.Hour() >= 21 || end.Day() != begin.Day() {
				t.Fatalf("a call from %s to %s in %s", begin, end, zone)
			}
		}
		recent := 0
		for _, p := range f.History.Value.Attempts {
			if !p.At.Before(a.At.Add(-24 * time.Hour)) {
				recent++
			}
		}
		if selling && recent >= 3 && (len(a.Hints) == 0 || a.Hints[0].Source != FromAddress) {
			t.Fatalf("call %d in 24 hours", recent+1)
		}
	})
	if allowed == 0 {
		t.Error("no case was allowed; the test proves nothing")
	}
}

// TestMoreRulesNeverAllow: a further file can only deny.
func TestMoreRulesNeverAllow(t *testing.T) {
	t.Parallel()
	base := american(t)
	more, err := Load(DefaultPacks(), Source{Name: "ours.yaml", YAML: []byte(stricter)})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, f := drawCase(t)
		if d := Decide(a, f, more); d.Allow {
			if before := Decide(a, f, base); !before.Allow {
				t.Fatalf("further rules allow what %v denied", denials(&before))
			}
		}
	})
	a := goodAttempt()
	d := Decide(a, goodFacts(a), more)
	if !slices.Equal(denials(&d), []string{"ours-hours: OUTSIDE_HOURS"}) {
		t.Errorf("denied by %v", denials(&d))
	}
	if bytes.Equal([]byte(base.Version()), []byte(more.Version())) {
		t.Error("the rules have changed and their version has not")
	}
}

const stricter = `
pack: ours
version: 2026-11-20
rules:
  - id: ours-hours
    jurisdiction: US
    applies_to: [telemarketing]
    citation: our own
    confidence: house
    reviewed_by: counsel review pending
    hours: {weekdays: "13:00-17:00", saturday: closed, sunday: closed}
`

func BenchmarkDecide(b *testing.B) {
	r := american(b)
	a := goodAttempt()
	move(a, "+13055550123", "FL", "2026-11-18 12:00:00")
	f := goodFacts(a)
	f.History.Value.Attempts = ago(time.Hour, 30*time.Hour, 50*time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if d := Decide(a, f, r); !d.Allow {
			b.Fatal(denials(&d))
		}
	}
}
