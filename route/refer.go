package route

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Refer names somebody whom a trunk's callers may have called in their place
// (REFER, RFC 3515).
type Refer struct {
	Name  string // as the records tell it
	Trunk string // whose callers may
	// Users are the user parts of the URIs that mean them: numbers in E.164 form
	// or extensions. A * at the end stands for any rest.
	Users  []string
	Route  string        // by which they are called, by name; empty: on the trunk itself
	Ring   time.Duration // how long their telephone rings
	Record bool          // the recording goes on with them
}

// holds says whether a user part means them.
func (r *Refer) holds(user string) bool {
	for _, u := range r.Users {
		if prefix, open := strings.CutSuffix(u, "*"); u == user || open && strings.HasPrefix(user, prefix) {
			return true
		}
	}

	return false
}

// check says what cannot be.
func (r *Refer) check(routes map[string]bool) error {
	var errs []error
	if len(r.Users) == 0 {
		errs = append(errs, fmt.Errorf("referral %q: it names no user", r.Name))
	}
	for _, u := range r.Users {
		if strings.Trim(u, "*") == "" {
			errs = append(errs, fmt.Errorf("referral %q: %q would let callers have anybody called", r.Name, u))
		}
	}
	if r.Route != "" && !routes[r.Route] {
		errs = append(errs, fmt.Errorf("referral %q: no outbound route is called %q", r.Name, r.Route))
	}

	return errors.Join(errs...)
}

// Referred is how somebody is called in a caller's place.
type Referred struct {
	Refer

	To, From    string // From is empty on the trunk itself: the trunk's own is shown
	Door, Trunk string
}

// Refer says how a trunk's caller has a user called. It is false when the
// policy names nobody of that name, or their number may not be called.
func (t *Table) Refer(trunk, user string) (Referred, bool) {
	for _, r := range t.c.Refers {
		if r.Trunk != trunk || !r.holds(user) {
			continue
		}
		if r.Route != "" {
			out, err := t.Out(Request{To: user, Route: r.Route, Agent: "-"}) // who talks is known already

			return Referred{Refer: r, To: out.To, From: out.From, Door: out.Door, Trunk: out.Trunk}, err == nil
		}

		return Referred{Refer: r, To: user, Door: "sip", Trunk: trunk}, t.mayDial(user)
	}

	return Referred{}, false
}

// mayDial says whether a user part may be called on a trunk: an extension, or
// a number that may be called at all.
func (t *Table) mayDial(user string) bool {
	if !strings.HasPrefix(user, "+") {
		return true
	}
	n, err := parse(user, t.c.Home)
	if err != nil {
		return false
	}
	allowed, _ := t.mayCall(&n)

	return allowed
}
