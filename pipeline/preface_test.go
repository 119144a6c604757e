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
		c.run(300 * ms)
		c.speak(time.Second) // over the first sentence
		c.until("the caller's turn", func() bool { return len(c.notes.said(pipeline.Caller)) > 0 })
		c.same("heard to their ends", []int{1, 2}, c.passed)
		first := c.notes.told()[0]
		c.same("the greeting was cut off", true, first.Interrupted)
		c.same("what was to be said", "I am calling for Acme. Say stop to end these calls. "+texts.Greeting, first.Text)
		c.same("the caller's turn", []string{"wait a minute please"}, c.notes.said(pipeline.Caller))
	})
}

func TestAKeyDoesNotCutThePrefaceOff(t *testing.T) {
	converse(t, options{cfg: opens}, func(c *call) {
		c.run(300 * ms)
		c.phone.keys = append(c.phone.keys, media.Digit{Key: '5'})
		c.until("the caller's turn", func() bool { return len(c.notes.said(pipeline.Caller)) > 0 })
		c.same("heard to their ends", []int{1, 2}, c.passed)
	})
}

func TestTheClosingFollowsAnOrderedGoodbye(t *testing.T) {
	converse(t, options{cfg: opens}, func(c *call) {
		c.conv.Finish(turn.Goodbye, "over")
		c.same("end", "over", c.outcome().Reason)
		c.same("heard to their ends", []int{3}, c.passed)
	})
}

func TestTheClosingFollowsTheModelsGoodbye(t *testing.T) {
	o := options{cfg: opens, says: []string{"that is all"}, model: deltas{{Text: "Goodbye then."}, {Act: &pipeline.Act{Name: turn.ActHangUp}}}}
	converse(t, o, func(c *call) {
		c.heard(1)
		c.speak(time.Second)
		c.same("end", turn.EndGoodbye, c.outcome().Reason)
		c.same("heard to their ends", []int{1, 2, 3}, c.passed)
		c.same("the last words", "Our number is five.", c.lastTurn().Text)
	})
}

func TestTheClosingFollowsALineOfGoodbye(t *testing.T) {
	o := options{cfg: opens, says: []string{"that is all"}, model: deltas{{Act: &pipeline.Act{Name: turn.ActHangUp}}}}
	converse(t, o, func(c *call) {
		c.heard(1)
		c.speak(time.Second)
		c.same("end", turn.EndGoodbye, c.outcome().Reason)
		c.same("the last words", texts.Goodbye+" Our number is five.", c.lastTurn().Text)
	})
}
