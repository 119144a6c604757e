package trace

import (
	"time"

	"go.opentelemetry.io/otel/attribute"
	otel "go.opentelemetry.io/otel/trace"

	"trunkline/pipeline"
	"trunkline/pipeline/turn"
)

// spurtsBound is how many talkspurts may wait for their last words.
const spurtsBound = 16

// callerTurn is the caller's turn while it is open.
type callerTurn struct {
	span    otel.SpanID
	began   time.Time
	spoke   time.Time // the last packet of speech arrived, or a key was pressed
	judged  time.Time // it was judged to be over; zero: it was not
	wait    time.Duration
	reasons []string
}

// spurt is a talkspurt that waits for its last words.
type spurt struct {
	span, parent otel.SpanID
	began        time.Time
	voiced       time.Duration
	marks        []mark
}

// turnOfCaller is the caller's turn that is open; it opens one.
func (c *Call) turnOfCaller(at time.Time) *callerTurn {
	if c.caller == nil {
		c.caller = &callerTurn{span: newSpanID(), began: at}
	}

	return c.caller
}

// hear follows what comes from the caller.
func (c *Call) hear(at time.Time, e turn.Event) {
	s := c.spurts[e.Spurt]
	switch e.Kind {
	case turn.SpeechOnset:
		c.spurts[e.Spurt] = &spurt{span: newSpanID(), parent: c.turnOfCaller(at).span, began: at}
		if old := c.spurts[e.Spurt-spurtsBound]; old != nil {
			c.tellSpurt(e.Spurt-spurtsBound, old, at, "")
		}
	case turn.SpeechEnd:
		if c.caller != nil {
			c.caller.spoke = at.Add(-e.Silence)
		}
		if s != nil {
			s.voiced = e.Voiced
		}
	case turn.KeyPressed:
		c.turnOfCaller(at).spoke = at
	case turn.Partial:
		if s != nil && len(s.marks) == 0 {
			s.marks = add(s.marks, mark{name: eventPartial, at: at})
		}
	case turn.Final:
		if s != nil {
			c.tellSpurt(e.Spurt, s, at, "", c.private(keyWords.String(e.Text))...)
		}
	case turn.RecogniserLost:
		if s != nil {
			c.tellSpurt(e.Spurt, s, at, eventDeaf, c.private(keyFailure.String(e.Text))...)
		} else {
			c.marks = add(c.marks, mark{name: eventDeaf, at: at, attrs: c.private(keyFailure.String(e.Text))})
		}
	}
}

// tellSpurt tells a talkspurt whose last words came, or never will.
func (c *Call) tellSpurt(n int, s *spurt, at time.Time, failed string, more ...attribute.KeyValue) {
	delete(c.spurts, n)
	attrs := append([]attribute.KeyValue{
		keyStage.String(string(pipeline.Recognise)), keySpurt.Int(n), keyVoiced.Float64(s.voiced.Seconds()),
	}, who(c.engines.Recogniser)...)
	c.emit(span{
		id: s.span, parent: s.parent, name: spanRecognise, kind: otel.SpanKindClient,
		began: s.began, ended: at, attrs: append(attrs, more...), marks: s.marks, failed: failed,
	})
}

// taken notes that the caller's turn was judged to be over.
func (c *Call) taken(at time.Time) {
	t := c.turnOfCaller(at)
	t.judged = at
	if t.spoke.IsZero() {
		return
	}
	c.emit(span{
		id: newSpanID(), parent: t.span, name: spanEndpoint, kind: otel.SpanKindInternal, began: t.spoke, ended: at,
		attrs: append([]attribute.KeyValue{keyStage.String(spanEndpoint), keyEndWait.Float64(t.wait.Seconds())},
			c.private(keyReasons.StringSlice(t.reasons))...),
	})
}

// discard closes a turn of the caller's that is none: a cough, noise, words of
// agreement.
func (c *Call) discard(at time.Time, reasons []string) {
	t := c.caller
	if t == nil || !t.judged.IsZero() {
		return
	}
	c.caller = nil
	c.emit(span{
		id: t.span, parent: c.root, name: spanCaller, kind: otel.SpanKindInternal, began: t.began, ended: at,
		attrs: append([]attribute.KeyValue{keyOutcome.String(outcomeDiscarded)}, c.private(keyReasons.StringSlice(reasons))...),
	})
}

// callerTold tells a turn of the caller's.
func (c *Call) callerTold(t *pipeline.Turn) {
	open := c.turnOfCaller(t.StartedAt)
	c.caller = nil
	s := span{
		id: open.span, parent: c.root, name: spanCaller, kind: otel.SpanKindInternal, began: t.StartedAt, ended: t.EndedAt,
		attrs: append([]attribute.KeyValue{keyNumber.Int(t.Number), keyOutcome.String(outcomeHeard)}, c.private(keyText.String(t.Text))...),
	}
	if open.judged.After(s.ended) {
		s.ended = open.judged
	}
	if s.began.IsZero() || open.began.Before(s.began) {
		s.began = open.began
	}
	c.emit(s)
}
