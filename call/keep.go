package call

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"trunkline/compliance/objection"
	"trunkline/compliance/redact"
	"trunkline/media"
	"trunkline/media/record"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
	"trunkline/privacy"
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
//
// A card number may be said in pieces over several turns, and is keyed digit by
// digit: which words belong to one is known only at its end. From the first
// digit with which the caller's words end on, rows wait until something else was
// said, or the number was too long or at its end.
type keeper struct {
	language string
	objected func(entry string) // told once
	off      atomic.Bool        // nothing is kept any more

	said   []saying // by both since a number began, and what the agent said before
	turn   []string // the caller's words by talkspurt, and keys in a row
	spurts []int    // of turn

	position func() media.Samples  // of the recording
	onsets   map[int]media.Samples // of talkspurts that are no part of a turn yet
	began    media.Samples         // the caller's words in turn
	settled  media.Samples         // the turn before

	held    []heldRow // notes.mu guards it, waiting and since
	waiting bool
	since   time.Duration    // the first one waits
	found   []record.Stretch // where numbers were said that may not be kept
	suspect media.Samples    // where a number began that may become one; below 0: none did
}

// heldRow is an event or a turn that waits.
type heldRow struct {
	at   time.Duration
	data *StepData
	turn *storage.Turn
}

// The speakers of keeper.said.
const (
	byCaller = string(pipeline.Caller)
	byAgent  = string(pipeline.Agent)
)

// mostShown are the digits of a number that are shown at once to who watches a
// call: what of a card's number its issuer's rules let be kept (PCI DSS 3.4.1).
const mostShown = 8

// mostHeld bounds the rows that wait: beyond it those are kept without any
// number.
const mostHeld = 2048

// longestHeld is how long a row waits for the rest of a number: nobody takes that
// long over it, and what waits is lost with a crash.
const longestHeld = time.Minute

// keyed is the number of the talkspurt that keys stand for.
const keyed = -1

// listen looks for an objection, and takes the caller's words.
func (k *keeper) listen(e turn.Event) {
	switch e.Kind {
	case turn.LanguageChanged:
		k.language = e.Language
	case turn.SpeechOnset:
		k.onsets[e.Spurt] = k.position()
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
	from, known := k.onsets[spurt]
	switch {
	case spurt == keyed:
		from = k.position()
	case !known: // it goes on from the turn before
		from = k.settled
	}
	if last < 0 || from < k.began {
		k.began = from
	}
	switch {
	case last >= 0 && k.spurts[last] == spurt && more:
		k.turn[last] += text
	case slices.Contains(k.spurts, spurt) && !more:
		k.turn[slices.Index(k.spurts, spurt)] = text
	default:
		k.turn, k.spurts = append(k.turn, text), append(k.spurts, spurt)
	}
}

// open is how many digits the caller's words end with, over all turns of a
// number.
func (k *keeper) open() int {
	var all []string
	for _, t := range k.said {
		if t.Speaker == byCaller {
			all = append(all, t.Text)
		}
	}

	return redact.Open(append(all, strings.Join(k.turn, " ")))
}

// first is where the caller's first words of a number stand.
func (k *keeper) first() media.Samples {
	for _, t := range k.said {
		if t.Speaker == byCaller {
			return t.at.From
		}
	}

	return k.began
}

// over says whether the actions end the caller's turn.
func over(actions []turn.Action) bool {
	return slices.ContainsFunc(actions, func(a turn.Action) bool {
		return a.Kind == turn.StartReply || a.Kind == turn.AdoptGuess || a.Kind == turn.Discard || a.Kind == turn.End
	})
}

// settle ends the caller's turn. It returns the rows that need not wait any
// longer, without what may not be kept. At the end of the call that is all.
func (k *keeper) settle(end bool) []heldRow {
	if words := strings.Join(k.turn, " "); words != "" {
		k.said = append(k.said, saying{redact.Turn{Speaker: byCaller, Text: words}, record.Stretch{From: k.began, To: k.position()}})
	}
	for _, spurt := range k.spurts {
		maps.DeleteFunc(k.onsets, func(old int, _ media.Samples) bool { return old <= spurt })
	}
	k.turn, k.spurts, k.settled = nil, nil, k.position()
	if k.open() > 0 && !end && len(k.held) < mostHeld {
		return nil
	}

	return k.release()
}

// release gives out all that waits.
func (k *keeper) release() []heldRow {
	all := k.held
	out, _ := redact.Conversation(turns(k.said))
	for i := range out {
		if text := k.said[i].Text; out[i] != text || len(all) >= mostHeld && redact.Numbers(text) != text {
			k.found = append(k.found, k.said[i].at)
		}
	}
	k.suspect = -1
	for i := range all {
		k.redact(&all[i], len(all) >= mostHeld)
	}
	k.held, k.waiting = nil, false
	k.forget()

	return all
}

// forget begins anew behind a number. The name of a security code that the agent
// asked for stays.
func (k *keeper) forget() {
	last := len(k.said) - 1
	if last >= 0 && k.said[last].Speaker == byAgent {
		k.said = []saying{k.said[last]}
	} else {
		k.said = nil
	}
}

// answered takes what the agent has said, and where it began.
func (k *keeper) answered(text string, from media.Samples) {
	at := record.Stretch{From: from, To: k.position()}
	k.said = append(k.said, saying{redact.Turn{Speaker: byAgent, Text: text}, at})
	if len(k.held) > 0 || k.waiting {
		return
	}
	if kept, _ := redact.Text(text); kept != text { // read back
		k.found = append(k.found, at)
	}
	k.forget()
}

// redact takes out of a row what may not be kept; every number, where all is.
func (k *keeper) redact(h *heldRow, all bool) {
	if t := h.turn; t != nil {
		speaker := string(t.Role)
		t.Text, t.HeardText = privacy.Words(k.kept(speaker, string(t.Text), all)), privacy.Words(k.kept(speaker, string(t.HeardText), all))

		return
	}
	d := h.data
	if hasWords(d.Event.Kind) {
		d.Event.Text = k.kept(byCaller, d.Event.Text, all)
	}
	d.Actions = slices.Clone(d.Actions)
	for i := range d.Actions {
		if d.Actions[i].Kind != turn.Judge {
			d.Actions[i].Text = k.kept(byCaller, d.Actions[i].Text, all)
		}
	}
}

// kept is what may be kept of somebody's words, by what was said before and
// after them.
func (k *keeper) kept(speaker, text string, all bool) string {
	switch {
	case text == "" || text == notKept:
		return text
	case all:
		return redact.Numbers(text)
	}
	said := turns(k.said)
	for i, t := range slices.Backward(said) {
		if t.Speaker == speaker && same(t.Text, text) {
			said[i].Text = text
			out, _ := redact.Conversation(said)

			return out[i]
		}
	}
	out, _ := redact.Conversation(said)
	for i := range out { // a part of a turn, or several of them
		if said[i].Speaker == speaker && out[i] != said[i].Text {
			return redact.Numbers(text)
		}
	}
	out, _ = redact.Conversation(append(said, redact.Turn{Speaker: speaker, Text: text}))

	return out[len(out)-1]
}

// same says whether two texts have the same words: recognisers and models set
// signs and capitals as they like.
func same(a, b string) bool {
	plain := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				return unicode.ToLower(r)
			}

			return -1
		}, s)
	}

	return plain(a) == plain(b)
}

// shown is what of somebody's words is shown and traced at once, before it is
// known what they belong to.
func (k *keeper) shown(role pipeline.Role, text string) string {
	switch {
	case text == "":
		return ""
	case k.off.Load():
		return notKept
	case role == pipeline.Caller && k.open() > mostShown:
		return redact.Numbers(text)
	}

	return k.kept(string(role), text, false)
}

// traced is shown for traces, which are stored: no number that is not at its
// end.
func (k *keeper) traced(role pipeline.Role, text string) string {
	if role == pipeline.Caller && !k.off.Load() && k.open() > 0 {
		return redact.Numbers(text)
	}

	return k.shown(role, text)
}

// step is an event with its actions as words makes their texts.
func step(d StepData, words func(pipeline.Role, string) string) StepData {
	if hasWords(d.Event.Kind) {
		d.Event.Text = words(pipeline.Caller, d.Event.Text)
	}
	d.Actions = slices.Clone(d.Actions)
	for i := range d.Actions {
		if d.Actions[i].Kind != turn.Judge {
			d.Actions[i].Text = words(pipeline.Caller, d.Actions[i].Text)
		}
	}

	return d
}

// hasWords tells the events whose text is somebody's words or keys.
func hasWords(kind turn.EventKind) bool {
	return kind == turn.Partial || kind == turn.Final || kind == turn.KeyPressed
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

// redactor takes card numbers out of what the models of one conversation are
// told, at every reply. A number may reach over several turns of the caller.
func redactor() func([]pipeline.Message) {
	var told redact.History

	return func(all []pipeline.Message) {
		turns := make([]redact.Turn, len(all))
		for i, m := range all {
			turns[i] = redact.Turn{Speaker: string(m.Role), Text: m.Text}
		}
		for i, text := range told.Conversation(turns) {
			all[i].Text = text
		}
	}
}
