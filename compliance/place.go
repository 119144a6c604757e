package compliance

import (
	"slices"
	"strings"
	"time"

	"trunkline/compliance/npa"
	"trunkline/privacy"
)

// place is where a called party may be.
type place struct {
	country       string
	area          string   // North American area code, or empty
	states        []string // sorted
	zones         []string // sorted
	locations     []*time.Location
	proven        bool     // an address or ZIP code says the state
	jurisdictions []string // whose rules apply
	unresolved    string   // why the zones are not known; empty: they are
	local         Evidence
}

// locate finds every place where the called party may be: by the number, and
// by each hint beside it.
func (r *Rules) locate(a *Attempt) place {
	p := place{local: make(Evidence)}
	r.byNumber(&p, string(a.To))
	for _, h := range a.Hints {
		r.byHint(&p, h)
	}
	slices.Sort(p.states)
	p.states = slices.Compact(p.states)
	slices.Sort(p.zones)
	p.zones = slices.Compact(p.zones)
	for _, zone := range p.zones {
		p.locations = append(p.locations, r.zones[zone])
		p.local["local "+zone] = a.At.In(r.zones[zone]).Format("Mon 2006-01-02T15:04:05-07:00")
	}
	if len(p.zones) == 0 && p.unresolved == "" {
		p.unresolved = "nothing says where the number is answered"
	}
	p.jurisdictions = r.expand(append(p.states, p.country))

	return p
}

// byNumber takes country, states and zones from the number.
func (r *Rules) byNumber(p *place, number string) {
	if area, ok := npa.Lookup(number); ok {
		p.area = area.Code
		p.states = append(p.states, area.States...)
		p.zones = append(p.zones, area.Zones...)
		p.country = country(area.States[0])
		p.local["number"] = "area code " + area.Code + ": " + strings.Join(area.Zones, " ")
	} else if code := npa.Code(number); code != "" {
		p.area = code
		p.unresolved = "the area code " + code + " is toll-free, non-geographic or not in the table"
	}
	for i := range r.destinations {
		d := &r.destinations[i]
		if d.Prefix != "1" && strings.HasPrefix(number, "+"+d.Prefix) {
			p.country = d.Country
			p.zones = append(p.zones, d.Zones...)
			p.local["number"] = "country " + d.Country
		}
	}
}

// uncovered names a country where the party may be and for whose calls of this
// purpose no pack in use has rules; empty: there is none.
func (r *Rules) uncovered(p *place, purpose Purpose) string {
	if p.country == "" {
		return "the number's"
	}
	for _, j := range append(p.states, p.country) {
		if !slices.ContainsFunc(r.destinations, func(d destination) bool {
			return d.Country == country(j) && slices.Contains(d.Purposes, purpose)
		}) {
			return country(j)
		}
	}

	return ""
}

// byHint adds where a hint says the party is.
func (r *Rules) byHint(p *place, h Hint) {
	source := string(h.Source)
	switch {
	case h.Zone == "":
	case r.zones[h.Zone] == nil:
		p.unresolved = "the zone " + h.Zone + " (" + source + ") is in no country of the packs in use"
	default:
		p.zones = append(p.zones, h.Zone)
		p.local[source] = h.Zone
	}
	if h.State == "" {
		return
	}
	state := h.State
	if !strings.Contains(state, "-") {
		state = p.country + "-" + state
	}
	zones, known := r.stateZones[state]
	if !known {
		p.unresolved = "the state " + h.State + " (" + source + ") is unknown"

		return
	}
	p.states = append(p.states, state)
	p.proven = p.proven || h.Source == FromAddress || h.Source == FromZIP
	if h.Zone == "" {
		p.zones = append(p.zones, zones...)
	}
	p.local[source+" state"] = state
}

// country is the part of a jurisdiction before its hyphen.
func country(jurisdiction string) string {
	c, _, _ := strings.Cut(jurisdiction, "-")

	return c
}

// expand adds to jurisdictions those above them, and the house.
func (r *Rules) expand(jurisdictions []string) []string {
	out := []string{"*"}
	add := func(j string) {
		if j != "" && !slices.Contains(out, j) {
			out = append(out, j)
		}
	}
	for _, j := range jurisdictions {
		add(country(j))
		add(j)
		for i := range r.destinations {
			if r.destinations[i].Country == country(j) {
				add(r.destinations[i].Union)
			}
		}
	}

	return out
}

// Whereabouts are the states in which a number may be answered, or the country
// where states do not matter; none where the number does not tell.
func (r *Rules) Whereabouts(number privacy.Number) []string {
	var p place
	p.local = make(Evidence)
	r.byNumber(&p, string(number))
	if len(p.states) == 0 && p.country != "" {
		return []string{p.country}
	}

	return p.states
}
