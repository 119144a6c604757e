package compliance

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

var errSpan = errors.New(`is no part of a day; write "HH:MM-HH:MM" or "closed"`)

var (
	httpsURL     = regexp.MustCompile(`^https://[a-z0-9.-]+(/\S*)?$`)
	ruleID       = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	jurisdiction = regexp.MustCompile(`^(\*|[A-Z]{2}(-[A-Z0-9]{1,3})?)$`)
)

// stateUnproven is the one condition that Rule.When knows.
const stateUnproven = "state_unproven"

func knownPurpose(p Purpose) bool {
	return slices.Contains([]Purpose{Telemarketing, Informational, Emergency, DebtCollection}, p)
}

// rule checks one rule and remembers its id.
func (l *loader) rule(file string, r *Rule) {
	bad := func(field, format string, args ...any) { l.faultf(file, r.ID, field, format, args...) }
	if !ruleID.MatchString(r.ID) {
		bad("id", "%q is no id; use lower case letters, digits and hyphens", r.ID)
	}
	if other, taken := l.ids[r.ID]; taken {
		bad("id", "stands in %s too", other)
	}
	l.ids[r.ID] = file
	if !jurisdiction.MatchString(r.Jurisdiction) {
		bad("jurisdiction", "%q is none; write US, US-FL, EU or *", r.Jurisdiction)
	}
	for _, p := range r.AppliesTo {
		if !knownPurpose(p) && p != Every {
			bad("applies_to", "%q is no purpose", p)
		}
	}
	if r.When != "" && r.When != stateUnproven {
		bad("when", "%q is unknown; the only condition is %s", r.When, stateUnproven)
	}
	if !r.From.start.IsZero() && !r.To.start.IsZero() && !r.From.start.Before(r.To.start) {
		bad("effective_to", "%s is not after %s", r.To, r.From)
	}
	l.source(r, bad)
	switch kinds := r.kinds(); len(kinds) {
	case 0:
		bad("", "has no block that says what it asks, such as hours or cap")
	case 1:
		if kinds[0] != "recording" && kinds[0] != "opt_out" && kinds[0] != "retention" && len(r.AppliesTo) == 0 {
			bad("applies_to", "is missing; name purposes, or every")
		}
	default:
		bad("", "has several blocks (%s); make a rule of each", strings.Join(kinds, ", "))
	}
	l.blocks(file, r, bad)
}

// source checks where a rule comes from.
func (l *loader) source(r *Rule, bad func(field, format string, args ...any)) {
	if r.Citation == "" {
		bad("citation", "is missing")
	}
	if r.ReviewedBy == "" {
		bad("reviewed_by", "is missing; write %q where no lawyer has read it", Unreviewed)
	}
	switch r.Confidence {
	case House:
	case Primary, Secondary, Memory:
		if !httpsURL.MatchString(r.SourceURL) {
			bad("source_url", "%q is no https address", r.SourceURL)
		}
	default:
		bad("confidence", "%q is unknown; write primary, secondary, memory or house", r.Confidence)
	}
}

// blocks checks what a rule asks.
func (l *loader) blocks(file string, r *Rule, bad func(field, format string, args ...any)) {
	if h := r.Hours; h != nil {
		if h.Weekdays == nil || h.Saturday == nil || h.Sunday == nil {
			bad("hours", "needs weekdays, saturday and sunday")
		}
		if (h.Holidays != nil) != (len(h.Calendars) > 0) {
			bad("hours", "holidays and calendars go together")
		}
		if h.Margin < 0 {
			bad("hours.margin", "must not be negative")
		}
		for _, name := range h.Calendars {
			l.used = append(l.used, LoadError{File: file, Rule: r.ID, Field: "hours.calendars", What: name})
		}
	}
	if r.Cap != nil {
		checkCap("cap", r.Cap, bad)
	}
	if c := r.Consent; c != nil {
		for field, level := range map[string]ConsentLevel{"consent.wireless": c.Wireless, "consent.landline": c.Landline} {
			if level != NoConsent && level != PriorExpress && level != PriorExpressWritten {
				bad(field, "%q is no level; write none, pec or pewc", level)
			}
		}
		for _, caps := range c.Exemptions {
			for i := range caps {
				checkCap("consent.exemptions", &caps[i], bad)
			}
		}
	}
	if g := r.Registry; g != nil {
		if !slices.Contains([]ListKind{NationalList, StateList, InternalList, LitigatorList}, g.List) {
			bad("registry.list", "%q is no kind of list", g.List)
		}
		if g.MaxAge <= 0 && g.List != InternalList {
			bad("registry.max_age", "must be longer than 0")
		}
		if g.List == StateList && !strings.Contains(r.Jurisdiction, "-") {
			bad("registry.list", "a state's list needs a state as jurisdiction")
		}
	}
	if x := r.Reassigned; x != nil && x.MaxAge <= 0 {
		bad("reassigned.max_age", "must be longer than 0")
	}
	if a := r.Abandonment; a != nil && (a.Window <= 0 || a.MaxAge <= 0 || a.Pause <= 0 || a.Pause > a.Limit || a.Alarm > a.Pause) {
		bad("abandonment", "needs window and max_age, and alarm <= pause <= limit")
	}
	if c := r.Clock; c != nil && (c.MaxOffset <= 0 || c.ValidFor <= 0) {
		bad("clock", "needs max_offset and valid_for")
	}
	if p := r.Place; p != nil && p.MaxZones < 1 {
		bad("place.max_zones", "must be at least 1")
	}
	l.duties(r, bad)
}

// duties checks the blocks that Decide does not look at.
func (l *loader) duties(r *Rule, bad func(field, format string, args ...any)) {
	if d := r.Recording; d != nil && d.Consent != OneParty && d.Consent != AllParty {
		bad("recording.consent", "%q is unknown; write one_party or all_party", d.Consent)
	}
	if o := r.OptOut; o != nil {
		for field, s := range map[string]Scope{
			"opt_out.default_scope": o.Default, "opt_out.ambiguous_scope": o.Ambiguous,
			"opt_out.wrong_number_scope": o.WrongNumber, "opt_out.exempt_scope": o.Exempt,
		} {
			if s != "" && !slices.Contains(scopes, s) {
				bad(field, "%q is no scope", s)
			}
		}
	}
	if d := r.Retention; d != nil {
		if d.Class == "" || d.Least == 0 && d.Most == 0 || d.Least < 0 || d.Most < 0 {
			bad("retention", "needs a class and least or most")
		}
	}
}

func checkCap(field string, c *Cap, bad func(field, format string, args ...any)) {
	if c.Max < 0 || c.Window <= 0 {
		bad(field, "needs max and window")
	}
	if !slices.Contains([]CapPer{PerLine, PerSeller, PerSubject, PerDebt, PerCampaign}, c.Per) {
		bad(field+".per", "%q is unknown; write line, seller, subject, debt or campaign", c.Per)
	}
}
