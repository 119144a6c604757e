package compliance

import (
	"slices"
	"strings"
	"testing"
	"time"

	"trunkline/privacy"
)

// usCase is one rule's case. From a call that may be placed it changes what
// the rule is about.
type usCase struct {
	name   string
	change func(*Attempt, *Facts)
	want   []string // what denies
}

func runCases(t *testing.T, r *Rules, cases []usCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := goodAttempt()
			f := goodFacts(a)
			c.change(a, f)
			check(t, r, a, f, c.want...)
		})
	}
}

// consent is the one consent of the good facts.
func consent(f *Facts) *Consent { return &f.Consents.Value[0] }

// TestConsentMatrix: 47 CFR 64.1200(a)(1) to (a)(3), (f)(9); FCC 24-17.
func TestConsentMatrix(t *testing.T) {
	t.Parallel()
	const marketing, informing = "us-consent-marketing: CONSENT_MISSING", "us-consent-informational: CONSENT_MISSING"
	level := func(p Purpose, line LineType, l ConsentLevel) func(*Attempt, *Facts) {
		return func(a *Attempt, f *Facts) { a.Purpose, a.Line, consent(f).Level = p, line, l }
	}
	var cases []usCase
	for _, line := range []LineType{Wireless, Landline, VoIP, "", "satellite"} {
		for _, c := range []struct {
			purpose Purpose
			level   ConsentLevel
			want    []string
		}{
			{Telemarketing, PriorExpressWritten, nil},
			{Telemarketing, PriorExpress, []string{marketing}},
			{Telemarketing, Inquiry, []string{marketing}},
			{Telemarketing, NoConsent, []string{marketing}},
			{Telemarketing, "written", []string{marketing}},
			{"", PriorExpressWritten, nil}, // an unknown purpose is telemarketing
			{"", PriorExpress, []string{marketing}},
			{"survey", PriorExpress, []string{marketing}},
			{Informational, PriorExpressWritten, nil},
			{Informational, PriorExpress, nil},
			{Informational, NoConsent, []string{informing}},
			{Emergency, NoConsent, nil},
		} {
			cases = append(cases, usCase{string(c.purpose) + " on " + string(line) + " with " + string(c.level), level(c.purpose, line, c.level), c.want})
		}
	}
	for name, change := range map[string]func(*Consent){
		"revoked":                        func(c *Consent) { c.RevokedAt = noon.Add(-time.Second) },
		"not yet effective":              func(c *Consent) { c.EffectiveAt = noon.Add(time.Second) },
		"captured later":                 func(c *Consent) { c.CapturedAt = noon.Add(time.Second) },
		"never captured":                 func(c *Consent) { c.CapturedAt = time.Time{} },
		"expired":                        func(c *Consent) { c.ExpiresAt = noon },
		"another seller's":               func(c *Consent) { c.Seller = "windows" },
		"no seller's":                    func(c *Consent) { c.Seller = "" },
		"for another number":             func(c *Consent) { c.To = "+12125550124" },
		"for information alone":          func(c *Consent) { c.Purposes = []Purpose{Informational} },
		"without artificial voices":      func(c *Consent) { c.Artificial = false },
		"without signature":              func(c *Consent) { c.Signature = false },
		"a condition of purchase":        func(c *Consent) { c.NotCondition = false },
		"without disclosure text":        func(c *Consent) { c.Disclosure = "" },
		"without copy of the request":    func(c *Consent) { c.RequestCopy = "" },
		"without copy of what was given": func(c *Consent) { c.GivenCopy = "" },
	} {
		cases = append(cases, usCase{name, func(_ *Attempt, f *Facts) { change(consent(f)) }, []string{marketing}})
	}
	request := func(subject string, p Purpose) func(*Attempt, *Facts) {
		return func(a *Attempt, f *Facts) {
			a.Purpose = Informational
			consent(f).Level, consent(f).Subject, consent(f).Purposes = Inquiry, subject, []Purpose{p}
		}
	}
	cases = append(cases,
		usCase{"a call-back that was asked for", request("roofs", Informational), nil},
		usCase{"a call-back about something else", request("windows", Informational), []string{informing}},
		usCase{"a call-back about nothing", request("", Informational), []string{informing}},
		usCase{"a call-back that sells", request("roofs", Telemarketing), []string{informing}},
		usCase{"a second consent covers it", func(_ *Attempt, f *Facts) {
			good := *consent(f)
			consent(f).Level = NoConsent
			f.Consents.Value = append(f.Consents.Value, good)
		}, nil},
		usCase{"an emergency without a document", func(a *Attempt, f *Facts) {
			a.Purpose, f.Campaign.Value.EmergencyBasis = Emergency, ""
		}, []string{"house-emergency-basis: EMERGENCY_UNPROVEN"}},
	)
	runCases(t, american(t), cases)
}

// ago are dials so long before the good attempt.
func ago(times ...time.Duration) []PastAttempt {
	var all []PastAttempt
	for _, d := range times {
		all = append(all, PastAttempt{At: noon.Add(-d), Seller: "roof", Campaign: "spring", Subject: "roofs"})
	}

	return all
}

const hour = time.Hour

// TestExemptions: 47 CFR 64.1200(a)(3)(ii) to (v).
func TestExemptions(t *testing.T) {
	t.Parallel()
	exempt := func(e Exemption, past ...time.Duration) func(*Attempt, *Facts) {
		return func(a *Attempt, f *Facts) {
			a.Purpose, a.Line, a.Exempt = Informational, Landline, e
			f.Consents = Know([]Consent{})
			f.History.Value.Attempts = ago(past...)
		}
	}
	const missing, capped = "us-consent-informational: CONSENT_MISSING", "us-consent-informational: CAP_REACHED"
	runCases(t, american(t), []usCase{
		{"third call in 30 days", exempt(Noncommercial, 10*24*hour, 29*24*hour), nil},
		{"fourth call in 30 days", exempt(Noncommercial, 10*24*hour, 20*24*hour, 30*24*hour), []string{capped}},
		{"first has left the window", exempt(Nonprofit, 10*24*hour, 20*24*hour, 30*24*hour+1), nil},
		{"commercial, fourth", exempt(CommercialNonmarketing, hour, 2*hour, 3*hour), []string{capped}},
		{"healthcare, second in a day", exempt(Healthcare, 24*hour), []string{capped}},
		{"healthcare, third in a week", exempt(Healthcare, 25*hour, 3*24*hour), nil},
		{"healthcare, fourth in a week", exempt(Healthcare, 25*hour, 3*24*hour, 7*24*hour), []string{capped}},
		{"another seller's calls count", func(a *Attempt, f *Facts) {
			exempt(Nonprofit, hour, 2*hour, 3*hour)(a, f)
			for i := range f.History.Value.Attempts {
				f.History.Value.Attempts[i].Seller, f.History.Value.Attempts[i].Campaign = "other", "other"
			}
		}, []string{capped}},
		{"history lost", func(a *Attempt, f *Facts) {
			exempt(Nonprofit)(a, f)
			f.History.Value.Since = noon.Add(-29 * 24 * hour)
		}, []string{"us-consent-informational: HISTORY_INCOMPLETE"}},
		{"history of no beginning", func(a *Attempt, f *Facts) {
			exempt(Nonprofit)(a, f)
			f.History.Value.Since = time.Time{}
		}, []string{"us-consent-informational: HISTORY_INCOMPLETE"}},
		{"history unknown", func(a *Attempt, f *Facts) {
			exempt(Nonprofit)(a, f)
			f.History = Unknown[History]("timed out")
		}, []string{"us-consent-informational: HISTORY_UNKNOWN"}},
		{"on a mobile", func(a *Attempt, f *Facts) { exempt(Nonprofit)(a, f); a.Line = Wireless }, []string{missing}},
		{"on an unknown line", func(a *Attempt, f *Facts) { exempt(Nonprofit)(a, f); a.Line = "" }, []string{missing}},
		{"selling", func(a *Attempt, f *Facts) { exempt(Nonprofit)(a, f); a.Purpose = Telemarketing }, []string{"us-consent-marketing: CONSENT_MISSING"}},
		{"no such exemption", exempt("charity"), []string{missing}},
	})
}

// TestDoNotCall: 64.1200(c)(2), (d); 16 CFR 310.4(b)(1)(iii)(B).
func TestDoNotCall(t *testing.T) {
	t.Parallel()
	national := func(change func(*ListSnapshot)) func(*Attempt, *Facts) {
		return func(_ *Attempt, f *Facts) { change(&f.Lists.Value[0]) }
	}
	suppressed := func(s Suppression) func(*Attempt, *Facts) {
		return func(_ *Attempt, f *Facts) { f.Suppressions.Value = []Suppression{s} }
	}
	with := func(changes ...func(*Attempt, *Facts)) func(*Attempt, *Facts) {
		return func(a *Attempt, f *Facts) {
			for _, c := range changes {
				c(a, f)
			}
		}
	}
	as := func(p Purpose) func(*Attempt, *Facts) { return func(a *Attempt, _ *Facts) { a.Purpose = p } }
	list := func(l ListSnapshot) func(*Attempt, *Facts) {
		return func(_ *Attempt, f *Facts) { f.Lists.Value = append(f.Lists.Value, l) }
	}
	hit := func(l *ListSnapshot) { l.Hit = true }
	claim := func(_ *Attempt, f *Facts) { f.Campaign.Value.RegistryException = true }
	const registry, house = "us-national-registry: ", "house-suppression: SUPPRESSED"
	runCases(t, american(t), []usCase{
		{"on the national registry", national(hit), []string{registry + "LIST_HIT"}},
		{"on it, with signed permission", with(national(hit), claim), nil},
		{
			"on it, with permission that another seller has", with(national(hit), claim, func(_ *Attempt, f *Facts) { consent(f).Seller = "windows" }),
			[]string{"us-consent-marketing: CONSENT_MISSING", registry + "LIST_HIT"},
		},
		{"on it, informing", with(national(hit), as(Informational)), nil},
		{"30 days old", national(func(l *ListSnapshot) { l.ObtainedAt = noon.Add(-30 * 24 * hour) }), []string{registry + "LIST_STALE"}},
		{"almost 30 days old", national(func(l *ListSnapshot) { l.ObtainedAt = noon.Add(-30*24*hour + time.Second) }), nil},
		{"from tomorrow", national(func(l *ListSnapshot) { l.ObtainedAt = noon.Add(24 * hour) }), []string{registry + "LIST_STALE"}},
		{"without account", national(func(l *ListSnapshot) { l.Account = "" }), []string{registry + "LIST_UNCOVERED"}},
		{"for another area code", national(func(l *ListSnapshot) { l.Everywhere, l.AreaCodes = false, []string{"213"} }), []string{registry + "LIST_UNCOVERED"}},
		{"for the area code", national(func(l *ListSnapshot) { l.Everywhere, l.AreaCodes = false, []string{"213", "212"} }), nil},
		{"never loaded", func(_ *Attempt, f *Facts) { f.Lists.Value = f.Lists.Value[1:] }, []string{registry + "LIST_MISSING"}},
		{"another country's", national(func(l *ListSnapshot) { l.State = "GB" }), []string{registry + "LIST_MISSING"}},
		{"the newest counts", list(ListSnapshot{ID: "old", Kind: NationalList, ObtainedAt: noon.AddDate(-1, 0, 0), Hit: true}), nil},
		{"on the internal list", list(ListSnapshot{ID: "i", Kind: InternalList, ObtainedAt: noon.AddDate(-9, 0, 0), Everywhere: true, Hit: true}), []string{"house-internal-lists: LIST_HIT"}},
		{"on the litigators' list", list(ListSnapshot{ID: "l", Kind: LitigatorList, ObtainedAt: noon, Everywhere: true, Hit: true}), []string{"house-litigators: LIST_HIT"}},
		{"an old litigators' list", list(ListSnapshot{ID: "l", Kind: LitigatorList, ObtainedAt: noon.AddDate(-1, 0, 0), Everywhere: true}), []string{"house-litigators: LIST_STALE"}},

		{"opted out of everything", suppressed(Suppression{ID: "x", Scope: ScopeEverything}), []string{house}},
		{"opted out of everything, emergency", with(as(Emergency), suppressed(Suppression{ID: "x", Scope: ScopeEverything})), []string{house}},
		{"opted out of the tenant's calls", suppressed(Suppression{ID: "x", Scope: ScopeTenant}), []string{house}},
		{"opted out of the tenant's calls, emergency", with(as(Emergency), suppressed(Suppression{ID: "x", Scope: ScopeTenant})), nil},
		{"opted out of the seller's", suppressed(Suppression{ID: "x", Scope: ScopeSeller, Seller: "roof"}), []string{house}},
		{"opted out of nobody's in particular", suppressed(Suppression{ID: "x", Scope: ScopeSeller}), []string{house}},
		{"opted out of another seller's", suppressed(Suppression{ID: "x", Scope: ScopeSeller, Seller: "windows"}), nil},
		{"opted out of marketing", suppressed(Suppression{ID: "x", Scope: ScopeMarketing, Seller: "roof"}), []string{house}},
		{"opted out of marketing, informing", with(as(Informational), suppressed(Suppression{ID: "x", Scope: ScopeMarketing, Seller: "roof"})), nil},
		{"opted out of the campaign", suppressed(Suppression{ID: "x", Scope: ScopeCampaign, Campaign: "spring"}), []string{house}},
		{"opted out of another campaign", suppressed(Suppression{ID: "x", Scope: ScopeCampaign, Campaign: "autumn"}), nil},
		{"a scope that nobody knows", suppressed(Suppression{ID: "x", Scope: "some"}), []string{house}},
	})
}

// TestStateLists: the states' own registries stand beside the national one.
func TestStateLists(t *testing.T) {
	t.Parallel()
	for state, number := range map[string]string{
		"CO": "+13035550123", "FL": "+13055550123", "IN": "+13175550123", "LA": "+15045550123", "MA": "+16175550123", "MO": "+13145550123", "MS": "+16015550123",
		"OK": "+14055550123", "PA": "+12155550123", "TN": "+16155550123", "TX": "+12145550123", "WY": "+13075550123",
	} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			a := goodAttempt()
			move(a, number, state, "2026-11-18 12:00:00")
			f := goodFacts(a)
			rule := "us-" + strings.ToLower(state) + "-registry: "
			check(t, american(t), a, f)
			i := slices.IndexFunc(f.Lists.Value, func(l ListSnapshot) bool { return l.State == state })
			f.Lists.Value[i].Hit = true
			f.Campaign.Value.RegistryException = true // which excepts from the national registry alone
			check(t, american(t), a, f, rule+"LIST_HIT")
			f.Lists.Value[i].ObtainedAt = a.At.AddDate(0, 0, -31)
			check(t, american(t), a, f, rule+"LIST_STALE")
			f.Lists.Value = slices.Delete(f.Lists.Value, i, i+1)
			check(t, american(t), a, f, rule+"LIST_MISSING")
		})
	}
}

// TestIdentity: caller ID (64.1601(e)), voice licence, reassigned numbers
// (64.1200(m)), campaign settings (64.1200(b), (a)(6)), clock, registration.
func TestIdentity(t *testing.T) {
	t.Parallel()
	id := func(change func(*CallerID)) func(*Attempt, *Facts) {
		return func(_ *Attempt, f *Facts) { change(&f.CallerID.Value) }
	}
	voice := func(change func(*VoiceLicence)) func(*Attempt, *Facts) {
		return func(_ *Attempt, f *Facts) { change(&f.Voice.Value) }
	}
	moved := func(change func(*ReassignedResult)) func(*Attempt, *Facts) {
		return func(_ *Attempt, f *Facts) { change(&f.Reassigned.Value) }
	}
	settings := func(change func(*Campaign)) func(*Attempt, *Facts) {
		return func(_ *Attempt, f *Facts) { change(&f.Campaign.Value) }
	}
	const caller, licence, reassigned = "house-caller-id: CALLER_ID_UNPROVEN", "house-voice-licence: VOICE_UNLICENSED", "us-reassigned: "
	incomplete := []string{"house-campaign: CAMPAIGN_INCOMPLETE", "us-campaign: CAMPAIGN_INCOMPLETE"}
	inactive := []string{"house-campaign: CAMPAIGN_INACTIVE", "us-campaign: CAMPAIGN_INACTIVE"}
	runCases(t, american(t), []usCase{
		{"another number's proof", id(func(c *CallerID) { c.Number = "+12125550198" }), []string{caller}},
		{"no proof", id(func(c *CallerID) { c.Proof = "" }), []string{caller}},
		{"another seller's number", id(func(c *CallerID) { c.Seller = "windows" }), []string{caller}},
		{"proof from tomorrow", id(func(c *CallerID) { c.ValidFrom = noon.Add(hour) }), []string{caller}},
		{"proof of no day", id(func(c *CallerID) { c.ValidFrom = time.Time{} }), []string{caller}},
		{"proof that has ended", id(func(c *CallerID) { c.ValidTo = noon }), []string{caller}},
		{"nobody answers it", id(func(c *CallerID) { c.Answered = false }), []string{caller}},

		{"another voice's licence", voice(func(v *VoiceLicence) { v.Voice = "bella" }), []string{licence}},
		{"no licence", voice(func(v *VoiceLicence) { v.Licence = "" }), []string{licence}},
		{"no speaker's consent", voice(func(v *VoiceLicence) { v.SpeakerConsent = "" }), []string{licence}},
		{"a licence for another seller", voice(func(v *VoiceLicence) { v.Sellers = []string{"windows"} }), []string{licence}},
		{"a licence for all sellers", voice(func(v *VoiceLicence) { v.Sellers = []string{"*"} }), nil},
		{"a licence that has ended", voice(func(v *VoiceLicence) { v.ExpiresAt = noon }), []string{licence}},
		{"a licence without end", voice(func(v *VoiceLicence) { v.ExpiresAt = time.Time{} }), []string{licence}},

		{"the number has a new owner", moved(func(r *ReassignedResult) { r.Answer = ReassignedYes }), []string{reassigned + "REASSIGNED"}},
		{"the database has no data", moved(func(r *ReassignedResult) { r.Answer = ReassignedNoData }), []string{reassigned + "REASSIGNED"}},
		{"an answer of 30 days ago", moved(func(r *ReassignedResult) { r.QueriedAt = noon.Add(-30 * 24 * hour) }), []string{reassigned + "REASSIGNED_STALE"}},
		{"an answer from tomorrow", moved(func(r *ReassignedResult) { r.QueriedAt = noon.Add(24 * hour) }), []string{reassigned + "REASSIGNED_STALE"}},
		{"asked from a day after the consent", moved(func(r *ReassignedResult) { r.AskedSince = noon.AddDate(0, -1, 0) }), []string{reassigned + "REASSIGNED_STALE"}},
		{"asked from the last contact", moved(func(r *ReassignedResult) {
			r.AskedSince = noon.AddDate(0, -1, 0)
			r.LastContact = noon.AddDate(0, -1, 1)
		}), nil},

		{"no legal name", settings(func(c *Campaign) { c.LegalName = "" }), incomplete},
		{"no callback number", settings(func(c *Campaign) { c.CallbackNumber = "" }), incomplete},
		{"no toll-free opt-out", settings(func(c *Campaign) { c.TollFreeOptOut = "" }), incomplete[1:]},
		{"no written policy", settings(func(c *Campaign) { c.OptOutPolicy = "" }), incomplete[1:]},
		{"no word of AI", settings(func(c *Campaign) { c.OpeningSaysAI = false }), incomplete},
		{"rings for 14 s", settings(func(c *Campaign) { c.RingTimeout = 14 * time.Second }), incomplete},
		{"rings for 15 s", settings(func(c *Campaign) { c.RingTimeout = 15 * time.Second }), nil},
		{"paused", settings(func(c *Campaign) { c.Active = false }), inactive},
		{"another campaign's settings", settings(func(c *Campaign) { c.ID = "autumn" }), inactive},
		{"another seller's campaign", settings(func(c *Campaign) { c.Seller = "windows" }), inactive},

		{"clock wrong by 1 s", func(_ *Attempt, f *Facts) { f.ClockOffset = Know(-time.Second) }, nil},
		{"clock wrong by more", func(_ *Attempt, f *Facts) { f.ClockOffset = Know(-1001 * time.Millisecond) }, []string{"house-clock: CLOCK_UNSYNCHRONISED"}},
		{"no tenant", func(a *Attempt, _ *Facts) { a.Tenant = "" }, []string{"house-complete-attempt: ATTEMPT_INCOMPLETE"}},
		{"a negative length", func(a *Attempt, _ *Facts) { a.Expected = -1 }, []string{"house-complete-attempt: ATTEMPT_INCOMPLETE"}},
	})
}

// TestAbandonment: 64.1200(a)(7), 16 CFR 310.4(b)(1)(iv).
func TestAbandonment(t *testing.T) {
	t.Parallel()
	count := func(live, abandoned int) func(*Attempt, *Facts) {
		return func(_ *Attempt, f *Facts) { f.Abandonment.Value.Live, f.Abandonment.Value.Abandoned = live, abandoned }
	}
	const high, unknown = "us-abandonment: ABANDONMENT_RATE", "us-abandonment: ABANDONMENT_UNKNOWN"
	runCases(t, american(t), []usCase{
		{"a new campaign", count(0, 0), nil},
		{"one of the first twenty", count(20, 1), []string{high}},
		{"2.4 %", count(1000, 24), nil},
		{"2.5 %", count(1000, 25), []string{high}},
		{"more abandoned than live", count(5, 6), []string{unknown}},
		{"an old count", func(_ *Attempt, f *Facts) { f.Abandonment.Value.To = noon.Add(-6 * time.Minute) }, []string{unknown}},
		{"informing", func(a *Attempt, f *Facts) { a.Purpose = Informational; count(20, 10)(a, f) }, nil},
	})
}

// TestCaps: Fla. Stat. 501.616(6)(b), 15 O.S. 775C.4, Md. Com. Law 14-4502,
// Oregon HB 3865, 10 M.R.S. 1498, and the safe default.
func TestCaps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, number, state, rule string
		past                      []PastAttempt // At is before the call
		want                      bool          // denied
	}{
		{"Florida, third", "+13055550123", "FL", "us-fl-cap", ago(hour, 2*hour), false},
		{"Florida, fourth", "+13055550123", "FL", "us-fl-cap", ago(hour, 2*hour, 24*hour), true},
		{"Florida, the window slides", "+13055550123", "FL", "us-fl-cap", ago(hour, 2*hour, 24*hour+1), false},
		{"Florida, other subject", "+13055550123", "FL", "us-fl-cap", []PastAttempt{{At: noon, Seller: "roof", Subject: "x"}, {At: noon, Seller: "roof", Subject: "x"}, {At: noon, Seller: "roof", Subject: "x"}}, false},
		{"Florida, unknown subject", "+13055550123", "FL", "us-fl-cap", []PastAttempt{{At: noon, Seller: "roof"}, {At: noon, Seller: "roof"}, {At: noon, Seller: "roof"}}, true},
		{"Florida, other seller", "+13055550123", "FL", "us-fl-cap", []PastAttempt{{At: noon, Seller: "x"}, {At: noon, Seller: "x"}, {At: noon, Seller: "x"}}, false},
		{"Oklahoma, fourth", "+14055550123", "OK", "us-ok-cap", ago(hour, 2*hour, 23*hour), true},
		{"Maryland, fourth", "+13015550123", "MD", "us-md-cap", ago(hour, 2*hour, 23*hour), true},
		{"Oregon, fourth", "+15035550123", "OR", "us-or-cap", ago(hour, 2*hour, 23*hour), true},
		{"Maine, second in 8 hours", "+12075550123", "ME", "us-me-cap", ago(8 * hour), true},
		{"Maine, second after 8 hours", "+12075550123", "ME", "us-me-cap", ago(8*hour + 1), false},
		{"a clock that went back", "+13055550123", "FL", "us-fl-cap", ago(-hour, -2*hour, -3*hour), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := goodAttempt()
			move(a, c.number, c.state, "2026-11-18 12:00:00")
			f := goodFacts(a)
			for _, p := range c.past {
				p.At = a.At.Add(p.At.Sub(noon))
				f.History.Value.Attempts = append(f.History.Value.Attempts, p)
			}
			if c.want {
				check(t, american(t), a, f, c.rule+": CAP_REACHED")
			} else {
				check(t, american(t), a, f)
			}
		})
	}
	runCases(t, american(t), []usCase{
		{"unproven state, fourth to the line by anybody", func(a *Attempt, f *Facts) {
			a.Hints = nil
			f.History.Value.Attempts = []PastAttempt{{At: noon, Seller: "x"}, {At: noon, Seller: "y"}, {At: noon.Add(-24 * hour), Seller: "z"}}
		}, []string{"us-safe-cap: CAP_REACHED"}},
		{"a stated zone proves no state", func(a *Attempt, f *Facts) {
			a.Hints = []Hint{{Source: FromPerson, State: "NY", Zone: "America/New_York"}}
			f.History.Value.Attempts = ago(hour, hour, hour)
		}, []string{"us-safe-cap: CAP_REACHED"}},
	})
}

// TestBlockedStates: Washington and California, until a lawyer has ruled; and
// registration in Florida and Texas.
func TestBlockedStates(t *testing.T) {
	t.Parallel()
	for state, number := range map[string]string{"WA": "+12065550123", "CA": "+13105550123"} {
		a := goodAttempt()
		move(a, number, state, "2026-11-18 12:00:00")
		rule := "us-" + strings.ToLower(state) + "-adad: ARTIFICIAL_VOICE_BLOCKED"
		check(t, american(t), a, goodFacts(a), rule)
		a.Purpose = Informational
		check(t, american(t), a, goodFacts(a))
		a.Purpose = Telemarketing
		a.To = "+12125550123" // a New York number with an address there
		check(t, american(t), a, goodFacts(a), rule)
	}
	for state, number := range map[string]string{"FL": "+13055550123", "TX": "+12145550123"} {
		a := goodAttempt()
		move(a, number, state, "2026-11-18 12:00:00")
		f := goodFacts(a)
		f.Campaign.Value.Registrations = []string{"US-" + state}
		check(t, american(t), a, f)
		f.Campaign.Value.Registrations = nil
		check(t, american(t), a, f, "us-"+strings.ToLower(state)+"-registered: REGISTRATION_MISSING")
	}
	for state, number := range map[string]string{"FL": "+13055550123", "OK": "+14055550123", "MD": "+13015550123", "CT": "+12035550123"} {
		a := goodAttempt()
		move(a, number, state, "2026-11-18 12:00:00")
		f := goodFacts(a)
		f.Consents.Value[0].Level = PriorExpress
		check(t, american(t), a, f, "us-consent-marketing: CONSENT_MISSING", "us-"+strings.ToLower(state)+"-consent: CONSENT_MISSING")
	}
}

// TestDestinations: no pack, no call.
func TestDestinations(t *testing.T) {
	t.Parallel()
	uncovered, unresolved := "house-covered-destination: DESTINATION_UNCOVERED", "house-place: TZ_UNRESOLVED"
	to := func(number string, hints ...Hint) func(*Attempt, *Facts) {
		return func(a *Attempt, f *Facts) {
			a.To, a.Hints = privacy.Number(number), hints
			f.Consents.Value[0].To = a.To
		}
	}
	runCases(t, american(t), []usCase{
		{"Germany", to("+4930123456"), []string{uncovered, unresolved}},
		{"Canada", to("+14165550123"), []string{uncovered}},
		{"Bahamas", to("+12425550123"), []string{uncovered, unresolved}},
		{"toll-free", to("+18005550123"), []string{uncovered, unresolved}},
		{"a debt, without the pack", func(a *Attempt, _ *Facts) { a.Purpose = DebtCollection }, []string{uncovered}},
		{"a New York number in Ontario", func(a *Attempt, _ *Facts) { a.Hints = []Hint{{Source: FromAddress, State: "CA-ON"}} }, []string{uncovered}},
	})
}
