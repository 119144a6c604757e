package trace

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otel "go.opentelemetry.io/otel/trace"

	"trunkline/pipeline"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// Call makes one call's trace. It implements call.Trace.
//
// A span's ID is made when what it stands for begins, and the span when that
// is over: its children may be told before it.
type Call struct {
	t            *Tracer
	name         string  // of the agent
	engines      Engines // who works now
	conversation string
	offered      time.Time
	id           otel.TraceID
	root         otel.SpanID
	sampled      bool

	mu         sync.Mutex
	caller     *callerTurn // that is open
	spurts     map[int]*spurt
	utterances map[int]*utterance // that are not told yet
	current    *utterance         // the latest that is the agent's turn
	tools      map[string]*tool   // that run, by the call's ID
	marks      []mark
}

// Step follows an event of the turn machine, and what it led to.
func (c *Call) Step(at time.Time, e turn.Event, actions []turn.Action) {
	if !c.sampled {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropUnheard()
	c.event(at, e)
	for _, a := range actions {
		c.action(at, a)
	}
}

func (c *Call) event(at time.Time, e turn.Event) {
	switch e.Kind {
	case turn.SpeechOnset, turn.SpeechEnd, turn.Partial, turn.Final, turn.RecogniserLost, turn.KeyPressed:
		c.hear(at, e)
	case turn.AudioStarted, turn.AudioFinished, turn.ReplyDone, turn.ReplyFailed, turn.ReplyCost:
		if u := c.utterances[e.Utterance]; u != nil {
			c.reply(at, u, e)
		}
	case turn.ToolStarted:
		c.toolStarted(at, e)
	case turn.ToolDone, turn.ToolFailed:
		c.toolOver(at, e)
	case turn.ProviderFailed, turn.ProviderTook:
		c.provider(at, e)
	case turn.HoldOn:
		c.marks = add(c.marks, mark{name: eventHold, at: at})
	case turn.HoldOff:
		c.marks = add(c.marks, mark{name: eventUnhold, at: at})
	}
}

func (c *Call) action(at time.Time, a turn.Action) {
	switch a.Kind {
	case turn.Endpoint:
		c.turnOfCaller(at).wait, c.caller.reasons = a.After, a.Reasons
	case turn.Discard:
		c.discard(at, a.Reasons)
	case turn.Speak:
		if a.Text != "" {
			c.taken(at)
		}
		c.order(at, a.Utterance).line = a.Line
	case turn.StartReply:
		c.taken(at)
		c.order(at, a.Utterance).think(at)
	case turn.StartGuess:
		u := &utterance{span: newSpanID(), guess: true, guessed: true, ordered: at}
		u.think(at)
		c.utterances[a.Utterance] = u
	case turn.AdoptGuess:
		c.taken(at)
		c.adopt(at, a.Utterance)
	case turn.DropGuess:
		c.dropGuess(at, a)
	case turn.Interject:
		c.utterances[a.Utterance] = &utterance{span: newSpanID(), filler: true, ordered: at, parent: c.parent()}
	case turn.CancelReply:
		c.cancel(at, a.Utterance)
	case turn.Clear:
		c.endFillers(at)
	case turn.Pause, turn.Resume, turn.Respeak, turn.Judge:
		c.yield(at, a)
	}
}

// provider notes that one failed, or that another one works in its place.
func (c *Call) provider(at time.Time, e turn.Event) {
	m := mark{name: string(e.Kind), at: at, attrs: []attribute.KeyValue{keyStage.String(e.Stage), keyProvider.String(e.Provider)}}
	if e.Kind == turn.ProviderFailed {
		m.attrs = append(m.attrs, keyError.String(e.Fault))
		m.attrs = append(m.attrs, c.private(keyFailure.String(e.Text))...)
	} else {
		m.attrs = append(m.attrs, keyTook.Float64(e.Took.Seconds()))
	}
	u := c.current
	switch stage := pipeline.Stage(e.Stage); {
	case stage == pipeline.Recognise:
		if e.Kind == turn.ProviderTook {
			c.engines.Recogniser = Engine{Provider: e.Provider}
		}
		c.marks = add(c.marks, m)
	case u == nil:
		c.marks = add(c.marks, m)
	default:
		u.marks = add(u.marks, m)
		if e.Kind == turn.ProviderTook {
			u.took(stage, Engine{Provider: e.Provider})
		}
	}
}

// Called follows a call of a tool from before it is made, and gives the trace
// context that its requests carry (W3C Trace Context section 3.2).
func (c *Call) Called(t pipeline.ToolCall) string {
	if !c.sampled {
		return fmt.Sprintf("00-%s-%s-00", c.id, newSpanID())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	tool := c.tool(t.ID)
	tool.arguments = string(t.Args)

	return fmt.Sprintf("00-%s-%s-01", c.id, tool.span)
}

// parent is the span of the agent's turn that is being made, or the call's.
func (c *Call) parent() otel.SpanID {
	if c.current != nil {
		return c.current.span
	}

	return c.root
}

// End closes the trace with the call's final record.
func (c *Call) End(rec storage.Call) {
	if !c.sampled {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeAll(rec.EndedAt)
	ring := span{id: newSpanID(), parent: c.root, name: spanRing, kind: otel.SpanKindInternal, began: c.offered, ended: rec.AnsweredAt}
	if rec.AnsweredAt.IsZero() {
		ring.ended = rec.EndedAt
	}
	c.emit(ring)
	s := span{
		id: c.root, name: spanCall, kind: otel.SpanKindServer, began: c.offered, ended: rec.EndedAt, marks: c.marks,
		attrs: []attribute.KeyValue{
			keyConversation.String(rec.ID.String()), keyAgent.String(rec.Agent),
			keyDirection.String(string(rec.Direction)), keyDoor.String(string(rec.Door)), keyTrunk.String(rec.Trunk),
			keyReason.String(rec.EndReason), keyFault.String(string(rec.Fault)),
		},
	}
	if rec.Direction == storage.Outbound {
		s.kind = otel.SpanKindClient
	}
	if m := rec.Media; m != nil {
		s.attrs = append(s.attrs, keyCodec.String(m.Codec), keyLost.Int64(int64(m.Lost)),
			keyMOSIn.Float64(m.MOSIn), keyMOSOut.Float64(m.MOSOut), keyTrip.Float64(m.RTTMS/1000))
	}
	s.attrs = append(s.attrs, costs(&rec)...)
	s.attrs = append(s.attrs, c.private(keyFrom.String(string(rec.From)), keyTo.String(string(rec.To)))...)
	if rec.Fault == storage.FaultTrunkline || rec.Fault == storage.FaultProvider {
		s.failed = rec.EndReason
	}
	c.emit(s)
}

// costs are what a call cost, whole and by stage; none when nothing has a price.
func costs(rec *storage.Call) (all []attribute.KeyValue) {
	if len(rec.Costs) == 0 {
		return nil
	}
	stages := map[string]storage.Amount{}
	for i := range rec.Costs {
		stages[rec.Costs[i].Stage] += rec.Costs[i].Amount
	}
	units := func(a storage.Amount) float64 { return float64(a) / 1e9 }
	all = append(all, keyCost.Float64(units(rec.Cost())))
	for _, stage := range slices.Sorted(maps.Keys(stages)) {
		all = append(all, (keyCost + "." + attribute.Key(stage)).Float64(units(stages[stage])))
	}

	return all
}

// closeAll tells what the end of the call cut off.
func (c *Call) closeAll(at time.Time) {
	for id, u := range c.utterances {
		switch {
		case u.filler:
			c.tellFiller(id, u, at)
		case u.guess:
			c.dropGuess(at, turn.Action{Utterance: id})
		default:
			c.tellUnheard(id, u, at)
		}
	}
	for id := range c.tools {
		c.toolOver(at, turn.Event{Kind: turn.ToolFailed, Call: id})
	}
	for n, s := range c.spurts {
		c.tellSpurt(n, s, at, "")
	}
	if c.caller != nil {
		c.caller.judged = time.Time{} // whether it was answered or not
		c.discard(at, nil)
	}
}
