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
				c.AgentSaid(2)
				reply := c.Notes.Turns()[2]
				took[guesses], _ = reply.Ledger.Total()
				c.Same("the reply", hours, reply.Heard)
				c.Same("history", []pipeline.Message{
					{Role: pipeline.Agent, Text: texts.Greeting},
					{Role: pipeline.Caller, Text: "what are your opening hours"},
				}, c.model.history())
				if guesses {
					c.Same("guesses", []int{1, 1, 0}, []int{
						len(c.Notes.Did(turn.StartGuess)), len(c.Notes.Did(turn.AdoptGuess)), len(c.Notes.Did(turn.DropGuess)),
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
		c.Await(turn.Listening)
		c.Run(400 * ms)
		c.Speak(1200 * ms)
		c.Run(210 * ms) // shorter than any wait
		c.Speak(600 * ms)
		c.AgentSaid(2)
		c.Same("the agent's turns", []string{texts.Greeting, hours}, c.Notes.Said(pipeline.Agent))
		c.Same("the caller's turns", []string{"what are your opening hours on sunday"}, c.Notes.Said(pipeline.Caller))
		if len(c.Notes.Did(turn.DropGuess)) == 0 {
			c.Error("no guess was dropped")
		}
		if n := len(c.Notes.Did(turn.StartGuess)); n > 2 {
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
		c.AgentSaid(2)
		c.Same("the agent's turns", []string{texts.Greeting, hours}, c.Notes.Said(pipeline.Agent))
	})
}
