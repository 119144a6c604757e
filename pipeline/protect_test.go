package pipeline_test

import (
	"regexp"
	"strings"
	"testing"

	"trunkline/pipeline"
	"trunkline/pipeline/pipelinetest"
	"trunkline/pipeline/turn"
)

func TestProtectedWordingIsHeardAndTheCallerAnsweredAfterIt(t *testing.T) {
	const disclosure = "This call may be recorded, and I am an artificial agent."
	o := options{
		says: []string{"hello there", "stop calling me please", "bye"},
		model: deltas{
			{Text: disclosure + " ", Protected: true},
			{Text: "Now let me tell you all about our new offers of this summer."},
		},
	}
	converse(t, o, func(c *call) {
		c.ask()
		c.Run(600 * ms)
		c.Speak(900 * ms)
		c.Until("the next turn", func() bool { return len(c.Notes.Said(pipeline.Caller)) >= 2 })
		first := c.Notes.Turns()[2]
		if !strings.HasPrefix(first.Heard, disclosure) || !first.Interrupted {
			c.Errorf("the disclosure: %+v", first)
		}
		if strings.Contains(first.Heard, "summer") {
			c.Errorf("the agent talked on: %q", first.Heard)
		}
		c.Same("the caller's turns", []string{"hello there", "stop calling me please"}, c.Notes.Said(pipeline.Caller))
		judged := c.Notes.Did(turn.Judge)
		if len(judged) == 0 || judged[0].Text != "interruption" {
			c.Errorf("the interruption was not noted: %+v", judged)
		}
	})
}

func TestASentenceWithProtectedWordingIsHeardToItsEnd(t *testing.T) {
	const terms = "You have the right to cancel within fourteen days of this call."
	o := options{
		cfg:     pipeline.Config{Protected: []*regexp.Regexp{regexp.MustCompile("(?i)right to cancel")}},
		says:    []string{"hello there", "stop it please", "bye"},
		replies: []string{terms + " Now let me tell you all about our new offers of this summer."},
	}
	converse(t, o, func(c *call) {
		c.ask()
		c.Run(600 * ms)
		c.Speak(900 * ms)
		c.Until("the next turn", func() bool { return len(c.Notes.Said(pipeline.Caller)) >= 2 })
		if first := c.Notes.Turns()[2]; !strings.HasPrefix(first.Heard, terms) || strings.Contains(first.Heard, "summer") {
			c.Errorf("heard: %q", first.Heard)
		}
	})
}

func TestAProtectedLineIsHeardWhole(t *testing.T) {
	o := options{
		cfg:     pipeline.Config{Turn: turn.Config{Protected: []turn.Line{turn.Greeting}}},
		says:    []string{"wait stop it"},
		replies: []string{hours},
	}
	converse(t, o, func(c *call) {
		c.audible()
		c.Run(300 * ms)
		c.Speak(700 * ms)
		c.AgentSaid(2)
		told := c.Notes.Turns()
		c.Same("the greeting", texts.Greeting, told[0].Heard)
		c.Same("the caller", "wait stop it", told[1].Text)
		c.Same("the answer", hours, told[2].Text)
	})
}

func TestALongPauseGoesOnWithTheCutWord(t *testing.T) {
	converse(t, options{says: []string{"what are your opening hours", ""}, replies: []string{hours}}, func(c *call) {
		c.ask()
		c.audible()
		first := len(c.Phone.Sent) - 1
		c.Run(800 * ms)
		c.Speak(500 * ms)
		c.AgentSaid(2)
		c.Same("respoken", 1, len(c.Notes.Did(turn.Respeak)))
		u := c.Notes.Turns()[2]
		if u.Interrupted || u.Heard != hours {
			c.Errorf("the turn: %+v", u)
		}
		loud := 0
		for i := range c.Phone.Sent[first:] {
			if !pipelinetest.Silent(&c.Phone.Sent[first+i]) {
				loud++
			}
		}
		whole := len(speech(hours)) / 160
		if again := loud - whole; again < 1 || again > 16 {
			c.Errorf("%d frames were said again, want those of one word", again)
		}
	})
}
