package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"trunkline/media/dtmf"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/turn"
)

// till is a tool that asks for a card's number.
type till struct {
	ask  pipeline.Ask
	got  []string
	err  error
	done bool
}

func (*till) Specs() []pipeline.ToolSpec {
	return []pipeline.ToolSpec{{Name: "pay", Description: "pay", Parameters: json.RawMessage(`{"type":"object"}`)}}
}

func (*till) Traits(string) pipeline.ToolTraits { return pipeline.ToolTraits{SideEffect: true} }

func (b *till) Run(ctx context.Context, s pipeline.ToolScope, c pipeline.ToolCall) pipeline.ToolOutcome {
	b.got, b.err = s.Ask(ctx, []pipeline.Ask{b.ask})
	b.done = true
	out := pipeline.ToolOutcome{Result: pipeline.ToolResult{ID: c.ID, Name: c.Name, Content: "paid"}}
	if b.err != nil {
		out.Result.Content, out.Result.Failed = b.err.Error(), true
	}

	return out
}

// card is what is asked for in a line that is prepared.
func card() pipeline.Ask {
	return pipeline.Ask{
		Text: texts.NotHeard, Rules: dtmf.Rules{Min: 4, Max: 19, Terminator: "#", Erase: "*", First: 30 * time.Second},
		Valid: func(keys string) bool { return strings.HasPrefix(keys, "4") },
	}
}

func TestWhatIsKeyedInIsKeptNowhere(t *testing.T) {
	b := &till{ask: card()}
	var masks []bool
	recognizer := &declared.Recognizer{FirstPartial: 160 * ms, PartialEvery: 100 * ms, Final: 100 * ms}
	spurts := 0
	recognizer.Says = func(int) string { spurts++; return "I would like to pay" }
	converse(t, options{
		recognizer: recognizer,
		model:      rounds("Thank you, it is {result}.", step{"", []pipeline.ToolCall{tool("pay", `{}`)}}),
		cfg:        pipeline.Config{Tools: b, Mask: func(on bool) { masks = append(masks, on) }},
	}, func(c *call) {
		c.AgentSaid(1)
		c.Speak(time.Second)
		c.Until("the question", func() bool { return len(c.Notes.Did(turn.Interject)) == 1 })
		c.Run(3 * time.Second)
		c.Press("411")
		c.Speak(2 * time.Second) // the caller reads the number out as well
		c.Press("1#")
		c.AgentSaid(2)
		c.Same("the keys", []string{"4111"}, b.got)
		c.Same("the agent's turns", []string{texts.Greeting, "Thank you, it is paid."}, c.Notes.Said(pipeline.Agent))
		c.Same("the caller's turns", []string{"I would like to pay"}, c.Notes.Said(pipeline.Caller))
		c.Same("masked and not any more", []bool{true, false}, masks)
		for _, e := range c.Notes.Events() {
			if e.Kind == turn.KeyPressed || strings.Contains(e.Text, "411") {
				c.Errorf("the log has %+v", e)
			}
		}
		if told := fmt.Sprintf("%+v", c.model.asked()); strings.Contains(told, "4111") {
			c.Errorf("the model was told %s", told)
		}
		if n := len(c.Notes.Did(turn.Interject)); n != 1 {
			c.Errorf("the caller was asked, or told to wait, %d times; want once", n)
		}
		if spurts != 1 {
			c.Errorf("the recogniser heard %d talkspurts; want the one from before", spurts)
		}
		c.Speak(time.Second)
		c.Until("the caller is heard again", func() bool { return spurts == 2 })
	})
}

func TestKeysThatCannotBeRightAreAskedForAgain(t *testing.T) {
	b := &till{ask: card()}
	converse(t, options{
		says: []string{"pay"}, model: rounds("It is {result}.", step{"", []pipeline.ToolCall{tool("pay", `{}`)}}), cfg: pipeline.Config{Tools: b},
	}, func(c *call) {
		asked := func(n int) func() bool {
			return func() bool { return len(c.Notes.Did(turn.Interject)) == n }
		}
		c.AgentSaid(1)
		c.Speak(time.Second)
		c.Until("the question", asked(1))
		c.Press("5555#")
		c.Until("the question again", asked(2))
		c.Press("41#") // too few
		c.Until("the question again", asked(3))
		c.Press("99*4222#") // begun anew
		c.AgentSaid(2)
		c.Same("the keys", []string{"4222"}, b.got)
	})
}

func TestACallerWhoKeysInNothingIsAskedOnce(t *testing.T) {
	b := &till{ask: card()}
	converse(t, options{
		says: []string{"pay", "never mind"}, model: rounds("{result}.", step{"", []pipeline.ToolCall{tool("pay", `{}`)}}), cfg: pipeline.Config{Tools: b},
	}, func(c *call) {
		c.AgentSaid(1)
		c.Speak(time.Second)
		began := time.Now()
		c.AgentSaid(2)
		if waited := time.Since(began); waited < 30*time.Second || waited > 40*time.Second {
			c.Errorf("the caller was waited for %s, want some 30 s", waited)
		}
		c.Same("the reply", pipeline.ErrNoKeys.Error()+".", c.lastTurn().Text)
		c.Same("asked", 1, len(c.Notes.Did(turn.Interject)))
	})
}

func TestTheEndOfTheCallEndsTheAsking(t *testing.T) {
	b := &till{ask: card()}
	masked := false
	converse(t, options{
		says: []string{"pay"}, model: rounds("{result}.", step{"", []pipeline.ToolCall{tool("pay", `{}`)}}),
		cfg: pipeline.Config{Tools: b, Mask: func(on bool) { masked = on }},
	}, func(c *call) {
		c.AgentSaid(1)
		c.Speak(time.Second)
		c.Until("the question", func() bool { return len(c.Notes.Did(turn.Interject)) == 1 })
		c.Press("411")
		ended := time.Now()
		c.conv.Stop()
		c.Same("the wait for the tool", time.Duration(0), time.Since(ended))
		if !b.done || b.err == nil || masked {
			c.Errorf("after the end: done %v, error %v, masked %v", b.done, b.err, masked)
		}
	})
}
