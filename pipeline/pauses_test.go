package pipeline_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/turn"
)

// say is a turn of the caller with pauses between its talkspurts.
func (c *call) say(pauses ...time.Duration) {
	c.Helper()
	c.Await(turn.Listening)
	c.Run(400 * ms)
	c.Speak(1200 * ms)
	for _, p := range pauses {
		c.Run(p)
		c.Speak(1200 * ms)
	}
}

// wants checks what the caller's turns are, and that the reasons of the
// decisions have each of some words.
func (c *call) wants(turns []string, reasons ...string) {
	c.Helper()
	c.Same("the caller's turns", turns, c.Notes.Said(pipeline.Caller))
	var told []string
	for _, a := range c.Notes.Did(turn.Endpoint) {
		told = append(told, strings.Join(a.Reasons, "; "))
	}
	for _, r := range reasons {
		if !slices.ContainsFunc(told, func(s string) bool { return strings.Contains(s, r) }) {
			c.Errorf("no decision says %q:\n%s", r, strings.Join(told, "\n"))
		}
	}
}

func TestDigitsAreWaitedFor(t *testing.T) {
	converse(t, options{
		says:    []string{"one two three", "four five"},
		replies: []string{"Thank you."},
	}, func(c *call) {
		c.say(1500 * ms)
		c.AgentSaid(2)
		c.wants([]string{"one two three four five"}, "few digits yet", "long pauses of this caller last")
	})
}

func TestAHesitantNameIsOneTurn(t *testing.T) {
	converse(t, options{
		says:    []string{"my name is", "john"},
		replies: []string{"Hello, John."},
	}, func(c *call) {
		c.say(900 * ms)
		c.AgentSaid(2)
		c.wants([]string{"my name is john"}, `ends with the auxiliary "is"`)
	})
}

func TestACallerWhoLooksSomethingUpIsWaitedFor(t *testing.T) {
	converse(t, options{
		says:    []string{"hold on", "it is the blue one"},
		replies: []string{"Thank you."},
	}, func(c *call) {
		c.say(2800 * ms)
		c.AgentSaid(2)
		c.wants([]string{"hold on it is the blue one"}, `asks us to wait: "hold on"`)
	})
}

// The words that come last count, even when the silence was long enough for
// the words before them.
func TestLastWordsAskForMore(t *testing.T) {
	converse(t, options{
		recognizer: &declared.Recognizer{
			FirstPartial: 100 * ms, Final: 400 * ms, Says: declared.InTurn("yes and", "tomorrow"), // "yes" is all that comes early
		},
		replies: []string{"Thank you."},
	}, func(c *call) {
		c.say(1100 * ms)
		c.AgentSaid(2)
		c.wants([]string{"yes and tomorrow"}, `ends with the conjunction "and"`)
	})
}

// What the agent has asked decides what is an answer.
func TestTheQuestionCounts(t *testing.T) {
	converse(t, options{
		says:    []string{"i want to pay", "it's", "five one five", "two one two", "three four five six"},
		replies: []string{"What is your phone number?", "Thank you."},
	}, func(c *call) {
		c.say()
		c.AgentSaid(2)
		c.say(600*ms, 800*ms, 700*ms)
		c.AgentSaid(3)
		c.wants([]string{"i want to pay", "it's five one five two one two three four five six"}, "digits are missing", "all digits are there")
		var asked int
		for _, e := range c.Notes.Events() {
			if e.Kind == turn.SpeechEnd && e.Asked.Digits == 10 {
				asked++
			}
		}
		if asked != 4 {
			c.Errorf("%d talkspurts came after a question for ten digits, want 4", asked)
		}
	})
}
