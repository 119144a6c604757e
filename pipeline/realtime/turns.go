package realtime

import (
	"slices"
	"strings"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/ledger"
	"trunkline/pipeline/vendor"
)

// caller is the caller's turn as it stands, and the turns of both sides that
// wait for words: those of the caller come when the agent speaks already.
type caller struct {
	began, ended, judged time.Time
	keys                 bool // pressed in it
	latest               *said
	loose                []string // items that no turn has taken yet
	spurts               map[string]int
	words                map[string]string // of items; those that are final are in settled
	settled              map[string]bool
	turns                int
	waiting              []*said
}

// said is a turn to be told.
type said struct {
	turn   pipeline.Turn
	items  []string // the server's, whose words these are
	keys   string
	closed bool // it is to be told once its words are there
	due    bool // the server has yet to say which item it is
}

func (c *caller) begin(at time.Time) {
	if c.began.IsZero() {
		c.began = at
	}
}

// text is what is known of a turn's words.
func (c *caller) text(s *said) string {
	var parts []string
	for _, id := range s.items {
		if w := c.words[id]; w != "" {
			parts = append(parts, w)
		}
	}
	if s.keys != "" {
		parts = append(parts, s.keys)
	}

	return strings.Join(parts, " ")
}

// callerTurn takes the caller's turn, whose words may come later.
func (c *Conversation) callerTurn(text string, at time.Time) {
	l := &c.caller
	s := l.latest
	if s == nil {
		s = &said{turn: pipeline.Turn{Role: pipeline.Caller, StartedAt: l.began}}
		l.latest = s
	}
	s.turn.EndedAt = l.ended
	s.items = append(s.items, l.loose...)
	l.loose = nil
	if c.provider.cfg.Detection == Own && !l.keys {
		s.due = true
		c.tell(object{"type": "input_audio_buffer.commit"})
	}
	if l.keys {
		s.keys = text
		c.tell(callerSaid(text))
	}
	l.judged, l.keys, l.began = at, false, time.Time{}
	c.history.caller(s)
	if t := l.text(s); t != "" {
		c.obs.Words(pipeline.Caller, t, true)
	}
}

// closeCallerTurn has the caller's turn told, once its words are there.
func (c *Conversation) closeCallerTurn() {
	l := &c.caller
	if l.latest == nil {
		return
	}
	l.turns++
	l.latest.turn.Number, l.latest.closed = l.turns, true
	l.waiting = append(l.waiting, l.latest)
	l.latest = nil
}

// committed notes that the server has taken audio as an item of the caller's.
func (c *Conversation) committed(id string) {
	l := &c.caller
	if l.spurts == nil {
		l.spurts, l.words, l.settled = map[string]int{}, map[string]string{}, map[string]bool{}
	}
	l.spurts[id] = c.spurt
	if c.provider.cfg.Transcription == "" {
		l.settled[id] = true
	}
	if s := l.dueTurn(); s != nil {
		s.due, s.items = false, append(s.items, id)

		return
	}
	l.loose = append(l.loose, id)
}

func (l *caller) dueTurn() *said {
	for _, s := range append(slices.Clone(l.waiting), l.latest) {
		if s != nil && s.due {
			return s
		}
	}

	return nil
}

// hears takes words of an item of the caller's.
func (c *Conversation) hears(id, text string, final bool) (spurt int, plain string, known bool) {
	l := &c.caller
	n, known := l.spurts[id]
	if !known {
		return 0, "", false
	}
	if final {
		l.words[id], l.settled[id] = strings.TrimSpace(text), true
	} else {
		l.words[id] += text
	}
	if l.latest != nil && slices.Contains(l.latest.items, id) {
		c.obs.Words(pipeline.Caller, l.text(l.latest), true)
	} else if slices.Contains(l.loose, id) {
		c.obs.Words(pipeline.Caller, l.words[id], false)
	}

	return n, vendor.Plain(l.words[id]), true
}

// unsettled gives up the words of an item.
func (c *Conversation) unsettled(id string) {
	if _, known := c.caller.spurts[id]; known {
		c.caller.settled[id] = true
	}
}

// flush tells the turns whose words are there, in order.
func (l *caller) flush(o pipeline.Observer) {
	for len(l.waiting) > 0 {
		s := l.waiting[0]
		if s.due || slices.ContainsFunc(s.items, func(id string) bool { return !l.settled[id] }) {
			return
		}
		l.tell(s, o)
	}
}

func (l *caller) tell(s *said, o pipeline.Observer) {
	l.waiting = l.waiting[1:]
	if s.turn.Role == pipeline.Caller {
		s.turn.Text = l.text(s)
		s.turn.Heard = s.turn.Text
	}
	o.Turn(s.turn)
}

// forgetSession gives up the words that a lost session has not told.
func (l *caller) forgetSession() {
	for id := range l.spurts {
		l.settled[id] = true
	}
	for _, s := range append(slices.Clone(l.waiting), l.latest) {
		if s != nil {
			s.due = false
		}
	}
}

// giveUp tells all turns with what is known of them.
func (l *caller) giveUp(o pipeline.Observer) {
	for len(l.waiting) > 0 {
		l.tell(l.waiting[0], o)
	}
}

// begin notes that an utterance is heard from now on: the caller's turn before
// it stands.
func (c *Conversation) begin(u *utterance, at time.Time) {
	c.closeCallerTurn()
	c.caller.turns++
	u.turn, u.began = c.caller.turns, at
}

// agentTurn tells an utterance that is over. It is false when nothing of it was
// heard.
func (c *Conversation) agentTurn(u *utterance, interrupted bool) bool {
	c.speaking = nil
	heard := c.player.Heard(u.id)
	whole := heard.Complete && !u.failed
	c.truncate(u, int(heard.Played), whole)
	if whole {
		heard.Text = u.text()
	}
	c.history.agent(u, heard.Text, whole)
	if heard.Played == 0 {
		return false
	}
	if u.turn == 0 { // its AudioStarted was on its way when the call ended
		c.begin(u, time.Now())
	}
	c.obs.Words(pipeline.Agent, heard.Text, true)
	c.caller.waiting = append(c.caller.waiting, &said{turn: pipeline.Turn{
		Number: u.turn, Utterance: u.id, Role: pipeline.Agent, Text: u.text(), Heard: heard.Text,
		Interrupted: (interrupted || u.failed) && !whole,
		StartedAt:   u.began, EndedAt: time.Now(), Ledger: u.ledger,
	}})

	return true
}

// stampCaller notes in a reply's ledger what led to it.
func (c *Conversation) stampCaller(u *utterance) {
	u.ledger.Stamp(ledger.Speech, c.caller.ended)
	u.ledger.Stamp(ledger.Endpoint, c.caller.judged)
}

// history is the conversation so far, for a session that is opened anew.
type history struct {
	items []past
}

// past is an item: words of either side, or a call with its result.
type past struct {
	caller *said
	agent  string
	call   *toolCall
}

func (h *history) caller(s *said) {
	for _, p := range h.items {
		if p.caller == s {
			return
		}
	}
	h.items = append(h.items, past{caller: s})
}

// agent takes what was heard of an utterance, piece by piece, with the calls
// that came between.
func (h *history) agent(u *utterance, heard string, whole bool) {
	for _, it := range u.items {
		if it.call != nil {
			h.items = append(h.items, past{call: it.call})

			continue
		}
		text := strings.TrimSpace(it.text)
		if !whole {
			text = heard[:min(len(text), len(heard))]
			heard = strings.TrimSpace(heard[len(text):])
		}
		if text != "" {
			h.items = append(h.items, past{agent: text})
		}
	}
}

// objects are the events that tell a new session the conversation.
func (c *Conversation) objects() []object {
	var all []object
	for _, p := range c.history.items {
		switch {
		case p.caller != nil:
			if t := c.caller.text(p.caller); t != "" {
				all = append(all, callerSaid(t))
			}
		case p.call != nil:
			all = append(all, called(p.call.call.ID, p.call.call.Name, string(p.call.call.Args)))
			if p.call.result != nil {
				all = append(all, returned(p.call.call.ID, p.call.result.Content))
			}
		default:
			all = append(all, agentSaid(p.agent))
		}
	}

	return all
}
