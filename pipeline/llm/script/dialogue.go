package script

import (
	"slices"
	"strings"

	"trunkline/pipeline"
)

// question is what the agent last asked and still waits for.
type question int

const (
	nothingAsked  question = iota
	slotAsked              // for the value of doing.slots[slot]
	confirmAsked           // whether the slots are right
	changeAsked            // which slot is wrong
	moreAsked              // whether there is anything else
	personOffered          // whether to hand off
	handingOff             // nothing: the hand-off was announced but cut short
)

// reply is what the agent says to one message of the caller.
type reply struct {
	answer    string // what it tells
	protected bool   // the caller must hear the answer
	question  string // what it then asks; may be empty
	act       *pipeline.Act
	call      *pipeline.ToolCall // whose result is answered next
	intent    *intentPlan        // of call
}

func (r reply) text() string {
	if r.answer == "" || r.question == "" {
		return r.answer + r.question
	}
	return r.answer + " " + r.question
}

// dialogue is one call's conversation, folded from its history.
type dialogue struct {
	s    *Script
	vars map[string]string // the call's own values

	open   question
	doing  *intentPlan       // whose slots are being filled
	slot   int               // the slot asked for
	values map[string]string // of doing's slots, and of the last intent that was done

	misses   int            // messages in a row that were not understood
	uses     map[string]int // how often each list of variants was used
	last     reply
	heard    bool // the caller heard enough of last to answer it
	prompted bool // the agent said something more after last, such as an idle prompt
}

func (s *Script) newDialogue(vars map[string]string) *dialogue {
	return &dialogue{
		s: s, vars: vars, values: map[string]string{}, uses: map[string]int{},
		last: reply{answer: s.lines.Greeting}, heard: true,
	}
}

// hear takes the caller's next message and gives the reply.
func (d *dialogue) hear(text string) reply {
	words := fold(text)
	r := d.respond(words)
	if r.act == nil && d.open == slotAsked {
		r.act = d.doing.slots[d.slot].collect
	}
	d.last, d.heard, d.prompted = r, false, false
	return r
}

// said takes what the agent said between two messages of the caller, as far
// as it was heard.
func (d *dialogue) said(messages []pipeline.Message) {
	if len(messages) == 0 {
		return
	}
	d.prompted = len(messages) > 1
	first := messages[0]
	d.heard = !first.Cut || d.mostHeard(first.Text)
	act := d.last.act
	switch {
	case act == nil || act.Name == pipeline.ActCollect:
	case first.Cut && act.Name == pipeline.ActHandOff:
		d.open = handingOff
	default:
		d.open = nothingAsked
	}
}

// mostHeard reports whether the part of the last reply that matters, its
// question if it has one, was heard for the greater part.
func (d *dialogue) mostHeard(text string) bool {
	got := len(strings.Fields(text))
	told, asked := len(strings.Fields(d.last.answer)), len(strings.Fields(d.last.question))
	if asked == 0 {
		return 2*got >= told
	}
	return 2*(got-told) >= asked
}

func (d *dialogue) respond(words []string) reply {
	m := d.s.matcher.best(meaningful(d.s.keyed(words)))
	switch d.open {
	case slotAsked:
		return d.answerSlot(words, m)
	case confirmAsked, changeAsked:
		return d.answerConfirm(words, m)
	case moreAsked:
		switch {
		case m.intent == d.s.common.no || !m.sure() && sign(words) == negative:
			return d.begin(d.s.more.no, words)
		case m.intent == d.s.common.yes || !m.sure() && sign(words) == positive:
			return d.yesToMore()
		}
	case personOffered:
		switch {
		case m.intent == d.s.common.no || !m.sure() && sign(words) == negative:
			return d.declineOffer()
		case m.intent == d.s.common.yes || !m.sure() && sign(words) == positive:
			return d.begin(d.s.unknown.handOff, words)
		}
	case handingOff:
		if m.intent == d.s.common.no || m.intent == d.s.common.cancel || !m.sure() && sign(words) == negative {
			return d.yesToMore()
		}
		if !m.sure() || m.intent == d.s.common.yes {
			return d.again()
		}
	}
	return d.act(words, m)
}

// act does what the caller wants when the open question does not decide it.
func (d *dialogue) act(words []string, m match) reply {
	common := d.s.common
	switch {
	case !m.sure():
		return d.notUnderstood()
	case m.intent == common.repeat:
		return d.again()
	case m.intent == common.cancel:
		return d.cancel()
	case m.intent == common.yes && d.doing == nil:
		return d.yesToMore()
	case m.intent == common.no && d.doing == nil && d.s.more.no != nil:
		return d.begin(d.s.more.no, words)
	case m.intent == common.yes, m.intent == common.no:
		return d.notUnderstood()
	default:
		return d.begin(m.intent, words)
	}
}

// begin starts an intent: its first missing slot is asked for, or it is
// answered.
func (d *dialogue) begin(in *intentPlan, words []string) reply {
	d.misses = 0
	if len(in.slots) > 0 {
		if d.doing != in {
			d.doing, d.values = in, map[string]string{}
		}
		if r, refused := d.take(words, volunteered); refused {
			return r
		}
		return d.proceed()
	}
	if in.call != nil {
		return d.call(in)
	}
	r := reply{answer: d.pick("replies of "+in.name, in.replies), protected: in.protected, act: in.act}
	switch {
	case in.act != nil:
		d.doing, d.open = nil, nothingAsked
	case d.open == handingOff:
		r.answer += " " + d.last.text()
		r.act = d.last.act
	case d.doing != nil:
		r.question = d.ask()
	case in.more:
		d.open = moreAsked
		r.question = d.ask()
	default:
		d.open = nothingAsked
	}
	return r
}

// take fills slots from what was said. It returns the refusal of a value that
// is not allowed.
func (d *dialogue) take(words []string, how manner) (refusal reply, refused bool) {
	rest := words
	for i, s := range d.doing.slots {
		asked := how
		if d.open == slotAsked && i == d.slot {
			asked = answering
		}
		if s.kind == kindName && asked == answering && d.open != slotAsked {
			asked = volunteered // "no, wednesday" is no name
		}
		v, ok := s.find(rest, asked)
		if !ok {
			continue
		}
		rest = slices.Concat(rest[:v.from], rest[v.to:])
		if v.refused {
			delete(d.values, s.name)
			d.open, d.slot = slotAsked, i
			return reply{question: s.refuse.expand(map[string]string{s.name: v.text}, d.values, d.vars, d.s.vars)}, true
		}
		d.values[s.name] = v.text
	}
	return reply{}, false
}

// proceed asks for the next missing slot, then for confirmation, and then
// answers the intent.
func (d *dialogue) proceed() reply {
	for i, s := range d.doing.slots {
		if _, ok := d.values[s.name]; !ok {
			d.open, d.slot = slotAsked, i
			return reply{question: d.ask()}
		}
	}
	if len(d.doing.confirm) > 0 {
		d.open = confirmAsked
		return reply{question: d.ask()}
	}
	return d.finish()
}

// finish answers the intent whose slots are all known.
func (d *dialogue) finish() reply {
	in := d.doing
	d.misses, d.doing = 0, nil
	if in.call != nil {
		return d.call(in)
	}
	r := reply{answer: d.pick("replies of "+in.name, in.replies), protected: in.protected, act: in.act}
	d.open = nothingAsked
	if in.act == nil && in.more {
		d.open = moreAsked
		r.question = d.ask()
	}
	return r
}

// answerSlot takes the answer to the question for a slot.
func (d *dialogue) answerSlot(words []string, m match) reply {
	s := d.doing.slots[d.slot]
	_, answered := s.find(words, answering)
	if d.leaves(m) && (!answered || s.kind == kindName || !d.onlyValues(words)) {
		return d.act(words, m)
	}
	before := len(d.values)
	old := strings.Join(d.known(), "\n")
	if r, refused := d.take(words, volunteered); refused {
		d.misses = 0
		return r
	}
	if len(d.values) == before && strings.Join(d.known(), "\n") == old {
		if m.sure() && m.intent != d.doing {
			return d.act(words, m)
		}
		return d.notUnderstood()
	}
	d.misses = 0
	return d.proceed()
}

// known are the values of the slots filled so far, in order.
func (d *dialogue) known() []string {
	var known []string
	for _, s := range d.doing.slots {
		known = append(known, d.values[s.name])
	}
	return known
}

// leaves reports whether the caller surely turned to something else than the
// open question.
func (d *dialogue) leaves(m match) bool {
	return m.sure() && m.score >= surely && m.intent != d.doing &&
		m.intent != d.s.common.yes && m.intent != d.s.common.no
}

// onlyValues reports whether the words hold values of the intent's slots and
// nothing else that matters.
func (d *dialogue) onlyValues(words []string) bool {
	rest := words
	for _, s := range d.doing.slots {
		if s.kind == kindName {
			continue
		}
		if v, ok := s.find(rest, answering); ok {
			rest = slices.Concat(rest[:v.from], rest[v.to:])
		}
	}
	left := 0
	for _, w := range meaningful(rest) {
		if !stopWords[w] {
			left++
		}
	}
	return left <= 1
}

// answerConfirm takes the answer to "is that right?" and to "what should I
// change?".
func (d *dialogue) answerConfirm(words []string, m match) reply {
	no := sign(words) == negative || m.sure() && m.intent == d.s.common.no
	yes := !no && (sign(words) == positive || m.sure() && m.intent == d.s.common.yes)
	if d.leaves(m) {
		return d.act(words, m)
	}
	old := strings.Join(d.known(), "\n")
	how := volunteered
	if no || d.open == changeAsked {
		how = answering
	}
	if r, refused := d.take(words, how); refused {
		d.misses = 0
		return r
	}
	if strings.Join(d.known(), "\n") != old {
		d.misses = 0
		return d.proceed()
	}
	if i := d.slotMentioned(words); i >= 0 && !yes {
		d.misses = 0
		delete(d.values, d.doing.slots[i].name)
		return d.proceed()
	}
	switch {
	case d.open == changeAsked && (no || yes):
		d.misses = 0
		return d.proceed()
	case yes && !d.heard:
		return d.again()
	case yes:
		return d.finish()
	case no:
		d.misses = 0
		return d.askChange()
	case m.sure() && m.intent != d.doing:
		return d.act(words, m)
	default:
		return d.notUnderstood()
	}
}

// askChange asks which slot is wrong; a script without that question, or an
// intent with one slot, asks for the slots again.
func (d *dialogue) askChange() reply {
	if len(d.doing.change) > 0 && len(d.doing.slots) > 1 {
		d.open = changeAsked
		return reply{question: d.ask()}
	}
	d.values = map[string]string{}
	return d.proceed()
}

// slotMentioned finds a slot that is called by its name: "the day is wrong".
func (d *dialogue) slotMentioned(words []string) int {
	heard := newWords(words)
	for i, s := range d.doing.slots {
		name := newWord(s.name)
		for j := range heard {
			if similarity(&name, &heard[j]) > 0.9 {
				return i
			}
		}
	}
	return -1
}

// notUnderstood asks again, then offers a person, then hands off. A question
// that the caller could not hear is repeated and not counted.
func (d *dialogue) notUnderstood() reply {
	if !d.heard && d.last.text() != "" {
		return d.again()
	}
	if d.prompted && d.open != nothingAsked && d.open != handingOff {
		return reply{question: d.ask()}
	}
	u := d.s.unknown
	d.misses++
	switch {
	case d.open == personOffered:
		return d.begin(u.handOff, nil)
	case d.misses > len(u.askAgain) && len(u.offer) > 0:
		d.open = personOffered
		return reply{question: d.ask()}
	case d.misses > len(u.askAgain):
		return d.begin(u.handOff, nil)
	case d.open == slotAsked || d.open == confirmAsked || d.open == changeAsked:
		return reply{answer: d.pick("sorry", u.sorry), question: d.ask()}
	default:
		return reply{question: u.askAgain[d.misses-1].expand(d.values, d.vars, d.s.vars)}
	}
}

// again says the last reply once more.
func (d *dialogue) again() reply {
	r := d.last
	if d.open == nothingAsked && r.act == nil && r.text() == "" {
		r.answer = d.s.lines.Greeting
	}
	return r
}

// cancel gives up the slots that were being filled.
func (d *dialogue) cancel() reply {
	d.misses, d.doing = 0, nil
	if len(d.s.more.ask) == 0 {
		d.open = nothingAsked
		return reply{question: d.s.unknown.askAgain[0].expand(d.vars, d.s.vars)}
	}
	d.open = moreAsked
	return reply{question: d.ask()}
}

// yesToMore asks what the caller would like.
func (d *dialogue) yesToMore() reply {
	d.misses, d.open = 0, nothingAsked
	if len(d.s.more.yes) == 0 {
		return reply{question: d.s.unknown.askAgain[0].expand(d.vars, d.s.vars)}
	}
	return reply{question: d.s.more.yes.expand(d.vars, d.s.vars)}
}

// declineOffer goes on without a person.
func (d *dialogue) declineOffer() reply {
	d.misses = 0
	if d.doing != nil {
		return d.proceed()
	}
	return d.yesToMore()
}

// ask is the open question's next variant.
func (d *dialogue) ask() string {
	switch d.open {
	case slotAsked:
		s := d.doing.slots[d.slot]
		return d.pick("ask for "+d.doing.name+" "+s.name, s.ask)
	case confirmAsked:
		return d.pick("confirm "+d.doing.name, d.doing.confirm)
	case changeAsked:
		return d.doing.change.expand(d.values, d.vars, d.s.vars)
	case moreAsked:
		return d.pick("more", d.s.more.ask)
	case personOffered:
		return d.s.unknown.offer.expand(d.values, d.vars, d.s.vars)
	default:
		return ""
	}
}

// pick takes a list's next variant, round and round.
func (d *dialogue) pick(list string, variants []template) string {
	if len(variants) == 0 {
		return ""
	}
	t := variants[d.uses[list]%len(variants)]
	d.uses[list]++
	return t.expand(d.values, d.vars, d.s.vars)
}

// polarity is whether words agree.
type polarity int

const (
	neither polarity = iota
	positive
	negative
)

var agreeing = map[string]bool{
	"yes": true, "sure": true, "ok": true, "correct": true, "right": true, "absolutely": true, "exactly": true,
	"perfect": true, "certainly": true, "definitely": true, "great": true, "good": true, "fine": true,
}

var denying = map[string]bool{
	"no": true, "not": true, "wrong": true, "incorrect": true, "never": true, "neither": true,
}

// sign reads agreement from the first words said; a denial anywhere in them
// wins: "that is not right".
func sign(words []string) polarity {
	p := neither
	for i, w := range meaningful(words) {
		if i >= 5 {
			break
		}
		if denying[w] {
			return negative
		}
		if agreeing[w] && p == neither && i < 3 {
			p = positive
		}
	}
	return p
}
