package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Outbound is what holds for every call that trunkline places.
type Outbound struct {
	// Home is the country of numbers that are written without a country code,
	// as its ISO 3166 code.
	Home string `yaml:"home"`
	// Countries are where calls may go, as ISO 3166 codes. Premium rates,
	// satellites and numbers in no plan are refused even there.
	Countries []string      `yaml:"countries"`
	Allow     []string      `yaml:"allow"`      // prefixes, such as +4420, that may be called all the same
	Deny      []string      `yaml:"deny"`       // prefixes that may not; of both lists the longest counts
	Ring      time.Duration `yaml:"ring"`       // how long it rings before a call is given up
	OnMachine string        `yaml:"on_machine"` // an answering machine: "hang_up", "leave_message" (lines.message) or "treat_as_human"
	Detect    Detect        `yaml:"detect"`
}

// Detect is how it is found out who answers a call.
type Detect struct {
	NoSpeech time.Duration `yaml:"no_speech"` // the agent speaks to a callee who says nothing for this long
	Settle   time.Duration `yaml:"settle"`    // silence that ends the callee's greeting
	Short    time.Duration `yaml:"short"`     // longest greeting that is a person's by its length
	Long     time.Duration `yaml:"long"`      // shortest greeting that is a machine's by its length
	Quiet    time.Duration `yaml:"quiet"`     // silence of a machine that stands for its beep
	Wait     time.Duration `yaml:"wait"`      // longest wait for the beep, from the answer
	Watch    time.Duration `yaml:"watch"`     // until then, from the answer, a person may turn out to be a machine
}

// Routes say who answers called numbers, and which way calls leave.
type Routes struct {
	Inbound  []InboundRoute  `yaml:"inbound"`
	Outbound []OutboundRoute `yaml:"outbound"`
}

// InboundRoute names the agent of called numbers. Without one that holds, the
// trunk's agent answers.
type InboundRoute struct {
	Number string `yaml:"number"` // exact, or
	Prefix string `yaml:"prefix"` // this much of it; the longest counts
	Trunk  string `yaml:"trunk"`  // empty: any
	Agent  string `yaml:"agent"`
}

// OutboundRoute is one way out.
type OutboundRoute struct {
	Name      string   `yaml:"name"`
	Prefixes  []string `yaml:"prefixes"` // the longest of all routes counts; none: all numbers
	Door      string   `yaml:"door"`     // "sip" or "twilio"
	Trunk     string   `yaml:"trunk"`    // of the SIP door, or account of the Twilio door
	CallerIDs []string `yaml:"caller_ids"`
	// CallerID is which of them is shown: "first", or "nearest" for one of the
	// callee's area code or country, when there is one.
	CallerID string `yaml:"caller_id"`
	Agent    string `yaml:"agent"` // who talks, unless the order says
}

func (v *validator) outbound(c *Config) {
	o := &c.Outbound
	for i, country := range append([]string{o.Home}, o.Countries...) {
		if len(country) != 2 || strings.ToUpper(country) != country {
			path := "outbound.home"
			if i > 0 {
				path = fmt.Sprintf("outbound.countries[%d]", i-1)
			}
			v.addf(path, "%q is no ISO 3166 country code of two capital letters, such as US", country)
		}
	}
	v.prefixes("outbound.allow", o.Allow)
	v.prefixes("outbound.deny", o.Deny)
	if o.Ring < 15*time.Second || o.Ring > 2*time.Minute {
		v.addf("outbound.ring", "is %s; a call must ring for 15 s or more before it is given up (47 CFR 64.1200(a)(6)); use 15s to 2m", o.Ring)
	}
	v.oneOf("outbound.on_machine", o.OnMachine, "hang_up", "leave_message", "treat_as_human")
	v.routes(c)
}

func (v *validator) prefixes(path string, all []string) {
	for i, p := range all {
		if !isPrefix(p) {
			v.addf(fmt.Sprintf("%s[%d]", path, i), "%q is no prefix in E.164 form, such as +1212", p)
		}
	}
}

// isPrefix says whether s is the beginning of a number in E.164 form.
func isPrefix(s string) bool {
	return len(s) > 1 && len(s) <= 16 && s[0] == '+' && strings.Trim(s[1:], "0123456789") == ""
}

func (v *validator) routes(c *Config) {
	trunk := func(path, name string) {
		if !slices.ContainsFunc(c.SIP.Trunks, func(t Trunk) bool { return t.Name == name }) {
			v.addf(path, "%q is not one of sip.trunks; add it there or correct the name", name)
		}
	}
	for i, r := range c.Routes.Inbound {
		path := fmt.Sprintf("routes.inbound[%d]", i)
		if (r.Number == "") == (r.Prefix == "") {
			v.addf(path, "give it either a number or a prefix")
		}
		v.agent(path+".agent", r.Agent, c)
	}
	names := map[string]bool{}
	for i, r := range c.Routes.Outbound {
		path := fmt.Sprintf("routes.outbound[%d]", i)
		v.require(path+".name", r.Name)
		v.distinct(path+".name", r.Name, "routes", names)
		v.prefixes(path+".prefixes", r.Prefixes)
		door := r.Door
		if door == "" {
			door = "sip"
		}
		v.oneOf(path+".door", door, "sip", "twilio")
		switch door {
		case "sip":
			trunk(path+".trunk", r.Trunk)
		case "twilio":
			v.placingAccount(path+".trunk", &c.Twilio, r.Trunk)
		}
		if len(r.CallerIDs) == 0 {
			v.addf(path+".caller_ids", "is empty; list the numbers that the route's calls may show, which must be yours")
		}
		v.prefixes(path+".caller_ids", r.CallerIDs)
		if r.CallerID != "" {
			v.oneOf(path+".caller_id", r.CallerID, "first", "nearest")
		}
		if r.Agent != "" {
			v.agent(path+".agent", r.Agent, c)
		}
	}
	for i, t := range c.SIP.Trunks {
		for j, r := range t.Transfer {
			if r.Route != "" && !names[r.Route] {
				v.addf(fmt.Sprintf("sip.trunks[%d].transfer[%d].route", i, j), "%q is not one of routes.outbound; add it there or correct the name", r.Route)
			}
		}
	}
}
