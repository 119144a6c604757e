package compliance

import (
	"time"
)

// Verdict is what one rule says about an attempt.
type Verdict string

// Verdicts.
const (
	Pass Verdict = "pass"
	Deny Verdict = "deny"
)

// Code says in one word why a rule denies, for counting and for programs. A
// passing reason has the code of what it checked, in lower case.
type Code string

// Evidence is what a rule looked at, by name. Values are plain text; times are
// RFC 3339 in UTC unless a zone is named. It holds no telephone number.
type Evidence map[string]string

// Reason is one rule's verdict.
type Reason struct {
	Rule     string   `json:"rule"`
	Verdict  Verdict  `json:"verdict"`
	Code     Code     `json:"code"`
	Why      string   `json:"why"` // a sentence for a person
	Evidence Evidence `json:"evidence,omitempty"`
}

// Decision is the answer to an attempt. It names no telephone number.
type Decision struct {
	Allow   bool     `json:"allow"`
	Reasons []Reason `json:"reasons"` // of every rule that was looked at, in the order of looking
	// What the attempt was judged as.
	Purpose Purpose  `json:"purpose"`
	Line    LineType `json:"line"`
	States  []string `json:"states"` // candidate jurisdictions, sorted, such as US-FL
	Zones   []string `json:"zones"`  // candidate zones, sorted
	Consent string   `json:"consent,omitempty"`
	// By what it was judged.
	RulesetVersion string    `json:"ruleset_version"`
	NPAVersion     string    `json:"npa_version"`
	TzdataVersion  string    `json:"tzdata_version"`
	At             time.Time `json:"at"`
	// ValidFor is how long after At the call may begin; 0 when denied.
	ValidFor time.Duration `json:"valid_for_ns"`
}

// ValidUntil is the last instant at which the call may begin.
func (d *Decision) ValidUntil() time.Time { return d.At.Add(d.ValidFor) }

// Denials are the reasons that deny.
func (d *Decision) Denials() []Reason {
	var out []Reason
	for _, r := range d.Reasons {
		if r.Verdict == Deny {
			out = append(out, r)
		}
	}

	return out
}
