package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"trunkline/pipeline/endpoint"
	"trunkline/pipeline/prompt"
	"trunkline/pipeline/turn"
)

// ErrNoLanguage says that an agent does not have a language.
var ErrNoLanguage = errors.New("the agent does not have this language")

// Language is what changes together when a conversation goes on in another
// language.
type Language struct {
	Tag         string     // BCP 47, such as "es-MX"
	Recognizer  Recognizer // nil: the one with which the call began hears this language, too
	Model       Model      // nil: the one with which the call began writes this language, too
	Synthesizer Synthesizer
	Lines       *Lines
	Prompt      prompt.Prompt
}

// Detection is when the language that the recogniser hears becomes that of the
// conversation. Either bound suffices; a zero one does not count.
type Detection struct {
	Finals int // talkspurts in a row
	Words  int // in such talkspurts
}

// tongue is a language of a call.
type tongue struct {
	Language

	system string // what the model is told
	lists  string // language of the word lists, ISO 639-1
}

// tongues are the languages of a call; the first is the one in which it begins.
func tongues(c *Config, with *Providers) []*tongue {
	first := &tongue{
		Language: Language{Tag: c.Language, Recognizer: with.Recognizer, Model: with.Model, Synthesizer: with.Synthesizer, Lines: with.Lines, Prompt: c.Prompt},
		lists:    cmp.Or(c.Turn.Endpoint.Language, endpoint.DefaultLanguage),
	}
	all := []*tongue{first}
	for _, l := range with.Languages {
		if l.Model == nil {
			l.Model = with.Model
		}
		all = append(all, &tongue{Language: l, lists: primary(l.Tag)})
	}
	now := time.Now()
	for _, t := range all {
		t.system = t.Prompt.Text(now, c.Vars)
	}

	return all
}

// primary is a tag's language without region and script.
func primary(tag string) string {
	code, _, _ := strings.Cut(strings.ReplaceAll(tag, "_", "-"), "-")

	return strings.ToLower(code)
}

// find is the language of a tag: the same one, or one of the same language in
// another region.
func (c *Conversation) find(tag string) *tongue {
	var similar *tongue
	for _, t := range c.tongues {
		own := cmp.Or(t.Tag, defaultLanguage)
		switch {
		case strings.EqualFold(own, tag):
			return t
		case similar == nil && primary(own) == primary(tag):
			similar = t
		}
	}

	return similar
}

const defaultLanguage = "en-US"

// change is the wish to go on in another language.
type change struct {
	to   *tongue
	ear  Recognition // a new stream that hears it; nil: the one in use does
	done chan struct{}
}

// changeLanguage has the conversation go on in another language, from the next
// words on. It returns when that is so. It waits for the loop, which must not call
// it.
func (c *Conversation) changeLanguage(ctx context.Context, tag string) error {
	to := c.find(tag)
	if to == nil {
		return fmt.Errorf("%w: %s", ErrNoLanguage, tag)
	}
	c.changing.Lock()
	defer c.changing.Unlock()
	now := c.tongue.Load()
	if to == now {
		return nil
	}
	ch := &change{to: to, done: make(chan struct{})}
	if !c.sameEar(now, to) {
		var err error
		if ch.ear, err = c.hearing(to).Open(WithNews(ctx, c.News)); err != nil {
			return fmt.Errorf("open the recogniser for %s: %w", to.Tag, err)
		}
		if !c.own(ch.ear) {
			return errOver
		}
	}
	c.give(message{kind: isChange, at: time.Now(), change: ch})
	select {
	case <-ch.done:
		return nil
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
}

// hearing is the recogniser of a language.
func (c *Conversation) hearing(t *tongue) Recognizer {
	if t.Recognizer == nil {
		return c.with.Recognizer
	}

	return t.Recognizer
}

// sameEar reports whether one stream serves both of two languages.
func (c *Conversation) sameEar(a, b *tongue) bool {
	first := func(t *tongue) bool { return t == c.tongues[0] || t.Recognizer == nil }

	return first(a) && first(b)
}

// own notes a stream that Stop closes. It is false, and the stream closed, when
// the conversation is over.
func (c *Conversation) own(r Recognition) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		_ = r.Close() // nobody will use it

		return false
	}
	c.streams = append(c.streams, r)

	return true
}

// setLanguage carries a change out. The ear turns to the new stream when the
// caller makes no sound.
func (c *Conversation) setLanguage(ch *change, at time.Time) {
	c.tongue.Store(ch.to)
	c.detected = detected{}
	if ch.ear != nil {
		if unused := c.ear.coming.Swap(&ch.ear); unused != nil {
			c.leave(*unused, 0)
		} else {
			c.wordsBefore = c.words
		}
		c.words = ch.ear.Transcripts()
	}
	c.step(turn.Event{Kind: turn.LanguageChanged, Language: ch.to.lists, Text: ch.to.Tag}, at)
	close(ch.done)
}

// leave closes a stream that the ear has turned from, once its last words are
// here.
func (c *Conversation) leave(r Recognition, after time.Duration) {
	c.work.Go(func() {
		wait := time.NewTimer(after)
		defer wait.Stop()
		select {
		case <-wait.C:
			_ = r.Close() // nothing can be done about it
		case <-c.ctx.Done(): // Stop closes it
		}
	})
}

// detected is a language that the recogniser hears, other than that of the
// conversation.
type detected struct {
	to     *tongue
	finals int
	words  int
}

// detect changes the language to that which the caller goes on to speak. When the
// same stream hears it, the reply to these words is in it already.
func (c *Conversation) detect(t *Transcript, at time.Time) {
	if c.cfg.Detect == (Detection{}) || !t.Final || t.Language == "" || t.Text == "" {
		return
	}
	now := c.tongue.Load()
	to := c.find(t.Language)
	if to == nil || primary(cmp.Or(now.Tag, defaultLanguage)) == primary(t.Language) {
		c.detected = detected{}

		return
	}
	d := &c.detected
	if d.to != to {
		*d = detected{to: to}
	}
	d.finals++
	d.words += len(strings.Fields(t.Text))
	limit := c.cfg.Detect
	if (limit.Finals == 0 || d.finals < limit.Finals) && (limit.Words == 0 || d.words < limit.Words) {
		return
	}
	c.detected = detected{}
	if c.sameEar(now, to) {
		c.setLanguage(&change{to: to, done: make(chan struct{})}, at)

		return
	}
	c.work.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, c.cfg.Stall)
		defer cancel()
		if err := c.changeLanguage(ctx, to.Tag); err != nil {
			c.News(News{Kind: Failed, Stage: Recognise, Provider: to.Tag, Err: err})
		}
	})
}
