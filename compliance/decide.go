package compliance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"trunkline/compliance/npa"
)

// Rules that stand in no file, because nothing can be judged without them.
const (
	ruleComplete = "house-complete-attempt"
	ruleCovered  = "house-covered-destination"
)

// Codes of denials.
const (
	AttemptIncomplete    Code = "ATTEMPT_INCOMPLETE"
	DestinationUncovered Code = "DESTINATION_UNCOVERED"
	ZoneUnresolved       Code = "TZ_UNRESOLVED"
	ClockUnknown         Code = "CLOCK_UNKNOWN"
	ClockOff             Code = "CLOCK_UNSYNCHRONISED"
	EmergencyUnproven    Code = "EMERGENCY_UNPROVEN"
	ArtificialBlocked    Code = "ARTIFICIAL_VOICE_BLOCKED"
	CampaignUnknown      Code = "CAMPAIGN_UNKNOWN"
	CampaignInactive     Code = "CAMPAIGN_INACTIVE"
	CampaignIncomplete   Code = "CAMPAIGN_INCOMPLETE"
	RegistrationMissing  Code = "REGISTRATION_MISSING"
	CallerIDUnknown      Code = "CALLER_ID_UNKNOWN"
	CallerIDUnproven     Code = "CALLER_ID_UNPROVEN"
	VoiceUnknown         Code = "VOICE_UNKNOWN"
	VoiceUnlicensed      Code = "VOICE_UNLICENSED"
	SuppressionsUnknown  Code = "SUPPRESSIONS_UNKNOWN"
	OnSuppressionList    Code = "SUPPRESSED"
	ConsentUnknown       Code = "CONSENT_UNKNOWN"
	ConsentMissing       Code = "CONSENT_MISSING"
	ReassignedUnknown    Code = "REASSIGNED_UNKNOWN"
	ReassignedStale      Code = "REASSIGNED_STALE"
	Reassigned           Code = "REASSIGNED"
	ListUnknown          Code = "LIST_UNKNOWN"
	ListMissing          Code = "LIST_MISSING"
	ListStale            Code = "LIST_STALE"
	ListUncovered        Code = "LIST_UNCOVERED"
	ListHit              Code = "LIST_HIT"
	OutsideHours         Code = "OUTSIDE_HOURS"
	HistoryUnknown       Code = "HISTORY_UNKNOWN"
	HistoryIncomplete    Code = "HISTORY_INCOMPLETE"
	CapReached           Code = "CAP_REACHED"
	AbandonmentUnknown   Code = "ABANDONMENT_UNKNOWN"
	AbandonmentTooHigh   Code = "ABANDONMENT_RATE"
)

// usualReasons is about how many rules have a say in a call.
const usualReasons = 24

// Decide says whether the attempt may be dialed at a.At, by every rule in
// force that applies to it. It stops at no first denial: the reasons are
// complete.
func Decide(a *Attempt, f *Facts, r *Rules) Decision {
	c := caseFile{a: a, f: f, r: r, purpose: a.purpose(), line: a.line(), place: r.locate(a), validFor: -1, reasons: make([]Reason, 0, usualReasons)}
	c.complete()
	for i := range r.rules {
		rule := &r.rules[i]
		if !c.applies(rule) {
			continue
		}
		c.rule = rule
		c.check(rule)
	}
	d := Decision{
		Reasons: c.reasons, Purpose: c.purpose, Line: c.line, States: c.place.states, Zones: c.place.zones,
		RulesetVersion: r.version, NPAVersion: npa.Version(), TzdataVersion: r.tzdata, At: a.At.UTC(),
	}
	if c.consent != nil {
		d.Consent = c.consent.ID
	}
	if !c.denied && c.validFor > 0 {
		d.Allow, d.ValidFor = true, c.validFor
	}

	return d
}

// caseFile is one attempt while it is judged.
type caseFile struct {
	a        *Attempt
	f        *Facts
	r        *Rules
	purpose  Purpose
	line     LineType
	place    place
	rule     *Rule
	consent  *Consent // the best that covers the call
	reasons  []Reason
	denied   bool
	validFor time.Duration // negative until a rule bounds it
}

// applies says whether a rule has a say in this case.
func (c *caseFile) applies(r *Rule) bool {
	return len(r.AppliesTo) > 0 && r.appliesTo(c.purpose) &&
		slices.Contains(c.place.jurisdictions, r.Jurisdiction) &&
		(r.When != stateUnproven || !c.place.proven) &&
		r.InForce(c.a.At)
}

func (c *caseFile) check(r *Rule) {
	switch {
	case r.Place != nil:
		c.checkPlace(r.Place)
	case r.Clock != nil:
		c.checkClock(r.Clock)
	case r.Emergency != nil:
		c.checkEmergency()
	case r.Blocked != nil:
		c.deny(ArtificialBlocked, r.Blocked.Why, nil)
	case r.Campaign != nil:
		c.checkCampaign(r.Campaign)
	case r.Registered != nil:
		c.checkRegistered(r.Registered)
	case r.CallerID != nil:
		c.checkCallerID(r.CallerID)
	case r.Voice != nil:
		c.checkVoice(r.Voice)
	case r.Suppressions != nil:
		c.checkSuppressions()
	case r.Consent != nil:
		c.checkConsent(r.Consent)
	case r.Reassigned != nil:
		c.checkReassigned(r.Reassigned)
	case r.Registry != nil:
		c.checkRegistry(r.Registry)
	case r.Hours != nil:
		c.checkHours(r.Hours)
	case r.Cap != nil:
		c.checkCap(r.Cap, c.rule.ID)
	case r.Abandonment != nil:
		c.checkAbandonment(r.Abandonment)
	}
}

// reason adds a verdict of the rule that is being looked at.
func (c *caseFile) reason(v Verdict, code Code, why string, e Evidence) {
	c.reasons = append(c.reasons, Reason{Rule: c.rule.ID, Verdict: v, Code: code, Why: why, Evidence: e})
	c.denied = c.denied || v == Deny
}

func (c *caseFile) deny(code Code, why string, e Evidence) { c.reason(Deny, code, why, e) }

func (c *caseFile) pass(code Code, why string, e Evidence) { c.reason(Pass, code, why, e) }

// until bounds how long the decision holds.
func (c *caseFile) until(d time.Duration) {
	if c.validFor < 0 || d < c.validFor {
		c.validFor = max(d, 0)
	}
}

// untilTime is until for an instant; zero is never.
func (c *caseFile) untilTime(t time.Time) {
	if !t.IsZero() {
		c.until(t.Sub(c.a.At))
	}
}

// stamp writes an instant as evidence.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// complete checks that the attempt says what no rule can do without, and that
// some pack has rules for its destination.
func (c *caseFile) complete() {
	c.rule = &Rule{ID: ruleComplete}
	a := c.a
	var missing []string
	for _, m := range []struct {
		name    string
		missing bool
	}{
		{"tenant", a.Tenant == ""},
		{"seller", a.Seller == ""},
		{"campaign", a.Campaign == ""},
		{"to", !e164(string(a.To))},
		{"from", !e164(string(a.From))},
		{"voice", a.Voice == ""},
		{"at", a.At.IsZero()},
		{"expected (it is negative)", a.Expected < 0},
	} {
		if m.missing {
			missing = append(missing, m.name)
		}
	}
	if len(missing) > 0 {
		c.deny(AttemptIncomplete, "the attempt lacks "+strings.Join(missing, ", "), nil)
	}
	c.rule = &Rule{ID: ruleCovered}
	if where := c.r.uncovered(&c.place, c.purpose); where != "" {
		c.deny(DestinationUncovered, fmt.Sprintf("no pack in use has rules for %s calls to a country where the party may be: %s", c.purpose, where), nil)
	}
}

// e164 says whether text is a number in E.164 form: + and 7 to 15 digits.
func e164(text string) bool {
	if len(text) < len("+1234567") || len(text) > len("+123456789012345") || text[0] != '+' || text[1] == '0' {
		return false
	}
	for _, r := range text[1:] {
		if r < '0' || r > '9' {
			return false
		}
	}

	return true
}
