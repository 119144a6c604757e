package config

import (
	"slices"
	"testing"
	"time"
)

func TestRoutesAreChecked(t *testing.T) {
	t.Parallel()
	good := OutboundRoute{Name: "all", Trunk: "local", CallerIDs: []string{"+12125550100"}, Agent: "reception"}
	for path, change := range map[string]func(*Config){
		"":                                 func(*Config) {},
		"outbound.home":                    func(c *Config) { c.Outbound.Home = "usa" },
		"outbound.countries[1]":            func(c *Config) { c.Outbound.Countries[1] = "ca" },
		"outbound.allow[0]":                func(c *Config) { c.Outbound.Allow = []string{"1212"} },
		"outbound.deny[0]":                 func(c *Config) { c.Outbound.Deny = []string{"+"} },
		"outbound.ring":                    func(c *Config) { c.Outbound.Ring = 14 * time.Second },
		"outbound.on_machine":              func(c *Config) { c.Outbound.OnMachine = "pray" },
		"routes.inbound[0]":                func(c *Config) { c.Routes.Inbound = []InboundRoute{{Agent: "reception"}} },
		"routes.inbound[0].agent":          func(c *Config) { c.Routes.Inbound = []InboundRoute{{Number: "1000", Agent: "x"}} },
		"routes.outbound[1].name":          func(c *Config) { c.Routes.Outbound = append(c.Routes.Outbound, good) },
		"routes.outbound[0].door":          func(c *Config) { c.Routes.Outbound[0].Door = "window" },
		"routes.outbound[0].trunk":         func(c *Config) { c.Routes.Outbound[0].Trunk = "x" },
		"routes.outbound[0].caller_ids":    func(c *Config) { c.Routes.Outbound[0].CallerIDs = nil },
		"routes.outbound[0].caller_ids[0]": func(c *Config) { c.Routes.Outbound[0].CallerIDs = []string{"me"} },
		"routes.outbound[0].caller_id":     func(c *Config) { c.Routes.Outbound[0].CallerID = "best" },
		"routes.outbound[0].prefixes[0]":   func(c *Config) { c.Routes.Outbound[0].Prefixes = []string{"212"} },
		"routes.outbound[0].agent":         func(c *Config) { c.Routes.Outbound[0].Agent = "x" },
	} {
		c := Default()
		c.Routes.Outbound = []OutboundRoute{good}
		change(&c)
		problems := c.Validate()
		found := slices.ContainsFunc(problems, func(p Problem) bool { return p.Path == path })
		if path != "" && !found || path == "" && len(problems) > 0 {
			t.Errorf("%q: problems %v", path, problems)
		}
	}
}
