package pipeline_test

import (
	"testing"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/turn"
)

var speculating = turn.Config{Speculation: turn.Speculation{PerTurn: 2}}

func TestAGuessThatIsRightSavesTheModelsTime(t *testing.T) {
	took := map[bool]time.Duration{}
	for _, guesses := range []bool{false, true} {
		t.Run(map[bool]string{false: "off", true: "on"}[guesses], func(t *testing.T) {
			o := options{
				says:       []string{"what are your opening hours"},
				recognizer: &declared.Recognizer{FirstPartial: 160 * ms, PartialEvery: 100 * ms, Final: 300 * ms, Says: declared.Always("what are your opening hours")},
				replies:    []string{hours},
			}
			if guesses {
				o.cfg.Turn = speculating
			}
			converseNow(t, o, func(c *call) {
				c.ask()
				c.heard(2)
				reply := c.notes.told()[2]
				took[guesses], _ = reply.Ledger.Total()
				c.same("the reply", hours, reply.Heard)
				c.same("history", []pipeline.Message{
					{Role: pipeline.Agent, Text: texts.Greeting},
					{Role: pipeline.Caller, Text: "what are your opening hours"},
				}, c.model.history())
				if guesses {
					c.same("guesses", []int{1, 1, 0}, []int{
						len(c.notes.did(turn.StartGuess)), len(c.notes.did(turn.AdoptGuess)), len(c.notes.did(turn.DropGuess)),
					})
				}
			})
		})
	}
	t.Logf("a turn takes %v without guesses, %v with", took[false], took[true])
	if took[true] > took[false]-300*ms {
		t.Errorf("a turn takes %v without guesses, %v with", took[false], took[true])
	}
}

func TestAWrongGuessIsNeitherHeardNorRemembered(t *testing.T) {
	o := options{
		cfg:     pipeline.Config{Turn: speculating},
		says:    []string{"what are your opening hours", "on sunday"},
		replies: []string{hours},
	}
	o.model = &declared.Model{FirstToken: 20 * ms, Reply: func(r pipeline.Request) (string, *pipeline.Act) {
		if last := r.History[len(r.History)-1].Text; last != "what are your opening hours on sunday" {
			return "You said: " + last, &pipeline.Act{Name: pipeline.ActHangUp}
		}

		return hours, nil
	}}
	converse(t, o, func(c *call) {
		c.state(turn.Listening)
		c.run(400 * ms)
		c.speak(1200 * ms)
		c.run(210 * ms) // shorter than any wait
		c.speak(600 * ms)
		c.heard(2)
		c.same("the agent's turns", []string{texts.Greeting, hours}, c.notes.said(pipeline.Agent))
		c.same("the caller's turns", []string{"what are your opening hours on sunday"}, c.notes.said(pipeline.Caller))
		if len(c.notes.did(turn.DropGuess)) == 0 {
			c.Error("no guess was dropped")
		}
		if n := len(c.notes.did(turn.StartGuess)); n > 2 {
			c.Errorf("%d guesses in one turn", n)
		}
	})
}

func TestAGuessFailsInSilence(t *testing.T) {
	o := options{
		cfg:   pipeline.Config{Turn: speculating},
		says:  []string{"what are your opening hours"},
		model: &declared.Model{Reply: declared.Replies(hours), Faults: declared.At(0, declared.Fault{Err: errBroken})},
	}
	converse(t, o, func(c *call) {
		c.ask()
		c.heard(2)
		c.same("the agent's turns", []string{texts.Greeting, hours}, c.notes.said(pipeline.Agent))
	})
}
