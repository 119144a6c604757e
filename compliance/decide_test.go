package compliance

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/privacy"
)

// packs loads rules once for all tests of some packs.
func packs(t testing.TB, names ...string) *Rules {
	t.Helper()
	r, err := loadOnce(strings.Join(names, " "))
	if err != nil {
		t.Fatal(err)
	}

	return r
}

var loaded sync.Map

func loadOnce(names string) (*Rules, error) {
	if r, ok := loaded.Load(names); ok {
		return r.(*Rules), nil
	}
	r, err := Load(strings.Fields(names))
	if err == nil {
		loaded.Store(names, r)
	}

	return r, err
}

func american(t testing.TB) *Rules {
	t.Helper()

	return packs(t, DefaultPacks()...)
}

// noon is Wednesday 18 November 2026, 12:00 in New York.
var noon = time.Date(2026, 11, 18, 17, 0, 0, 0, time.UTC)

// goodAttempt is a telemarketing call that may be placed.
func goodAttempt() *Attempt {
	return &Attempt{
		Tenant: "acme", Seller: "roof", Campaign: "spring", Subject: "roofs", To: "+12125550123", From: "+12125550199",
		Purpose: Telemarketing, Line: Wireless, Voice: "anna", Expected: 5 * time.Minute, At: noon,
		Hints: []Hint{{Source: FromAddress, State: "NY", Zone: "America/New_York"}},
	}
}

// goodFacts are the facts about goodAttempt.
func goodFacts(a *Attempt) *Facts {
	at := a.At
	f := &Facts{
		ClockOffset: Know(3 * time.Millisecond),
		Consents: Know([]Consent{{
			ID: "c1", Seller: a.Seller, To: a.To, Level: PriorExpressWritten, Purposes: []Purpose{Telemarketing, Informational, DebtCollection},
			Artificial: true, Signature: true, NotCondition: true, Disclosure: "d", RequestCopy: "r", GivenCopy: "g", CapturedAt: at.AddDate(0, -2, 0),
		}}),
		Suppressions: Know([]Suppression{}),
		History:      Know(History{Since: at.AddDate(-1, 0, 0)}),
		Reassigned:   Know(ReassignedResult{Answer: ReassignedNo, QueriedAt: at.AddDate(0, 0, -3), AskedSince: at.AddDate(0, -3, 0)}),
		CallerID:     Know(CallerID{Number: a.From, Seller: a.Seller, Proof: "loa-1", ValidFrom: at.AddDate(-1, 0, 0), Answered: true}),
		Voice:        Know(VoiceLicence{Voice: a.Voice, Licence: "l1", SpeakerConsent: "s1", Sellers: []string{a.Seller}, ExpiresAt: at.AddDate(1, 0, 0)}),
		Campaign: Know(Campaign{
			ID: a.Campaign, Seller: a.Seller, Active: true, LegalName: "Roof Works LLC", CallbackNumber: "+12125550199", TollFreeOptOut: "+18005550100",
			RingTimeout: 25 * time.Second, OptOutPolicy: "p1", OpeningSaysAI: true, Registrations: []string{"FL", "TX"}, EmergencyBasis: "e1",
		}),
		Abandonment: Know(Abandonment{From: at.AddDate(0, -1, 0), To: at, Live: 1000, Abandoned: 5}),
	}
	lists := []ListSnapshot{{
		ID: "n1", Kind: NationalList, Account: "SAN1", ObtainedAt: at.AddDate(0, 0, -3), SHA256: "aa", Everywhere: true,
	}}
	for _, state := range strings.Fields("CO FL IN LA MA MO MS OK PA TN TX WY") {
		lists = append(lists, ListSnapshot{ID: "s" + state, Kind: StateList, State: state, ObtainedAt: at.AddDate(0, 0, -3), SHA256: "bb", Everywhere: true})
	}
	f.Lists = Know(lists)

	return f
}

// move changes where the called party is and when it is there.
func move(a *Attempt, number, state, local string) {
	a.To = privacy.Number(number)
	a.Hints = []Hint{{Source: FromZIP, State: state}}
	zone := ""
	for z := range strings.FieldsSeq(zonesOf[state]) {
		zone = z
		a.Hints = append(a.Hints, Hint{Source: FromZIP, State: state, Zone: z})
	}
	a.Hints = a.Hints[1:]
	loc, err := time.LoadLocation(zone)
	if err != nil {
		panic(err)
	}
	a.At, err = time.ParseInLocation("2006-01-02 15:04:05", local, loc)
	if err != nil {
		panic(err)
	}
}

// zonesOf are the zones of the area codes that the tests use.
var zonesOf = map[string]string{
	"AL": "America/Chicago", "LA": "America/Chicago", "MS": "America/Chicago", "IL": "America/Chicago", "MN": "America/Chicago", "OK": "America/Chicago",
	"SD": "America/Chicago", "NE": "America/Chicago", "TX": "America/Chicago", "MO": "America/Chicago", "TN": "America/Chicago",
	"FL": "America/New_York", "MD": "America/New_York", "CT": "America/New_York", "KY": "America/New_York", "MI": "America/New_York",
	"MA": "America/New_York", "RI": "America/New_York", "PA": "America/New_York", "NJ": "America/New_York", "VA": "America/New_York", "ME": "America/New_York",
	"NY": "America/New_York", "IN": "America/New_York", "OR": "America/Los_Angeles", "WA": "America/Los_Angeles", "CA": "America/Los_Angeles",
	"NV": "America/Los_Angeles", "NM": "America/Denver", "UT": "America/Denver", "WY": "America/Denver", "CO": "America/Denver", "AZ": "America/Phoenix",
}

// denials are the "rule: code" of what denies.
func denials(d *Decision) []string {
	var all []string
	for _, r := range d.Denials() {
		all = append(all, r.Rule+": "+string(r.Code))
	}

	return all
}

// check decides and compares what denies; the tested rules are remembered.
func check(t *testing.T, r *Rules, a *Attempt, f *Facts, want ...string) Decision {
	t.Helper()
	d := Decide(a, f, r)
	got := denials(&d)
	if !slices.Equal(got, want) {
		t.Errorf("denied by %q, want %q", got, want)
	}
	if d.Allow != (len(got) == 0) || d.Allow != (d.ValidFor > 0) {
		t.Errorf("allow %v, valid for %s, denials %q", d.Allow, d.ValidFor, got)
	}

	return d
}

func TestGoodAttemptIsAllowed(t *testing.T) {
	t.Parallel()
	a := goodAttempt()
	d := check(t, american(t), a, goodFacts(a))
	if d.ValidFor != 30*time.Second {
		t.Errorf("valid for %s, want seconds", d.ValidFor)
	}
	if !slices.Equal(d.States, []string{"US-NY"}) || !slices.Equal(d.Zones, []string{"America/New_York"}) || d.Consent != "c1" {
		t.Errorf("judged as in %v %v with consent %q", d.States, d.Zones, d.Consent)
	}
	encoded, err := Canonical(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range []string{"2125550123", "2125550199", "8005550100"} {
		if strings.Contains(string(encoded), number) {
			t.Errorf("the decision holds a telephone number: %s", encoded)
		}
	}
	again := Decide(a, goodFacts(a), american(t))
	second, err := Canonical(again)
	if err != nil || string(second) != string(encoded) {
		t.Errorf("the same input has two decisions (%v)", err)
	}
}

func TestNothingKnownDeniesByName(t *testing.T) {
	t.Parallel()
	a := goodAttempt()
	check(t, american(t), a, &Facts{},
		"house-clock: CLOCK_UNKNOWN", "house-campaign: CAMPAIGN_UNKNOWN", "us-campaign: CAMPAIGN_UNKNOWN", "house-caller-id: CALLER_ID_UNKNOWN",
		"house-voice-licence: VOICE_UNKNOWN", "house-suppression: SUPPRESSIONS_UNKNOWN", "us-consent-marketing: CONSENT_UNKNOWN", "us-reassigned: REASSIGNED_UNKNOWN",
		"house-internal-lists: LIST_UNKNOWN", "house-litigators: LIST_UNKNOWN", "us-national-registry: LIST_UNKNOWN", "us-abandonment: ABANDONMENT_UNKNOWN")
	d := Decide(&Attempt{}, &Facts{}, american(t))
	if got := denials(&d); !slices.Contains(got, "house-complete-attempt: ATTEMPT_INCOMPLETE") ||
		!slices.Contains(got, "house-covered-destination: DESTINATION_UNCOVERED") || !slices.Contains(got, "house-place: TZ_UNRESOLVED") {
		t.Errorf("an empty attempt is denied by %q", got)
	}
}

// TestEveryFactIsAsked: a call to Florida, on an exempted landline or not,
// needs each fact.
func TestEveryFactIsAsked(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(*Facts){
		"clock":        func(f *Facts) { f.ClockOffset = Unknown[time.Duration]("chronyd does not answer") },
		"consents":     func(f *Facts) { f.Consents = Unknown[[]Consent]("timed out") },
		"suppressions": func(f *Facts) { f.Suppressions = Unknown[[]Suppression]("timed out") },
		"lists":        func(f *Facts) { f.Lists = Unknown[[]ListSnapshot]("timed out") },
		"history":      func(f *Facts) { f.History = Unknown[History]("timed out") },
		"reassigned":   func(f *Facts) { f.Reassigned = Unknown[ReassignedResult]("timed out") },
		"caller id":    func(f *Facts) { f.CallerID = Unknown[CallerID]("timed out") },
		"voice":        func(f *Facts) { f.Voice = Unknown[VoiceLicence]("timed out") },
		"campaign":     func(f *Facts) { f.Campaign = Unknown[Campaign]("timed out") },
		"abandonment":  func(f *Facts) { f.Abandonment = Unknown[Abandonment]("timed out") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := goodAttempt()
			move(a, "+13055550123", "FL", "2026-11-18 12:00:00")
			f := goodFacts(a)
			check(t, american(t), a, f)
			forget(f)
			d := Decide(a, f, american(t))
			if d.Allow {
				t.Fatal("allowed")
			}
			for _, r := range d.Denials() {
				if !strings.HasSuffix(string(r.Code), "_UNKNOWN") {
					t.Errorf("%s: %s, want an unknown fact", r.Rule, r.Code)
				}
				if !strings.Contains(r.Why, "timed out") && name != "clock" {
					t.Errorf("%s does not say why: %s", r.Rule, r.Why)
				}
			}
		})
	}
}
