package compliance

import (
	"time"

	"trunkline/privacy"
)

// Fact is something that was looked up, or the reason why it is not known. Its
// zero value is unknown.
type Fact[T any] struct {
	Value T      `json:"value"`
	Known bool   `json:"known"`
	Why   string `json:"why,omitempty"` // why it is not known, such as "timed out"
}

// Know is a fact that was found.
func Know[T any](v T) Fact[T] { return Fact[T]{Value: v, Known: true} }

// Unknown is a fact that could not be found, and why.
func Unknown[T any](why string) Fact[T] { return Fact[T]{Why: why} }

// why is the reason to give for a fact that is not known.
func (f Fact[T]) why() string {
	if f.Why == "" {
		return "it was not looked up"
	}

	return f.Why
}

// Facts are what was found out about an attempt, all at one instant and, but
// for ClockOffset and Abandonment, in one transaction. A known empty list means that a lookup
// found nothing.
type Facts struct {
	// ClockOffset is how far this machine's clock is from true time.
	ClockOffset Fact[time.Duration] `json:"clock_offset"`
	// Consents are those of the tenant for the called number, revoked ones too.
	Consents Fact[[]Consent] `json:"consents"`
	// Suppressions are all of the tenant's for the called number, of any scope,
	// that no later opt-in has lifted, those in this node's spool included.
	Suppressions Fact[[]Suppression] `json:"suppressions"`
	// Lists is the newest snapshot of each do-not-call list, searched for the
	// called number.
	Lists Fact[[]ListSnapshot] `json:"lists"`
	// History is of the tenant's dials to the called number.
	History Fact[History] `json:"history"`
	// Reassigned is the newest answer for the called number.
	Reassigned Fact[ReassignedResult] `json:"reassigned"`
	CallerID   Fact[CallerID]         `json:"caller_id"`
	Voice      Fact[VoiceLicence]     `json:"voice"`
	Campaign   Fact[Campaign]         `json:"campaign"`
	// Abandonment counts the campaign's calls.
	Abandonment Fact[Abandonment] `json:"abandonment"`
}

// ConsentLevel is how far a consent goes; each level includes those before it.
type ConsentLevel string

// Consent levels. An inquiry is a person's own request to be called about one
// thing; it is worth PriorExpress for that purpose and subject and nothing
// else.
const (
	NoConsent           ConsentLevel = "none"
	Inquiry             ConsentLevel = "inquiry"
	PriorExpress        ConsentLevel = "pec"
	PriorExpressWritten ConsentLevel = "pewc" // 64.1200(f)(9)
)

// rank orders the levels; an unknown one is worth nothing.
func (l ConsentLevel) rank() int {
	switch l {
	case Inquiry:
		return 1
	case PriorExpress:
		return 2
	case PriorExpressWritten:
		return 3
	default:
		return 0
	}
}

// Consent is what a stored consent says. The flags are what the record can
// show, not what somebody remembers.
type Consent struct {
	ID       string         `json:"id"`
	Seller   string         `json:"seller"`
	To       privacy.Number `json:"to"`
	Level    ConsentLevel   `json:"level"`
	Purposes []Purpose      `json:"purposes"`
	Subject  string         `json:"subject,omitempty"` // of an inquiry
	// Artificial: it clearly covers calls with an artificial or prerecorded voice.
	Artificial bool `json:"artificial"`
	// The elements of a written consent (64.1200(f)(9), 16 CFR 310.5(a)(8)).
	Signature    bool      `json:"signature"`     // of the person called; E-SIGN is one
	NotCondition bool      `json:"not_condition"` // it says that signing is no condition of purchase
	Disclosure   string    `json:"disclosure"`    // SHA-256 of the wording that was shown, in hex; empty: no copy
	RequestCopy  string    `json:"request_copy"`  // SHA-256 of the request as it was shown
	GivenCopy    string    `json:"given_copy"`    // SHA-256 of the consent as it was given
	CapturedAt   time.Time `json:"captured_at"`
	EffectiveAt  time.Time `json:"effective_at"` // zero: from CapturedAt
	ExpiresAt    time.Time `json:"expires_at"`   // zero: never
	RevokedAt    time.Time `json:"revoked_at"`   // zero: not revoked
}

// Scope is how much a suppression stops.
type Scope string

// Scopes, from the widest. An unknown scope is judged as ScopeTenant.
const (
	ScopeEverything Scope = "everything" // all of the tenant's calls, emergencies too (a wrong number, a litigant)
	ScopeTenant     Scope = "tenant"     // all of the tenant's calls but emergencies
	ScopeSeller     Scope = "seller"     // all of one seller's calls but emergencies; what "stop calling me" means by default
	ScopeMarketing  Scope = "marketing"  // one seller's telemarketing ("not now")
	ScopeCampaign   Scope = "campaign"   // one campaign
)

// Suppression is a standing order not to call.
type Suppression struct {
	ID       string    `json:"id"`
	Scope    Scope     `json:"scope"`
	Seller   string    `json:"seller,omitempty"`
	Campaign string    `json:"campaign,omitempty"`
	Cause    string    `json:"cause"` // opt_out, wrong_number, internal_list, litigator, ...
	At       time.Time `json:"at"`
}

// ListKind is whose do-not-call list it is.
type ListKind string

// Kinds of list.
const (
	NationalList  ListKind = "national"
	StateList     ListKind = "state"
	InternalList  ListKind = "internal"
	LitigatorList ListKind = "litigator"
)

// ListSnapshot is one version of a do-not-call list, and whether the called
// number stands in it.
type ListSnapshot struct {
	ID         string    `json:"id"`
	Kind       ListKind  `json:"kind"`
	State      string    `json:"state,omitempty"`   // of a StateList: two letters; of a NationalList: the country, empty for the US
	Account    string    `json:"account,omitempty"` // subscription (SAN) by which it was obtained
	ObtainedAt time.Time `json:"obtained_at"`
	SHA256     string    `json:"sha256"`
	Everywhere bool      `json:"everywhere"`           // it covers every area code of its jurisdiction
	AreaCodes  []string  `json:"area_codes,omitempty"` // that it covers; in Facts the called number's own is enough
	Hit        bool      `json:"hit"`
}

// History is the tenant's dials to the called number.
type History struct {
	// Since is from when on every dial is in Attempts. An import or a lost log
	// moves it forward; a cap whose window begins earlier then counts as
	// reached.
	Since    time.Time     `json:"since"`
	Attempts []PastAttempt `json:"attempts"`
}

// PastAttempt is one dial, whatever came of it.
type PastAttempt struct {
	At           time.Time `json:"at"`
	Seller       string    `json:"seller"`
	Campaign     string    `json:"campaign"`
	Subject      string    `json:"subject,omitempty"`
	Debt         string    `json:"debt,omitempty"`
	Conversation bool      `json:"conversation"` // a person was spoken with
}

// ReassignedAnswer is what the Reassigned Numbers Database said.
type ReassignedAnswer string

// Answers (47 CFR 64.1200(l), (m)). Only no lets a call pass.
const (
	ReassignedNo     ReassignedAnswer = "no"
	ReassignedYes    ReassignedAnswer = "yes"
	ReassignedNoData ReassignedAnswer = "no_data"
)

// ReassignedResult is one query of the Reassigned Numbers Database.
type ReassignedResult struct {
	Answer    ReassignedAnswer `json:"answer"`
	QueriedAt time.Time        `json:"queried_at"`
	// AskedSince is the date in the query: was the number disconnected after it?
	AskedSince time.Time `json:"asked_since"`
	// LastContact is when the person was last reached at the number; zero: never.
	LastContact time.Time `json:"last_contact"`
}

// CallerID is the right to show a number.
type CallerID struct {
	Number    privacy.Number `json:"number"`
	Seller    string         `json:"seller"`
	Proof     string         `json:"proof"`      // id of the document that proves the right to use it
	ValidFrom time.Time      `json:"valid_from"` //
	ValidTo   time.Time      `json:"valid_to"`   // zero: open
	Answered  bool           `json:"answered"`   // calls to it reach us and may opt out
}

// VoiceLicence is the right to speak with a synthetic voice.
type VoiceLicence struct {
	Voice          string    `json:"voice"`
	Licence        string    `json:"licence"`         // id of the licence
	SpeakerConsent string    `json:"speaker_consent"` // id of the speaker's consent, or of the maker's statement that there is no speaker
	Sellers        []string  `json:"sellers"`         // whom it covers; "*": all of the tenant's
	ExpiresAt      time.Time `json:"expires_at"`
}

// Campaign is what a campaign's configuration says, its seller's included.
type Campaign struct {
	ID        string `json:"id"`
	Seller    string `json:"seller"`
	Active    bool   `json:"active"`
	LegalName string `json:"legal_name"` // registered name, as it is spoken
	// CallbackNumber is spoken in the call and takes do-not-call requests in
	// business hours.
	CallbackNumber privacy.Number `json:"callback_number"`
	// TollFreeOptOut reaches our automated opt-out; left on voicemails.
	TollFreeOptOut privacy.Number `json:"toll_free_opt_out"`
	RingTimeout    time.Duration  `json:"ring_timeout"`
	// OptOutPolicy is the id of the written do-not-call policy.
	OptOutPolicy string `json:"opt_out_policy"`
	// OpeningSaysAI: the opening says in its first sentence that an AI speaks.
	OpeningSaysAI bool `json:"opening_says_ai"`
	// Registrations are the states where the seller is registered or licensed
	// for telemarketing, or documented as exempt.
	Registrations []string `json:"registrations,omitempty"`
	// EmergencyBasis is the id of the document that says why calls of this
	// campaign protect health or safety.
	EmergencyBasis string `json:"emergency_basis,omitempty"`
	// RegistryException: the seller relies on signed written permission for
	// numbers on the national registry (64.1200(c)(2)(ii)).
	RegistryException bool `json:"registry_exception,omitempty"`
}

// Abandonment counts one campaign's telemarketing calls that were answered by
// a person.
type Abandonment struct {
	From      time.Time `json:"from"` // of the counting; later than the rule's window while the campaign is young
	To        time.Time `json:"to"`   // when it was counted
	Live      int       `json:"live"`
	Abandoned int       `json:"abandoned"`
}
