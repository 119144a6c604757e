package call

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"trunkline/compliance/opening"
	"trunkline/media"
	"trunkline/media/amd"
	"trunkline/media/line"
	"trunkline/media/player"
	"trunkline/media/tone"
	"trunkline/media/vad"
	"trunkline/pipeline/turn"
)

// OnMachine is what is done when an answering machine takes a call of ours.
type OnMachine string

// What can be done.
const (
	HangUp       OnMachine = "hang_up"
	LeaveMessage OnMachine = "leave_message"  // the agent's line after the beep
	TreatAsHuman OnMachine = "treat_as_human" // the conversation begins, as with a person
)

// newsWaiting bounds what the tick goroutine tells of the callee.
const newsWaiting = 8

// firstWords is the time of a call of ours from its answer until the agent
// speaks: it finds out who answered, and when to begin. It is the line's ear,
// and hands the conversation what that is to hear.
type firstWords struct {
	ear      line.Ear // the conversation
	detector *amd.Detector
	gate     *vad.Gate
	words    chan string    // understood of the callee
	carrier  <-chan string  // what the carrier found out; nil: it does not look
	news     chan amd.Event // told to the call
	heard    chan time.Time // when the agent was first heard, once
	early    bool           // the conversation listens before it starts
	begun    atomic.Bool    // the conversation has started
	spoke    bool           // the agent was heard; of the tick goroutine
}

// A finder is a door whose carrier finds out who answered.
type finder interface {
	// Machine receives the carrier's word for it, at most once, through a buffer.
	Machine() <-chan string
}

// carrierClass is a verdict of Twilio's
// (https://www.twilio.com/docs/voice/answering-machine-detection).
func carrierClass(word string) amd.Class {
	switch {
	case strings.HasPrefix(word, "machine"):
		return amd.Machine
	case word == "fax":
		return amd.Fax
	default:
		return amd.Unknown
	}
}

// A listener is a Conversation that can listen before it starts.
type listener interface{ Listen() }

// open lets the call's opening hear, in the conversation's place.
func (c *call) open(parts *line.Config) {
	o := &c.first
	o.ear, o.detector, o.gate = c.conv, amd.New(c.m.cfg.Detect), vad.NewGate(vad.DefaultGate())
	o.words, o.news, o.heard = make(chan string, newsWaiting), make(chan amd.Event, newsWaiting), make(chan time.Time, 1)
	if d, ok := c.door.(finder); ok {
		o.carrier = d.Machine()
	}
	if l, ok := c.conv.(listener); ok {
		o.early = true
		c.notes.understood = o.understood
		l.Listen()
	}
	parts.Ear = o
	parts.Tones |= tone.Only(tone.Beep)
	parts.OnTone = func(e tone.Event) {
		o.tell(o.detector.Tone(e.Kind))
		c.toneHeard(e)
	}
}

// played takes the player's events. It is called on the tick goroutine.
func (c *call) played(e player.Event) {
	if e.Mark != 0 {
		c.owed.spoke(e)

		return
	}
	c.conv.Played(e)
	if o := &c.first; o.heard != nil && !o.spoke && e.Kind == player.Started {
		o.spoke = true
		o.heard <- e.At
	}
}

// Hear implements line.Ear.
func (o *firstWords) Hear(f *media.Frame, in media.Inbound, voiced bool) {
	if o.early || o.begun.Load() {
		o.ear.Hear(f, in, voiced)
	}
	if o.detector.Done() {
		return
	}
	o.gate.Step(voiced, vad.Level(f))
	quiet := media.Samples(o.gate.Quiet() * media.FrameSamples).Duration()
	o.tell(o.detector.Frame(o.gate.Talking(), quiet))
	for len(o.carrier) > 0 {
		o.tell(o.detector.Carrier(carrierClass(<-o.carrier)))
	}
	for len(o.words) > 0 { // quicker than a select; nobody else takes from it
		o.tell(o.detector.Words(<-o.words))
	}
}

// Key implements line.Ear. Before the agent has spoken there is nothing to
// answer by a key.
func (o *firstWords) Key(d media.Digit) {
	if o.begun.Load() {
		o.ear.Key(d)
	}
}

// understood takes words of the callee, from any goroutine.
func (o *firstWords) understood(text string) {
	select {
	case o.words <- text:
	default: // the next ones hold these too
	}
}

func (o *firstWords) tell(all []amd.Event) {
	for _, e := range all {
		select {
		case o.news <- e:
		default: // a Detector tells less in all
		}
	}
}

// The kinds of recorded events that tell how the opening went, which are not
// the turn machine's.
const (
	calleeKnown   turn.EventKind = "callee_known"   // who or what answered in Text, why in Reason
	greetingEnded turn.EventKind = "greeting_ended" // the callee's
	agentHeard    turn.EventKind = "agent_heard"    // the agent's first packet left
)

// callee takes what was found out about the callee. It returns the reason of
// an end that is due at once.
func (c *call) callee(e amd.Event) Reason {
	at := c.rec.AnsweredAt.Add(e.At)
	machine := e.Class == amd.Machine && c.onMachine() != TreatAsHuman
	switch e.Kind {
	case amd.Decided:
		c.rec.AnsweredBy = e.Class.String()
		c.notes.callee(at, turn.Event{Kind: calleeKnown, Text: e.Class.String(), Reason: e.Why})
		c.log.Info("callee known", slog.String("class", c.rec.AnsweredBy), slog.String("why", e.Why), slog.Duration("after", e.At))
		switch {
		case machine && c.onMachine() == HangUp:
			return MachineAnswered
		case e.Class == amd.Fax && !c.m.cfg.KeepFax:
			return FaxDetected
		}
	case amd.Silent:
		if e.Greeted != 0 {
			c.rec.GreetedAt = c.rec.AnsweredAt.Add(e.Greeted)
			c.notes.callee(c.rec.GreetedAt, turn.Event{Kind: greetingEnded})
		}
		if !machine {
			c.begin()
		}
	case amd.Ready:
		if machine {
			c.owed.require(opening.TollFree)
			c.finish(turn.Message, MessageLeft)
		} else {
			c.begin()
		}
	}
	c.m.cfg.Journal.Update(c.rec)

	return ""
}

// onMachine is what is done with a machine.
func (c *call) onMachine() OnMachine { return c.out.order.OnMachine }

// begin has the agent speak, once.
func (c *call) begin() {
	if c.out != nil && !c.first.begun.Swap(true) {
		c.conv.Start()
	}
}

// opened notes when the agent was first heard.
func (c *call) opened(at time.Time) {
	c.rec.OpenedAt = at
	c.notes.callee(at, turn.Event{Kind: agentHeard})
	c.m.cfg.Journal.Update(c.rec)
}
