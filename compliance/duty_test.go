package compliance

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRecording: 18 USC 2511(2)(d) and the states' codes; the strictest of
// both ends.
func TestRecording(t *testing.T) {
	t.Parallel()
	r := american(t)
	allParty := strings.Fields("CA FL IL MD MA MT NH PA WA CT DE NV MI OR")
	for _, state := range allParty {
		for _, ends := range [][2][]string{{{"US-" + state}, {"US-NY"}}, {{"US-NY"}, {"US-" + state}}, {{"US-NY"}, {"US-TX", "US-" + state}}} {
			d, rules := r.Recording(ends[0], ends[1], noon)
			if d.Consent != AllParty || !d.Announce || !slices.Contains(rules, "us-"+strings.ToLower(state)+"-recording") {
				t.Errorf("%v: %+v by %v", ends, d, rules)
			}
			if d.AnnouncementRecorded != (state == "WA") {
				t.Errorf("%s: announcement recorded %v", state, d.AnnouncementRecorded)
			}
		}
	}
	for name, c := range map[string]struct {
		ours, theirs []string
		want         RecordingConsent
	}{
		"two one-party states":   {[]string{"US-NY"}, []string{"US-TX"}, OneParty},
		"our state unknown":      {nil, []string{"US-TX"}, AllParty},
		"their state unknown":    {[]string{"US-NY"}, nil, AllParty},
		"a country without pack": {[]string{"US-NY"}, []string{"FR"}, AllParty},
		"an empty state":         {[]string{"US-NY"}, []string{""}, AllParty},
		"a state nobody knows":   {[]string{"US-NY"}, []string{"US-XX"}, AllParty},
		"a country alone":        {[]string{"US-NY"}, []string{"US"}, AllParty},
	} {
		if d, _ := r.Recording(c.ours, c.theirs, noon); d.Consent != c.want || !d.Announce {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if d, _ := packs(t, "eu").Recording([]string{"DE"}, []string{"FR"}, noon); d.Consent != AllParty {
		t.Errorf("in the EU: %+v", d)
	}
}

func TestOpening(t *testing.T) {
	t.Parallel()
	r := american(t)
	federal, _ := r.Opening([]string{"US-NY"}, Telemarketing, noon)
	if federal.LegalNameWithin != 5*time.Second || federal.OptOutAfterName != 2*time.Second || federal.PurposeWithin != 30*time.Second ||
		federal.AIWithin != 5*time.Second || !federal.CallbackNumber || !federal.TollFreeOnVoicemail {
		t.Errorf("64.1200(b): %+v", federal)
	}
	texas, rules := r.Opening([]string{"US-TX", "US-NY"}, Telemarketing, noon)
	if texas.PurposeWithin != 10*time.Second || !slices.Contains(rules, "us-tx-opening") {
		t.Errorf("Texas: %+v by %v", texas, rules)
	}
	informing, _ := r.Opening([]string{"US-TX"}, Informational, noon)
	if informing.PurposeWithin != 0 || informing.LegalNameWithin != 5*time.Second {
		t.Errorf("informing: %+v", informing)
	}
	clinic, _ := r.Opening([]string{"US-CA"}, Informational, noon)
	if !clinic.AIAtEnd {
		t.Errorf("Cal. Health & Saf. Code 1339.75: %+v", clinic)
	}
	europe, _ := packs(t, "eu").Opening([]string{"DE"}, Informational, noon)
	if europe.AIWithin != 5*time.Second || !europe.RemindAfterTransfers || europe.OptOutAfterName != 0 {
		t.Errorf("AI Act article 50: %+v", europe)
	}
}

func TestOptOutDuty(t *testing.T) {
	t.Parallel()
	r := american(t)
	d, _ := r.OptOut([]string{"US-NY"}, noon)
	if d.Default != ScopeSeller || d.Ambiguous != ScopeMarketing || d.WrongNumber != ScopeEverything || d.Exempt != ScopeTenant || d.Keep != 43824*time.Hour {
		t.Errorf("New York: %+v", d)
	}
	if d, rules := r.OptOut([]string{"US-VA"}, noon); d.Keep != 87660*time.Hour || !slices.Contains(rules, "us-va-opt-out") {
		t.Errorf("Virginia: %+v by %v", d, rules)
	}
	if d, _ := packs(t, "uk").OptOut([]string{"GB"}, noon); d.Default != ScopeSeller || d.WrongNumber != ScopeEverything {
		t.Errorf("elsewhere: %+v", d)
	}
}

// TestAbandoning: 64.1200(a)(7), 47 USC 227(d)(3)(B), Ofcom.
func TestAbandoning(t *testing.T) {
	t.Parallel()
	r := packs(t, Packs()...)
	want := AbandonmentCap{
		SpeakWithin: 2 * time.Second, Window: 720 * time.Hour, Limit: 30, Pause: 25, Alarm: 15, Young: 20,
		ReleaseWithin: 5 * time.Second, MaxAge: 5 * time.Minute,
	}
	if d, rules := r.Abandoning([]string{"US-NY"}, Telemarketing, noon); d != want || !slices.Equal(rules, []string{"us-abandonment"}) {
		t.Errorf("%+v by %v", d, rules)
	}
	if d, _ := r.Abandoning([]string{"US-NY", "GB"}, Telemarketing, noon); d.Pause != 10 || d.Alarm != 5 || d.Window != 24*time.Hour {
		t.Errorf("both: %+v", d)
	}
	if d, rules := r.Abandoning([]string{"US-NY"}, Informational, noon); d != (AbandonmentCap{}) || rules != nil {
		t.Errorf("informing: %+v by %v", d, rules)
	}
}

func TestRetain(t *testing.T) {
	t.Parallel()
	r := american(t)
	for class, want := range map[RecordClass]Retention{
		EvidenceRecords:   {Least: 43824 * time.Hour},
		ScriptRecords:     {Least: 43824 * time.Hour},
		AudioRecords:      {Most: 720 * time.Hour},
		TranscriptRecords: {Most: 2160 * time.Hour},
		SuppressionRecord: {Least: 876000 * time.Hour},
	} {
		got := r.Retain(class, noon)
		if got.Least != want.Least || got.Most != want.Most || len(got.Rules) == 0 {
			t.Errorf("%s: %+v, want %+v", class, got, want)
		}
	}
	if got := r.Retain("dreams", noon); got.Least != 0 || got.Most != 0 || got.Rules != nil {
		t.Errorf("a class that no rule knows: %+v", got)
	}
}
