package script

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"trunkline/pipeline"
)

// Script is a dialogue made ready to run. It is safe for concurrent use.
type Script struct {
	name     string
	language string
	vars     map[string]string
	lines    Lines
	intents  []*intentPlan
	slots    []*slotPlan // one per name, for the values that phrases mention
	spoken   [][]string  // the phrases as written, for the recogniser
	more     morePlan
	unknown  unknownPlan
	common   commonPlan
	matcher  *matcher
}

var _ pipeline.Model = (*Script)(nil)

// intentPlan is an intent made ready for use.
type intentPlan struct {
	name      string
	phrases   [][]string // folded words; values are their slots' keys
	slots     []*slotPlan
	confirm   []template
	change    template
	replies   []template
	protected bool // the caller must hear the reply
	more      bool
	call      *callPlan // nil: none
	act       *pipeline.Act
}

type morePlan struct {
	ask []template
	yes template
	no  *intentPlan
}

type unknownPlan struct {
	sorry, askAgain []template
	offer           template
	handOff         *intentPlan
}

// commonPlan is what every script understands.
type commonPlan struct {
	yes, no, repeat, cancel *intentPlan
}

// Phrases that every script understands, beside its own.
var (
	yesPhrases = []string{
		"yes", "yes please", "sure", "ok", "of course", "correct", "that is right", "that is correct", "right",
		"absolutely", "exactly", "sounds good", "perfect", "please do", "yes that is right", "yes that is correct", "yes it is",
	}
	noPhrases = []string{
		"no", "no thank you", "no thanks", "that is wrong", "that is not right", "that is not correct", "not correct",
		"incorrect", "wrong", "not really", "nothing else", "no that is all", "no that is it", "no nothing else",
	}
	repeatPhrases = []string{
		"what did you say", "sorry what did you say", "pardon", "pardon me", "excuse me", "could you repeat that",
		"can you say that again", "say that again please", "what was that", "come again", "please repeat that",
		"i did not hear you", "i did not understand", "sorry i did not catch that", "one more time please", "sorry", "what",
	}
	cancelPhrases = []string{
		"never mind", "forget it", "forget about it", "cancel that", "i changed my mind", "stop", "leave it",
	}
)

// Name is what the script calls itself.
func (s *Script) Name() string { return s.name }

// Language is the script's BCP 47 tag, such as "en-US".
func (s *Script) Language() string { return s.language }

// Greeting is what the agent says first.
func (s *Script) Greeting() string { return s.lines.Greeting }

// Lines are the fixed things that the agent says outside the dialogue, with
// the script's own values filled in.
func (s *Script) Lines() Lines {
	l := s.lines
	l.Idle = slices.Clone(l.Idle)
	return l
}

// Targets are the names that the script hands callers off to, sorted.
func (s *Script) Targets() []string {
	targets := make(map[string]bool)
	for _, in := range s.intents {
		if in.act != nil && in.act.Name == pipeline.ActHandOff {
			targets[in.act.Args["target"]] = true
		}
	}
	return slices.Sorted(maps.Keys(targets))
}

// compiler turns a document into a Script and keeps the first problem.
type compiler struct {
	doc     *document
	s       *Script
	results bool   // texts may name a tool's result
	at      string // YAML path of the problem
	problem string
}

func (c *compiler) failf(at, format string, args ...any) {
	if c.problem == "" {
		c.at, c.problem = at, fmt.Sprintf(format, args...)
	}
}

// compile checks the document and makes it ready. When there is a problem it
// returns where, as a YAML path, and what.
func compile(doc *document) (s *Script, at, problem string) {
	c := &compiler{doc: doc, s: &Script{name: doc.Name, language: doc.Language, vars: doc.Vars}}
	c.head()
	c.collectSlots()
	for i := range doc.Intents {
		c.s.intents = append(c.s.intents, c.intent(i, &doc.Intents[i]))
	}
	c.references()
	c.follow()
	c.commons()
	if c.problem != "" {
		return nil, c.at, c.problem
	}
	all := append(slices.Clone(c.s.intents), c.s.common.yes, c.s.common.no, c.s.common.repeat, c.s.common.cancel)
	c.s.matcher = newMatcher(all)
	return c.s, "", ""
}

func (c *compiler) head() {
	d := c.doc
	if d.Name == "" {
		c.failf("$", "the script has no name; add name: followed by what to call it")
	}
	if d.Language == "" {
		c.s.language = "en-US"
	} else if !strings.HasPrefix(strings.ToLower(d.Language), "en") {
		c.failf("$.language", "language %q is not known; scripts are in English (en, en-US, en-GB)", d.Language)
	}
	if d.Lines.Greeting == "" {
		c.failf("$.lines", "there is no greeting; add lines.greeting, the first thing that callers hear")
	}
	if len(d.Intents) == 0 {
		c.failf("$", "the script has no intents; add intents: with at least one name, phrases and replies")
	}
	c.s.lines = Lines{
		Greeting:   c.line("$.lines.greeting", d.Lines.Greeting),
		NotHeard:   c.line("$.lines.not_heard", d.Lines.NotHeard),
		Goodbye:    c.line("$.lines.goodbye", d.Lines.Goodbye),
		HandOff:    c.line("$.lines.hand_off", d.Lines.HandOff),
		Busy:       c.line("$.lines.busy", d.Lines.Busy),
		Apology:    c.line("$.lines.apology", d.Lines.Apology),
		Trouble:    c.line("$.lines.trouble", d.Lines.Trouble),
		CapWarning: c.line("$.lines.cap_warning", d.Lines.CapWarning),
		CapGoodbye: c.line("$.lines.cap_goodbye", d.Lines.CapGoodbye),
	}
	for i, l := range d.Lines.Idle {
		c.s.lines.Idle = append(c.s.lines.Idle, c.line(fmt.Sprintf("$.lines.idle[%d]", i), l))
	}
}

// line is a text that only names the script's own values.
func (c *compiler) line(at, text string) string {
	return c.text(at, text, nil).expand(c.doc.Vars)
}

// text parses a template and checks the names in it.
func (c *compiler) text(at, text string, slots []*slotPlan) template {
	t, problem := parseTemplate(strings.Join(strings.Fields(text), " "))
	if problem != "" {
		c.failf(at, "%s", problem)
	}
	for _, name := range t.names() {
		_, isVar := c.doc.Vars[name]
		isVar = isVar || c.results && isResult(name)
		if !isVar && !slices.ContainsFunc(slots, func(s *slotPlan) bool { return s.name == name }) {
			c.failf(at, "{%s} is no slot of this intent and is not in vars; add it there or correct the name", name)
		}
	}
	return t
}

func (c *compiler) texts(at string, list []string, slots []*slotPlan) []template {
	out := make([]template, len(list))
	for i, text := range list {
		p := fmt.Sprintf("%s[%d]", at, i)
		if strings.TrimSpace(text) == "" {
			c.failf(p, "the text is empty; write it or remove the entry")
		}
		out[i] = c.text(p, text, slots)
	}
	return out
}

// collectSlots makes one plan per slot name that phrases may mention.
func (c *compiler) collectSlots() {
	for i := range c.doc.Intents {
		for j := range c.doc.Intents[i].Slots {
			sl := &c.doc.Intents[i].Slots[j]
			if c.slotNamed(sl.Name) == nil {
				c.s.slots = append(c.s.slots, c.slot(fmt.Sprintf("$.intents[%d].slots[%d]", i, j), sl))
			}
		}
	}
}

func (c *compiler) slotNamed(name string) *slotPlan {
	for _, s := range c.s.slots {
		if s.name == name {
			return s
		}
	}
	return nil
}

func (c *compiler) intent(i int, in *intent) *intentPlan {
	at := fmt.Sprintf("$.intents[%d]", i)
	p := &intentPlan{name: in.Name, more: in.More}
	if in.Name == "" {
		c.failf(at, "the intent has no name; add name:")
	}
	for _, other := range c.s.intents {
		if other.name == in.Name {
			c.failf(at+".name", "there are two intents named %q; rename one", in.Name)
		}
	}
	if len(in.Phrases) == 0 {
		c.failf(at, "intent %q has no phrases; add what callers say when they want it", in.Name)
	}
	for j := range in.Slots {
		p.slots = append(p.slots, c.slot(fmt.Sprintf("%s.slots[%d]", at, j), &in.Slots[j]))
	}
	for j := range in.Slots {
		c.askAndRefuse(fmt.Sprintf("%s.slots[%d]", at, j), &in.Slots[j], p.slots[j], p.slots)
	}
	for j, text := range in.Phrases {
		p.phrases = append(p.phrases, c.phrase(fmt.Sprintf("%s.phrases[%d]", at, j), text))
	}
	p.confirm = c.texts(at+".confirm", in.Confirm, p.slots)
	p.change = c.text(at+".change", in.Change, p.slots)
	p.call = c.call(at+".call", in, p.slots)
	c.results = p.call != nil
	p.replies = c.texts(at+".replies", in.Replies, p.slots)
	p.protected = in.Protected
	c.results = false
	if len(in.Replies) == 0 {
		c.failf(at, "intent %q has no replies; add what the agent answers", in.Name)
	}
	if len(in.Confirm) > 0 && len(in.Slots) == 0 {
		c.failf(at+".confirm", "confirm reads slots back, and intent %q has none; remove it or add slots", in.Name)
	}
	p.act = c.act(at, in)
	return p
}

func (c *compiler) act(at string, in *intent) *pipeline.Act {
	switch in.Act {
	case "":
		if in.Target != "" {
			c.failf(at+".target", "target needs act: hand_off")
		}
		return nil
	case pipeline.ActHangUp:
		if in.Target != "" {
			c.failf(at+".target", "hang_up has no target; remove it")
		}
		return &pipeline.Act{Name: in.Act, Args: map[string]string{"reason": in.Name}}
	case pipeline.ActHandOff:
		if in.Target == "" {
			c.failf(at+".act", "hand_off needs target:, the configured name to hand the caller to")
		}
		return &pipeline.Act{Name: in.Act, Args: map[string]string{"target": in.Target, "reason": in.Name}}
	default:
		c.failf(at+".act", "act %q is not known; use hand_off or hang_up", in.Act)
		return nil
	}
}

// phrase folds an example and puts slots' keys in place of their values.
func (c *compiler) phrase(at, text string) []string {
	t, problem := parseTemplate(text)
	if problem != "" {
		c.failf(at, "%s", problem)
	}
	var words, spoken []string
	for _, p := range t {
		words = append(words, fold(p.text)...)
		spoken = append(spoken, strings.Fields(strings.ToLower(p.text))...)
		if p.name == "" {
			continue
		}
		s := c.slotNamed(p.name)
		if s == nil {
			c.failf(at, "{%s} is no slot of any intent; phrases may only name slots", p.name)
			continue
		}
		words = append(words, s.key)
		spoken = append(spoken, s.key)
	}
	if len(words) == 0 {
		c.failf(at, "the phrase has no words")
	}
	c.s.spoken = append(c.s.spoken, spoken)
	return c.s.keyed(words)
}

// keyed puts the slots' keys in place of values that can be nothing else.
func (s *Script) keyed(words []string) []string {
	for _, sl := range s.slots {
		if sl.kind == kindName {
			continue // an introduction is part of its phrase
		}
		if v, ok := sl.find(words, volunteered); ok {
			words = slices.Replace(slices.Clone(words), v.from, v.to, sl.key)
		}
	}
	return words
}

// references resolves the intents that others name.
func (c *compiler) references() {
	find := func(at, name, what string) *intentPlan {
		for _, in := range c.s.intents {
			if in.name == name {
				return in
			}
		}
		c.failf(at, "%s names intent %q, which the script does not have", what, name)
		return nil
	}
	if c.doc.More.No != "" {
		c.s.more.no = find("$.more.no", c.doc.More.No, "more.no")
	}
	if c.doc.Unknown.HandOff == "" {
		c.failf("$.unknown", "unknown.hand_off is missing; name the intent that callers who are not understood get, such as a hand-off or a goodbye")
		return
	}
	c.s.unknown.handOff = find("$.unknown.hand_off", c.doc.Unknown.HandOff, "unknown.hand_off")
	if h := c.s.unknown.handOff; h != nil && (h.act == nil || len(h.slots) > 0) {
		c.failf("$.unknown.hand_off", "intent %q must have an act and no slots to be unknown.hand_off", h.name)
	}
}

// follow prepares what is said after an answer, and when nothing was
// understood.
func (c *compiler) follow() {
	d := c.doc
	c.s.more.ask = c.texts("$.more.ask", d.More.Ask, nil)
	c.s.more.yes = c.text("$.more.yes", d.More.Yes, nil)
	if len(d.More.Ask) > 0 && (d.More.Yes == "" || d.More.No == "") {
		c.failf("$.more", "more.ask needs more.yes (a reply) and more.no (an intent)")
	}
	for i := range d.Intents {
		if d.Intents[i].More && len(d.More.Ask) == 0 {
			c.failf(fmt.Sprintf("$.intents[%d].more", i), "more: true needs more.ask at the top level")
		}
	}
	c.s.unknown.sorry = c.texts("$.unknown.sorry", d.Unknown.Sorry, nil)
	c.s.unknown.askAgain = c.texts("$.unknown.ask_again", d.Unknown.AskAgain, nil)
	c.s.unknown.offer = c.text("$.unknown.offer", d.Unknown.Offer, nil)
	if len(d.Unknown.AskAgain) == 0 {
		c.failf("$.unknown", "unknown.ask_again is empty; add what the agent says when it did not understand")
	}
}

func (c *compiler) commons() {
	plan := func(name string, own, given []string) *intentPlan {
		p := &intentPlan{name: name}
		for _, text := range append(slices.Clone(own), given...) {
			p.phrases = append(p.phrases, c.phrase("$."+name, text))
		}
		return p
	}
	c.s.common = commonPlan{
		yes:    plan("yes", yesPhrases, c.doc.Yes),
		no:     plan("no", noPhrases, c.doc.No),
		repeat: plan("repeat", repeatPhrases, c.doc.Repeat),
		cancel: plan("cancel", cancelPhrases, c.doc.Cancel),
	}
}
