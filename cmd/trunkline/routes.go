package main

import (
	"cmp"
	"fmt"
	"strings"

	"trunkline/config"
	"trunkline/route"
)

// routeTable is the configuration's routes.
func routeTable(c *config.Config) (*route.Table, error) {
	r := route.Config{
		Home: c.Outbound.Home, Countries: c.Outbound.Countries, Allow: c.Outbound.Allow, Deny: c.Outbound.Deny,
		Trunks: make(map[string]string),
	}
	for _, t := range c.SIP.Trunks {
		r.Trunks[t.Name] = t.Agent
		for _, to := range t.Transfer {
			r.Refers = append(r.Refers, route.Refer{
				Name: to.Name, Trunk: t.Name, Users: to.Users, Route: to.Route, Ring: cmp.Or(to.Ring, config.TargetRing), Record: to.Record,
			})
		}
	}
	for _, a := range c.Twilio.Accounts {
		r.Trunks[a.Name] = a.Agent
	}
	for _, in := range c.Routes.Inbound {
		r.Inbound = append(r.Inbound, route.Inbound(in))
	}
	for _, out := range c.Routes.Outbound {
		r.Outbound = append(r.Outbound, route.Outbound{
			Name: out.Name, Prefixes: out.Prefixes, Door: cmp.Or(out.Door, "sip"), Trunk: out.Trunk,
			CallerIDs: out.CallerIDs, Nearest: out.CallerID == "nearest", Agent: out.Agent,
		})
	}

	return route.New(r)
}

// routeTestCmd tells how a number is routed, by the configuration alone.
type routeTestCmd struct {
	Number  string `arg:"" help:"The number, as people write it."`
	Inbound string `help:"Tell who answers a call to the number on this trunk, instead of how it is called." placeholder:"TRUNK"`
	Agent   string `help:"The agent that is to talk." placeholder:"NAME"`
	From    string `help:"The caller ID that is to be shown." placeholder:"NUMBER"`
	Route   string `help:"The route that is to be used." placeholder:"NAME"`
}

func (r *routeTestCmd) Run(c *cli, std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	table, err := routeTable(&cfg)
	if err != nil {
		return err
	}
	if r.Inbound != "" {
		return r.inbound(table, std)
	}
	out, err := table.Out(route.Request{To: r.Number, From: r.From, Route: r.Route, Agent: r.Agent})
	if err != nil {
		return fmt.Errorf("no call to %s: %w", r.Number, err)
	}
	fmt.Fprintf(std.out, "number     %s\ncountry    %s\nroute      %s\ndoor       %s\ntrunk      %s\ncaller ID  %s\nagent      %s\n",
		out.To, cmp.Or(out.Country, "none"), out.Route, out.Door, cmp.Or(out.Trunk, "none"), out.From, out.Agent)
	fmt.Fprintf(std.out, "why        %s\n", strings.Join(out.Why, "\n           "))

	return nil
}

func (r *routeTestCmd) inbound(table *route.Table, std *streams) error {
	in, ok := table.In(r.Inbound, r.Number)
	if !ok {
		return fmt.Errorf("nobody answers %s: %q is no trunk, and no inbound route holds", r.Number, r.Inbound)
	}
	fmt.Fprintf(std.out, "number     %s\nagent      %s\nwhy        %s\n", in.Number, in.Agent, in.Why)

	return nil
}
