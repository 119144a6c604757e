package pipelinetest

import (
	"context"
	"hash/fnv"
	"iter"
	"strings"
	"sync"
	"testing"

	"trunkline/pipeline"
)

// Texts are an agent's fixed lines.
var Texts = pipeline.Texts{
	Greeting:      "Hello, how can I help you?",
	Idle:          []string{"Are you still there?", "Please say something."},
	NotHeard:      "Sorry, I did not hear you.",
	Goodbye:       "Thank you and goodbye.",
	HandOff:       "I will put you through.",
	Busy:          "All lines are busy.",
	Apology:       "Sorry, something went wrong.",
	Trouble:       "Please call again later.",
	CapWarning:    "Two minutes are left.",
	CapGoodbye:    "Our time is over.",
	Filler:        []string{"One moment.", "Just a bit longer."},
	NotReached:    "Nobody is there.",
	BudgetGoodbye: "I have to go now, goodbye.",
}

// Voice speaks 100 ms a word.
type Voice struct{}

// Synthesize implements pipeline.Synthesizer.
func (Voice) Synthesize(_ context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		yield(pipeline.Speech{Samples: Speech(text, 800)}, nil)
	}
}

// Speech is a text's audio of so many samples a word: no two texts, and no two
// places of one, are alike. No sample is zero.
func Speech(text string, perWord int) []int16 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	seed := h.Sum32()
	out := make([]int16, len(strings.Fields(text))*perWord)
	for i := range out {
		seed = seed*1664525 + 1013904223
		out[i] = 1000 + int16(seed>>16&0xfff)
	}

	return out
}

// wanted is what Lines are made of.
type wanted struct {
	voice pipeline.Synthesizer
	more  string
}

// made keeps Lines by what they are made of, since most tests want the same.
var made sync.Map

// Lines prepares the Texts, what an agent's settings have said around them, and
// more sentences. The voice is comparable.
func Lines(t *testing.T, v pipeline.Synthesizer, c *pipeline.Config, more ...string) *pipeline.Lines {
	t.Helper()
	for _, p := range c.Preface {
		more = append(more, p.Text)
	}
	if c.Closing != nil {
		more = append(more, c.Closing(c.Language).Text)
	}
	key := wanted{v, strings.Join(more, "\n")}
	if l, ok := made.Load(key); ok {
		return l.(*pipeline.Lines) //nolint:errcheck,forcetypeassert // nothing else is stored
	}
	l, err := pipeline.PrepareLines(t.Context(), v, Texts, more...)
	if err != nil {
		t.Fatal(err)
	}
	made.Store(key, l)

	return l
}
