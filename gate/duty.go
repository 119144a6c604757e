package gate

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"trunkline/call"
	"trunkline/compliance"
	"trunkline/compliance/language"
	"trunkline/compliance/opening"
	"trunkline/storage"
)

// Duties says what calls must say, by the rules in force; it implements
// call.Duties. It does not change and is safe for concurrent use.
type Duties struct {
	Rules     *compliance.Rules
	Campaigns map[string]compliance.Campaign
	// Openings are campaigns' own texts by campaign and language, and Notices
	// the operator's own recording notices by language.
	Openings map[string]map[string]opening.Texts
	Notices  map[string]string
	Places   []string // where the calls are answered and placed, such as US-TX; empty: unknown
	Key      string   // that opts out; empty: none
	// Silent is why no recording is announced, if so: somebody else does it.
	Silent string
}

// Of implements call.Duties.
func (d *Duties) Of(p call.Party) call.Duty {
	at := cmp.Or(p.At, time.Now())
	theirs := d.Rules.Whereabouts(p.Number)
	var out call.Duty
	if p.Recorded {
		var rules []string
		out.Recording, rules = d.Rules.Recording(d.Places, theirs, at)
		out.Rules = append(out.Rules, rules...)
		out.Silent = d.Silent
	}
	announce := p.Recorded && d.Silent == "" && out.Recording.Announce
	switch {
	case p.Direction == storage.Outbound:
		d.ofOurs(&out, &p, theirs, at, announce)
	case announce:
		out.Sentences = d.texts(p.Campaign, p.Language).Notice()
	}
	switch {
	case !announce:
		out.Opening.RecordingWithin = 0
	case out.Opening.RecordingWithin == 0:
		out.Opening.RecordingWithin = noticeWithin
	}

	return out
}

// ofOurs adds what a call that we place must say. Without a campaign nobody has
// said for whom it is; that an AI speaks is said all the same.
func (d *Duties) ofOurs(out *call.Duty, p *call.Party, theirs []string, at time.Time, announce bool) {
	duty, rules := d.Rules.Opening(theirs, compliance.Purpose(p.Purpose), at)
	out.Opening, out.Rules = duty, append(out.Rules, rules...)
	who, campaign := d.caller(p.Campaign), p.Campaign
	out.Sentences = d.texts(campaign, p.Language).Sentences(who, duty, announce)
	out.Closing = func(tag string) opening.Sentence { return d.texts(campaign, tag).Closing(who, duty) }
	if duty.RemindAfterTransfers {
		out.Reminder = func(tag string) opening.Sentence { return d.texts(campaign, tag).Reminding() }
	}
	if duty.TollFreeOnVoicemail {
		out.Voicemail = func(tag string) opening.Sentence { return d.texts(campaign, tag).Voicemail(who) }
	}
}

// caller is who calls for a campaign; nobody has said so for one that is not
// configured.
func (d *Duties) caller(campaign string) opening.Caller {
	c := d.Campaigns[campaign]

	return opening.Caller{LegalName: c.LegalName, Callback: c.CallbackNumber, TollFree: c.TollFreeOptOut, Key: d.Key}
}

// noticeWithin is until when a recording is announced where no rule says it:
// within the first turn.
const noticeWithin = 20 * time.Second

// texts are those of a campaign in a language.
func (d *Duties) texts(campaign, tag string) opening.Texts {
	own := d.Openings[campaign][language.Base(tag)]
	own.Recording = cmp.Or(own.Recording, d.Notices[language.Base(tag)])

	return own.Or(opening.In(tag))
}

// Sentences are all that calls may have to say in a language, to be prepared.
func (d *Duties) Sentences(tag string) []string {
	all := []string{d.texts("", tag).Recording}
	strict := compliance.OpeningDuty{AIWithin: 1, LegalNameWithin: 1, OptOutAfterName: 1, PurposeWithin: 1}
	for _, id := range append(slices.Sorted(maps.Keys(d.Campaigns)), "") {
		texts, who := d.texts(id, tag), d.caller(id)
		for _, atEnd := range []bool{false, true} {
			closing := strict
			closing.AIAtEnd = atEnd
			all = append(all, texts.Closing(who, closing).Text)
		}
		for _, s := range append(texts.Sentences(who, strict, true), texts.Reminding(), texts.Voicemail(who)) {
			all = append(all, s.Text)
		}
	}

	return all
}
