package realtime

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/ledger"
	"trunkline/pipeline/turn"
	"trunkline/pipeline/vendor"
)

// caller is the caller's turn as it stands, and the turns of both sides that
// wait for words: those of the caller come when the agent speaks already.
type caller struct {
	began, ended, judged time.Time
	keys                 bool // pressed in it
	latest               *said
	loose                []string // items that no turn has taken yet
	items                map[string]*written
	taken                int // the latest talkspurt that is part of an item
	turned               int // the latest talkspurt that is part of a turn
	turns                int
	waiting              []*said
}

// written is an item of the caller's at the server: the talkspurts from up to
// to, and what is known of their words.
type written struct {
	from, to int
	words    string
	settled  bool // no more words come
}

// said is a turn to be told.
type said struct {
	turn     pipeline.Turn
	items    []string // the server's, whose words these are
	from, to int      // its talkspurts
	own      string   // words that another recogniser understood of the rest
	keys     string
	closed   bool // it is to be told once its words are there
	due      bool // the server has yet to say which item it is
	missing  bool // the session was lost before it told all the words
	truth    bool // it was answered truthfully outside the model
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
		if w := c.items[id].words; w != "" {
			parts = append(parts, w)
		}
	}
	for _, rest := range []string{s.own, s.keys} {
		if rest != "" {
			parts = append(parts, rest)
		}
	}

	return strings.Join(parts, " ")
}

// callerTurn takes the caller's turn, whose words may come later.
func (c *Conversation) callerTurn(text string, at time.Time) {
	l := &c.caller
	s := l.latest
	if s == nil {
		s = &said{turn: pipeline.Turn{Role: pipeline.Caller, StartedAt: l.began}, from: l.turned + 1}
		l.latest = s
	}
	s.turn.EndedAt, s.to = l.ended, c.spurt
	l.turned = c.spurt
	s.items = append(s.items, l.loose...)
	l.loose = nil
	switch {
	case l.keys:
		s.keys = text
		c.tell(callerSaid(text))
	case c.link == nil: // the next session is told
		s.missing = s.missing || l.lacks(s)
	case c.provider.cfg.Detection == Own:
		s.due = true
		c.tell(object{"type": "input_audio_buffer.commit"})
	}
	l.judged, l.keys, l.began = at, false, time.Time{}
	c.history.caller(s)
	if t := l.text(s); t != "" {
		c.obs.Words(pipeline.Caller, t, true)
	}
}

// lacks says whether the words of a turn's last talkspurts are not known.
func (l *caller) lacks(s *said) bool { return l.rest(s) <= s.to }

// rest is the talkspurt from which on the words of a turn are not known, when
// no session tells them any more.
func (l *caller) rest(s *said) int {
	from := s.from
	for _, id := range s.items {
		from = max(from, l.items[id].to+1)
	}

	return from
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

// committed notes that the server has taken audio as an item of the caller's,
// and says whether that is of a turn that was over before.
func (c *Conversation) committed(id string) (due bool) {
	l := &c.caller
	if l.items == nil {
		l.items = map[string]*written{}
	}
	s := l.dueTurn()
	w := &written{from: l.taken + 1, to: c.spurt}
	if s != nil {
		w.to = s.to
		w.from = min(w.from, l.rest(s))
	}
	l.items[id], l.taken = w, max(l.taken, w.to)
	if s != nil {
		s.due, s.items = false, append(s.items, id)

		return true
	}
	l.loose = append(l.loose, id)

	return false
}

// all are the turns that wait for words, and the one that runs.
func (l *caller) all() []*said {
	all := slices.Clone(l.waiting)
	if l.latest != nil {
		all = append(all, l.latest)
	}

	return all
}

func (l *caller) dueTurn() *said {
	for _, s := range l.all() {
		if s.due {
			return s
		}
	}

	return nil
}

// of is the turn of an item; nil: it is none yet, or was told.
func (l *caller) of(id string) *said {
	for _, s := range l.all() {
		if slices.Contains(s.items, id) {
			return s
		}
	}

	return nil
}

// words takes words of the caller's.
func (c *Conversation) words(id, text string, final bool, at time.Time) {
	l := &c.caller
	w, known := l.items[id]
	if !known {
		return
	}
	kind := turn.Partial
	if final {
		kind = turn.Final
		w.words, w.settled = strings.TrimSpace(text), true
		c.out.forget(w.from, w.to)
	} else {
		w.words += text
	}
	s := l.of(id)
	switch {
	case s != nil && s == l.latest:
		c.obs.Words(pipeline.Caller, l.text(s), true)
	case s == nil && slices.Contains(l.loose, id):
		c.obs.Words(pipeline.Caller, w.words, false)
	}
	c.step(turn.Event{Kind: kind, Spurt: w.to, Text: vendor.Plain(w.words)}, at)
	if final && s != nil {
		c.heedTruth(s, at)
	}
}

// unsettled gives up the words of an item.
func (c *Conversation) unsettled(id string) {
	if w, known := c.caller.items[id]; known {
		w.settled = true
	}
}

// truthful is the answer to a turn that no model may give, once.
func (c *Conversation) truthful(s *said) (answer string, ok bool) {
	if s == nil || s.truth {
		return "", false
	}
	answer, ok = c.cfg.Truthful(c.cfg.Language, c.caller.text(s))
	s.truth = ok

	return answer, ok
}

// heedTruth answers a turn whose words came after the model's reply began.
func (c *Conversation) heedTruth(s *said, at time.Time) {
	if answer, ok := c.truthful(s); ok {
		c.truth = answer
		c.step(turn.Event{Kind: turn.TruthAsked}, at)
	}
}

// flush tells the turns whose words are there, in order.
func (l *caller) flush(o pipeline.Observer) {
	for len(l.waiting) > 0 {
		s := l.waiting[0]
		if s.due || s.missing || slices.ContainsFunc(s.items, func(id string) bool { return !l.items[id].settled }) {
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

// forgetSession gives up the items of which a lost session has not told the
// words: they are missing.
func (l *caller) forgetSession() {
	gone := func(id string) bool {
		w := l.items[id]
		if !w.settled {
			l.taken = min(l.taken, w.from-1)
		}

		return !w.settled
	}
	l.loose = slices.DeleteFunc(l.loose, gone)
	for _, s := range l.all() {
		n := len(s.items)
		s.items = slices.DeleteFunc(s.items, gone)
		s.missing = s.missing || s.due || len(s.items) < n
		s.due = false
	}
}

// missing is the first turn whose words no session has told; nil: there is
// none.
func (l *caller) missing() *said {
	for _, s := range l.all() {
		if s.missing {
			return s
		}
	}

	return nil
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

// history is the conversation so far, for whoever goes on with it.
type history struct {
	items []past
}

// past is words of either side, or a call with its result.
type past struct {
	caller *said
	agent  string
	cut    bool // the agent was
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
		all := len(text)
		if !whole {
			text = heard[:min(len(text), len(heard))]
			heard = strings.TrimSpace(heard[len(text):])
		}
		if text != "" {
			h.items = append(h.items, past{agent: text, cut: len(text) < all})
		}
	}
}

// messages are some of the conversation as any model is told it, without what
// none may be told.
func (c *Conversation) messages(h *history) []pipeline.Message {
	var all []pipeline.Message
	last := func(r pipeline.Role) *pipeline.Message {
		if n := len(all); n > 0 && all[n-1].Role == r {
			return &all[n-1]
		}

		return nil
	}
	for _, p := range h.items {
		switch {
		case p.caller != nil:
			if t := c.caller.text(p.caller); t != "" {
				all = append(all, pipeline.Message{Role: pipeline.Caller, Text: t})
			}
		case p.call != nil:
			results := last(pipeline.Tool)
			if results == nil {
				if last(pipeline.Agent) == nil {
					all = append(all, pipeline.Message{Role: pipeline.Agent})
				}
				all = append(all, pipeline.Message{Role: pipeline.Tool})
				results = last(pipeline.Tool)
			}
			calls := &all[len(all)-2]
			calls.Calls = append(calls.Calls, p.call.call)
			results.Results = append(results.Results, p.call.outcome())
		default:
			all = append(all, pipeline.Message{Role: pipeline.Agent, Text: p.agent, Cut: p.cut})
		}
	}
	if c.cfg.Redact != nil {
		c.cfg.Redact(all)
	}

	return all
}

// outcome is a call's result, or that there is none.
func (t *toolCall) outcome() pipeline.ToolResult {
	if t.result != nil {
		return *t.result
	}

	return pipeline.ToolResult{ID: t.call.ID, Name: t.call.Name, Content: running}
}

// running stands for the result of a call that goes on.
const running = `{"status":"running"}`

// objects are the events that tell a session some messages.
func objects(messages []pipeline.Message) []object {
	var all []object
	for _, m := range messages {
		switch {
		case m.Role == pipeline.Caller:
			all = append(all, callerSaid(m.Text))
		case m.Role == pipeline.Agent && m.Text != "":
			all = append(all, agentSaid(m.Text))
		}
		for _, call := range m.Calls {
			all = append(all, called(call.ID, call.Name, cmp.Or(string(call.Args), "{}")))
		}
		for _, r := range m.Results {
			if r.Content != running { // it is told when it comes
				all = append(all, returned(r.ID, r.Content))
			}
		}
	}

	return all
}
