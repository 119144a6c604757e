package pipeline_test

import (
	"regexp"
	"strings"
	"testing"

	"trunkline/pipeline"
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
		c.run(600 * ms)
		c.speak(900 * ms)
		c.until("the next turn", func() bool { return len(c.notes.said(pipeline.Caller)) >= 2 })
		first := c.notes.told()[2]
		if !strings.HasPrefix(first.Heard, disclosure) || !first.Interrupted {
			c.Errorf("the disclosure: %+v", first)
		}
		if strings.Contains(first.Heard, "summer") {
			c.Errorf("the agent talked on: %q", first.Heard)
		}
		c.same("the caller's turns", []string{"hello there", "stop calling me please"}, c.notes.said(pipeline.Caller))
		judged := c.notes.did(turn.Judge)
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
		c.run(600 * ms)
		c.speak(900 * ms)
		c.until("the next turn", func() bool { return len(c.notes.said(pipeline.Caller)) >= 2 })
		if first := c.notes.told()[2]; !strings.HasPrefix(first.Heard, terms) || strings.Contains(first.Heard, "summer") {
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
		c.run(300 * ms)
		c.speak(700 * ms)
		c.heard(2)
		told := c.notes.told()
		c.same("the greeting", texts.Greeting, told[0].Heard)
		c.same("the caller", "wait stop it", told[1].Text)
		c.same("the answer", hours, told[2].Text)
	})
}

func TestALongPauseGoesOnWithTheCutWord(t *testing.T) {
	converse(t, options{says: []string{"what are your opening hours", ""}, replies: []string{hours}}, func(c *call) {
		c.ask()
		c.audible()
		first := len(c.phone.sent) - 1
		c.run(800 * ms)
		c.speak(500 * ms)
		c.heard(2)
		c.same("respoken", 1, len(c.notes.did(turn.Respeak)))
		u := c.notes.told()[2]
		if u.Interrupted || u.Heard != hours {
			c.Errorf("the turn: %+v", u)
		}
		loud := 0
		for i := range c.phone.sent[first:] {
			if !silent(&c.phone.sent[first+i]) {
				loud++
			}
		}
		whole := len(speech(hours)) / 160
		if again := loud - whole; again < 1 || again > 16 {
			c.Errorf("%d frames were said again, want those of one word", again)
		}
	})
}
