package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Config is what a Table is made from.
type Config struct {
	Home      string   // ISO 3166 code of the country of numbers without a country code
	Countries []string // ISO 3166 codes of where calls may go
	Allow     []string // prefixes in E.164 form of where they may go too; the longest of both lists counts
	Deny      []string // prefixes of where they may not go

	Trunks   map[string]string // the agent that answers on a trunk when no Inbound holds
	Inbound  []Inbound
	Outbound []Outbound
	Refers   []Refer // whom callers may have called in their place
}

// Inbound names the agent of called numbers.
type Inbound struct {
	Number string // exact; E.164, or as the trunk sends it
	Prefix string // or this much of it; the longest one counts
	Trunk  string // empty: any
	Agent  string
}

// Outbound is one way out.
type Outbound struct {
	Name      string
	Prefixes  []string // in E.164 form; the longest of all routes counts. None: all numbers
	Door      string
	Trunk     string
	CallerIDs []string // E.164; Nearest or the first one is shown
	Nearest   bool     // show the one that is nearest to the callee
	Agent     string   // who talks, unless the caller of Out says; may be empty
}

// Table says who answers and which way calls leave. It does not change.
type Table struct{ c Config }

// New checks c and makes a Table.
func New(c Config) (*Table, error) {
	var errs []error
	for _, p := range slices.Concat(c.Allow, c.Deny) {
		if !isPrefix(p) {
			errs = append(errs, fmt.Errorf("%q is no prefix in E.164 form, such as +1212", p))
		}
	}
	for i, r := range c.Inbound {
		if (r.Number == "") == (r.Prefix == "") {
			errs = append(errs, fmt.Errorf("inbound route %d: give it either a number or a prefix", i+1))
		}
	}
	names := map[string]bool{}
	for _, r := range c.Outbound {
		if names[r.Name] {
			errs = append(errs, fmt.Errorf("two outbound routes are called %q", r.Name))
		}
		names[r.Name] = true
		if len(r.CallerIDs) == 0 {
			errs = append(errs, fmt.Errorf("outbound route %q has no caller ID", r.Name))
		}
		for _, id := range r.CallerIDs {
			if !isPrefix(id) || len(id) < 5 {
				errs = append(errs, fmt.Errorf("outbound route %q: caller ID %q is no number in E.164 form", r.Name, id))
			}
		}
		for _, p := range r.Prefixes {
			if !isPrefix(p) {
				errs = append(errs, fmt.Errorf("outbound route %q: %q is no prefix in E.164 form, such as +1212", r.Name, p))
			}
		}
	}
	for i := range c.Refers {
		errs = append(errs, c.Refers[i].check(names))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("route: %w", err)
	}

	return &Table{c}, nil
}

// isPrefix says whether s is the beginning of a number in E.164 form.
func isPrefix(s string) bool {
	if len(s) < 2 || len(s) > 16 || s[0] != '+' {
		return false
	}

	return strings.Trim(s[1:], "0123456789") == ""
}

// In is who answers a call.
type In struct {
	Number string // the called number, in E.164 form when it is one
	Agent  string
	Why    string
}

// In says who answers a call to a number on a trunk: the route with the exact
// number, else the one with the longest prefix, else the trunk's agent; of two
// that are equal, the one that names the trunk, else the first. It is false
// when nobody does.
func (t *Table) In(trunk, to string) (In, bool) {
	in := In{Number: called(to, t.c.Home)}
	best := -1
	for _, r := range t.c.Inbound {
		if r.Trunk != "" && r.Trunk != trunk {
			continue
		}
		rank := t.rank(&r, to, in.Number)
		if rank > best {
			best = rank
			in.Agent = r.Agent
			if in.Why = fmt.Sprintf("the route of number %s", r.Number); r.Prefix != "" {
				in.Why = fmt.Sprintf("the route of prefix %s", r.Prefix)
			}
			if r.Trunk != "" {
				in.Why += " on trunk " + r.Trunk
			}
		}
	}
	if best >= 0 {
		return in, true
	}
	if in.Agent = t.c.Trunks[trunk]; in.Agent == "" {
		return in, false
	}
	in.Why = "the agent of trunk " + trunk

	return in, true
}

// rank is how well an inbound route fits a number; -1: not at all.
func (t *Table) rank(r *Inbound, raw, e164 string) int {
	var rank int
	switch {
	case r.Number != "" && (r.Number == raw || called(r.Number, t.c.Home) == e164):
		rank = 100
	case r.Prefix != "" && (strings.HasPrefix(raw, r.Prefix) || strings.HasPrefix(e164, r.Prefix)):
		rank = 2 * len(r.Prefix)
	default:
		return -1
	}
	if r.Trunk != "" {
		rank++
	}

	return rank
}

// Request is a call that is to leave. All but To may be empty.
type Request struct {
	To    string // as people write it
	From  string // caller ID: one of the route's
	Route string // by name
	Trunk string
	Agent string
}

// Out is how a call leaves. Why has a sentence for each part.
type Out struct {
	To, From string // E.164
	Country  string // ISO 3166 code; empty for a number of no country
	Route    string
	Door     string
	Trunk    string
	Agent    string
	Why      []string
}

// DeniedError says why a call does not leave.
type DeniedError struct {
	Field string // of the Request
	Text  string
}

// Error implements error.
func (e *DeniedError) Error() string { return e.Field + ": " + e.Text }

// Out says how a call leaves. The error is a *DeniedError; what was found by
// then is told too.
func (t *Table) Out(r Request) (Out, error) {
	n, err := parse(r.To, t.c.Home)
	if err != nil {
		return Out{}, &DeniedError{"to", fmt.Sprintf("%q %v", r.To, err)}
	}
	out := Out{To: n.e164, Country: n.region, Agent: r.Agent}
	why := func(format string, args ...any) { out.Why = append(out.Why, fmt.Sprintf(format, args...)) }
	allowed, reason := t.mayCall(&n)
	if !allowed {
		return out, &DeniedError{"to", reason}
	}
	why("%s may be called: %s", n.e164, reason)

	way, reason := t.way(&r, n.e164)
	if way == nil {
		return out, &DeniedError{"route", reason}
	}
	out.Route, out.Door, out.Trunk = way.Name, way.Door, way.Trunk
	why("it leaves by route %q on %s trunk %q: %s", way.Name, way.Door, way.Trunk, reason)

	if out.From, reason = t.callerID(way, &r, &n); out.From == "" {
		return out, &DeniedError{"from", reason}
	}
	why("it shows %s: %s", out.From, reason)

	switch {
	case out.Agent != "":
		why("agent %q talks, as was asked for", out.Agent)
	case way.Agent != "":
		out.Agent = way.Agent
		why("agent %q talks: the route's", out.Agent)
	default:
		return out, &DeniedError{"agent", fmt.Sprintf("is missing, and route %q names none", way.Name)}
	}

	return out, nil
}

// mayCall says whether a number may be called at all, and why.
func (t *Table) mayCall(n *number) (bool, string) {
	allow, deny := longest(t.c.Allow, n.e164), longest(t.c.Deny, n.e164)
	switch dear := n.dear(); {
	case phonenumbers.IsPossibleNumberWithReason(n.parsed) != phonenumbers.IS_POSSIBLE:
		return false, fmt.Sprintf("%s has too few or too many digits for its country", n.e164)
	case deny != "" && len(deny) >= len(allow):
		return false, fmt.Sprintf("%s begins with %s, which may not be called (outbound.deny)", n.e164, deny)
	case allow != "":
		return true, fmt.Sprintf("it begins with %s (outbound.allow)", allow)
	case dear != "":
		return false, fmt.Sprintf("%s is not called: %s; name it in outbound.allow if it is to be", n.e164, dear)
	case n.region == "":
		return false, fmt.Sprintf("%s is in no numbering plan; name it in outbound.allow if it is to be called", n.e164)
	case !slices.Contains(t.c.Countries, n.region):
		return false, fmt.Sprintf("%s is in %s, which is none of outbound.countries", n.e164, n.region)
	default:
		return true, fmt.Sprintf("it is in %s (outbound.countries)", n.region)
	}
}

// way is the route of a number: the one that was asked for, else the one with
// the longest prefix.
func (t *Table) way(r *Request, e164 string) (*Outbound, string) {
	var best *Outbound
	var prefix string
	for i := range t.c.Outbound {
		o := &t.c.Outbound[i]
		if r.Route != "" && o.Name != r.Route || r.Trunk != "" && o.Trunk != r.Trunk {
			continue
		}
		p := longest(o.Prefixes, e164)
		if p == "" && len(o.Prefixes) > 0 {
			continue
		}
		if best == nil || len(p) > len(prefix) {
			best, prefix = o, p
		}
	}
	switch {
	case best == nil && (r.Route != "" || r.Trunk != ""):
		return nil, fmt.Sprintf("no route %q on trunk %q takes %s (routes.outbound)", r.Route, r.Trunk, e164)
	case best == nil:
		return nil, fmt.Sprintf("no route takes %s (routes.outbound)", e164)
	case prefix == "":
		return best, "it takes all numbers"
	default:
		return best, "of prefix " + prefix
	}
}

// callerID is the number that the callee is shown; empty when the one that was
// asked for is not ours.
func (*Table) callerID(o *Outbound, r *Request, to *number) (id, why string) {
	switch {
	case r.From != "" && !slices.Contains(o.CallerIDs, r.From):
		return "", fmt.Sprintf("%s is none of the caller IDs of route %q", r.From, o.Name)
	case r.From != "":
		return r.From, "as was asked for"
	case o.Nearest:
		return nearest(o.CallerIDs, to)
	default:
		return o.CallerIDs[0], "the route's first"
	}
}

// longest is the longest of the prefixes that a number has.
func longest(prefixes []string, e164 string) (best string) {
	for _, p := range prefixes {
		if strings.HasPrefix(e164, p) && len(p) > len(best) {
			best = p
		}
	}

	return best
}
