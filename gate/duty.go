package gate

import (
	"cmp"
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
	texts := d.texts(p.Campaign, p.Language)
	if p.Recorded {
		var rules []string
		out.Recording, rules = d.Rules.Recording(d.Places, theirs, at)
		out.Rules = append(out.Rules, rules...)
		out.Silent = d.Silent
	}
	announce := p.Recorded && d.Silent == "" && out.Recording.Announce
	campaign, known := d.Campaigns[p.Campaign]
	if p.Direction == storage.Outbound && known {
		duty, rules := d.Rules.Opening(theirs, compliance.Purpose(p.Purpose), at)
		out.Opening, out.Rules = duty, append(out.Rules, rules...)
		who := opening.Caller{LegalName: campaign.LegalName, Callback: campaign.CallbackNumber, Key: d.Key}
		out.Sentences = texts.Sentences(who, announce)
		out.Closing = func(tag string) opening.Sentence { return d.texts(p.Campaign, tag).Closing(who) }
	} else if announce {
		out.Sentences = texts.Notice()
	}
	switch {
	case !announce:
		out.Opening.RecordingWithin = 0
	case out.Opening.RecordingWithin == 0:
		out.Opening.RecordingWithin = noticeWithin
	}

	return out
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
	for id, c := range d.Campaigns {
		who := opening.Caller{LegalName: c.LegalName, Callback: c.CallbackNumber, Key: d.Key}
		for _, s := range d.texts(id, tag).Sentences(who, true) {
			all = append(all, s.Text)
		}
	}

	return all
}
