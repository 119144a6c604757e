package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"trunkline/softphone"
)

// callCmd is the headless softphone.
type callCmd struct {
	Target string          `arg:"" help:"Whom to call, such as sip:reception@127.0.0.1:5060." name:"sip-uri"`
	Play   []string        `help:"WAV file with the caller's speech, played in turn with the agent; one file is cut at its pauses, several are a turn each." placeholder:"FILE" type:"existingfile" sep:"none"`
	At     []time.Duration `help:"Play each --play file, whole, at its --at time after the answer instead, such as 2.5s." placeholder:"TIME"`
	Digits string          `help:"Keys to press after the answer." placeholder:"KEYS"`
	Record string          `help:"Write both directions to this two-channel WAV: caller left, agent right." placeholder:"FILE" type:"path"`
	From   string          `help:"User part of the caller's address." default:"softphone" placeholder:"USER"`
	Max    time.Duration   `help:"Hang up after this long; ${default}, if not given." default:"35m" placeholder:"TIME"`
	API    string          `help:"The gateway's HTTP address, for the transcript." default:"http://127.0.0.1:8080" name:"api" placeholder:"URL"`
	JSON   bool            `help:"Print the report as JSON." name:"json"`
}

func (c *callCmd) Run(ctx context.Context, std *streams) error {
	plan, err := c.plan()
	if err != nil {
		return err
	}
	cfg := softphone.Config{
		Target:      c.Target,
		From:        c.From,
		Plan:        plan,
		Digits:      c.Digits,
		Record:      c.Record,
		MaxDuration: c.Max,
	}
	if !c.JSON {
		cfg.Notify = func(e softphone.Event) { fmt.Fprintln(std.err, progress(e)) }
	}
	report, err := softphone.Place(ctx, cfg)
	if report == nil {
		return err
	}
	report.AddTranscript(ctx, c.API)
	if c.JSON {
		enc := json.NewEncoder(std.out)
		enc.SetIndent("", "  ")

		return errors.Join(err, enc.Encode(report))
	}

	return errors.Join(err, report.WriteText(std.out))
}

// plan is what the caller says: in turn with the agent, or each file at its
// time.
func (c *callCmd) plan() ([]softphone.Step, error) {
	if len(c.At) == 0 {
		return softphone.PlanFromWAVs(c.Play...)
	}
	if len(c.At) != len(c.Play) {
		return nil, usageError(fmt.Sprintf("%d times (--at) for %d files (--play): give one time for each", len(c.At), len(c.Play)))
	}
	plan := make([]softphone.Step, len(c.Play))
	for i, path := range c.Play {
		clip, err := softphone.ReadClip(path)
		if err != nil {
			return nil, usageError(err.Error())
		}
		plan[i] = softphone.Step{Clip: clip, When: softphone.At(c.At[i])}
	}

	return plan, nil
}

// progress is an event of the call in a line.
func progress(e softphone.Event) string {
	line := fmt.Sprintf("%s %s", e.At.Format("15:04:05.000"), e.Kind)
	if e.Said != "" {
		line += ": " + e.Said
	}
	if e.Text != "" {
		line += ": " + e.Text
	}

	return line
}
