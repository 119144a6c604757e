package call

import (
	"cmp"
	"fmt"
	"time"

	"trunkline/privacy"
	"trunkline/storage"
)

// How long a call that we place may ring. A telemarketing call must ring 15 s
// or four times before it is given up (16 CFR 310.4(b)(4)(ii), 47 CFR
// 64.1200(a)(6)).
const (
	ShortestRing = 15 * time.Second
	LongestRing  = 2 * time.Minute
	defaultRing  = 30 * time.Second
)

// Order is a call to be placed.
type Order struct {
	Agent string         // the agent's name
	To    privacy.Number // E.164
	From  privacy.Number // caller ID, E.164
	Door  storage.Door
	Trunk string

	Purpose  string // why: the Gate's word for it
	Campaign string // may be empty, as the rest
	Seller   string // on whose behalf
	Subject  string // what the call is about: state law counts attempts by it

	OnMachine OnMachine // empty: Config.OnMachine

	Vars map[string]string // what the agent's prompt and tools are told; over the agent's own
	Ring time.Duration     // ShortestRing to LongestRing; 0: 30 s
	Cap  time.Duration     // longest call from its answer, at most Limits.Cap; 0: that
}

// OrderError says what is wrong with an Order.
type OrderError struct {
	Field string // as the API calls it
	Text  string
}

// Error implements error.
func (e *OrderError) Error() string { return e.Field + ": " + e.Text }

// complete fills in the defaults and checks the rest.
func (o *Order) complete(c *Config) error {
	l := &c.Limits
	o.Ring = cmp.Or(o.Ring, defaultRing)
	o.Cap = cmp.Or(o.Cap, l.Cap)
	o.OnMachine = cmp.Or(o.OnMachine, c.OnMachine, HangUp)
	agent := c.Callers[o.Agent]
	switch {
	case agent == nil:
		return &OrderError{"agent", fmt.Sprintf("no agent is called %q", o.Agent)}
	case o.OnMachine != HangUp && o.OnMachine != LeaveMessage && o.OnMachine != TreatAsHuman:
		return &OrderError{"on_machine", fmt.Sprintf("want %s, %s or %s; was %q", HangUp, LeaveMessage, TreatAsHuman, o.OnMachine)}
	case o.OnMachine == LeaveMessage && !agent.hasMessage():
		return &OrderError{"on_machine", fmt.Sprintf("agent %q has no message to leave (lines.message)", o.Agent)}
	case !isE164(string(o.To)):
		return &OrderError{"to", "want a number in E.164 form, such as +15550100123"}
	case !isE164(string(o.From)):
		return &OrderError{"from", "want a number in E.164 form, such as +15550100123"}
	case o.Purpose == "":
		return &OrderError{"purpose", "is missing: the rules depend on why one calls"}
	case o.Ring < ShortestRing || o.Ring > LongestRing:
		return &OrderError{"ring", fmt.Sprintf("want %s to %s; was %s", ShortestRing, LongestRing, o.Ring)}
	case o.Cap < 0 || o.Cap > l.Cap:
		return &OrderError{"cap", fmt.Sprintf("want at most %s (calls.cap); was %s", l.Cap, o.Cap)}
	}

	return nil
}

// isE164 says whether s has the form of an international number (ITU-T E.164
// section 6.2.1): a plus and at most 15 digits.
func isE164(s string) bool {
	if len(s) < 4 || len(s) > 16 || s[0] != '+' || s[1] == '0' {
		return false
	}
	for _, r := range s[1:] {
		if r < '0' || r > '9' {
			return false
		}
	}

	return true
}
