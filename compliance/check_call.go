package compliance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// checkPlace denies when nobody can tell what time it is for the person.
func (c *caseFile) checkPlace(most *Place) {
	p := &c.place
	switch {
	case p.unresolved != "":
		c.deny(ZoneUnresolved, p.unresolved, p.local)
	case len(p.zones) > most.MaxZones:
		c.deny(ZoneUnresolved, fmt.Sprintf("the party may be in %d time zones; %d are the most that can be judged", len(p.zones), most.MaxZones), p.local)
	default:
		c.pass("place", "every place where the party may be is known", p.local)
	}
}

func (c *caseFile) checkClock(k *Clock) {
	c.until(k.ValidFor)
	off := c.f.ClockOffset
	e := Evidence{"offset": off.Value.String(), "most": k.MaxOffset.String()}
	switch {
	case !off.Known:
		c.deny(ClockUnknown, "it is not known whether the clock is right: "+off.why(), nil)
	case off.Value.Abs() > k.MaxOffset:
		c.deny(ClockOff, "the clock is wrong by more than it may be; synchronise it", e)
	default:
		c.pass("clock", "the clock is right", e)
	}
}

func (c *caseFile) checkEmergency() {
	switch basis := c.f.Campaign.Value.EmergencyBasis; {
	case !c.f.Campaign.Known:
		c.deny(CampaignUnknown, "the campaign's configuration is not known: "+c.f.Campaign.why(), nil)
	case basis == "":
		c.deny(EmergencyUnproven, "the campaign has no document that says why its calls protect health or safety", nil)
	default:
		c.pass("emergency", "the campaign's calls are for health or safety", Evidence{"basis": basis})
	}
}

// checkCampaign asks for what a campaign must have configured (A9, A7).
func (c *caseFile) checkCampaign(need *CampaignNeeds) {
	if !c.f.Campaign.Known {
		c.deny(CampaignUnknown, "the campaign's configuration is not known: "+c.f.Campaign.why(), nil)

		return
	}
	s := &c.f.Campaign.Value
	e := Evidence{"campaign": s.ID, "legal_name": s.LegalName}
	if !s.Active || s.ID != c.a.Campaign || s.Seller != c.a.Seller {
		c.deny(CampaignInactive, "the campaign is paused, or is not this attempt's, or not its seller's", e)

		return
	}
	var lacks []string
	for _, m := range []struct {
		needed, has bool
		name        string
	}{
		{need.LegalName, s.LegalName != "", "legal_name"},
		{need.CallbackNumber, e164(string(s.CallbackNumber)), "callback_number"},
		{need.TollFreeOptOut, e164(string(s.TollFreeOptOut)), "toll_free_opt_out"},
		{need.OptOutPolicy, s.OptOutPolicy != "", "opt_out_policy"},
		{need.SaysAI, s.OpeningSaysAI, "opening_says_ai"},
		{need.RingAtLeast > 0, s.RingTimeout >= need.RingAtLeast, "ring_timeout of " + need.RingAtLeast.String()},
	} {
		if m.needed && !m.has {
			lacks = append(lacks, m.name)
		}
	}
	if len(lacks) > 0 {
		c.deny(CampaignIncomplete, "the campaign's configuration lacks "+strings.Join(lacks, ", "), e)

		return
	}
	c.pass("campaign", "the campaign's configuration is complete", e)
}

func (c *caseFile) checkRegistered(need *Registered) {
	state := c.rule.Jurisdiction
	switch {
	case !c.f.Campaign.Known:
		c.deny(CampaignUnknown, "the campaign's configuration is not known: "+c.f.Campaign.why(), nil)
	case slices.Contains(c.f.Campaign.Value.Registrations, strings.TrimPrefix(state, country(state)+"-")),
		slices.Contains(c.f.Campaign.Value.Registrations, state):
		c.pass("registered", "the seller is registered, or documented as exempt", Evidence{"with": need.With})
	default:
		c.deny(RegistrationMissing, "the seller has no registration with, nor documented exemption from, "+need.With, nil)
	}
}

// checkCallerID asks for proof of the right to show the number (64.1601(e), 16
// CFR 310.5(a)(2)(ix)).
func (c *caseFile) checkCallerID(need *CallerIDProof) {
	if !c.f.CallerID.Known {
		c.deny(CallerIDUnknown, "it is not known whose the caller ID is: "+c.f.CallerID.why(), nil)

		return
	}
	id := &c.f.CallerID.Value
	e := Evidence{"proof": id.Proof, "valid_from": stamp(id.ValidFrom)}
	switch {
	case id.Number != c.a.From || id.Proof == "":
		c.deny(CallerIDUnproven, "there is no proof of the right to show this caller ID", e)
	case id.Seller != c.a.Seller:
		c.deny(CallerIDUnproven, "the caller ID is another seller's", e)
	case id.ValidFrom.IsZero() || id.ValidFrom.After(c.a.At) || !id.ValidTo.IsZero() && !id.ValidTo.After(c.a.At):
		c.deny(CallerIDUnproven, "the proof of the right to show this caller ID is not valid now", e)
	case need.Answered && !id.Answered:
		c.deny(CallerIDUnproven, "nobody answers calls to this caller ID, where people must be able to opt out", e)
	default:
		c.untilTime(id.ValidTo)
		c.pass("caller_id", "the right to show the caller ID is proven", e)
	}
}

// checkVoice asks for the voice's licence (A11).
func (c *caseFile) checkVoice(need *VoiceProof) {
	if !c.f.Voice.Known {
		c.deny(VoiceUnknown, "the voice's licence is not known: "+c.f.Voice.why(), nil)

		return
	}
	v := &c.f.Voice.Value
	e := Evidence{"voice": v.Voice, "licence": v.Licence, "speaker_consent": v.SpeakerConsent, "expires_at": stamp(v.ExpiresAt)}
	var wrong string
	switch {
	case v.Voice != c.a.Voice || v.Licence == "":
		wrong = "the voice has no licence"
	case need.SpeakerConsent && v.SpeakerConsent == "":
		wrong = "there is no consent of the voice's speaker"
	case !slices.Contains(v.Sellers, c.a.Seller) && !slices.Contains(v.Sellers, "*"):
		wrong = "the voice's licence does not cover the seller"
	case !v.ExpiresAt.After(c.a.At):
		wrong = "the voice's licence has expired, or has no expiry"
	default:
		c.untilTime(v.ExpiresAt)
		c.pass("voice", "the voice is licensed", e)

		return
	}
	c.deny(VoiceUnlicensed, wrong, e)
}

// checkHours asks that the call begins and ends within the hours of every zone
// in which the party may be.
func (c *caseFile) checkHours(h *Hours) {
	if len(c.place.locations) == 0 || c.place.unresolved != "" {
		c.deny(ZoneUnresolved, "the called party's time is not known, so no hours can be kept", nil)

		return
	}
	if y := c.a.At.Year(); len(h.Calendars) > 0 && (y < firstYear || y > lastYear) {
		c.deny(OutsideHours, "the holiday calendars do not reach to this year", nil)

		return
	}
	lasts := max(c.a.Expected, h.Margin)
	end := c.a.At.Add(lasts)
	var hours string
	for i, loc := range c.place.locations {
		local := c.a.At.In(loc)
		span, name := c.r.span(h, local)
		hours = span.String()
		into := sinceMidnight(local)
		e := func() Evidence {
			return Evidence{"zone": c.place.zones[i], "local": local.Format("Mon 2006-01-02T15:04:05-07:00"), "hours": hours, "day": name, "lasts": lasts.String()}
		}
		if into < span.Open || into >= span.Close {
			c.deny(OutsideHours, "it is outside the calling hours where the party may be", e())

			return
		}
		ends := end.In(loc)
		if civilOf(ends) != civilOf(local) || sinceMidnight(ends) >= span.Close {
			c.deny(OutsideHours, "the call could last beyond the calling hours where the party may be", e())

			return
		}
		c.until(span.Close - sinceMidnight(ends))
	}
	c.pass("hours", "it is within the calling hours in every zone", Evidence{"hours": hours, "lasts": lasts.String()})
}

// sinceMidnight is the time that a clock on the wall shows.
func sinceMidnight(t time.Time) time.Duration {
	hour, minute, second := t.Clock()

	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second + time.Duration(t.Nanosecond())
}

// span is the hours of a day, and what kind of day it is.
func (r *Rules) span(h *Hours, local time.Time) (Span, string) {
	if h.Holidays != nil {
		today := civilOf(local)
		for _, name := range h.Calendars {
			if holiday := r.calendars[name][today]; holiday != "" {
				return narrower(*h.Holidays, h.weekday(local)), holiday
			}
		}
	}

	return h.weekday(local), local.Weekday().String()
}

// narrower is the part of the day that both spans have.
func narrower(a, b Span) Span {
	s := Span{Open: max(a.Open, b.Open), Close: min(a.Close, b.Close)}
	if s.Open >= s.Close {
		return Span{}
	}

	return s
}

func (h *Hours) weekday(local time.Time) Span {
	switch local.Weekday() {
	case time.Saturday:
		return *h.Saturday
	case time.Sunday:
		return *h.Sunday
	default:
		return *h.Weekdays
	}
}

// checkAbandonment denies while a campaign leaves too many people with
// silence (64.1200(a)(7), 16 CFR 310.4(b)(1)(iv)).
func (c *caseFile) checkAbandonment(most *AbandonmentCap) {
	if !c.f.Abandonment.Known {
		c.deny(AbandonmentUnknown, "the campaign's abandoned calls are not counted: "+c.f.Abandonment.why(), nil)

		return
	}
	n := &c.f.Abandonment.Value
	e := Evidence{
		"live": strconv.Itoa(n.Live), "abandoned": strconv.Itoa(n.Abandoned), "from": stamp(n.From), "to": stamp(n.To),
		"pause_permille": strconv.Itoa(most.Pause),
	}
	age := c.a.At.Sub(n.To)
	const thousand = 1000
	switch {
	case age > most.MaxAge || n.Abandoned < 0 || n.Live < n.Abandoned:
		c.deny(AbandonmentUnknown, "the count of abandoned calls is too old or contradicts itself", e)
	case n.Abandoned > 0 && n.Live <= most.Young:
		c.deny(AbandonmentTooHigh, "a call was abandoned among the campaign's first; find out why before it goes on", e)
	case n.Abandoned*thousand >= most.Pause*n.Live && n.Abandoned > 0:
		c.deny(AbandonmentTooHigh, "the campaign abandons too many calls", e)
	default:
		c.pass("abandonment", "few enough calls were abandoned", e)
	}
}
