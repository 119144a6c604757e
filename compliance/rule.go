package compliance

import (
	"slices"
	"strings"
	"time"
)

// Rule is one entry of the rule table: one thing that one law, or this house,
// asks. Exactly one of the blocks from Hours on is set, and says what kind of
// rule it is. All rules that apply must hold, so that a further rule can only
// make decisions stricter.
type Rule struct {
	ID           string `yaml:"id"`
	Jurisdiction string `yaml:"jurisdiction"` // US, US-FL, EU, GB, CA, or * for every place
	// AppliesTo are the purposes that it applies to; "every" includes
	// emergencies.
	AppliesTo []Purpose `yaml:"applies_to"`
	// When narrows it: "state_unproven" applies it only where no address or
	// ZIP code says in which state the called party is.
	When string `yaml:"when"`
	// From is the first day in force, To the first day no longer so. A rule
	// without From was in force before this table was first written.
	From Day `yaml:"effective_from"`
	To   Day `yaml:"effective_to"`

	Citation   string     `yaml:"citation"`
	SourceURL  string     `yaml:"source_url"`
	Confidence Confidence `yaml:"confidence"`
	ReviewedBy string     `yaml:"reviewed_by"` // a lawyer's name and date, or Unreviewed
	Note       string     `yaml:"note"`

	Hours        *Hours           `yaml:"hours"`
	Cap          *Cap             `yaml:"cap"`
	Consent      *ConsentNeeded   `yaml:"consent"`
	Registry     *Registry        `yaml:"registry"`
	Suppressions *Suppressed      `yaml:"suppressions"`
	Reassigned   *ReassignedCheck `yaml:"reassigned"`
	CallerID     *CallerIDProof   `yaml:"caller_id"`
	Voice        *VoiceProof      `yaml:"voice"`
	Campaign     *CampaignNeeds   `yaml:"campaign"`
	Abandonment  *AbandonmentCap  `yaml:"abandonment"`
	Blocked      *Blocked         `yaml:"blocked"`
	Registered   *Registered      `yaml:"registered"`
	Clock        *Clock           `yaml:"clock"`
	Place        *Place           `yaml:"place"`
	Emergency    *EmergencyProof  `yaml:"emergency"`

	// The blocks below are duties in a call and after it; Decide does not look
	// at them.
	Opening   *OpeningDuty   `yaml:"opening"`
	Recording *RecordingDuty `yaml:"recording"`
	OptOut    *OptOutDuty    `yaml:"opt_out"`
	Retention *RetentionDuty `yaml:"retention"`

	pack string
}

// Pack is the name of the pack that the rule came from.
func (r *Rule) Pack() string { return r.pack }

// Unreviewed stands as the reviewer of a rule that no lawyer has read yet.
const Unreviewed = "counsel review pending"

// Confidence is how a rule's text was read.
type Confidence string

// How well a rule is known.
const (
	Primary   Confidence = "primary"   // read in the primary source
	Secondary Confidence = "secondary" // read in a dated source that cites the primary
	Memory    Confidence = "memory"    // written from memory; check before relying on it
	House     Confidence = "house"     // no law: our own rule
)

// Every stands in AppliesTo for all purposes, emergencies included.
const Every Purpose = "every"

// Day is a calendar day; its zero value is none.
type Day struct{ start time.Time } // 00:00 UTC

// UnmarshalYAML reads a day such as 2026-01-01.
func (d *Day) UnmarshalYAML(b []byte) error {
	t, err := time.Parse(time.DateOnly, strings.Trim(string(b), "\"' \n"))
	d.start = t

	return err
}

// MarshalYAML writes the day as it is read.
func (d Day) MarshalYAML() ([]byte, error) { return []byte(d.String()), nil }

// String is the day as 2026-01-01, or empty.
func (d Day) String() string {
	if d.start.IsZero() {
		return ""
	}

	return d.start.Format(time.DateOnly)
}

// The first place on earth to enter a day is 14 hours before UTC, the last
// to leave it 12 hours behind.
const (
	earliestZone = 14 * time.Hour
	latestZone   = 12 * time.Hour
)

// InForce says whether it is, anywhere on earth, a day on which the rule is in
// force. Around a change of law the old and the new rule so hold together for
// about a day.
func (r *Rule) InForce(at time.Time) bool {
	if !r.From.start.IsZero() && at.Before(r.From.start.Add(-earliestZone)) {
		return false
	}

	return r.To.start.IsZero() || at.Before(r.To.start.Add(latestZone))
}

// appliesTo says whether the rule is about calls of this purpose.
func (r *Rule) appliesTo(p Purpose) bool {
	return slices.Contains(r.AppliesTo, p) || slices.Contains(r.AppliesTo, Every)
}

// Span is a part of a day; the zero Span is closed.
type Span struct{ Open, Close time.Duration } // since midnight, Open <= t < Close

// UnmarshalYAML reads "08:00-21:00" or "closed".
func (s *Span) UnmarshalYAML(b []byte) error {
	text := strings.Trim(string(b), "\"' \n")
	if text == closed {
		*s = Span{}

		return nil
	}
	open, end, ok := strings.Cut(text, "-")
	if !ok {
		return errSpan
	}
	from, err := clockTime(open)
	if err != nil {
		return err
	}
	to, err := clockTime(end)
	if err != nil {
		return err
	}
	if to <= from {
		return errSpan
	}
	*s = Span{Open: from, Close: to}

	return nil
}

const closed = "closed"

func clockTime(text string) (time.Duration, error) {
	if text == "24:00" {
		return 24 * time.Hour, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, errSpan
	}

	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// String is the span as it is read.
func (s *Span) String() string {
	if s.Close == 0 {
		return closed
	}
	const hour, minute = int(time.Hour / time.Minute), int(time.Minute)
	pad := func(n int) string { return string([]byte{byte('0' + n/10), byte('0' + n%10)}) }
	open, end := int(s.Open)/minute, int(s.Close)/minute

	return pad(open/hour) + ":" + pad(open%hour) + "-" + pad(end/hour) + ":" + pad(end%hour)
}

// Hours are when calls may begin and end, by the called party's clock (47 CFR
// 64.1200(c)(1), 16 CFR 310.4(c), and the states' own).
type Hours struct {
	Weekdays *Span `yaml:"weekdays"`
	Saturday *Span `yaml:"saturday"`
	Sunday   *Span `yaml:"sunday"`
	// Holidays are those of Calendars; without it holidays are as other days.
	Holidays  *Span    `yaml:"holidays"`
	Calendars []string `yaml:"calendars"`
	// Margin is the least time that a call is taken to last; it must end
	// within the hours.
	Margin time.Duration `yaml:"margin"`
}

// CapPer is which dials a cap counts.
type CapPer string

// What a cap counts together, of the dials to the called number.
const (
	PerLine     CapPer = "line"     // all of the tenant's
	PerSeller   CapPer = "seller"   // all of the seller's
	PerSubject  CapPer = "subject"  // the seller's on this subject; an empty subject is every subject
	PerDebt     CapPer = "debt"     // those about this debt; an empty debt is every debt
	PerCampaign CapPer = "campaign" // this campaign's
)

// Cap is the most dials in a sliding window, whatever came of them.
type Cap struct {
	Max    int           `yaml:"max"`
	Window time.Duration `yaml:"window"`
	Per    CapPer        `yaml:"per"`
	// AfterConversation is how long no dial may follow one that was spoken in.
	AfterConversation time.Duration `yaml:"after_conversation"`
}

// ConsentNeeded is the level of consent that calls need, by line type.
type ConsentNeeded struct {
	Wireless ConsentLevel `yaml:"wireless"` // also VoIP and unknown lines
	Landline ConsentLevel `yaml:"landline"`
	// Exemptions are the caps within which a call to a landline that claims
	// one needs no consent.
	Exemptions map[Exemption][]Cap `yaml:"exemptions"`
}

// Registry is a do-not-call list that must be searched.
type Registry struct {
	List    ListKind      `yaml:"list"`
	MaxAge  time.Duration `yaml:"max_age"`
	Account bool          `yaml:"account"` // the snapshot must name the subscription it came by
	// SignedPermission: a written consent that names the seller excepts a
	// number on the list, where the campaign claims that (64.1200(c)(2)(ii)).
	SignedPermission bool `yaml:"signed_permission"`
	// Optional: a list that nobody has loaded is not asked for.
	Optional bool `yaml:"optional"`
}

// Suppressed is that nobody who asked not to be called is called.
type Suppressed struct{}

// ReassignedCheck is the query of the Reassigned Numbers Database (64.1200(m)).
type ReassignedCheck struct {
	MaxAge time.Duration `yaml:"max_age"`
}

// CallerIDProof is the proof of the right to show a caller ID.
type CallerIDProof struct {
	Answered bool `yaml:"answered"` // calls to it must reach an opt-out
}

// VoiceProof is the licence of a synthetic voice and its speaker's consent.
type VoiceProof struct {
	SpeakerConsent bool `yaml:"speaker_consent"`
}

// CampaignNeeds is what a campaign must have configured before it may dial.
type CampaignNeeds struct {
	LegalName      bool          `yaml:"legal_name"`
	CallbackNumber bool          `yaml:"callback_number"`
	TollFreeOptOut bool          `yaml:"toll_free_opt_out"`
	OptOutPolicy   bool          `yaml:"opt_out_policy"`
	SaysAI         bool          `yaml:"says_ai"`
	RingAtLeast    time.Duration `yaml:"ring_at_least"`
}

// AbandonmentCap bounds how many answered calls nobody spoke in. Rates are
// whole parts of a thousand.
type AbandonmentCap struct {
	SpeakWithin time.Duration `yaml:"speak_within"` // of the end of the greeting
	Window      time.Duration `yaml:"window"`
	Limit       int           `yaml:"limit_permille"` // the law's
	Pause       int           `yaml:"pause_permille"` // dialing stops
	Alarm       int           `yaml:"alarm_permille"` // a person is told
	// Young: among the first so many live answers one abandoned call stops
	// dialing.
	Young int `yaml:"young"`
	// ReleaseWithin is how soon after the called party hangs up the line must
	// be free (47 USC 227(d)(3)(B)).
	ReleaseWithin time.Duration `yaml:"release_within"`
	MaxAge        time.Duration `yaml:"max_age"` // of the count
}

// Blocked forbids artificial voices until a lawyer has ruled.
type Blocked struct {
	Why string `yaml:"why"`
}

// Registered is that the seller is registered in the state.
type Registered struct {
	With string `yaml:"with"`
}

// Clock bounds how wrong the machine's clock may be, and how long a decision
// holds.
type Clock struct {
	MaxOffset time.Duration `yaml:"max_offset"`
	ValidFor  time.Duration `yaml:"valid_for"`
}

// Place bounds in how many zones a called party may be.
type Place struct {
	MaxZones int `yaml:"max_zones"`
}

// EmergencyProof is that a campaign of emergency calls has a document that
// says so.
type EmergencyProof struct {
	Basis bool `yaml:"basis"`
}

// kinds are the names of the blocks that are set.
func (r *Rule) kinds() []string {
	var set []string
	for _, k := range []struct {
		name string
		set  bool
	}{
		{"hours", r.Hours != nil},
		{"cap", r.Cap != nil},
		{"consent", r.Consent != nil},
		{"registry", r.Registry != nil},
		{"suppressions", r.Suppressions != nil},
		{"reassigned", r.Reassigned != nil},
		{"caller_id", r.CallerID != nil},
		{"voice", r.Voice != nil},
		{"campaign", r.Campaign != nil},
		{"abandonment", r.Abandonment != nil},
		{"blocked", r.Blocked != nil},
		{"registered", r.Registered != nil},
		{"clock", r.Clock != nil},
		{"place", r.Place != nil},
		{"emergency", r.Emergency != nil},
		{"opening", r.Opening != nil},
		{"recording", r.Recording != nil},
		{"opt_out", r.OptOut != nil},
		{"retention", r.Retention != nil},
	} {
		if k.set {
			set = append(set, k.name)
		}
	}

	return set
}
