package engine

import (
	"cmp"
	"regexp"

	"trunkline/compliance/objection"
	"trunkline/config"
	"trunkline/media/clean"
	"trunkline/pipeline"
	"trunkline/pipeline/cost"
	"trunkline/pipeline/llm/script"
	"trunkline/pipeline/turn"
)

// Conversation is how an agent holds its conversations, as far as no tools and
// no records are needed to tell.
func Conversation(a *config.Agent) pipeline.Config {
	t := turn.Config{Idle: a.Idle, Moment: a.Moment}
	for _, l := range a.Protected {
		t.Protected = append(t.Protected, turn.Line(l))
	}
	var wording []*regexp.Regexp
	for _, w := range a.ProtectedWording {
		if r, err := config.Wording(w); err == nil { // the configuration was validated
			wording = append(wording, r)
		}
	}
	if a.Speculates() {
		t.Speculation = turn.Speculation{PerTurn: a.Speculation.PerTurn, Stable: a.Speculation.Stable}
	}

	t.OnFailure = turn.OnFailure{Do: turn.Rescue(a.OnFailure.Do), Target: a.OnFailure.Target}

	var sound []int16
	if a.HoldSound == "tone" {
		sound = pipeline.HoldTone()
	}

	return pipeline.Config{
		HoldSound: sound,
		Turn:      t, Protected: wording, Front: front(a), Budget: cost.Amount(a.Budget),
		Detect: pipeline.Detection{Finals: a.DetectLanguage.Finals, Words: a.DetectLanguage.Words},
	}
}

// front treats what the agent's recogniser hears; nil: nothing does.
func front(a *config.Agent) func() pipeline.Front {
	if a.Recogniser.Clean == "off" {
		return nil
	}

	return func() pipeline.Front { return clean.New() }
}

// Texts are the agent's fixed sentences: the configuration's, else the
// script's, else plain ones.
func (s *Set) Texts(a *config.Agent) pipeline.Texts {
	var own script.Lines
	if s.Script != nil {
		own = s.Script.Lines()
	}
	l := a.Lines
	optOut := optOutLines(a.Language)

	return pipeline.Texts{
		Greeting:   cmp.Or(a.Greeting, own.Greeting, "Hello. How can I help you?"),
		Idle:       firstList(l.Idle, own.Idle, []string{"Are you still there?"}),
		Filler:     fillers(l.Filler),
		NotHeard:   cmp.Or(l.NotHeard, own.NotHeard, "I am sorry, I did not hear you. Could you say it again?"),
		Goodbye:    cmp.Or(l.Goodbye, own.Goodbye, "Thank you for calling. Goodbye."),
		HandOff:    cmp.Or(l.HandOff, own.HandOff, "I will put you through. One moment, please."),
		Busy:       cmp.Or(l.Busy, own.Busy, "All our lines are busy. Please call again later. Goodbye."),
		Apology:    cmp.Or(l.Apology, own.Apology, "I am sorry, something went wrong on our side. Could you say that again?"),
		Trouble:    cmp.Or(l.Trouble, own.Trouble, "I am sorry, we are having trouble on our side. Please call again later. Goodbye."),
		NotReached: cmp.Or(l.NotReached, "I am sorry, I could not reach anybody there. Is there anything else that I can do for you?"),
		Message:    l.Message,
		CapWarning: cmp.Or(l.CapWarning, own.CapWarning, "Just so you know, our time on this call is nearly over."),
		CapGoodbye: cmp.Or(l.CapGoodbye, own.CapGoodbye, "Our time on this call is over. Thank you for calling. Goodbye."),
		Language:   a.Language,

		OptedOut:      cmp.Or(l.OptedOut, optOut.stands),
		OptOutFailed:  cmp.Or(l.OptOutFailed, optOut.failed),
		NotKept:       cmp.Or(l.NotKept, objection.Line(a.Language)),
		BudgetGoodbye: cmp.Or(l.BudgetGoodbye, "I have to end our call here. Thank you for calling. Goodbye."),
	}
}

// TextsIn are the agent's fixed sentences in another language. The configuration
// has them all, but in English, which has defaults.
func TextsIn(a *config.Agent, l *config.AgentLanguage) pipeline.Texts {
	in := *a
	in.Language, in.Lines, in.Greeting = l.Language, l.Lines, cmp.Or(l.Greeting, a.Greeting)

	return (&Set{}).Texts(&in)
}

func firstList(lists ...[]string) []string {
	for _, l := range lists {
		if len(l) > 0 {
			return l
		}
	}

	return nil
}

// fillers are what is said when an answer takes a while. An empty list is none.
func fillers(own []string) []string {
	if own != nil {
		return own
	}

	return []string{"One moment, please.", "Just a moment longer.", "I am nearly there."}
}
