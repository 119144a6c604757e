package pipeline_test

import (
	"testing"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
)

// opens has an opening of two sentences, and one that follows any goodbye.
var opens = pipeline.Config{
	Language: "en-US",
	Preface:  []pipeline.Part{{Mark: 1, Text: "I am calling for Acme."}, {Mark: 2, Text: "Say stop to end these calls."}},
	Closing:  func(string) pipeline.Part { return pipeline.Part{Mark: 3, Text: "Our number is five."} },
}

func TestThePrefaceIsHeardBeforeTheGreeting(t *testing.T) {
	converse(t, options{cfg: opens, says: []string{"wait a minute please"}}, func(c *call) {
		c.Run(300 * ms)
		c.Speak(time.Second) // over the first sentence
		c.Until("the caller's turn", func() bool { return len(c.Notes.Said(pipeline.Caller)) > 0 })
		c.Same("heard to their ends", []int{1, 2}, c.Passed)
		first := c.Notes.Turns()[0]
		c.Same("the greeting was cut off", true, first.Interrupted)
		c.Same("what was to be said", "I am calling for Acme. Say stop to end these calls. "+texts.Greeting, first.Text)
		c.Same("the caller's turn", []string{"wait a minute please"}, c.Notes.Said(pipeline.Caller))
	})
}

func TestAKeyDoesNotCutThePrefaceOff(t *testing.T) {
	converse(t, options{cfg: opens}, func(c *call) {
		c.Run(300 * ms)
		c.Phone.Keys = append(c.Phone.Keys, media.Digit{Key: '5'})
		c.Until("the caller's turn", func() bool { return len(c.Notes.Said(pipeline.Caller)) > 0 })
		c.Same("heard to their ends", []int{1, 2}, c.Passed)
	})
}

func TestTheClosingFollowsAnOrderedGoodbye(t *testing.T) {
	converse(t, options{cfg: opens}, func(c *call) {
		c.conv.Finish(turn.Goodbye, "over")
		c.Same("end", "over", c.Outcome().Reason)
		c.Same("heard to their ends", []int{3}, c.Passed)
	})
}

func TestTheClosingFollowsTheModelsGoodbye(t *testing.T) {
	o := options{cfg: opens, says: []string{"that is all"}, model: deltas{{Text: "Goodbye then."}, {Act: &pipeline.Act{Name: turn.ActHangUp}}}}
	converse(t, o, func(c *call) {
		c.AgentSaid(1)
		c.Speak(time.Second)
		c.Same("end", turn.EndGoodbye, c.Outcome().Reason)
		c.Same("heard to their ends", []int{1, 2, 3}, c.Passed)
		c.Same("the last words", "Our number is five.", c.lastTurn().Text)
	})
}

func TestTheClosingFollowsALineOfGoodbye(t *testing.T) {
	o := options{cfg: opens, says: []string{"that is all"}, model: deltas{{Act: &pipeline.Act{Name: turn.ActHangUp}}}}
	converse(t, o, func(c *call) {
		c.AgentSaid(1)
		c.Speak(time.Second)
		c.Same("end", turn.EndGoodbye, c.Outcome().Reason)
		c.Same("the last words", texts.Goodbye+" Our number is five.", c.lastTurn().Text)
	})
}
