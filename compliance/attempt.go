package compliance

import (
	"time"

	"trunkline/privacy"
)

// Purpose is what a call is for. The empty purpose is unknown and is judged as
// telemarketing.
type Purpose string

// Purposes (47 CFR 64.1200(a)(1) to (a)(3)). A call that informs and also
// advertises is telemarketing.
const (
	Telemarketing  Purpose = "telemarketing"
	Informational  Purpose = "informational"
	Emergency      Purpose = "emergency" // health and safety, 64.1200(f)(4)
	DebtCollection Purpose = "debt_collection"
)

// LineType is what kind of line the called number is. The empty type is
// unknown and is judged as wireless.
type LineType string

// Line types. VoIP is judged as wireless: nobody can tell who is charged.
const (
	Wireless LineType = "wireless"
	Landline LineType = "landline" // residential
	VoIP     LineType = "voip"
)

// Exemption is a claim that a call to a residential landline needs no consent
// within a cap of calls (64.1200(a)(3)(ii) to (v)).
type Exemption string

// Exemptions that an attempt may claim.
const (
	NoExemption            Exemption = ""
	Noncommercial          Exemption = "noncommercial"
	CommercialNonmarketing Exemption = "commercial_nonmarketing"
	Nonprofit              Exemption = "nonprofit"
	Healthcare             Exemption = "healthcare" // a HIPAA covered entity or its associate
)

// HintSource says who told where the called party is.
type HintSource string

// Sources of a Hint.
const (
	FromAddress HintSource = "address"
	FromZIP     HintSource = "zip"
	FromPerson  HintSource = "stated"
)

// Hint is one thing known about where the called party is. A hint never
// replaces what the number says; the rules must hold in all candidate places.
type Hint struct {
	Source HintSource `json:"source"`
	State  string     `json:"state,omitempty"` // two letters, such as FL; empty: only the zone is known
	Zone   string     `json:"zone,omitempty"`  // IANA name; empty: only the state is known
}

// Attempt is one call that somebody wants to place.
type Attempt struct {
	Tenant   string         `json:"tenant"`
	Seller   string         `json:"seller"`             // id of the business on whose behalf, and whose name will be spoken
	Campaign string         `json:"campaign"`           // also call-backs and single calls belong to one
	Subject  string         `json:"subject,omitempty"`  // what it is about, for caps on the same subject; empty counts as every subject
	To       privacy.Number `json:"to"`                 // E.164
	From     privacy.Number `json:"from"`               // E.164, the caller ID
	Purpose  Purpose        `json:"purpose,omitempty"`  // empty: unknown
	Line     LineType       `json:"line,omitempty"`     // empty: unknown
	Exempt   Exemption      `json:"exempt,omitempty"`   // claimed instead of consent
	Debt     string         `json:"debt,omitempty"`     // id of the debt, for DebtCollection
	Voice    string         `json:"voice"`              // id of the synthetic voice that will speak
	Expected time.Duration  `json:"expected,omitempty"` // how long the call is expected to last
	Hints    []Hint         `json:"hints,omitempty"`
	At       time.Time      `json:"at"` // the instant of dialing
}

// purpose is the purpose that the attempt is judged by.
func (a *Attempt) purpose() Purpose {
	switch a.Purpose {
	case Informational, Emergency, DebtCollection:
		return a.Purpose
	default:
		return Telemarketing
	}
}

// line is the line type that the attempt is judged by.
func (a *Attempt) line() LineType {
	switch a.Line {
	case Landline, VoIP:
		return a.Line
	default:
		return Wireless
	}
}
