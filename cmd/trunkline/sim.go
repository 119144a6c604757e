package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"

	"trunkline/compliance/robot"
	"trunkline/config"
	"trunkline/engine"
	"trunkline/pipeline"
	"trunkline/pipeline/tts/flite"
	"trunkline/sim"
)

// simCmd plays callers from scenario files against an agent.
type simCmd struct {
	Files    []string `arg:"" help:"Scenario files, or directories of them." name:"file" type:"path"`
	Agent    string   `help:"Agent that answers where a scenario brings none of its own; the first one by default." placeholder:"NAME"`
	Mode     string   `help:"text: typed words, no speech engine; audio: both sides speak; sip: over a SIP call." enum:"text,audio,sip" default:"text"`
	Runs     int      `help:"How often each scenario is played, instead of what it says." placeholder:"N"`
	Parallel int      `help:"Calls at once: by default 64 in text mode, else 4." placeholder:"N"`
	Seed     *uint64  `help:"Seed of what differs between runs; random by default, and printed." placeholder:"S"`
	Only     string   `help:"Play only the scenario of this name." placeholder:"NAME"`
	Exact    bool     `help:"Have the agent hear the caller's words as they were said, in place of its recogniser."`
	JUnit    string   `help:"Write the results as JUnit XML." name:"junit" placeholder:"FILE" type:"path"`
	JSON     string   `help:"Write the results, with what happened in every call, as JSON." name:"json" placeholder:"FILE" type:"path"`
}

// Calls at once: a typed call costs next to nothing, one that speaks about a
// tenth of a core.
const (
	typedAtOnce  = 64
	spokenAtOnce = 4
)

// errScenarios says that an agent does not do what scenarios expect.
var errScenarios = errors.New("scenarios failed")

func (s *simCmd) Run(ctx context.Context, c *cli, std *streams) (err error) {
	files, err := sim.Find(s.Files...)
	if err != nil {
		return err
	}
	scenarios, err := sim.LoadAll(files)
	if err != nil {
		return err
	}
	o := sim.Options{
		Mode: sim.Mode(s.Mode), Runs: s.Runs, Parallel: s.Parallel, Only: s.Only, Exact: s.Exact,
		Speaker: sim.NewSpeaker(func(voice string) (pipeline.Synthesizer, error) {
			return flite.New(flite.Options{Voice: voice})
		}),
		Progress: func(r *sim.Result) { fmt.Fprintln(std.err, r.Line()) },
	}
	if s.Seed != nil {
		o.Seed = *s.Seed
	} else {
		o.Seed = uint64(rand.Uint32())
	}
	if o.Parallel == 0 {
		o.Parallel = spokenAtOnce
		if o.Mode == sim.Text {
			o.Parallel = typedAtOnce
		}
	}
	party, closer, err := s.party(ctx, c, scenarios)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	o.Agent = party
	if o.Mode == sim.SIP {
		gateway, err := sim.NewLoopback()
		if err != nil {
			return err
		}
		defer gateway.Stop()
		o.Gateway = gateway
	}
	report, err := sim.Run(ctx, scenarios, o)
	if err != nil {
		return err
	}

	return s.tell(report, std.out)
}

// party is the agent of the configuration that scenarios without one talk to;
// nil when all bring their own.
func (s *simCmd) party(ctx context.Context, c *cli, scenarios []*sim.Scenario) (*sim.Party, io.Closer, error) {
	e := &engine.Set{}
	if !sim.NeedAgent(scenarios) {
		return nil, e, nil
	}
	cfg, err := c.load()
	if err != nil {
		return nil, e, err
	}
	a, err := chosenAgent(&cfg, s.Agent)
	if err != nil {
		return nil, e, err
	}
	if s.Mode == string(sim.Text) {
		e, err = engine.OpenModel(engine.Options{}, &a)
	} else {
		e, err = engine.Open(ctx, engine.Options{StateDir: cfg.StateDir}, &a)
	}
	if err != nil {
		return nil, &engine.Set{}, err
	}

	settings := engine.Conversation(&a)
	if err := equip(&settings, &a, nil, nil); err != nil {
		return nil, e, err
	}

	p := &sim.Party{
		Name:         a.Name,
		Conversation: settings,
		Providers: pipeline.Providers{
			Recognizer: e.Recognizer, Model: e.Model, Synthesizer: e.Synthesizer, Languages: silentLanguages(e, &a, &settings.Prompt),
		},
		Texts: e.Texts(&a), Further: append(toolLines(&a), robot.Answer(a.Language, "")),
		Cap: cfg.Calls.Cap, WarnBefore: cfg.Calls.WarnBefore,
	}
	if e.Realtime != nil {
		p.Converse = func(with pipeline.Providers) converser { return converse(e, &a, with) }
	}
	for i := range a.Languages {
		p.OtherTexts = append(p.OtherTexts, engine.TextsIn(&a, &a.Languages[i]))
	}

	return p, e, nil
}

// unknownAgent says that the configuration has no agent of this name.
func unknownAgent(c *config.Config, name string) error {
	var names []string
	for i := range c.Agents {
		names = append(names, c.Agents[i].Name)
	}

	return usageError(fmt.Sprintf("no agent is called %q; there are: %s", name, strings.Join(names, ", ")))
}

// chosenAgent is the agent of a name, or the first one.
func chosenAgent(c *config.Config, name string) (config.Agent, error) {
	if name == "" {
		return c.Agents[0], nil
	}
	a, ok := c.Agent(name)
	if !ok {
		return a, unknownAgent(c, name)
	}

	return a, nil
}

// tell prints the report and writes it to the files that were asked for.
func (s *simCmd) tell(report *sim.Report, out io.Writer) error {
	errs := []error{
		report.WriteText(out),
		writeReport(s.JUnit, report.WriteJUnit),
		writeReport(s.JSON, report.WriteJSON),
	}
	if !report.OK() {
		errs = append(errs, errScenarios)
	}

	return errors.Join(errs...)
}

// writeReport writes a file, if it has a name.
func writeReport(path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}

	return errors.Join(write(f), f.Close())
}
