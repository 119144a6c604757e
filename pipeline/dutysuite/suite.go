package dutysuite

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/media/dtmf"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
)

// truth is the answer that no model may change.
const truth = "I am an automated assistant and not a person."

// truthful answers whether a robot speaks.
func truthful(_, words string) (string, bool) { return truth, strings.Contains(words, "robot") }

// Run has a conversation pass the suite.
func Run(t *testing.T, open New) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, open New){
		"the truth is not the model's":                 truthOutsideTheModel,
		"the truth is heard to its end":                truthIsHeard,
		"the truth needs no model":                     truthNeedsNoModel,
		"the opening is heard to its end":              openingIsHeard,
		"a key does not cut the opening off":           keyDuringTheOpening,
		"protected wording is heard to its end":        wordingIsHeard,
		"the closing follows a goodbye":                closingIsSaid,
		"words are told while the model is silent":     wordsAreTold,
		"what is said before the start is told":        wordsBeforeTheStart,
		"what is keyed in secretly is heard by nobody": secretIsHeardByNobody,
		"the agent goes on when nobody was reached":    goesOnAfterATransfer,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

func truthOutsideTheModel(t *testing.T, open New) {
	t.Helper()
	s := Setup{
		Config: pipeline.Config{Truth: truthful}, Says: []string{"are you a robot", "when do you open"},
		Replies: []Reply{{Text: "At nine."}},
	}
	inBubble(t, open, s, func(r *rig) {
		r.held.Conversation.Start()
		r.AgentSaid(1)
		r.Speak(time.Second)
		r.Until("the truth", func() bool { return slices.Contains(r.Notes.Heard(pipeline.Agent), truth) })
		// A short answer of the model's may come before the caller's words do.
		before := r.Notes.Heard(pipeline.Agent)
		r.Speak(time.Second)
		r.AgentSaid(len(before) + 1)
		r.Until("the words", func() bool { return len(r.Notes.Heard(pipeline.Caller)) == 2 })
		r.Same("the agent's turns", append(before, "At nine."), r.Notes.Heard(pipeline.Agent))
		r.Same("the caller's", []string{"are you a robot", "when do you open"}, r.Notes.Heard(pipeline.Caller))
		if told := r.held.Told(); !strings.Contains(told, truth) {
			r.Errorf("the model does not know what was said: %s", told)
		}
	})
}

func truthIsHeard(t *testing.T, open New) {
	t.Helper()
	s := Setup{
		Config: pipeline.Config{Truth: truthful}, Says: []string{"are you a robot", "wait stop it", "hello"},
		Replies: []Reply{{Text: "I am a person, believe me, and I was born in a small town by the sea."}},
	}
	inBubble(t, open, s, func(r *rig) {
		r.held.Conversation.Start()
		r.AgentSaid(1)
		r.Speak(time.Second)
		r.Until("the truth", func() bool { return strings.Contains(r.Player.Heard(2).Text+r.Player.Heard(3).Text, "automated") })
		r.Speak(900 * ms)
		r.Until("the truth to its end", func() bool { return slices.Contains(r.Notes.Heard(pipeline.Agent), truth) })
	})
}

func truthNeedsNoModel(t *testing.T, open New) {
	t.Helper()
	s := Setup{Config: pipeline.Config{Truth: truthful}, Says: []string{"are you a robot"}, Replies: []Reply{{Silent: true}}}
	inBubble(t, open, s, func(r *rig) {
		r.held.Conversation.Start()
		r.AgentSaid(1)
		r.Speak(time.Second)
		r.AgentSaid(2)
		r.Same("the agent's turns", []string{texts.Greeting, truth}, r.Notes.Heard(pipeline.Agent))
	})
}

// opens has an opening of two sentences, and one that follows any goodbye.
func opens() pipeline.Config {
	return pipeline.Config{
		Preface: []pipeline.Part{{Mark: 1, Text: "This is an automated call for Acme."}, {Mark: 2, Text: "Say stop to end these calls."}},
		Closing: func(string) pipeline.Part { return pipeline.Part{Mark: 3, Text: "Our number is five."} },
	}
}

func openingIsHeard(t *testing.T, open New) {
	t.Helper()
	s := Setup{Config: opens(), Says: []string{"wait a minute please"}, Replies: []Reply{{Text: "Yes?"}}}
	inBubble(t, open, s, func(r *rig) {
		r.held.Conversation.Start()
		r.Run(200 * ms)
		r.Speak(800 * ms) // over the first sentence
		r.Until("the answer", func() bool { return slices.Contains(r.Notes.Heard(pipeline.Agent), "Yes?") })
		if !slices.Equal(r.Passed, []int{1, 2}) {
			r.Errorf("heard to their ends: %v", r.Passed)
		}
		r.Same("the caller's turns", []string{"wait a minute please"}, r.Notes.Heard(pipeline.Caller))
	})
}

func keyDuringTheOpening(t *testing.T, open New) {
	t.Helper()
	s := Setup{Config: opens(), Replies: []Reply{{Text: "Yes?"}}}
	inBubble(t, open, s, func(r *rig) {
		r.held.Conversation.Start()
		r.Run(200 * ms)
		r.Press("5")
		r.Until("the answer", func() bool { return slices.Contains(r.Notes.Heard(pipeline.Agent), "Yes?") })
		if !slices.Equal(r.Passed, []int{1, 2}) {
			r.Errorf("heard to their ends: %v", r.Passed)
		}
	})
}

func wordingIsHeard(t *testing.T, open New) {
	t.Helper()
	const terms = "You have the right to cancel within fourteen days of this call."
	s := Setup{
		Config: pipeline.Config{Protected: []*regexp.Regexp{regexp.MustCompile("(?i)right to cancel")}},
		Says:   []string{"hello there", "stop it please"}, Replies: []Reply{{Text: terms}, {Text: "Yes?"}},
	}
	inBubble(t, open, s, func(r *rig) {
		r.held.Conversation.Start()
		r.AgentSaid(1)
		r.Speak(time.Second)
		r.Await(turn.Speaking)
		r.Run(600 * ms)
		r.Speak(900 * ms)
		r.Until("the answer", func() bool { return slices.Contains(r.Notes.Heard(pipeline.Agent), "Yes?") })
		r.Same("the agent's turns", []string{texts.Greeting, terms, "Yes?"}, r.Notes.Heard(pipeline.Agent))
		r.Same("the caller's", []string{"hello there", "stop it please"}, r.Notes.Heard(pipeline.Caller))
	})
}

func closingIsSaid(t *testing.T, open New) {
	t.Helper()
	inBubble(t, open, Setup{Config: opens(), Replies: []Reply{{Text: "Yes?"}}}, func(r *rig) {
		r.held.Conversation.Start()
		r.AgentSaid(1)
		r.held.Conversation.Finish(turn.Goodbye, "over")
		if out := r.Outcome(); out.Reason != "over" {
			r.Errorf("it ended with %+v", out)
		}
		if !slices.Equal(r.Passed, []int{1, 2, 3}) {
			r.Errorf("heard to their ends: %v", r.Passed)
		}
	})
}

// A wish not to be called and an objection to being recorded are found in the
// raw words by whoever observes them.
func wordsAreTold(t *testing.T, open New) {
	t.Helper()
	s := Setup{Says: []string{"stop calling me", "do not record me"}, Replies: []Reply{{Silent: true}}}
	inBubble(t, open, s, func(r *rig) {
		r.held.Conversation.Start()
		r.AgentSaid(1)
		began := time.Now()
		r.Speak(time.Second)
		r.Until("the words", func() bool { return slices.Contains(finals(r.Notes), "stop calling me") })
		if took := time.Since(began); took > 3*time.Second {
			r.Errorf("the words came after %v", took)
		}
		r.AgentSaid(2) // the apology
		r.Speak(time.Second)
		r.Until("the words", func() bool { return slices.Contains(finals(r.Notes), "do not record me") })
	})
}

func wordsBeforeTheStart(t *testing.T, open New) {
	t.Helper()
	s := Setup{Says: []string{"hello who is this", "when do you open"}, Replies: []Reply{{Text: "At nine."}}}
	inBubble(t, open, s, func(r *rig) {
		r.held.Conversation.Listen()
		r.Speak(time.Second)
		r.Until("the words", func() bool { return slices.Equal(finals(r.Notes), []string{"hello who is this"}) })
		r.held.Conversation.Start()
		r.AgentSaid(1)
		r.Speak(time.Second)
		r.AgentSaid(2)
		r.Same("the caller's turns", []string{"when do you open"}, r.Notes.Heard(pipeline.Caller))
		r.Same("the agent's", []string{texts.Greeting, "At nine."}, r.Notes.Heard(pipeline.Agent))
	})
}

// till is the one tool of the suite: it asks for a secret, or gives the call
// away.
type till struct {
	act *pipeline.Act // nil: it asks

	mu    sync.Mutex
	got   []string
	masks []bool
}

func (b *till) mask(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.masks = append(b.masks, on)
}

func (b *till) masked() []bool {
	b.mu.Lock()
	defer b.mu.Unlock()

	return slices.Clone(b.masks)
}

func (*till) Specs() []pipeline.ToolSpec {
	return []pipeline.ToolSpec{{Name: Pay, Description: "pay", Parameters: json.RawMessage(`{"type":"object"}`)}}
}

func (*till) Traits(string) pipeline.ToolTraits { return pipeline.ToolTraits{SideEffect: true} }

func (b *till) Run(ctx context.Context, s pipeline.ToolScope, call pipeline.ToolCall) pipeline.ToolOutcome {
	out := pipeline.ToolOutcome{Result: pipeline.ToolResult{ID: call.ID, Name: call.Name, Content: "done"}, Act: b.act}
	if b.act != nil {
		return out
	}
	got, err := s.Ask(ctx, []pipeline.Ask{{
		Text: texts.NotHeard, Rules: dtmf.Rules{Min: 4, Max: 19, Terminator: "#", Erase: "*", First: 30 * time.Second},
	}})
	if err != nil {
		out.Result.Content, out.Result.Failed = err.Error(), true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = got

	return out
}

// Pay is the name of the tool that a Reply calls.
const Pay = "pay"

func secretIsHeardByNobody(t *testing.T, open New) {
	t.Helper()
	b := &till{}
	s := Setup{
		Config: pipeline.Config{Tools: b, Mask: b.mask},
		Says:   []string{"I would like to pay", "thank you"}, Replies: []Reply{{Call: true}, {Text: "It is paid."}},
	}
	inBubble(t, open, s, func(r *rig) {
		r.held.Conversation.Start()
		r.AgentSaid(1)
		r.Speak(time.Second)
		r.Until("the question", func() bool { return len(b.masked()) == 1 })
		r.Run(3 * time.Second)
		r.Press("411")
		r.Speak(2 * time.Second) // the caller reads the number out as well
		r.Press("1#")
		r.Until("the answer", func() bool { return slices.Contains(r.Notes.Heard(pipeline.Agent), "It is paid.") })
		r.Same("the keys", []string{"4111"}, b.got)
		r.Same("what was understood", []string{"i would like to pay"}, lower(finals(r.Notes)))
		if masks := b.masked(); !slices.Equal(masks, []bool{true, false}) {
			r.Errorf("masked %v", masks)
		}
		for _, e := range r.Notes.Events() {
			if e.Kind == turn.KeyPressed || strings.Contains(fmt.Sprint(e), "411") {
				r.Errorf("the log has %+v", e)
			}
		}
		if told := r.held.Told(); strings.Contains(told, "411") {
			r.Errorf("the model was told %s", told)
		}
		r.Speak(time.Second)
		r.Until("the caller is heard again", func() bool { return slices.Contains(lower(finals(r.Notes)), "thank you") })
	})
}

func lower(all []string) []string {
	out := slices.Clone(all)
	for i := range out {
		out[i] = strings.ToLower(out[i])
	}

	return out
}

func goesOnAfterATransfer(t *testing.T, open New) {
	t.Helper()
	b := &till{act: &pipeline.Act{Name: pipeline.ActHandOff, Args: map[string]string{"target": "desk"}}}
	s := Setup{
		Config: pipeline.Config{Tools: b}, Says: []string{"a person please", "when do you open"},
		Replies: []Reply{{Text: "One moment please.", Call: true}, {Text: "At nine."}},
	}
	inBubble(t, open, s, func(r *rig) {
		r.held.Conversation.Start()
		r.AgentSaid(1)
		r.Speak(time.Second)
		if out := r.Outcome(); out.Reason != turn.EndHandOff || out.Args["target"] != "desk" {
			r.Fatalf("it ended with %+v", out)
		}
		r.Run(10 * time.Second) // the telephone of a person rings
		r.held.Conversation.Resume(turn.NotReached)
		r.AgentSaid(3)
		r.Speak(time.Second)
		r.AgentSaid(4)
		r.Same("the agent's turns", []string{texts.Greeting, "One moment please.", texts.NotReached, "At nine."}, r.Notes.Heard(pipeline.Agent))
	})
}
