package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"trunkline/compliance"
	"trunkline/console"
)

// dialCmd places a call by the HTTP API of the running gateway.
type dialCmd struct {
	Number    string            `arg:"" help:"Whom to call, as people write the number."`
	Agent     string            `help:"Who talks; by default the route's agent." placeholder:"NAME"`
	Purpose   string            `help:"Why: ${purposes}; any other word is judged as telemarketing." required:"" placeholder:"WORD"`
	From      string            `help:"Caller ID; one of the route's." placeholder:"NUMBER"`
	Route     string            `help:"Leave by this route." placeholder:"NAME"`
	Campaign  string            `help:"The campaign that the call belongs to." placeholder:"ID"`
	Seller    string            `help:"On whose behalf the call is." placeholder:"NAME"`
	Subject   string            `help:"What the call is about." placeholder:"WORD"`
	Line      string            `help:"The person's line: wireless, landline or voip; what is not known is judged strictly." placeholder:"WORD"`
	State     string            `help:"State of the person's address, two letters." placeholder:"XX"`
	Zone      string            `help:"Time zone that the person stated, such as America/Chicago." placeholder:"NAME"`
	Expected  time.Duration     `help:"How long the call is expected to last." placeholder:"TIME"`
	OnMachine string            `help:"What to do with an answering machine: hang_up, leave_message or treat_as_human." placeholder:"WORD"`
	Ring      time.Duration     `help:"Give up when nobody has answered by then; 15s at least." placeholder:"TIME"`
	Cap       time.Duration     `help:"Longest call from its answer." placeholder:"TIME"`
	Var       map[string]string `help:"A value for the agent's prompt and tools." placeholder:"NAME=VALUE"`
	Wait      bool              `help:"Wait for the end of the call and tell what became of it." default:"true" negatable:""`
	JSON      bool              `help:"Print the call as JSON." name:"json"`
}

// purposes are those that the rules know.
const purposes = string(compliance.Informational + ", " + compliance.Telemarketing + ", " + compliance.DebtCollection + " or " + compliance.Emergency)

// dialPoll is how often the gateway is asked what became of the call.
const dialPoll = 500 * time.Millisecond

func (d *dialCmd) Run(ctx context.Context, c *cli, std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	order := console.Order{
		To: d.Number, Agent: d.Agent, Purpose: d.Purpose, From: d.From, Route: d.Route, Campaign: d.Campaign, Seller: d.Seller,
		Subject: d.Subject, OnMachine: d.OnMachine, RingSeconds: d.Ring.Seconds(), CapSeconds: d.Cap.Seconds(), Vars: d.Var,
		Line: d.Line, State: d.State, Zone: d.Zone, ExpectedSeconds: d.Expected.Seconds(),
	}
	var placed struct {
		ID uuid.UUID `json:"id"`
	}
	if err := ask(ctx, &cfg, http.MethodPost, "/v1/calls", order, &placed); err != nil {
		return err
	}
	path := "/v1/calls/" + placed.ID.String()
	if !d.JSON {
		fmt.Fprintf(std.out, "call %s\n", placed.ID)
	}
	state := ""
	for d.Wait {
		call, raw, err := d.look(ctx, c, path)
		switch {
		case ctx.Err() != nil: // the user gives the call up
			return hangUp(c, path)
		case err != nil:
			return err
		case call.State != state && !d.JSON:
			fmt.Fprintf(std.out, "%s %s\n", time.Now().Format("15:04:05"), strings.ReplaceAll(call.State, "_", " "))
		}
		if state = call.State; state == "ended" {
			if d.JSON {
				_, err = fmt.Fprintf(std.out, "%s\n", raw)
			} else {
				_, err = fmt.Fprintf(std.out, "%s\n", call.plain())
			}

			return err
		}
		select {
		case <-time.After(dialPoll):
		case <-ctx.Done():
		}
	}

	return nil
}

// dialled is what the command reads of a call.
type dialled struct {
	State      string     `json:"state"`
	AnsweredAt *time.Time `json:"answered_at"`
	EndedAt    *time.Time `json:"ended_at"`
	EndReason  string     `json:"end_reason"`
	Fault      string     `json:"fault"`
	AnsweredBy *string    `json:"answered_by"`
}

func (c *dialled) plain() string {
	line := fmt.Sprintf("%s (%s)", strings.ReplaceAll(c.EndReason, "_", " "), c.Fault)
	if c.AnsweredAt != nil && c.EndedAt != nil {
		line += fmt.Sprintf(", %.1f s after the answer", c.EndedAt.Sub(*c.AnsweredAt).Seconds())
	}
	if c.AnsweredBy != nil {
		line += ", answered by: " + *c.AnsweredBy
	}

	return line
}

// look asks for the call. Its row is written behind it, so that the first
// answers may be that there is no such call.
func (*dialCmd) look(ctx context.Context, c *cli, path string) (call dialled, raw json.RawMessage, err error) {
	cfg, err := c.load()
	if err != nil {
		return call, nil, err
	}
	for range 10 {
		if err = ask(ctx, &cfg, http.MethodGet, path, nil, &raw); err == nil {
			return call, raw, json.Unmarshal(raw, &call)
		}
		select {
		case <-time.After(dialPoll):
		case <-ctx.Done():
			return call, nil, context.Cause(ctx)
		}
	}

	return call, nil, err
}

// hangUp ends the call of a user who interrupts the command.
func hangUp(c *cli, path string) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()

	return ask(ctx, &cfg, http.MethodDelete, path, struct{}{}, nil)
}
