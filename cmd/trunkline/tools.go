package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"trunkline/compliance/robot"
	"trunkline/config"
	"trunkline/gate"
	"trunkline/pipeline"
	"trunkline/pipeline/llm/script"
	"trunkline/pipeline/prompt"
	"trunkline/pipeline/tools"
	"trunkline/storage"
)

// equip gives an agent's conversations what its model is told and may call.
// What cannot be kept without a store or a gate is not offered.
func equip(c *pipeline.Config, a *config.Agent, store *storage.Store, revocations *gate.Gate) error {
	zone, err := time.LoadLocation(cmp.Or(a.TimeZone, "Local"))
	if err != nil {
		return fmt.Errorf("time_zone: %w", err)
	}
	if err := robot.Check(); err != nil {
		return err
	}
	c.Truth = truth
	c.Language = a.Language
	c.Prompt = prompt.Prompt{Instructions: a.Model.Instructions, Language: a.Language, Zone: zone}
	o := tools.Options{BuiltIn: tools.BuiltIn{HangUp: a.BuiltIn.HangUp, SendDTMF: a.BuiltIn.SendDTMF, Zone: zone}}
	if len(a.Languages) > 0 {
		o.BuiltIn.Languages = []string{a.Language}
	}
	for i := range a.Languages {
		o.BuiltIn.Languages = append(o.BuiltIn.Languages, a.Languages[i].Language)
	}
	for _, t := range a.BuiltIn.Transfer {
		o.BuiltIn.Targets = append(o.BuiltIn.Targets, tools.Target{Name: t.Name, Description: t.Description})
	}
	if store != nil && a.BuiltIn.ScheduleCallback {
		o.BuiltIn.Callbacks = promises{store, revocations}
	}
	if revocations != nil && a.BuiltIn.OptOut {
		o.BuiltIn.OptOuts = promises{store, revocations}
	}
	for i := range a.Tools {
		t, err := declaredTool(&a.Tools[i])
		if err != nil {
			return fmt.Errorf("tools[%d]: %w", i, err)
		}
		o.Tools = append(o.Tools, t)
	}
	set, err := tools.New(o)
	if err != nil {
		return err
	}
	specs := set.Specs()
	if len(specs) == 0 {
		return nil
	}
	c.Tools = set
	for _, s := range specs {
		c.Prompt.Tools = append(c.Prompt.Tools, prompt.Tool{Name: s.Name, SideEffect: set.Traits(s.Name).SideEffect})
	}

	return nil
}

// truth answers whether a person or a machine speaks: that is never left to a
// model or a script.
func truth(language, words string) (string, bool) {
	if !robot.Asked(language, words) {
		return "", false
	}

	return robot.Answer(language, ""), true
}

// declaredTool is a tool of the configuration.
func declaredTool(t *config.Tool) (tools.Tool, error) {
	params, err := schema(t.Parameters)
	if err != nil {
		return tools.Tool{}, fmt.Errorf("parameters: %w", err)
	}
	result, err := schema(t.Result.Schema)
	if err != nil {
		return tools.Tool{}, fmt.Errorf("result.schema: %w", err)
	}

	var keyed []tools.Keyed
	for _, k := range t.Keyed {
		keyed = append(keyed, tools.Keyed(k))
	}

	return tools.Tool{
		Keyed: keyed, Name: t.Name, Description: t.Description, Parameters: params, HTTP: tools.HTTP(t.HTTP), SideEffect: t.SideEffect,
		Retries: t.Retries, Deadline: t.Deadline, Filler: t.Filler,
		Result: tools.Result{Schema: result, Path: t.Result.Path, Limit: t.Result.Limit},
	}, nil
}

// schema is a JSON Schema that was written as YAML.
func schema(m map[string]any) (json.RawMessage, error) {
	if m == nil {
		return nil, nil
	}

	return json.Marshal(m)
}

// furtherLines are all sentences that an agent says in a language besides its
// lines: those of its tools, what calls must say, and what no model may answer.
func (g *gateway) furtherLines(a *config.Agent, language string) []string {
	return append(append(toolLines(a), g.duties.Sentences(language)...), robot.Answer(language, ""))
}

// toolLines are the fillers of an agent's tools, and what they ask.
func toolLines(a *config.Agent) []string {
	var all []string
	for i := range a.Tools {
		all = append(all, a.Tools[i].Filler...)
		for _, k := range a.Tools[i].Keyed {
			all = append(all, k.Ask)
		}
	}

	return all
}

// promises keeps in the database what the agent promises callers.
type promises struct {
	store       *storage.Store
	revocations *gate.Gate
}

func (p promises) ScheduleCallback(ctx context.Context, c tools.Callback) error {
	id, err := uuid.Parse(c.CallID)
	if err != nil {
		return fmt.Errorf("the call has no record: %w", err)
	}

	return p.store.AddCallback(ctx, storage.Callback{Key: c.Key, CallID: id, Number: c.Number, DueAt: c.At, Name: c.Name, Note: c.Note})
}

func (p promises) OptOut(ctx context.Context, o tools.OptedOut) error {
	id, err := uuid.Parse(o.CallID)
	if err != nil {
		return fmt.Errorf("the call has no record: %w", err)
	}

	return p.revocations.Revoke(ctx, optOut(o.Key, id, o.Number, o.Words))
}

// callable says when the agent's script calls a tool that the agent has not.
func callable(s *script.Script, set pipeline.Tools) error {
	if s == nil {
		return nil
	}
	for _, name := range s.Tools() {
		if set == nil || !slices.ContainsFunc(set.Specs(), func(s pipeline.ToolSpec) bool { return s.Name == name }) {
			return fmt.Errorf("the script calls the tool %q, which the agent does not have; add it to tools, or remove the call", name)
		}
	}

	return nil
}
