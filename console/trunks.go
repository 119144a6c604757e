package console

import (
	"net/http"
	"time"
)

// Trunk is how a trunk does.
type Trunk struct {
	Name         string        `json:"name"`
	Calls        int           `json:"calls"`
	MaxCalls     int           `json:"max_calls"` // 0: no limit of its own
	Inbound      TrunkCalls    `json:"inbound"`
	Outbound     TrunkCalls    `json:"outbound"`
	Registration *Registration `json:"registration,omitempty"` // of a trunk that is registered
	Targets      []TrunkTarget `json:"targets"`
	PostDial     PostDialDelay `json:"post_dial_delay"`
}

// PostDialDelay is how long calls out took from our INVITE to the first sign of
// the callee, which is 18x or an answer.
type PostDialDelay struct {
	Calls  uint64       `json:"calls"`
	MeanMS float64      `json:"mean_ms"`
	Within []CallsUntil `json:"within"` // by rising time; calls beyond the last one are in Calls only
}

// CallsUntil is how many calls took no longer than a time.
type CallsUntil struct {
	MS    float64 `json:"ms"`
	Calls uint64  `json:"calls"`
}

// TrunkCalls counts calls since the start.
type TrunkCalls struct {
	Attempts uint64            `json:"attempts"`
	Answers  uint64            `json:"answers"`
	Failures map[string]uint64 `json:"failures"` // by class
}

// Registration is how a trunk stands with its registrar.
type Registration struct {
	State  string     `json:"state"` // trying, registered, failing or removed
	Since  time.Time  `json:"since"`
	Until  *time.Time `json:"until"`  // end of the binding; null: there is none
	Status int        `json:"status"` // of the last answer; 0: none
}

// TrunkTarget is how a place does that takes a trunk's calls.
type TrunkTarget struct {
	URI    string  `json:"uri"`
	State  string  `json:"state"`   // up, down, or unknown when it was not asked
	Status int     `json:"status"`  // of the last answer to OPTIONS; 0: none
	TookMS float64 `json:"took_ms"` // until it came

	Since *time.Time `json:"since"` // of the state; null: it was never another
	// Doubt is how many of the latest outcomes in a row have spoken against the
	// state, and DoubtOf how many change it.
	Doubt   int `json:"doubt"`
	DoubtOf int `json:"doubt_of"` // 0: it is not asked
}

// Trunks is the body of GET /v1/trunks.
type Trunks struct {
	Trunks []Trunk `json:"trunks"`
}

// apiTrunks tells how the trunks do.
func (s *console) apiTrunks(w http.ResponseWriter, _ *http.Request) error {
	if s.Trunks == nil {
		return errPath
	}
	s.writeJSON(w, http.StatusOK, Trunks{Trunks: s.Trunks()})
	return nil
}
