package call

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"trunkline/privacy"
	"trunkline/route"
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

// Order is a call to be placed. Agent, From, Route and Trunk may be empty:
// Config.Routes says what they are then.
type Order struct {
	ID    uuid.UUID      // of the call; zero: a new one. Of two orders with one ID the second places nothing
	To    privacy.Number // as people write it
	From  privacy.Number // caller ID, one of the route's
	Route string         // by name
	Trunk string
	Agent string

	Purpose  string // why: the Gate's word for it
	Campaign string // may be empty, as the rest
	Seller   string // on whose behalf
	Subject  string // what the call is about: state law counts attempts by it
	Callee   Callee

	OnMachine OnMachine // empty: Config.OnMachine

	Vars map[string]string // what the agent's prompt and tools are told; over the agent's own
	Ring time.Duration     // ShortestRing to LongestRing; 0: Config.Ring
	Cap  time.Duration     // longest call from its answer, at most Limits.Cap; 0: that
}

// Callee is what is known of a called person beside the number. What is not
// known is judged strictly.
type Callee struct {
	Line     string        // "wireless", "landline" or "voip"; empty: unknown
	State    string        // of a known address, two letters; empty: unknown
	Zone     string        // that the person stated, an IANA name; empty: unknown
	Expected time.Duration // how long the call is expected to last; 0: unknown
}

// OrderError says what is wrong with an Order.
type OrderError struct {
	Field string // as the API calls it
	Text  string
}

// Error implements error.
func (e *OrderError) Error() string { return e.Field + ": " + e.Text }

// complete routes the order, fills in the defaults and checks the rest. It
// returns the door that the call leaves by.
func (o *Order) complete(c *Config) (storage.Door, error) {
	way, err := c.Routes.Out(route.Request{To: string(o.To), From: string(o.From), Route: o.Route, Trunk: o.Trunk, Agent: o.Agent})
	var denied *route.DeniedError
	if errors.As(err, &denied) {
		return "", &OrderError{denied.Field, denied.Text}
	}
	if err != nil {
		return "", err
	}
	o.To, o.From = privacy.Number(way.To), privacy.Number(way.From)
	o.Route, o.Trunk, o.Agent = way.Route, way.Trunk, way.Agent

	return storage.Door(way.Door), o.check(c)
}

// check fills in the defaults and checks what no route knows.
func (o *Order) check(c *Config) error {
	l := &c.Limits
	o.Ring = cmp.Or(o.Ring, c.Ring, defaultRing)
	o.Cap = cmp.Or(o.Cap, l.Cap)
	o.OnMachine = cmp.Or(o.OnMachine, c.OnMachine, HangUp)
	agent := c.Agents[o.Agent]
	switch {
	case agent == nil:
		return &OrderError{"agent", fmt.Sprintf("no agent is called %q", o.Agent)}
	case o.OnMachine != HangUp && o.OnMachine != LeaveMessage && o.OnMachine != TreatAsHuman:
		return &OrderError{"on_machine", fmt.Sprintf("want %s, %s or %s; was %q", HangUp, LeaveMessage, TreatAsHuman, o.OnMachine)}
	case o.OnMachine == LeaveMessage && !agent.hasMessage():
		return &OrderError{"on_machine", fmt.Sprintf("agent %q has no message to leave (lines.message)", o.Agent)}
	case o.Purpose == "":
		return &OrderError{"purpose", "is missing: the rules depend on why one calls"}
	case o.Ring < ShortestRing || o.Ring > LongestRing:
		return &OrderError{"ring", fmt.Sprintf("want %s to %s; was %s", ShortestRing, LongestRing, o.Ring)}
	case o.Cap < 0 || o.Cap > l.Cap:
		return &OrderError{"cap", fmt.Sprintf("want at most %s (calls.cap); was %s", l.Cap, o.Cap)}
	}

	return o.Callee.check()
}

// check says what cannot be of a person.
func (p *Callee) check() error {
	_, err := time.LoadLocation(p.Zone)
	switch {
	case !slices.Contains([]string{"", "wireless", "landline", "voip"}, p.Line):
		return &OrderError{"line", fmt.Sprintf("want wireless, landline or voip; was %q", p.Line)}
	case p.State != "" && (len(p.State) != 2 || strings.ToUpper(p.State) != p.State):
		return &OrderError{"state", fmt.Sprintf("want two capital letters, such as FL; was %q", p.State)}
	case err != nil || p.Zone == "Local":
		return &OrderError{"zone", fmt.Sprintf("want a name such as America/Chicago; was %q", p.Zone)}
	case p.Expected < 0:
		return &OrderError{"expected", fmt.Sprintf("want a time above 0; was %s", p.Expected)}
	}

	return nil
}
