package console

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"trunkline/compliance"
	"trunkline/compliance/opening"
	"trunkline/storage"
)

// openingKind is the kind of the event that records what a call had to say.
const openingKind = "opening"

// openingRecord is what that event says.
type openingRecord struct {
	opening.Proof

	Consent compliance.RecordingConsent `json:"consent"`
	Rules   []string                    `json:"rules"`
	Said    []opening.Sentence          `json:"said"`
	Silent  string                      `json:"silent"`
}

// proofView is what a call had to say and what of it was heard.
type proofView struct {
	Verdict string
	Kept    bool
	Items   []itemView
	Notes   []string
}

// itemView is one thing that had to be said. Times count from the agent's first
// sound.
type itemView struct {
	Item, Outcome, Due, Words string
	Kept                      bool
}

// proof reads the proof of a call's opening; nil: none was owed or recorded.
func proof(h *storage.History) *proofView {
	for _, e := range h.Events {
		var d struct {
			Opening *openingRecord `json:"opening"`
		}
		if e.Kind == openingKind && json.Unmarshal(e.Data, &d) == nil && d.Opening != nil {
			return viewProof(d.Opening)
		}
	}
	return nil
}

func viewProof(o *openingRecord) *proofView {
	v := &proofView{Kept: o.Kept}
	switch {
	case len(o.Items) == 0:
		v.Verdict = "Nothing had to be said."
	case o.Kept:
		v.Verdict = "All that had to be said was heard to its end, and in time."
	case o.Heard:
		v.Verdict = "All that had to be said was heard to its end, but not all of it in time."
	default:
		v.Verdict = "Not all that had to be said was heard to its end."
	}
	for i := range o.Items {
		v.Items = append(v.Items, viewItem(&o.Items[i], o.Said))
	}
	if o.Silent != "" {
		v.Notes = append(v.Notes, "The agent did not announce the recording: "+strings.TrimSuffix(o.Silent, ".")+".")
	}
	switch o.Consent {
	case compliance.OneParty:
		v.Notes = append(v.Notes, "Recording needed the consent of one party.")
	case compliance.AllParty:
		v.Notes = append(v.Notes, "Recording needed the consent of all parties.")
	}
	if len(o.Rules) > 0 {
		v.Notes = append(v.Notes, "By the rules "+strings.Join(o.Rules, ", ")+".")
	}
	return v
}

func viewItem(p *opening.ItemProof, said []opening.Sentence) itemView {
	v := itemView{Item: p.Item.Meaning(), Kept: p.InDue, Due: "before the call ends"}
	if p.Due > 0 {
		v.Due = "by " + finely(p.Due)
	}
	switch {
	case p.Heard && p.Late > 0:
		v.Outcome = fmt.Sprintf("heard from %s to %s, too late by %s", finely(p.Begun), finely(p.Ended), finely(p.Late))
	case p.Heard:
		v.Outcome = fmt.Sprintf("heard from %s to %s", finely(p.Begun), finely(p.Ended))
	case p.Times > 0:
		v.Outcome = fmt.Sprintf("begun at %s, not heard to its end", finely(p.Begun))
	default:
		v.Outcome = "not said"
	}
	if p.Times > 1 {
		v.Outcome += fmt.Sprintf(", begun %d times", p.Times)
	}
	for _, s := range said {
		if slices.Contains(s.Items, p.Item) {
			v.Words = s.Text
		}
	}
	return v
}
