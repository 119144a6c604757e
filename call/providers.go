package call

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// A biller is a Conversation that knows what its providers cost.
type biller interface {
	Charges() []pipeline.Charge
}

// costs is what the call cost, for its record.
func costs(all []pipeline.Charge) []storage.Cost {
	var out []storage.Cost
	for _, c := range all {
		out = append(out, storage.Cost{Stage: string(c.Stage), Provider: c.Provider, Amount: storage.Amount(c.Cost)})
	}

	return out
}

// stageNames are the stages of a turn in the operator's words.
var stageNames = map[string]string{
	string(pipeline.Recognise): "recogniser", string(pipeline.Think): "model", string(pipeline.Speak): "voice",
	string(pipeline.Converse): "speech-to-speech model",
}

// trouble is how often a provider failed in one way, or took over.
type trouble struct {
	kind                   turn.EventKind
	stage, provider, fault string
	times                  int
	first                  time.Duration // into the call
	text                   string        // of the first one
	slowest                time.Duration // of those that took over
}

// providers tells which providers failed, how, and which took over.
func providers(events []storage.Event) []string {
	var all []*trouble
	for _, e := range events {
		kind := turn.EventKind(e.Kind)
		if kind != turn.ProviderFailed && kind != turn.ProviderTook && kind != turn.WarmFailed {
			continue
		}
		d, ok := stepData(e)
		if !ok {
			continue
		}
		v := &d.Event
		i := slices.IndexFunc(all, func(t *trouble) bool {
			return t.kind == kind && t.stage == v.Stage && t.provider == v.Provider && t.fault == v.Fault
		})
		if i < 0 {
			i, all = len(all), append(all, &trouble{kind: kind, stage: v.Stage, provider: v.Provider, fault: v.Fault, first: e.At, text: v.Text})
		}
		all[i].times++
		all[i].slowest = max(all[i].slowest, v.Took)
	}
	var lines []string
	for _, t := range all {
		lines = append(lines, t.plain())
	}

	return lines
}

func (t *trouble) plain() string {
	stage := stageNames[t.stage]
	switch t.kind {
	case turn.ProviderTook:
		return fmt.Sprintf("The %s %q took over %s, at the latest %d ms after a failure was found.", stage, t.provider, times(t.times), t.slowest.Milliseconds())
	case turn.WarmFailed:
		return fmt.Sprintf("The %s could not connect while the phone rang: %s.", stage, t.text)
	default:
		return fmt.Sprintf("The %s %q failed %s (%s), first %s into the call: %s.", stage, t.provider, times(t.times),
			strings.ReplaceAll(t.fault, "_", " "), seconds(t.first), t.text)
	}
}

// spent tells what the call cost.
func spent(c *storage.Call) []string {
	if len(c.Costs) == 0 {
		return nil
	}
	var parts []string
	for _, x := range c.Costs {
		parts = append(parts, fmt.Sprintf("the %s %q %s", stageNames[x.Stage], x.Provider, x.Amount))
	}

	return []string{fmt.Sprintf("It cost %s: %s.", c.Cost(), strings.Join(parts, ", "))}
}

// stepData is what was recorded with an event; it is false for one that an
// older version wrote otherwise.
func stepData(e storage.Event) (d StepData, ok bool) {
	err := json.Unmarshal(e.Data, &d)

	return d, err == nil
}
