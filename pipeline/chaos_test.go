package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/breaker"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/failover"
	"trunkline/pipeline/tools"
	"trunkline/pipeline/turn"
)

// ways are how a provider fails.
var ways = map[string]declared.Fault{
	"refused":    {Err: &pipeline.ProviderError{Provider: "x", Kind: pipeline.Unavailable, Err: errBroken}},
	"hangs":      {Stall: true},
	"429":        {Err: &pipeline.ProviderError{Provider: "x", Kind: pipeline.RateLimited, RetryAfter: 20 * time.Second, Err: errBroken}},
	"cut":        {After: 3, Err: errBroken},
	"cut, hangs": {After: 3, Stall: true},
	"garbage":    {After: 1, Err: &pipeline.ProviderError{Provider: "x", Kind: pipeline.Garbled, Err: errBroken}},
}

// looking is a model that looks something up before each answer.
type looking struct{ *declared.Model }

func (l looking) Generate(ctx context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	if req.History[len(req.History)-1].Role == pipeline.Tool || len(req.Tools) == 0 {
		return l.Model.Generate(ctx, req)
	}

	return func(yield func(pipeline.Delta, error) bool) {
		yield(pipeline.Delta{Call: &pipeline.ToolCall{Name: tools.SendDTMF, Args: json.RawMessage(`{"keys": "1"}`)}}, nil)
	}
}

// TestEveryFailureWithCallsUp lets each stage fail in each way at each point of
// a call, with another provider behind it and without one. Whatever happens the
// caller is not left in silence while it is the agent's turn, the call ends, and
// nothing is left of it; and the provider is used again when it works again.
func TestEveryFailureWithCallsUp(t *testing.T) {
	t.Parallel()
	for _, stage := range []pipeline.Stage{pipeline.Recognise, pipeline.Think, pipeline.Speak} {
		for way, fault := range ways {
			for _, when := range []string{"first turn", "second turn", "during a tool", "interrupted", "on hold"} {
				for _, alone := range []bool{false, true} {
					name := fmt.Sprintf("%s %s, %s", stage, way, when)
					if alone {
						name += ", all down"
					}
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						synctest.Test(t, func(t *testing.T) { newOutage(t, stage, fault, when, alone).run() })
					})
				}
			}
		}
	}
}

// outage is a call whose providers fail.
type outage struct {
	*call
	faulty *breaker.Breaker // of the provider that fails
	broken bool
	alone  bool // nobody takes over
	asked  bool // the caller has spoken, and heard nothing since

	disturb func() bool // what else the caller does when the agent has the turn; nil, or true: it was done
}

const answer = "We are open from nine to five. On Sunday we are closed."

func newOutage(t *testing.T, stage pipeline.Stage, fault declared.Fault, when string, alone bool) *outage {
	t.Helper()
	x := &outage{alone: alone}
	from := 0
	if when == "second turn" {
		from = 1
	}
	// The provider fails once, or all do three times and then work again.
	plan := func(name string, s pipeline.Stage) declared.Plan {
		if s != stage || name != "a" && !alone {
			return nil
		}

		return func(n int) declared.Fault {
			if n < from || n > from+2 {
				return declared.Fault{}
			}

			return fault
		}
	}
	guard := func(name string, s pipeline.Stage) *breaker.Breaker {
		b := breaker.New(breaker.Config{Failures: 1})
		if s == stage && name == "a" {
			x.faulty = b
		}

		return b
	}
	var ears []failover.Option[pipeline.Recognizer]
	var models []failover.Option[pipeline.Model]
	var voices []failover.Option[pipeline.Synthesizer]
	for _, name := range []string{"a", "b"} {
		ear := &declared.Recognizer{
			FirstPartial: 160 * ms, PartialEvery: 100 * ms, Final: 100 * ms,
			Says: declared.Always("what are your opening hours"), Faults: plan(name, pipeline.Recognise),
		}
		ears = append(ears, failover.Option[pipeline.Recognizer]{Name: name, Provider: ear, Breaker: guard(name, pipeline.Recognise)})
		model := &declared.Model{FirstToken: 200 * ms, TokensPerSecond: 50, Reply: declared.Replies(answer), Faults: plan(name, pipeline.Think)}
		var m pipeline.Model = model
		if when == "during a tool" {
			m = looking{model}
		}
		models = append(models, failover.Option[pipeline.Model]{Name: name, Provider: m, Breaker: guard(name, pipeline.Think)})
		voice := &declared.Voice{FirstAudio: 100 * ms, Speed: 4, Speech: speech, Faults: plan(name, pipeline.Speak)}
		voices = append(voices, failover.Option[pipeline.Synthesizer]{Name: name, Provider: voice, Breaker: guard(name, pipeline.Speak)})
	}
	o := options{
		ears: failover.NewRecognizer(nil, ears...), model: failover.NewModel(nil, models...), chorus: failover.NewSynthesizer(nil, voices...),
	}
	if when == "during a tool" {
		set, err := tools.New(tools.Options{BuiltIn: tools.BuiltIn{SendDTMF: true}})
		if err != nil {
			t.Fatal(err)
		}
		o.cfg.Tools = set
		o.cfg.Keys = func(ctx context.Context, _ string) error {
			select {
			case <-time.After(2 * time.Second):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	x.call = prepared(t, o)
	switch when {
	case "interrupted": // after half a second of the agent's voice that is not the greeting
		heard := 0
		x.disturb = func() bool {
			if x.Notes.State() == turn.Speaking && len(x.Notes.Said(pipeline.Caller)) > 0 {
				heard++
			}
			if heard < 25 {
				return false
			}
			x.Speak(800 * ms)
			x.asked = true

			return true
		}
	case "on hold": // while the model thinks
		x.disturb = func() bool {
			if x.Notes.State() != turn.Thinking {
				return false
			}
			x.conv.Hold(true)
			x.Run(3 * time.Second)
			x.conv.Hold(false)

			return true
		}
	}

	return x
}

// How long the caller may wait for a sound: while it is the agent's turn, and
// since they fell silent, when the words must come first and the end of the turn
// be found.
const (
	longestSilence = 1500 * ms
	longestWait    = 3000 * ms
)

// run has the caller ask until the provider has failed and works again, or the
// agent has ended the call.
func (x *outage) run() {
	defer x.conv.Stop()
	if err := x.conv.Prepare(x.Context()); err != nil {
		x.Fatal(err)
	}
	x.conv.Start()
	var end *pipeline.Outcome
	for i := 0; i < 3 && end == nil; i++ {
		end = x.askAgain()
	}
	if end == nil {
		x.conv.Finish(turn.CapGoodbye, "cap_reached")
		end = x.wait(func() bool { return false })
	}
	if end == nil || !slices.Contains([]string{"cap_reached", turn.EndProvider}, end.Reason) {
		x.Errorf("the call ended with %+v", end)
	}
	if !x.broken {
		x.Error("nothing failed")
	}
	if x.disturb != nil && !x.alone {
		x.Error("the caller had no chance to disturb")
	}
	x.End(x.turn)
	time.Sleep(time.Minute) // its cool-down
	if got := x.faulty.State(time.Now()); got == breaker.Open {
		x.Errorf("the breaker is %s after a minute", got)
	}
}

// askAgain has the caller ask when the agent listens, and waits for what comes of
// it.
func (x *outage) askAgain() *pipeline.Outcome {
	x.Helper()
	if end := x.wait(func() bool { return x.Notes.State() == turn.Listening }); end != nil {
		return end
	}
	x.Run(400 * ms)
	x.Speak(1200 * ms)
	x.asked = true
	turns := len(x.Notes.Said(pipeline.Agent))

	return x.wait(func() bool { return len(x.Notes.Said(pipeline.Agent)) > turns && x.Notes.State() == turn.Listening })
}

// wait lets time pass until something is so or the call ends, and measures the
// silences of the agent's turns.
func (x *outage) wait(so func() bool) *pipeline.Outcome {
	x.Helper()
	var quiet, waited time.Duration
	for range 2 * time.Minute / media.FrameDuration {
		select {
		case out := <-x.conv.Done():
			return &out
		default:
		}
		if so() {
			return nil
		}
		if x.disturb != nil && x.disturb() {
			x.disturb, quiet, waited = nil, 0, 0
		}
		x.Run(media.FrameDuration)
		x.broken = x.broken || len(provided(x.Notes)) > 0
		if !x.Phone.Silent() {
			quiet, waited, x.asked = 0, 0, false

			continue
		}
		if s := x.Notes.State(); s == turn.Thinking || s == turn.Speaking {
			quiet += media.FrameDuration
		} else {
			quiet = 0
		}
		if x.asked {
			waited += media.FrameDuration
		}
		if quiet == longestSilence+media.FrameDuration || waited == longestWait+media.FrameDuration {
			x.Errorf("the caller hears nothing for %v, %v since they spoke; %s, %q", quiet, waited, x.Notes.State(), provided(x.Notes))
		}
	}
	x.Errorf("nothing comes for two minutes; %s, %q", x.Notes.State(), x.Notes.Said(pipeline.Agent))

	return &pipeline.Outcome{Reason: "stuck"}
}
