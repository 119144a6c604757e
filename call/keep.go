package call

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"trunkline/compliance/objection"
	"trunkline/compliance/redact"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// notKept stands for words of a call that must not be kept.
const notKept = "[not kept]"

// objectionKind is the kind of a recorded event that is not the turn machine's:
// the person objected to being recorded. Text is the entry of the list.
const objectionKind turn.EventKind = "objection"

// keeper decides what of a call's words may be kept: no card numbers, and
// nothing after an objection to that. What it lets pass is stored, traced and
// shown. It belongs to the conversation's loop.
type keeper struct {
	language string
	objected func(entry string) // told once
	off      atomic.Bool        // nothing is kept any more

	// A card number may be said in pieces and is keyed digit by digit: which
	// words belong to one is known only at its end. From the ninth digit of a
	// turn on its events wait for that.
	tail    string      // the end of the caller's turns before
	ended   string      // the latest turn in which a card number ended
	turn    []string    // the caller's words by talkspurt, and keys in a row
	spurts  []int       // of turn
	held    []heldEvent // n.mu guards it, and waiting
	waiting bool
}

// heldEvent is an event that waits.
type heldEvent struct {
	at   time.Duration
	data StepData
}

// mostDigits are the digits of a caller's turn that are kept at once: those of
// a card number that its issuer's rules let be kept (PCI DSS 3.4.1).
const mostDigits = 8

// longestTail is how much of the turns before is looked at, in octets.
const longestTail = 400

// keyed is the number of the talkspurt that keys stand for.
const keyed = -1

// listen looks for an objection, and takes the caller's words.
func (k *keeper) listen(e turn.Event) {
	switch e.Kind {
	case turn.LanguageChanged:
		k.language = e.Language
	case turn.Partial, turn.Final:
		k.take(e.Spurt, e.Text, false)
		if k.off.Load() {
			return
		}
		if entry, ok := objection.Find(k.language, e.Text); ok {
			k.off.Store(true)
			k.objected(entry)
		}
	case turn.KeyPressed:
		k.take(keyed, e.Text, true)
	default:
	}
}

// take notes the words of a talkspurt, or a further key.
func (k *keeper) take(spurt int, text string, more bool) {
	last := len(k.spurts) - 1
	switch {
	case last >= 0 && k.spurts[last] == spurt && more:
		k.turn[last] += text
	case slices.Contains(k.spurts, spurt) && !more:
		k.turn[slices.Index(k.spurts, spurt)] = text
	default:
		k.turn, k.spurts = append(k.turn, text), append(k.spurts, spurt)
	}
}

// waits says whether the turn has so many digits that its events have to wait.
func (k *keeper) waits() bool {
	return redact.Digits(k.tail+" "+strings.Join(k.turn, " ")) > mostDigits
}

// card says whether a card number ends in some words, or stands in them.
func (k *keeper) card(words string) bool {
	if redact.Whole(words) {
		return false
	}
	_, before := redact.Text(k.tail)
	_, all := redact.Text(k.tail + " " + words)

	return all > before
}

// over says whether the actions end the caller's turn.
func over(actions []turn.Action) bool {
	return slices.ContainsFunc(actions, func(a turn.Action) bool {
		return a.Kind == turn.StartReply || a.Kind == turn.AdoptGuess || a.Kind == turn.Discard || a.Kind == turn.End
	})
}

// settle ends the turn. It returns the events that waited, without what may
// not be kept.
func (k *keeper) settle() []heldEvent {
	words := strings.Join(k.turn, " ")
	all, card := k.held, k.card(words)
	for i := range all {
		if card {
			all[i].data = masked(all[i].data, redact.CardMark)
		}
	}
	switch k.tail += " " + words; {
	case card:
		k.tail, k.ended = "", words
	case redact.Whole(words):
		k.tail = ""
	}
	k.tail = k.tail[max(0, len(k.tail)-longestTail):]
	k.turn, k.spurts, k.held, k.waiting = nil, nil, nil, false

	return all
}

// text is what may be kept of some words.
func (k *keeper) text(s string) string {
	if s == "" {
		return ""
	}
	if k.off.Load() {
		return notKept
	}
	kept, n := redact.Text(s)
	if n == 0 && (s == k.ended || k.card(s)) {
		return redact.CardMark // its end
	}

	return kept
}

// event is what may be kept of an event and its actions.
func (k *keeper) event(d StepData) StepData {
	if k.off.Load() {
		return masked(d, notKept)
	}
	if hasWords(d.Event.Kind) {
		d.Event.Text = k.text(d.Event.Text)
	}
	d.Actions = slices.Clone(d.Actions)
	for i := range d.Actions {
		d.Actions[i].Text = k.text(d.Actions[i].Text)
	}

	return d
}

// shown is what of an event may be shown and traced at once, before its turn is
// over.
func (k *keeper) shown(d StepData) StepData {
	if k.waits() {
		return masked(d, notKept)
	}

	return d
}

// hasWords tells the events whose text is somebody's words or keys.
func hasWords(kind turn.EventKind) bool {
	return kind == turn.Partial || kind == turn.Final || kind == turn.KeyPressed
}

// masked is an event without any words.
func masked(d StepData, mark string) StepData {
	if hasWords(d.Event.Kind) && d.Event.Text != "" {
		d.Event.Text = mark
	}
	d.Actions = slices.Clone(d.Actions)
	for i := range d.Actions {
		if d.Actions[i].Text != "" && d.Actions[i].Kind != turn.Judge {
			d.Actions[i].Text = mark
		}
	}

	return d
}

// objects stops recording and transcription for good, and has the person told.
func (c *call) objects(entry string) {
	if t := c.owed.tap; t != nil {
		t.stopped.Store(true)
		c.carrier.follow()
	}
	c.notes.callee(time.Now(), turn.Event{Kind: objectionKind, Text: entry})
	c.log.Info("the person does not want to be recorded; nothing of the call is kept any more")
	c.unkept <- struct{}{} // there is room for the one that comes
}

// objectionStory tells of an objection to being recorded.
func objectionStory(events []storage.Event) []string {
	for _, e := range events {
		if turn.EventKind(e.Kind) == objectionKind {
			return []string{"The person did not want to be recorded: from then on nothing of the call was recorded or written down."}
		}
	}

	return nil
}

// redacted takes card numbers out of what a model is told. A number may reach
// over several turns of the caller.
func redacted(all []pipeline.Message) {
	turns := make([]redact.Turn, len(all))
	for i, m := range all {
		turns[i] = redact.Turn{Speaker: string(m.Role), Text: m.Text}
	}
	kept, n := redact.Conversation(turns)
	if n == 0 {
		return
	}
	for i := range all {
		all[i].Text = kept[i]
	}
}
