package compliance

import (
	"slices"
	"time"
)

// OpeningDuty is what a call must say at its beginning and until when, from
// the first sound of the agent. A zero time asks for nothing.
type OpeningDuty struct {
	LegalNameWithin      time.Duration `yaml:"legal_name_within"`      // the end of the seller's registered name
	AIWithin             time.Duration `yaml:"ai_within"`              // the end of the sentence that an AI speaks
	OptOutAfterName      time.Duration `yaml:"opt_out_after_name"`     // from the end of the name to the beginning of the offer
	PurposeWithin        time.Duration `yaml:"purpose_within"`         // that it is a sales call, and of what
	RecordingWithin      time.Duration `yaml:"recording_within"`       // that the call is recorded and written down
	CallbackNumber       bool          `yaml:"callback_number"`        // spoken before we hang up, also on the way out of an opt-out
	TollFreeOnVoicemail  bool          `yaml:"toll_free_on_voicemail"` // a voicemail has a toll-free number that opts out
	AIAtEnd              bool          `yaml:"ai_at_end"`              // and once more at the end
	EndWithin            time.Duration `yaml:"end_within"`             // of the person's wish to end the call
	RemindAfterTransfers bool          `yaml:"remind_after_transfers"` // who takes over says again that it is an AI
}

// RecordingConsent is whose consent a recording needs.
type RecordingConsent string

// Whose consent a recording needs.
const (
	OneParty RecordingConsent = "one_party"
	AllParty RecordingConsent = "all_party"
)

// RecordingDuty is what recording or transcribing a call needs.
type RecordingDuty struct {
	Consent RecordingConsent `json:"consent" yaml:"consent"`
	// Announce it in the agent's first turn, and open the caller's channel of
	// the recording only after that.
	Announce bool `json:"announce" yaml:"announce"`
	// AnnouncementRecorded: the announcement itself must be in the recording.
	AnnouncementRecorded bool `json:"announcement_recorded" yaml:"announcement_recorded"`
}

// OptOutDuty is how far and how soon an opt-out goes.
type OptOutDuty struct {
	Default      Scope         `yaml:"default_scope"`      // "stop calling me"
	Ambiguous    Scope         `yaml:"ambiguous_scope"`    // "not now"
	WrongNumber  Scope         `yaml:"wrong_number_scope"` // "you have the wrong number"
	Exempt       Scope         `yaml:"exempt_scope"`       // an opt-out in answer to an exempt call
	HonourWithin time.Duration `yaml:"honour_within"`      // the law's limit; ours is before the next dial
	Keep         time.Duration `yaml:"keep"`               // the law's; ours has no end
}

// RecordClass is a kind of record with a time to keep it.
type RecordClass string

// Classes of records.
const (
	EvidenceRecords   RecordClass = "evidence"    // decisions, consents, list versions, calls and their disposition
	SuppressionRecord RecordClass = "suppression" // never ends
	AudioRecords      RecordClass = "audio"
	TranscriptRecords RecordClass = "transcript"
	ScriptRecords     RecordClass = "script" // what was said by template, and each voice's licence
)

// RetentionDuty is how long a class of records is kept. A legal hold outlasts
// any Most.
type RetentionDuty struct {
	Class RecordClass   `yaml:"class"`
	Least time.Duration `yaml:"least"` // keep it so long; 0: no duty
	Most  time.Duration `yaml:"most"`  // and no longer; 0: no limit
}

// Retention is how long to keep a class of records, and by which rules.
type Retention struct {
	Class       RecordClass
	Least, Most time.Duration // Most 0: without end
	Rules       []string
}

// Opening joins the duties of all rules in force for a call to these
// jurisdictions: the earliest deadlines, and every duty that one of them has.
func (r *Rules) Opening(jurisdictions []string, p Purpose, at time.Time) (OpeningDuty, []string) {
	var d OpeningDuty
	var ids []string
	for rule := range r.duties(jurisdictions, at) {
		o := rule.Opening
		if o == nil || !rule.appliesTo(p) {
			continue
		}
		ids = append(ids, rule.ID)
		sooner(&d.LegalNameWithin, o.LegalNameWithin)
		sooner(&d.AIWithin, o.AIWithin)
		sooner(&d.OptOutAfterName, o.OptOutAfterName)
		sooner(&d.PurposeWithin, o.PurposeWithin)
		sooner(&d.RecordingWithin, o.RecordingWithin)
		sooner(&d.EndWithin, o.EndWithin)
		d.CallbackNumber = d.CallbackNumber || o.CallbackNumber
		d.TollFreeOnVoicemail = d.TollFreeOnVoicemail || o.TollFreeOnVoicemail
		d.AIAtEnd = d.AIAtEnd || o.AIAtEnd
		d.RemindAfterTransfers = d.RemindAfterTransfers || o.RemindAfterTransfers
	}

	return d, ids
}

// Recording joins what the states of both ends ask. An end whose state is not
// known needs everybody's consent.
func (r *Rules) Recording(ours, theirs []string, at time.Time) (RecordingDuty, []string) {
	d := RecordingDuty{Consent: OneParty}
	var ids []string
	if !r.known(ours) || !r.known(theirs) {
		d = RecordingDuty{Consent: AllParty, Announce: true}
	}
	for rule := range r.duties(slices.Concat(ours, theirs), at) {
		o := rule.Recording
		if o == nil {
			continue
		}
		ids = append(ids, rule.ID)
		if o.Consent == AllParty {
			d.Consent = AllParty
		}
		d.Announce = d.Announce || o.Announce
		d.AnnouncementRecorded = d.AnnouncementRecorded || o.AnnouncementRecorded
	}

	return d, ids
}

// known says whether the packs in use know every one of these places: a state,
// or a country that is judged as a whole.
func (r *Rules) known(jurisdictions []string) bool {
	return len(jurisdictions) > 0 && !slices.ContainsFunc(jurisdictions, func(j string) bool {
		return len(r.stateZones[j]) == 0 && !slices.ContainsFunc(r.destinations, func(d destination) bool { return d.Country == j && len(d.Zones) > 0 })
	})
}

// OptOut joins the duties of an opt-out in these jurisdictions: the widest
// scopes, the shortest delay, the longest keeping.
func (r *Rules) OptOut(jurisdictions []string, at time.Time) (OptOutDuty, []string) {
	d := OptOutDuty{Default: ScopeSeller, Ambiguous: ScopeMarketing, WrongNumber: ScopeEverything, Exempt: ScopeSeller}
	var ids []string
	for rule := range r.duties(jurisdictions, at) {
		o := rule.OptOut
		if o == nil {
			continue
		}
		ids = append(ids, rule.ID)
		d.Default = wider(d.Default, o.Default)
		d.Ambiguous = wider(d.Ambiguous, o.Ambiguous)
		d.WrongNumber = wider(d.WrongNumber, o.WrongNumber)
		d.Exempt = wider(d.Exempt, o.Exempt)
		sooner(&d.HonourWithin, o.HonourWithin)
		d.Keep = max(d.Keep, o.Keep)
	}

	return d, ids
}

// Abandoning joins what is asked about calls that nobody speaks in: the
// shortest times, the lowest rates. Dialers need the alarm and the pause, calls
// the time to speak within and to release the line.
func (r *Rules) Abandoning(jurisdictions []string, p Purpose, at time.Time) (AbandonmentCap, []string) {
	var d AbandonmentCap
	var ids []string
	for rule := range r.duties(jurisdictions, at) {
		o := rule.Abandonment
		if o == nil || !rule.appliesTo(p) {
			continue
		}
		ids = append(ids, rule.ID)
		sooner(&d.SpeakWithin, o.SpeakWithin)
		sooner(&d.ReleaseWithin, o.ReleaseWithin)
		sooner(&d.Window, o.Window)
		sooner(&d.MaxAge, o.MaxAge)
		d.Limit, d.Pause, d.Alarm = lower(d.Limit, o.Limit), lower(d.Pause, o.Pause), lower(d.Alarm, o.Alarm)
		d.Young = max(d.Young, o.Young)
	}

	return d, ids
}

// AbandoningOf is Abandoning for one attempt, wherever its called party may be.
func (r *Rules) AbandoningOf(a *Attempt) AbandonmentCap {
	place := r.locate(a)
	d, _ := r.Abandoning(place.jurisdictions, a.purpose(), a.At)

	return d
}

// lower is the lower of two rates; zero is none.
func lower(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}

	return a
}

// Retain says how long a class of records is kept, by all rules of the loaded
// packs that are in force. Where a shortest and a longest time contradict
// each other, evidence that must be kept wins.
func (r *Rules) Retain(class RecordClass, at time.Time) Retention {
	out := Retention{Class: class}
	for i := range r.rules {
		rule := &r.rules[i]
		if rule.Retention == nil || rule.Retention.Class != class || !rule.InForce(at) {
			continue
		}
		out.Rules = append(out.Rules, rule.ID)
		out.Least = max(out.Least, rule.Retention.Least)
		sooner(&out.Most, rule.Retention.Most)
	}
	if out.Most != 0 {
		out.Most = max(out.Most, out.Least)
	}

	return out
}

// duties goes through the rules in force in these jurisdictions.
func (r *Rules) duties(jurisdictions []string, at time.Time) func(yield func(*Rule) bool) {
	in := r.expand(jurisdictions)

	return func(yield func(*Rule) bool) {
		for i := range r.rules {
			if rule := &r.rules[i]; slices.Contains(in, rule.Jurisdiction) && rule.InForce(at) && !yield(rule) {
				return
			}
		}
	}
}

// sooner lowers a deadline; zero is none.
func sooner(d *time.Duration, other time.Duration) {
	if other != 0 && (*d == 0 || other < *d) {
		*d = other
	}
}

// scopes are the known scopes from the narrowest.
var scopes = []Scope{ScopeCampaign, ScopeMarketing, ScopeSeller, ScopeTenant, ScopeEverything}

// wider is the wider of two scopes; the empty one is none.
func wider(a, b Scope) Scope {
	if slices.Index(scopes, b) > slices.Index(scopes, a) {
		return b
	}

	return a
}
