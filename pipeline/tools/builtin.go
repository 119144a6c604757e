package tools

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"trunkline/pipeline"
	"trunkline/privacy"
)

// Names of the built-in tools.
const (
	Transfer         = "transfer"
	HangUp           = "hang_up"
	SendDTMF         = "send_dtmf"
	ScheduleCallback = "schedule_callback"
	OptOut           = "opt_out"
	SwitchLanguage   = "switch_language"
)

// BuiltIn chooses the built-in tools. Those without what they need are not
// offered to the model.
type BuiltIn struct {
	Targets   []Target       // transfer: to whom
	HangUp    bool           // hang_up
	SendDTMF  bool           // send_dtmf, when the call can send keys
	Callbacks Callbacks      // schedule_callback: who keeps them
	OptOuts   OptOuts        // opt_out: who keeps them
	Zone      *time.Location // of times without one; nil: UTC
	Languages []string       // switch_language: the agent's, as BCP 47 tags; fewer than two: none
}

// Target is whom a call can be transferred to.
type Target struct {
	Name        string // what the model says, and the hand-off's target
	Description string // when to use it
}

// Callbacks keeps what was promised to callers. It returns when the record is
// safe.
type Callbacks interface {
	ScheduleCallback(ctx context.Context, c Callback) error
}

// Callback is a promise to call somebody.
type Callback struct {
	CallID string
	Key    string // the same for repeated attempts at one promise
	Number privacy.Number
	At     time.Time
	Name   privacy.Words // of whom to ask for
	Note   privacy.Words // what it is about
}

// OptOuts keeps who must not be called again. It returns when the record is
// safe: nobody is told before that they are off the list.
type OptOuts interface {
	OptOut(ctx context.Context, o OptedOut) error
}

// OptedOut is a wish not to be called again.
type OptedOut struct {
	CallID string
	Key    string // the same for repeated attempts at one wish
	Number privacy.Number
	Words  privacy.Words // how it was said
}

// maxAhead is how far in the future a callback may lie.
const maxAhead = 90 * 24 * time.Hour

// CallerVar is the value of the call that holds the caller's number.
const CallerVar = "caller"

type builtIn struct {
	spec pipeline.ToolSpec
	tool tool
}

func (s *Set) builtIns(b BuiltIn) []builtIn {
	var all []builtIn
	add := func(name, description, params string, sideEffect bool, run func(context.Context, input) pipeline.ToolOutcome) {
		all = append(all, builtIn{
			spec: pipeline.ToolSpec{Name: name, Description: description, Parameters: json.RawMessage(params)},
			tool: tool{traits: pipeline.ToolTraits{SideEffect: sideEffect}, deadline: defaultDeadline, run: run},
		})
	}
	if len(b.Targets) > 0 {
		add(Transfer, "Put the caller through to somebody. Say one sentence about it in the same reply; the call leaves you after it. Targets: "+targets(b.Targets),
			object(`"target": {"type": "string", "enum": `+names(b.Targets)+`}`, "target"), false, transfer)
	}
	if b.HangUp {
		add(HangUp, "End the call. Say goodbye in the same reply; the call ends after it.",
			object(`"reason": {"type": "string", "maxLength": 200}`), false, hangUp)
	}
	if b.SendDTMF {
		add(SendDTMF, "Press keys on the telephone, as for the menu of a machine that was called. A w waits half a second.",
			object(`"keys": {"type": "string", "pattern": "^[0-9A-D*#w]{1,32}$"}`, "keys"), true, sendDTMF)
	}
	if b.Callbacks != nil {
		add(ScheduleCallback, "Promise the caller to be called back at a time. Without number, the number they call from is used.",
			object(`"at": {"type": "string", "description": "date and time, such as 2026-11-24T15:30"}, "number": {"type": "string", "pattern": "^\\+?[0-9 ().-]{3,20}$"},`+
				` "name": {"type": "string", "maxLength": 100}, "note": {"type": "string", "maxLength": 500}`, "at"), true, s.scheduleCallback(b))
	}
	if b.OptOuts != nil {
		add(OptOut, "Record that the caller does not want to be called again. Call it as soon as they say so, and confirm only after its result.",
			object(`"words": {"type": "string", "maxLength": 500, "description": "what the caller said"}`), true, optOut(b.OptOuts))
	}
	if len(b.Languages) > 1 {
		tags, err := json.Marshal(b.Languages)
		if err == nil { // strings marshal
			add(SwitchLanguage, "Go on in another language, when the caller asks for it or does not understand. Call it before you say a word in that language.",
				object(`"language": {"type": "string", "enum": `+string(tags)+`}`, "language"), false, switchLanguage)
		}
	}

	return all
}

// object is a JSON Schema of an object.
func object(properties string, required ...string) string {
	list, err := json.Marshal(append([]string{}, required...))
	if err != nil {
		return ""
	}

	return fmt.Sprintf(`{"type": "object", "properties": {%s}, "required": %s, "additionalProperties": false}`, properties, list)
}

func names(targets []Target) string {
	var all []string
	for _, t := range targets {
		all = append(all, t.Name)
	}
	b, err := json.Marshal(all)
	if err != nil {
		return "[]"
	}

	return string(b)
}

func targets(targets []Target) string {
	var all []string
	for _, t := range targets {
		all = append(all, t.Name+" ("+cmp.Or(t.Description, t.Name)+")")
	}

	return strings.Join(all, "; ")
}

// transfer and hangUp are carried out after the reply was heard.
func transfer(_ context.Context, in input) pipeline.ToolOutcome {
	out := succeeded(in.call, "the caller is put through after your words")
	out.Act = &pipeline.Act{Name: pipeline.ActHandOff, Args: map[string]string{"target": text(in.args, "target")}}

	return out
}

func hangUp(_ context.Context, in input) pipeline.ToolOutcome {
	out := succeeded(in.call, "the call ends after your words")
	out.Act = &pipeline.Act{Name: pipeline.ActHangUp, Args: map[string]string{"reason": text(in.args, "reason")}}

	return out
}

// switchLanguage has what the model writes next spoken in another language.
func switchLanguage(ctx context.Context, in input) pipeline.ToolOutcome {
	if in.scope.Language == nil {
		return failed(in.call, "this conversation has one language only")
	}
	tag := text(in.args, "language")
	if err := in.scope.Language(ctx, tag); err != nil {
		return failed(in.call, "the language could not be changed; go on in the one before")
	}

	return succeeded(in.call, "the conversation goes on in "+tag+": answer in it from now on")
}

func sendDTMF(ctx context.Context, in input) pipeline.ToolOutcome {
	if in.scope.Keys == nil {
		return failed(in.call, "keys cannot be sent in this call")
	}
	if err := in.scope.Keys(ctx, text(in.args, "keys")); err != nil {
		return failed(in.call, "the keys could not be sent: "+err.Error())
	}

	return succeeded(in.call, "the keys were sent")
}

func (s *Set) scheduleCallback(b BuiltIn) func(context.Context, input) pipeline.ToolOutcome {
	zone := b.Zone
	if zone == nil {
		zone = time.UTC
	}

	return func(ctx context.Context, in input) pipeline.ToolOutcome {
		at, err := when(text(in.args, "at"), zone)
		now := s.now()
		switch {
		case err != nil:
			return failed(in.call, err.Error())
		case !at.After(now):
			return failed(in.call, "that time is past: it is "+now.In(zone).Format("Monday, 2 January 2006, 15:04"))
		case at.Sub(now) > maxAhead:
			return failed(in.call, "that is more than 90 days from now")
		}
		c := Callback{
			CallID: in.scope.CallID, Key: in.scope.Key, At: at, Number: privacy.Number(cmp.Or(text(in.args, "number"), in.scope.Vars[CallerVar])),
			Name: privacy.Words(text(in.args, "name")), Note: privacy.Words(text(in.args, "note")),
		}
		if c.Number == "" {
			return failed(in.call, "the caller's number is not known: ask for it")
		}
		if err := b.Callbacks.ScheduleCallback(ctx, c); err != nil {
			out := failed(in.call, "it could not be recorded; do not promise it")
			out.Uncertain = true

			return out
		}

		return succeeded(in.call, "recorded for "+at.In(zone).Format("Monday, 2 January 2006, at 15:04"))
	}
}

func optOut(keep OptOuts) func(context.Context, input) pipeline.ToolOutcome {
	return func(ctx context.Context, in input) pipeline.ToolOutcome {
		o := OptedOut{
			CallID: in.scope.CallID, Key: in.scope.Key, Number: privacy.Number(in.scope.Vars[CallerVar]), Words: privacy.Words(text(in.args, "words")),
		}
		if o.Number == "" {
			return failed(in.call, "the caller's number is not known; offer to put them through to a person")
		}
		if err := keep.OptOut(ctx, o); err != nil {
			out := failed(in.call, "it could not be recorded; do not say that it was")
			out.Uncertain = true

			return out
		}

		return succeeded(in.call, "recorded: this number is not called again")
	}
}

// text is a string argument; empty when there is none.
func text(args map[string]any, name string) string {
	s, _ := args[name].(string)

	return s
}

// errTime says what a time must look like.
var errTime = errors.New("the time cannot be read: write it as 2026-11-24T15:30")

// when reads a time of a day; without an offset it is in zone.
func when(s string, zone *time.Location) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}

	return time.Time{}, errTime
}

// BuiltInNames are the names that no declared tool may have.
func BuiltInNames() []string {
	return slices.Clone([]string{Transfer, HangUp, SendDTMF, ScheduleCallback, OptOut, SwitchLanguage})
}
