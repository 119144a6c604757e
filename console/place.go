package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"trunkline/storage"
)

// Order is a call to be placed, as the API takes it. All but To and Purpose
// may be left out: the configuration's routes say the rest.
type Order struct {
	To          string            `json:"to"` // as people write it
	Purpose     string            `json:"purpose"`
	From        string            `json:"from,omitempty"`
	Route       string            `json:"route,omitempty"`
	Trunk       string            `json:"trunk,omitempty"`
	Agent       string            `json:"agent,omitempty"`
	Campaign    string            `json:"campaign,omitempty"`
	Seller      string            `json:"seller,omitempty"`
	Subject     string            `json:"subject,omitempty"`
	OnMachine   string            `json:"on_machine,omitempty"`
	RingSeconds float64           `json:"ring_seconds,omitempty"`
	CapSeconds  float64           `json:"cap_seconds,omitempty"`
	Vars        map[string]string `json:"vars,omitempty"`

	// What is known of the person; what is not is judged strictly.
	Line            string  `json:"line,omitempty"`  // wireless, landline or voip
	State           string  `json:"state,omitempty"` // of the address, two letters
	Zone            string  `json:"zone,omitempty"`  // that the person stated, an IANA name
	ExpectedSeconds float64 `json:"expected_seconds,omitempty"`

	ID uuid.UUID `json:"-"` // the call's, when the request names it by its Idempotency-Key; else zero
}

// What Config.Place returns of a call that is not placed.
var (
	// ErrNoGate says that nothing decides about calls.
	ErrNoGate error = &problem{
		Status: http.StatusServiceUnavailable, Code: "no_gate", Message: "Nothing here decides whether a call may be placed, so none is.",
		Hint: "The compliance gate needs the database; see the gateway's log.",
	}
	// ErrUndecided says that no decision came.
	ErrUndecided error = &problem{
		Status: http.StatusServiceUnavailable, Code: "undecided", Message: "No decision about this call could be made and stored, so it was not placed.",
		Hint: "See /readyz and the gateway's log, then send the request again.",
	}
	// ErrAttempted says that an earlier request with the same key was admitted,
	// and that the gateway ended before it had a record of the call.
	ErrAttempted error = &problem{
		Status: http.StatusConflict, Code: "outcome_unknown", Message: "This call was admitted before the gateway ended, and whether it was dialed then is not known.",
		Hint: "It is not dialed again by the same Idempotency-Key. The attempt counts; use another key to call once more.",
	}
	// ErrFull says that there is no place for a call.
	ErrFull error = &problem{
		Status: http.StatusServiceUnavailable, Code: "full", Message: "The limit of calls at once is reached, or the gateway is stopping.",
		Hint: "Send the request again later, or raise calls.max_calls.",
	}
)

// BadOrder is the error of an Order with a field that cannot be so.
func BadOrder(field, text string) error {
	return &problem{
		Status: http.StatusBadRequest, Code: "bad_" + field, Message: field + ": " + strings.TrimSuffix(text, ".") + ".",
		Hint: "trunkline route-test NUMBER tells what the routes make of a number.",
	}
}

// Denied is the error of an Order that the gate denied, by a stored decision.
func Denied(decision uuid.UUID, reasons []string) error {
	return &problem{
		Status: http.StatusForbidden, Code: "not_allowed", Message: "This call is not allowed: " + strings.Join(reasons, "; ") + ".",
		Hint: "The decision is stored; the reasons say what it would take.", Reasons: reasons, Decision: decision.String(),
	}
}

var (
	errOrder = &problem{
		Status: http.StatusBadRequest, Code: "bad_order", Message: "The body is no order of a call.",
		Hint: `Send for example {"to": "+12125550123", "purpose": "informational"}; docs/dialing.md has all fields.`,
	}
	errIdempotency = &problem{
		Status: http.StatusBadRequest, Code: "bad_idempotency_key", Message: "The Idempotency-Key is longer than 200 characters.",
		Hint: "Use a UUID, or the name that your own records have for the call.",
	}
	errKeyUsed = &problem{
		Status: http.StatusConflict, Code: "idempotency_key_used", Message: "A call to another number was placed with this Idempotency-Key.",
		Hint: "Use a key of its own for each call.",
	}
)

// longestKey bounds an Idempotency-Key.
const longestKey = 200

// apiPlace places a call. A request with an Idempotency-Key that placed a call
// before is told that call.
func (s *console) apiPlace(w http.ResponseWriter, r *http.Request) error {
	if s.Place == nil {
		return ErrNoGate
	}
	var o Order
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&o); err != nil {
		return &problem{Status: errOrder.Status, Code: errOrder.Code, Message: fmt.Sprintf("%s It says: %v.", errOrder.Message, err), Hint: errOrder.Hint}
	}
	key := r.Header.Get("Idempotency-Key")
	if len(key) > longestKey {
		return errIdempotency
	}
	if key != "" {
		// The key makes the id, so that a repeated request finds its call also
		// after a restart. Keys of one holder are nobody else's.
		o.ID = uuid.NewSHA1(uuid.NameSpaceURL, []byte("trunkline:call:"+holder(r).Name+":"+key))
		h, err := s.Reader.Call(r.Context(), o.ID)
		switch {
		case err == nil:
			return s.placedBefore(w, &o, &h.Call)
		case !errors.Is(err, storage.ErrNotFound):
			return err
		}
	}
	id, err := s.Place(r.Context(), o)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/calls/"+id.String())
	s.writeJSON(w, http.StatusCreated, map[string]string{"id": id.String()})

	return nil
}

// placedBefore answers with the call that an earlier request placed.
func (s *console) placedBefore(w http.ResponseWriter, o *Order, c *storage.Call) error {
	if !strings.HasSuffix(string(c.To), lastDigits(o.To)) {
		return errKeyUsed
	}
	w.Header().Set("Location", "/v1/calls/"+c.ID.String())
	s.writeJSON(w, http.StatusOK, map[string]string{"id": c.ID.String()})

	return nil
}

// lastDigits are the last seven digits of a number, however it is written.
func lastDigits(number string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}

		return r
	}, number)

	return digits[max(0, len(digits)-7):]
}

// apiHangUp ends a running call: at once, or with goodbye=true after the
// agent's goodbye.
func (s *console) apiHangUp(w http.ResponseWriter, r *http.Request) error {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return errNoCall
	}
	goodbye := r.URL.Query().Get("goodbye")
	if goodbye != "" && goodbye != "true" && goodbye != "false" {
		return badParameter("goodbye is neither true nor false.", "With goodbye=true the agent says goodbye first.")
	}
	if s.HangUp == nil {
		return ErrNotRunning
	}
	if err := s.HangUp(id, goodbye == "true"); err != nil {
		return err
	}
	s.writeJSON(w, http.StatusAccepted, map[string]string{"id": id.String()})

	return nil
}
