package compliance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// checkSuppressions denies whatever a standing order of the called person
// stops (47 CFR 64.1200(a)(10), (d)).
func (c *caseFile) checkSuppressions() {
	if !c.f.Suppressions.Known {
		c.deny(SuppressionsUnknown, "it is not known who asked not to be called: "+c.f.Suppressions.why(), nil)

		return
	}
	for i := range c.f.Suppressions.Value {
		s := &c.f.Suppressions.Value[i]
		if c.a.StoppedBy(s) {
			c.deny(OnSuppressionList, "the person asked not to be called, or must not be", Evidence{
				"suppression": s.ID, "scope": string(s.Scope), "cause": s.Cause, "at": stamp(s.At),
			})

			return
		}
	}
	c.pass("not_suppressed", "nobody asked that this number not be called", Evidence{"looked_at": strconv.Itoa(len(c.f.Suppressions.Value))})
}

// StoppedBy says whether a suppression of the called person's is about this
// call.
func (a *Attempt) StoppedBy(s *Suppression) bool {
	if s.Scope == ScopeEverything {
		return true
	}
	if a.purpose() == Emergency {
		return false
	}
	sameSeller := s.Seller == "" || s.Seller == a.Seller
	switch s.Scope {
	case ScopeSeller:
		return sameSeller
	case ScopeMarketing:
		return sameSeller && a.purpose() == Telemarketing
	case ScopeCampaign:
		return s.Campaign == "" || s.Campaign == a.Campaign
	default:
		return true
	}
}

// checkConsent asks for a consent of the level that the line type needs, or
// for an exemption within its caps.
func (c *caseFile) checkConsent(need *ConsentNeeded) {
	level := need.Wireless
	if c.line == Landline {
		level = need.Landline
	}
	if level == NoConsent {
		c.pass("no_consent_needed", "no consent is needed for this line", nil)

		return
	}
	if !c.f.Consents.Known {
		c.deny(ConsentUnknown, "it is not known what the person consented to: "+c.f.Consents.why(), nil)

		return
	}
	found := Evidence{"needed": string(level), "line": string(c.line)}
	for i := range c.f.Consents.Value {
		consent := &c.f.Consents.Value[i]
		lacks := c.lacks(consent, level)
		if len(lacks) == 0 {
			c.consent = consent
			c.untilTime(consent.ExpiresAt)
			found["consent"] = consent.ID
			c.pass("consent", "a consent covers the call", found)

			return
		}
		found["consent "+consent.ID] = "lacks: " + strings.Join(lacks, ", ")
	}
	if caps, claimed := need.Exemptions[c.a.Exempt]; claimed && c.a.Exempt != NoExemption && c.line == Landline && c.purpose == Informational {
		c.exempt(caps, found)

		return
	}
	c.deny(ConsentMissing, fmt.Sprintf("no consent of level %s covers the call", level), found)
}

// exempt lets a claimed exemption pass within its caps.
func (c *caseFile) exempt(caps []Cap, found Evidence) {
	found["exemption"] = string(c.a.Exempt)
	c.pass("exempt", "no consent is needed within the exemption's caps", found)
	for i := range caps {
		c.checkCap(&caps[i], "exemption "+string(c.a.Exempt))
	}
}

// lacks names what a consent lacks for this call at this level (A1's table in
// machine form; 64.1200(f)(9) for the written form).
func (c *caseFile) lacks(s *Consent, level ConsentLevel) []string {
	var lacks []string
	need := func(ok bool, what string) {
		if !ok {
			lacks = append(lacks, what)
		}
	}
	from := s.EffectiveAt
	if from.IsZero() {
		from = s.CapturedAt
	}
	need(s.To == c.a.To, "the called number")
	need(s.Seller == c.a.Seller && s.Seller != "", "the seller")
	need(slices.Contains(s.Purposes, c.purpose), "the purpose")
	need(s.Artificial, "artificial voices")
	need(s.RevokedAt.IsZero(), "force: it was revoked")
	need(!from.IsZero() && !from.After(c.a.At), "force: it is not effective yet")
	need(s.ExpiresAt.IsZero() || s.ExpiresAt.After(c.a.At), "force: it has expired")
	switch {
	case level == PriorExpressWritten:
		need(s.Level == PriorExpressWritten, "the written form")
		need(s.Signature, "a signature")
		need(s.NotCondition, "the words that it is no condition of purchase")
		need(s.Disclosure != "", "a copy of the disclosure")
		need(s.RequestCopy != "", "a copy of the request")
		need(s.GivenCopy != "", "a copy of the consent given")
	case s.Level == Inquiry:
		need(s.Subject != "" && s.Subject == c.a.Subject, "the subject: a request to be called is for its own subject")
	default:
		need(s.Level.rank() >= level.rank(), "the level")
	}

	return lacks
}

// checkReassigned takes only a fresh "no" from the Reassigned Numbers
// Database, asked from the consent or the last contact on (64.1200(m)).
func (c *caseFile) checkReassigned(need *ReassignedCheck) {
	if !c.f.Reassigned.Known {
		c.deny(ReassignedUnknown, "it is not known whether the number has a new owner: "+c.f.Reassigned.why(), nil)

		return
	}
	q := &c.f.Reassigned.Value
	e := Evidence{"answer": string(q.Answer), "queried_at": stamp(q.QueriedAt), "asked_since": stamp(q.AskedSince)}
	age := c.a.At.Sub(q.QueriedAt)
	switch {
	case q.Answer != ReassignedNo:
		c.deny(Reassigned, "the Reassigned Numbers Database did not answer no", e)
	case age >= need.MaxAge || age < 0:
		c.deny(ReassignedStale, fmt.Sprintf("the answer must be of the last %s", days(need.MaxAge)), e)
	case c.consent != nil && q.AskedSince.After(c.consent.CapturedAt) && q.AskedSince.After(q.LastContact):
		c.deny(ReassignedStale, "the database was asked about too late a day: the number may have changed hands between the consent and that day", e)
	default:
		c.until(need.MaxAge - age)
		c.pass("not_reassigned", "the number has had no new owner", e)
	}
}

// checkRegistry searches a do-not-call list.
func (c *caseFile) checkRegistry(need *Registry) {
	if !c.f.Lists.Known {
		c.deny(ListUnknown, "the do-not-call lists could not be searched: "+c.f.Lists.why(), nil)

		return
	}
	list := c.newest(need.List)
	if list == nil {
		if need.Optional {
			c.pass("list_not_in_use", "nobody has loaded this list, and none need be", nil)

			return
		}
		c.deny(ListMissing, fmt.Sprintf("no %s do-not-call list for %s was ever loaded", need.List, c.rule.Jurisdiction), nil)

		return
	}
	e := Evidence{"list": list.ID, "account": list.Account, "obtained_at": stamp(list.ObtainedAt), "sha256": list.SHA256, "hit": strconv.FormatBool(list.Hit)}
	age := c.a.At.Sub(list.ObtainedAt)
	switch {
	case need.MaxAge > 0 && (age >= need.MaxAge || age < 0):
		c.deny(ListStale, fmt.Sprintf("the list must have been obtained in the last %s", days(need.MaxAge)), e)
	case need.Account && list.Account == "":
		c.deny(ListUncovered, "the list names no subscription that it came by", e)
	case !list.Everywhere && !slices.Contains(list.AreaCodes, c.place.area):
		c.deny(ListUncovered, "the list does not cover the area code", e)
	case list.Hit && !c.excepted(need):
		c.deny(ListHit, "the number stands on the list", e)
	case list.Hit:
		e["consent"] = c.consent.ID
		c.pass("list_excepted", "the number stands on the list, and the person gave the seller signed written permission", e)
		c.limitList(need, age)
	default:
		c.pass("list", "the number does not stand on the list", e)
		c.limitList(need, age)
	}
}

func (c *caseFile) limitList(need *Registry, age time.Duration) {
	if need.MaxAge > 0 {
		c.until(need.MaxAge - age)
	}
}

// excepted says whether signed written permission excepts a listed number, and
// the campaign claims so.
func (c *caseFile) excepted(need *Registry) bool {
	return need.SignedPermission && c.f.Campaign.Known && c.f.Campaign.Value.RegistryException &&
		c.consent != nil && len(c.lacks(c.consent, PriorExpressWritten)) == 0
}

// newest is the newest snapshot of a kind of list for the rule's jurisdiction.
func (c *caseFile) newest(kind ListKind) *ListSnapshot {
	where := c.rule.Jurisdiction
	var found *ListSnapshot
	for i := range c.f.Lists.Value {
		l := &c.f.Lists.Value[i]
		if l.Kind != kind {
			continue
		}
		switch kind {
		case StateList:
			if country(where)+"-"+l.State != where {
				continue
			}
		case NationalList:
			if l.State != where && (l.State != "" || where != "US") {
				continue
			}
		default:
		}
		if found == nil || l.ObtainedAt.After(found.ObtainedAt) {
			found = l
		}
	}

	return found
}

// checkCap counts dials in a sliding window. A dial at its very edge counts,
// and so does one that the clock has yet to reach. History that begins inside
// the window counts as the cap reached.
func (c *caseFile) checkCap(most *Cap, name string) {
	if !c.f.History.Known {
		c.deny(HistoryUnknown, "earlier calls are not known: "+c.f.History.why(), Evidence{"cap": name})

		return
	}
	h := &c.f.History.Value
	from := c.a.At.Add(-most.Window)
	earliest := from
	if most.AfterConversation > most.Window {
		earliest = c.a.At.Add(-most.AfterConversation)
	}
	e := Evidence{"cap": name, "max": strconv.Itoa(most.Max), "window": most.Window.String(), "per": string(most.Per)}
	if h.Since.IsZero() || h.Since.After(earliest) {
		e["history_since"] = stamp(h.Since)
		c.deny(HistoryIncomplete, "earlier calls are known from too late on, which counts as the cap reached", e)

		return
	}
	count, spoken := 0, false
	for i := range h.Attempts {
		past := &h.Attempts[i]
		if !c.counts(past, most.Per) {
			continue
		}
		if !past.At.Before(from) {
			count++
		}
		spoken = spoken || past.Conversation && most.AfterConversation > 0 && past.At.After(c.a.At.Add(-most.AfterConversation))
	}
	e["count"] = strconv.Itoa(count)
	switch {
	case spoken:
		c.deny(CapReached, fmt.Sprintf("they were spoken with in the last %s", days(most.AfterConversation)), e)
	case count >= most.Max:
		c.deny(CapReached, fmt.Sprintf("%d calls in %s are the most", most.Max, most.Window), e)
	default:
		c.pass("cap", "there were fewer calls than the cap", e)
	}
}

// counts says whether a past dial counts towards a cap. What either side does
// not say counts.
func (c *caseFile) counts(past *PastAttempt, per CapPer) bool {
	same := func(a, b string) bool { return a == "" || b == "" || a == b }
	switch per {
	case PerSeller:
		return same(past.Seller, c.a.Seller)
	case PerSubject:
		return same(past.Seller, c.a.Seller) && same(past.Subject, c.a.Subject)
	case PerDebt:
		return same(past.Debt, c.a.Debt)
	case PerCampaign:
		return same(past.Campaign, c.a.Campaign)
	default:
		return true
	}
}

// days writes a time of whole days as such.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + " days"
	}

	return d.String()
}
