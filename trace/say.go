package trace

import (
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otel "go.opentelemetry.io/otel/trace"

	"trunkline/pipeline"
	"trunkline/pipeline/ledger"
	"trunkline/pipeline/turn"
)

// utterance is what the agent says, from its order until it is told.
type utterance struct {
	span, parent otel.SpanID // parent: of a filler
	line         turn.Line   // empty: the model writes it
	filler       bool
	guess        bool // it is not the agent's turn yet
	guessed      bool // it began as a guess
	ordered      time.Time
	began        time.Time // the first packet left
	made         time.Time // all of it was ready to be played
	over         time.Time // nothing more comes of it
	rounds       []generation
	voice        Engine // that took over; zero: the configured one
	marks        []mark
	failed       string // error.type
	failure      string // in the provider's words
}

// generation is one answer of the model, up to its end or its calls of tools.
type generation struct {
	began, ended  time.Time // ended is zero while it runs
	input, output int
	model         Engine // that took over; zero: the configured one
}

// think notes that the model is asked.
func (u *utterance) think(at time.Time) { u.rounds = append(u.rounds, generation{began: at}) }

// thinking is the generation that runs; nil: none.
func (u *utterance) thinking() *generation {
	if n := len(u.rounds); n > 0 && u.rounds[n-1].ended.IsZero() {
		return &u.rounds[n-1]
	}

	return nil
}

// took notes which provider works in place of one that failed.
func (u *utterance) took(stage pipeline.Stage, e Engine) {
	if g := u.thinking(); stage == pipeline.Think && g != nil {
		g.model = e
	}
	if stage == pipeline.Speak {
		u.voice = e
	}
}

// order notes that the agent's turn is to be this utterance. The one before
// it was told by now, or is told with what follows at once, if any of it was
// heard.
func (c *Call) order(at time.Time, id int) *utterance {
	u := &utterance{span: newSpanID(), ordered: at}
	c.utterances[id] = u
	c.become(at, u)

	return u
}

// adopt makes a guess the agent's turn.
func (c *Call) adopt(at time.Time, id int) {
	if u := c.utterances[id]; u != nil {
		u.guess = false
		c.become(at, u)
	}
}

func (c *Call) become(at time.Time, u *utterance) {
	if old := c.current; old != nil && old.over.IsZero() {
		old.over = at
	}
	c.current = u
}

// reply follows the making and playing of an utterance.
func (c *Call) reply(at time.Time, u *utterance, e turn.Event) {
	switch e.Kind {
	case turn.AudioStarted:
		u.began = at
	case turn.AudioFinished:
		u.over = at
		if u.filler {
			c.tellFiller(e.Utterance, u, at)
		}
	case turn.ReplyDone:
		u.made = at
	case turn.ReplyFailed:
		u.failed, u.failure = "reply_failed", e.Text
		if side, _, _ := strings.Cut(e.Text, ":"); side == "model" || side == "voice" {
			u.failed = side + "_failed"
		}
	case turn.ReplyCost:
		if n := len(u.rounds); n > 0 {
			u.rounds[n-1].input += e.InputTokens
			u.rounds[n-1].output += e.OutputTokens
		}
	}
}

// yield follows speech over the agent's voice.
func (c *Call) yield(at time.Time, a turn.Action) {
	u := c.current
	if u == nil {
		return
	}
	switch a.Kind {
	case turn.Pause:
		u.marks = add(u.marks, mark{name: eventPause, at: at})
	case turn.Judge:
		u.marks = add(u.marks, mark{name: eventVerdict, at: at, attrs: append(
			[]attribute.KeyValue{keyVerdict.String(a.Text)}, c.private(keyReasons.StringSlice(a.Reasons))...)})
	default:
		u.marks = add(u.marks, mark{name: eventResume, at: at})
	}
}

// cancel notes that nothing was heard of a reply, and that the caller's turn
// goes on.
func (c *Call) cancel(at time.Time, id int) {
	if u := c.utterances[id]; u != nil {
		u.over = at
	}
	if c.caller != nil {
		c.caller.judged = time.Time{}
	}
}

// dropUnheard tells the utterances of which nothing was heard: had there been
// anything, they would have been told by the step in which they ended.
func (c *Call) dropUnheard() {
	for id, u := range c.utterances {
		if !u.filler && !u.guess && !u.over.IsZero() {
			c.tellUnheard(id, u, u.over)
		}
	}
}

// Turn follows a turn that is over, with the stamps of its stages.
func (c *Call) Turn(t *pipeline.Turn) {
	if !c.sampled {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.Role == pipeline.Caller {
		c.callerTold(t)

		return
	}
	u := c.utterances[t.Utterance]
	if u == nil {
		u = &utterance{span: newSpanID(), ordered: t.StartedAt}
	}
	outcome := outcomeHeard
	if t.Interrupted {
		outcome = outcomeInterrupted
	}
	attrs := []attribute.KeyValue{keyNumber.Int(t.Number)}
	if total, ok := t.Ledger.Total(); ok {
		attrs = append(attrs, keyAnswerIn.Float64(total.Seconds()))
	}
	if filler := t.Ledger.At(ledger.Filler); !filler.IsZero() && !t.Ledger.At(ledger.Speech).IsZero() {
		attrs = append(attrs, keyFillerIn.Float64(filler.Sub(t.Ledger.At(ledger.Speech)).Seconds()))
	}
	attrs = append(attrs, c.private(keyText.String(t.Text), keyHeard.String(t.Heard))...)
	c.tell(t.Utterance, u, t.EndedAt, outcome, &t.Ledger, attrs...)
	c.tellSpeech(u, t)
}

// tellUnheard tells an utterance that came to nothing.
func (c *Call) tellUnheard(id int, u *utterance, at time.Time) {
	c.tell(id, u, at, outcomeUnheard, &ledger.Ledger{})
}

// tell tells a turn of the agent's and what the model did for it.
func (c *Call) tell(id int, u *utterance, at time.Time, outcome string, l *ledger.Ledger, more ...attribute.KeyValue) {
	delete(c.utterances, id)
	if c.current == u {
		c.endFillers(at)
		c.current = nil
	}
	attrs := append(c.agent(), keyOutcome.String(outcome))
	if u.line != "" {
		attrs = append(attrs, keyLine.String(string(u.line)))
	}
	attrs = append(attrs, c.private(keyFailure.String(u.failure))...)
	s := span{
		id: u.span, parent: c.root, name: spanAgent, kind: otel.SpanKindInternal, began: u.ordered, ended: at,
		attrs: append(attrs, more...), marks: u.marks, failed: u.failed,
	}
	c.emit(s)
	for i := range u.rounds {
		c.tellGeneration(u, i, at, l)
	}
}

// agent names the agent and the conversation.
func (c *Call) agent() []attribute.KeyValue {
	return []attribute.KeyValue{keyAgent.String(c.name), keyConversation.String(c.conversation)}
}

// tellGeneration tells the nth answer of the model. What a guess had ready was
// stamped anew when it became the reply, and says nothing about the model.
func (c *Call) tellGeneration(u *utterance, n int, at time.Time, l *ledger.Ledger) {
	g := u.rounds[n]
	engine := c.engines.Model
	if g.model != (Engine{}) {
		engine = g.model
	}
	s := span{
		id: newSpanID(), parent: u.span, name: chat, kind: otel.SpanKindClient, began: g.began, ended: g.ended,
		attrs: append([]attribute.KeyValue{
			keyStage.String(string(pipeline.Think)), keyOperation.String(chat), keyConversation.String(c.conversation),
			keySpeculate.Bool(u.guessed),
		}, who(engine)...),
	}
	if engine.Model != "" {
		s.name += " " + engine.Model
	}
	if g.input+g.output > 0 {
		s.attrs = append(s.attrs, keyInputTokens.Int(g.input), keyOutputTokens.Int(g.output))
	}
	if s.ended.IsZero() {
		s.ended = first(l.At(ledger.Written), u.made, at)
		if n > 0 && s.ended.Sub(s.began) < time.Millisecond {
			return // a tool ended the call: the model was not asked again
		}
		if strings.HasPrefix(u.failed, "model") {
			s.failed = u.failed
		}
	}
	if token := l.At(ledger.Token); n == 0 && !u.guessed && !token.IsZero() {
		s.attrs = append(s.attrs, keyFirstChunk.Float64(token.Sub(g.began).Seconds()))
		s.marks = stamps(l, ledger.Token, eventToken, ledger.Sentence, eventSentence)
	}
	c.emit(s)
}

// tellSpeech tells how the voice spoke a turn.
func (c *Call) tellSpeech(u *utterance, t *pipeline.Turn) {
	engine := c.engines.Voice
	if u.voice != (Engine{}) {
		engine = u.voice
	}
	s := span{
		id: newSpanID(), parent: u.span, name: spanSpeak, kind: otel.SpanKindClient,
		began: first(t.Ledger.At(ledger.Sentence), t.StartedAt), ended: t.EndedAt,
		attrs: append([]attribute.KeyValue{keyStage.String(string(pipeline.Speak))}, who(engine)...),
		marks: stamps(&t.Ledger, ledger.Sample, eventSample, ledger.Packet, eventPacket),
	}
	if u.line != "" { // it was made at the start of the gateway
		s.kind = otel.SpanKindInternal
	}
	if s.began.After(t.StartedAt) { // a later sentence of a reply that began with a tool's
		s.began = t.StartedAt
	}
	if strings.HasPrefix(u.failed, "voice") {
		s.failed = u.failed
	}
	c.emit(s)
}

// stamps are a ledger's stamps of two stages as events.
func stamps(l *ledger.Ledger, a ledger.Stage, as string, b ledger.Stage, bs string) (all []mark) {
	for _, s := range []struct {
		stage ledger.Stage
		name  string
	}{{a, as}, {b, bs}} {
		if at := l.At(s.stage); !at.IsZero() {
			all = append(all, mark{name: s.name, at: at})
		}
	}

	return all
}

// first is the first time that is known.
func first(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}

	return time.Time{}
}

// endFillers tells the fillers that are cut off.
func (c *Call) endFillers(at time.Time) {
	for id, u := range c.utterances {
		if u.filler {
			c.tellFiller(id, u, at)
		}
	}
}

// tellFiller tells a filler, if any of it was heard.
func (c *Call) tellFiller(id int, u *utterance, at time.Time) {
	delete(c.utterances, id)
	if u.began.IsZero() {
		return
	}
	c.emit(span{
		id: u.span, parent: u.parent, name: spanFiller, kind: otel.SpanKindInternal, began: u.began, ended: at,
		attrs: []attribute.KeyValue{keyStage.String(spanFiller), keyLine.String(string(turn.Filler))},
	})
}

// dropGuess tells a guess that nobody wanted.
func (c *Call) dropGuess(at time.Time, a turn.Action) {
	u := c.utterances[a.Utterance]
	if u == nil {
		return
	}
	delete(c.utterances, a.Utterance)
	c.emit(span{
		id: u.span, parent: c.turnOfCaller(at).span, name: spanGuess, kind: otel.SpanKindInternal, began: u.ordered, ended: at,
		attrs: append([]attribute.KeyValue{keyOutcome.String(outcomeDiscarded)}, c.private(keyReasons.StringSlice(a.Reasons))...),
	})
	for i := range u.rounds {
		c.tellGeneration(u, i, at, &ledger.Ledger{})
	}
}

// tool is a call of a tool that runs.
type tool struct {
	span, parent otel.SpanID
	began        time.Time
	name         string
	utterance    *utterance
	arguments    string
}

// tool is the call of this ID; it makes one.
func (c *Call) tool(id string) *tool {
	t := c.tools[id]
	if t == nil {
		t = &tool{span: newSpanID(), parent: c.parent()}
		c.tools[id] = t
	}

	return t
}

// toolStarted ends the generation that asked for the tool.
func (c *Call) toolStarted(at time.Time, e turn.Event) {
	t := c.tool(e.Call)
	t.name, t.began = e.Tool, at
	if u := c.utterances[e.Utterance]; u != nil {
		t.parent, t.utterance = u.span, u
		if g := u.thinking(); g != nil {
			g.ended = at
		}
	}
}

// toolOver tells a call of a tool. After the last one of its reply the model
// goes on.
func (c *Call) toolOver(at time.Time, e turn.Event) {
	t := c.tool(e.Call)
	delete(c.tools, e.Call)
	if t.began.IsZero() {
		t.name, t.began = e.Tool, at.Add(-e.Took)
	}
	s := span{
		id: t.span, parent: t.parent, name: executeTool + " " + t.name, kind: otel.SpanKindInternal, began: t.began, ended: at,
		attrs: append([]attribute.KeyValue{
			keyStage.String("tool"), keyOperation.String(executeTool), keyTool.String(t.name), keyToolCall.String(e.Call),
			keyToolType.String(function), keyConversation.String(c.conversation),
		}, c.private(keyArguments.String(t.arguments))...),
	}
	if e.Kind == turn.ToolFailed {
		s.failed = string(turn.ToolFailed)
	}
	c.emit(s)
	u := t.utterance
	if u == nil || !u.over.IsZero() {
		return
	}
	for _, other := range c.tools {
		if other.utterance == u {
			return
		}
	}
	u.think(at)
}
