package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"trunkline/media"
	"trunkline/media/player"
	"trunkline/pipeline/spoken"
	"trunkline/pipeline/turn"
)

// Texts are an agent's fixed sentences.
type Texts struct {
	Greeting   string
	Idle       []string // by stage of silence; the last one serves all further stages
	NotHeard   string   // there was sound, and no words in it
	Goodbye    string
	HandOff    string // the call goes to a person
	Busy       string
	Apology    string   // a provider failed; the call goes on
	Trouble    string   // a provider failed; the call ends
	Filler     []string // the answer takes a while; said in turn
	NotReached string   // nobody was reached to hand the call to; the agent goes on
	Message    string   // what an answering machine is told; empty: nothing
	CapWarning string
	CapGoodbye string

	BudgetGoodbye string // the call has cost as much as it may; empty: Goodbye
	OptedOut      string // the person's wish not to be called stands; empty: Goodbye
	OptOutFailed  string // it could not be stored; empty: Goodbye
	NotKept       string // nothing of the call is recorded or written down any more

	Language string // BCP 47 tag of the sentences; empty: en-US
}

// Lines are Texts with their audio, made once so that they can be said at any
// time at once, also when the voice fails. They do not change and are safe for
// concurrent use.
type Lines struct {
	texts Texts
	audio map[string]prepared
}

// prepared is a sentence ready to be played.
type prepared struct {
	samples []int16
	words   []media.Word
}

// PrepareLines synthesises texts, and more sentences such as the fillers of
// tools.
func PrepareLines(ctx context.Context, voice Synthesizer, texts Texts, more ...string) (*Lines, error) {
	l := &Lines{texts: texts, audio: make(map[string]prepared)}
	all := append([]string{
		texts.Greeting, texts.NotHeard, texts.Goodbye, texts.HandOff, texts.Busy,
		texts.Apology, texts.Trouble, texts.NotReached, texts.Message, texts.CapWarning, texts.CapGoodbye, texts.BudgetGoodbye,
		texts.OptedOut, texts.OptOutFailed, texts.NotKept,
	}, slices.Concat(texts.Idle, texts.Filler, more)...)
	for _, text := range all {
		if _, made := l.audio[text]; made || text == "" {
			continue
		}
		p, err := prepare(ctx, voice, spoken.One(texts.Language, text).Spoken())
		if err != nil {
			return nil, fmt.Errorf("synthesise %q: %w", text, err)
		}
		l.audio[text] = p
	}

	return l, nil
}

func prepare(ctx context.Context, voice Synthesizer, text string) (prepared, error) {
	var p prepared
	for s, err := range voice.Synthesize(ctx, text) {
		if err != nil {
			return prepared{}, err
		}
		p.samples = append(p.samples, s.Samples...)
		p.words = append(p.words, s.Words...)
	}

	return p, nil
}

// Audio is a line as it is said the first time, with its words. Neither is to
// be changed.
func (l *Lines) Audio(line turn.Line) ([]int16, []media.Word) {
	p := l.audio[l.text(line, 0)]

	return p.samples, p.words
}

// text is the sentence of a line; stage counts prompts and fillers from 0.
func (l *Lines) text(line turn.Line, stage int) string {
	switch line {
	case turn.Greeting:
		return l.texts.Greeting
	case turn.IdlePrompt:
		if len(l.texts.Idle) == 0 {
			return ""
		}

		return l.texts.Idle[min(stage, len(l.texts.Idle)-1)]
	case turn.Filler:
		if len(l.texts.Filler) == 0 {
			return ""
		}

		return l.texts.Filler[stage%len(l.texts.Filler)]
	case turn.NotHeard:
		return l.texts.NotHeard
	case turn.Goodbye:
		return l.texts.Goodbye
	case turn.HandOff:
		return l.texts.HandOff
	case turn.Busy:
		return l.texts.Busy
	case turn.Apology:
		return l.texts.Apology
	case turn.Trouble:
		return l.texts.Trouble
	case turn.NotReached:
		return l.texts.NotReached
	case turn.Message:
		return l.texts.Message
	case turn.CapWarning:
		return l.texts.CapWarning
	case turn.CapGoodbye:
		return l.texts.CapGoodbye
	case turn.BudgetGoodbye:
		return cmp.Or(l.texts.BudgetGoodbye, l.texts.Goodbye)
	case turn.OptedOut:
		return cmp.Or(l.texts.OptedOut, l.texts.Goodbye)
	case turn.OptOutFailed:
		return cmp.Or(l.texts.OptOutFailed, l.texts.Goodbye)
	case turn.NotKept:
		return l.texts.NotKept
	default:
		return ""
	}
}

// ends tells the lines after which the agent hangs up.
func ends(line turn.Line) bool {
	switch line {
	case turn.Goodbye, turn.Busy, turn.Trouble, turn.Message, turn.CapGoodbye, turn.BudgetGoodbye, turn.OptedOut, turn.OptOutFailed, turn.Closing:
		return true
	default:
		return false
	}
}

// Spoken is a part of what is said for a line.
type Spoken struct {
	Part

	Guarded bool // it is heard to its end
}

// Sequence is what is said for a line, in order: the preface before the first
// one of the call, and the closing after one that ends it.
func (c *Config) Sequence(line turn.Line, text, language string, first bool) []Spoken {
	var all []Spoken
	if first {
		for _, p := range c.Preface {
			all = append(all, Spoken{Part: p, Guarded: true})
		}
	}
	if line == turn.NotReached {
		all = append(all, said(c.Reminder, language, true)...)
	}
	if text != "" {
		all = append(all, Spoken{Part: Part{Text: text}, Guarded: len(all) > 0 && slices.Contains(c.Turn.Protected, line)})
	}
	if line == turn.Message {
		all = append(all, said(c.Voicemail, language, false)...)
	}
	if ends(line) {
		all = append(all, said(c.Closing, language, false)...)
	}

	return all
}

// said is a part that may be missing.
func said(part func(language string) Part, language string, guarded bool) []Spoken {
	if part == nil {
		return nil
	}
	if p := part(language); p.Text != "" {
		return []Spoken{{Part: p, Guarded: guarded}}
	}

	return nil
}

// Answered is the event with which a conversation begins.
func (c *Config) Answered(l *Lines, language string) turn.Event {
	return turn.Event{Kind: turn.Answered, Preface: len(c.Preface) > 0, Closing: c.Closing != nil, Took: c.Around(l, language)}
}

// Around is how long preface, closing and what follows a message take.
func (c *Config) Around(l *Lines, language string) time.Duration {
	if l == nil {
		return 0
	}
	parts := c.Preface
	for _, part := range []func(string) Part{c.Closing, c.Voicemail} {
		if part != nil {
			parts = append(slices.Clip(parts), part(language))
		}
	}
	var all media.Samples
	for _, p := range parts {
		all += media.Samples(len(l.audio[p.Text].samples))
	}

	return all.Duration()
}

// Queue has the player say a part of a fixed line; text is its spoken form.
func (l *Lines) Queue(play *player.Player, utterance int, text string, part Spoken) {
	seg := play.Add(utterance, text)
	if part.Guarded {
		seg.Protect()
	}
	if part.Mark != 0 {
		seg.Mark(part.Mark)
	}
	p := l.audio[part.Text]
	seg.Share(p.samples, p.words)
}

// has reports whether a sentence is ready to be said.
func (l *Lines) has(text string) bool {
	_, made := l.audio[text]

	return made
}
