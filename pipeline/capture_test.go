package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"trunkline/media"
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

// press presses keys one after another.
func (c *call) press(keys string) {
	for i := range keys {
		c.phone.keys = append(c.phone.keys, media.Digit{Key: keys[i]})
		c.run(200 * ms)
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
		c.heard(1)
		c.speak(time.Second)
		c.until("the question", func() bool { return len(c.notes.did(turn.Interject)) == 1 })
		c.run(3 * time.Second)
		c.press("411")
		c.speak(2 * time.Second) // the caller reads the number out as well
		c.press("1#")
		c.heard(2)
		c.same("the keys", []string{"4111"}, b.got)
		c.same("the agent's turns", []string{texts.Greeting, "Thank you, it is paid."}, c.notes.said(pipeline.Agent))
		c.same("the caller's turns", []string{"I would like to pay"}, c.notes.said(pipeline.Caller))
		c.same("masked and not any more", []bool{true, false}, masks)
		for _, e := range c.notes.log() {
			if e.Kind == turn.KeyPressed || strings.Contains(e.Text, "411") {
				c.Errorf("the log has %+v", e)
			}
		}
		if told := fmt.Sprintf("%+v", c.model.asked()); strings.Contains(told, "4111") {
			c.Errorf("the model was told %s", told)
		}
		if n := len(c.notes.did(turn.Interject)); n != 1 {
			c.Errorf("the caller was asked, or told to wait, %d times; want once", n)
		}
		if spurts != 1 {
			c.Errorf("the recogniser heard %d talkspurts; want the one from before", spurts)
		}
		c.speak(time.Second)
		c.until("the caller is heard again", func() bool { return spurts == 2 })
	})
}

func TestKeysThatCannotBeRightAreAskedForAgain(t *testing.T) {
	b := &till{ask: card()}
	converse(t, options{
		says: []string{"pay"}, model: rounds("It is {result}.", step{"", []pipeline.ToolCall{tool("pay", `{}`)}}), cfg: pipeline.Config{Tools: b},
	}, func(c *call) {
		asked := func(n int) func() bool {
			return func() bool { return len(c.notes.did(turn.Interject)) == n }
		}
		c.heard(1)
		c.speak(time.Second)
		c.until("the question", asked(1))
		c.press("5555#")
		c.until("the question again", asked(2))
		c.press("41#") // too few
		c.until("the question again", asked(3))
		c.press("99*4222#") // begun anew
		c.heard(2)
		c.same("the keys", []string{"4222"}, b.got)
	})
}

func TestACallerWhoKeysInNothingIsAskedOnce(t *testing.T) {
	b := &till{ask: card()}
	converse(t, options{
		says: []string{"pay", "never mind"}, model: rounds("{result}.", step{"", []pipeline.ToolCall{tool("pay", `{}`)}}), cfg: pipeline.Config{Tools: b},
	}, func(c *call) {
		c.heard(1)
		c.speak(time.Second)
		began := time.Now()
		c.heard(2)
		if waited := time.Since(began); waited < 30*time.Second || waited > 40*time.Second {
			c.Errorf("the caller was waited for %s, want some 30 s", waited)
		}
		c.same("the reply", pipeline.ErrNoKeys.Error()+".", c.lastTurn().Text)
		c.same("asked", 1, len(c.notes.did(turn.Interject)))
	})
}

func TestTheEndOfTheCallEndsTheAsking(t *testing.T) {
	b := &till{ask: card()}
	masked := false
	converse(t, options{
		says: []string{"pay"}, model: rounds("{result}.", step{"", []pipeline.ToolCall{tool("pay", `{}`)}}),
		cfg: pipeline.Config{Tools: b, Mask: func(on bool) { masked = on }},
	}, func(c *call) {
		c.heard(1)
		c.speak(time.Second)
		c.until("the question", func() bool { return len(c.notes.did(turn.Interject)) == 1 })
		c.press("411")
		ended := time.Now()
		c.conv.Stop()
		c.same("the wait for the tool", time.Duration(0), time.Since(ended))
		if !b.done || b.err == nil || masked {
			c.Errorf("after the end: done %v, error %v, masked %v", b.done, b.err, masked)
		}
	})
}
