package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"trunkline/config"
	"trunkline/console"
	"trunkline/engine"
)

// providersCmd shows the agents' providers.
type providersCmd struct {
	Agent string `help:"Show this agent's alone." placeholder:"NAME"`
	Probe int    `help:"Use each provider N times and measure its first byte. What this may cost is said first." placeholder:"N"`
	Yes   bool   `help:"Do not ask before a probe."`
	JSON  bool   `help:"Print JSON." name:"json"`
}

// How long a provider, and a running gateway, are waited for.
const (
	reachBound   = 5 * time.Second
	gatewayBound = 2 * time.Second
)

// providerRow is one provider as it is shown.
type providerRow struct {
	console.Provider

	Reached   bool     `json:"reached"` // true also for what is on this machine
	ReachMS   float64  `json:"reach_ms,omitempty"`
	Error     string   `json:"error,omitempty"`
	Probes    int      `json:"probes,omitempty"`
	MedianMS  float64  `json:"first_byte_median_ms,omitempty"`
	P95MS     float64  `json:"first_byte_p95_ms,omitempty"`
	Failed    int      `json:"probes_failed,omitempty"`
	ProbeErrs []string `json:"probe_errors,omitempty"`
}

func (p *providersCmd) Run(ctx context.Context, c *cli, std *streams) (err error) {
	if p.Probe < 0 || p.Probe > maxProbes {
		return usageError(fmt.Sprintf("--probe takes 1 to %d", maxProbes))
	}
	cfg, err := c.load()
	if err != nil {
		return err
	}
	cfg.Log.Level = quiet
	g := &gateway{cfg: cfg, log: newLogger(&cfg, std)}
	defer func() { err = joinStop(err, g) }()
	var all []*engine.Provider
	for i := range cfg.Agents {
		a := &cfg.Agents[i]
		if p.Agent != "" && a.Name != p.Agent {
			continue
		}
		e, err := g.openEngines(ctx, a)
		if err != nil {
			return err
		}
		all = append(all, e.Providers()...)
	}
	if len(all) == 0 {
		return unknownAgent(&cfg, p.Agent)
	}
	live, why := liveProviders(ctx, &cfg)
	rows := make([]providerRow, len(all))
	for i, q := range all {
		rows[i] = reach(ctx, q, live)
	}
	if p.Probe > 0 {
		if err := p.agree(all, &cfg, std); err != nil {
			return err
		}
		for i, q := range all {
			p.probe(ctx, q, &rows[i])
		}
	}
	if p.JSON {
		out := json.NewEncoder(std.out)
		out.SetIndent("", "  ")

		return out.Encode(struct {
			Gateway   string        `json:"gateway"`
			Providers []providerRow `json:"providers"`
		}{why, rows})
	}

	return p.table(std.out, rows, why)
}

// maxProbes bounds what a mistyped number may cost.
const maxProbes = 100

// joinStop stops what a command started.
func joinStop(err error, g *gateway) error {
	if stopped := g.stop(context.Background()); err == nil { // bounded by its own steps
		return stopped
	}

	return err
}

// liveProviders asks the gateway that runs with this configuration how its
// providers do. why tells what is known of the gateway.
func liveProviders(ctx context.Context, cfg *config.Config) (live map[string]console.Provider, why string) {
	ctx, cancel := context.WithTimeout(ctx, gatewayBound)
	defer cancel()
	var body console.Providers
	switch err := ask(ctx, cfg, http.MethodGet, "/v1/providers", nil, &body); {
	case errors.Is(err, errNoGateway):
		return nil, "no gateway: none answers at " + cfg.HTTP.Listen
	case err != nil:
		return nil, "no gateway: " + err.Error()
	}
	live = make(map[string]console.Provider)
	for _, p := range body.Providers {
		live[p.Agent+"/"+p.Stage+"/"+p.Name] = p
	}

	return live, "the gateway at " + cfg.HTTP.Listen
}

// reach opens a connection to a provider, and adds what a gateway knows of it.
func reach(ctx context.Context, q *engine.Provider, live map[string]console.Provider) providerRow {
	row := providerRow{Provider: providerJSON(q, time.Now())}
	row.Breaker = ""
	if at, ok := live[row.Agent+"/"+row.Stage+"/"+row.Name]; ok {
		row.Provider = at
	}
	ctx, cancel := context.WithTimeoutCause(ctx, reachBound, fmt.Errorf("no answer within %v", reachBound))
	defer cancel()
	took, err := q.Warm(ctx)
	row.Reached, row.ReachMS = err == nil, milliseconds(took)
	if err != nil {
		row.Error = err.Error()
	}

	return row
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// agree tells what the probes cost and asks whether to go on.
func (p *providersCmd) agree(all []*engine.Provider, cfg *config.Config, std *streams) error {
	total, unknown := 0.0, []string{}
	for _, q := range all {
		units, known := q.Cost()
		total += units * float64(p.Probe)
		if !known {
			unknown = append(unknown, fmt.Sprintf("%s (%s)", q.Name, q.Stage))
		}
	}
	fmt.Fprintf(std.err, "%d probes of each of %d providers cost about %.4f %s", p.Probe, len(all), total, cfg.Currency)
	if len(unknown) > 0 {
		fmt.Fprintf(std.err, ", and what these charge, which have no price in the configuration: %s", strings.Join(unknown, ", "))
	}
	fmt.Fprintln(std.err, ".")
	if p.Yes {
		return nil
	}
	fmt.Fprint(std.err, "Go on? [y/N] ")
	answer, _ := bufio.NewReader(std.in).ReadString('\n') // the end of the input is a no
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return usageError("nothing was probed; answer y, or give --yes")
	}

	return nil
}

// probe uses a provider as often as was asked for.
func (p *providersCmd) probe(ctx context.Context, q *engine.Provider, row *providerRow) {
	var times []time.Duration
	for range p.Probe {
		took, err := q.Probe(ctx)
		if err != nil {
			row.Failed++
			if len(row.ProbeErrs) == 0 || row.ProbeErrs[len(row.ProbeErrs)-1] != err.Error() {
				row.ProbeErrs = append(row.ProbeErrs, err.Error())
			}

			continue
		}
		times = append(times, took)
	}
	row.Probes = p.Probe
	row.MedianMS, row.P95MS = milliseconds(engine.Percentile(times, .5)), milliseconds(engine.Percentile(times, .95))
}

// table prints the providers.
func (p *providersCmd) table(out io.Writer, rows []providerRow, why string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	head := "AGENT\tSTAGE\tORDER\tPROVIDER\tMODEL\tHOST\tREACHED\tBREAKER"
	if p.Probe > 0 {
		head += "\tMEDIAN\tP95\tFAILED"
	}
	fmt.Fprintln(w, head)
	for i := range rows {
		r := &rows[i]
		order := fmt.Sprint(r.Order)
		if r.Language != "" {
			order += " " + r.Language
		}
		if r.Rule != "" {
			order += " " + r.Rule
		}
		reached := fmt.Sprintf("%.0f ms", r.ReachMS)
		switch {
		case !r.Reached:
			reached = "no"
		case r.Host == "":
			reached = "here"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s", r.Agent, r.Stage, order, r.Name, orDash(r.Model), orDash(r.Host), reached, orDash(r.Breaker))
		if p.Probe > 0 {
			fmt.Fprintf(w, "\t%.0f ms\t%.0f ms\t%d of %d", r.MedianMS, r.P95MS, r.Failed, r.Probes)
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nBreakers are those of %s\n", why)
	for i := range rows {
		for _, e := range append(rows[i].ProbeErrs, rows[i].Error) {
			if e != "" {
				fmt.Fprintf(out, "%s %s: %s\n", rows[i].Stage, rows[i].Name, e)
			}
		}
	}

	return nil
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}

	return s
}

// providerJSON is a provider as the API tells of it.
func providerJSON(p *engine.Provider, now time.Time) console.Provider {
	h := p.Health(now)
	row := console.Provider{
		Agent: p.Agent, Language: p.Language, Stage: string(p.Stage), Order: p.Order, Rule: p.Rule, Name: p.Name,
		Engine: p.Engine, Model: p.Model, Host: p.Host, Breaker: string(h.Breaker),
		Failures: h.Failures, LatestKind: string(h.Latest),
	}
	if !h.Until.IsZero() {
		row.OpenUntil = &h.Until
	}
	if !h.At.IsZero() {
		row.LatestFailure = &h.At
	}

	return row
}

// providers tells how the agents' providers do.
func (g *gateway) providers() []console.Provider {
	now := time.Now()
	var all []console.Provider
	for _, e := range g.engines {
		for _, p := range e.Providers() {
			all = append(all, providerJSON(p, now))
		}
	}

	return all
}
