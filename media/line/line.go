package line

import (
	"sync/atomic"
	"time"

	"trunkline/media"
	"trunkline/media/player"
)

// A VAD tells speech from other sound, frame by frame.
type VAD interface {
	Voiced(f *media.Frame) bool
}

// An Ear listens to the caller. Its methods are called on the tick goroutine
// and must neither block nor keep f.
type Ear interface {
	// Hear takes the caller's next 20 ms. voiced is false in a Quiet frame.
	Hear(f *media.Frame, in media.Inbound, voiced bool)
	// Key takes a key press that has ended.
	Key(d media.Digit)
}

// A Tap gets both directions of each tick; agent is silence when nothing left.
// Write must neither block nor keep the frames.
type Tap interface {
	Write(caller, agent *media.Frame)
}

// Config names the parts of a Line. All but Tap are needed.
type Config struct {
	Leg    media.Leg
	Player *player.Player
	VAD    VAD
	Ear    Ear
	Tap    Tap // may be nil
}

// Line is one call's audio path.
type Line struct {
	leg    media.Leg
	player *player.Player
	vad    VAD
	ear    Ear
	tap    Tap
	send   func(*media.Frame) bool

	caller, agent media.Frame
	counts        counts
}

// counts is Stats while it grows.
type counts struct {
	quiet, received, concealed atomic.Uint64
	voiced, keys               atomic.Uint64
	speech, silence, held      atomic.Uint64
}

// Stats counts a Line's frames.
type Stats struct {
	Quiet, Received, Concealed uint64 // from the caller, by media.Kind
	Voiced                     uint64 // of Received and Concealed, those that sounded like speech
	Keys                       uint64 // key presses
	Speech, Silence            uint64 // sent to the caller: with agent audio, and without
	Held                       uint64 // not sent, because the leg did not take them
}

// New joins the parts.
func New(c Config) *Line {
	return &Line{leg: c.Leg, player: c.Player, vad: c.VAD, ear: c.Ear, tap: c.Tap, send: c.Leg.Write}
}

// Tick moves one frame each way.
func (l *Line) Tick(time.Time) {
	l.listen()
	l.speak()
	if l.tap != nil {
		l.tap.Write(&l.caller, &l.agent)
	}
}

// Stats is a snapshot of the counters, from any goroutine.
func (l *Line) Stats() Stats {
	c := &l.counts
	return Stats{
		Quiet: c.quiet.Load(), Received: c.received.Load(), Concealed: c.concealed.Load(),
		Voiced: c.voiced.Load(), Keys: c.keys.Load(),
		Speech: c.speech.Load(), Silence: c.silence.Load(), Held: c.held.Load(),
	}
}

func (l *Line) listen() {
	in := l.leg.Read(&l.caller)
	voiced := in.Kind != media.Quiet && l.vad.Voiced(&l.caller)
	switch in.Kind {
	case media.Received:
		l.counts.received.Add(1)
	case media.Concealed:
		l.counts.concealed.Add(1)
	default:
		l.counts.quiet.Add(1)
	}
	if voiced {
		l.counts.voiced.Add(1)
	}
	l.ear.Hear(&l.caller, in, voiced)
	for d, ok := l.leg.Digit(); ok; d, ok = l.leg.Digit() {
		l.counts.keys.Add(1)
		l.ear.Key(d)
	}
}

func (l *Line) speak() {
	audible, sent := l.player.Play(&l.agent, l.send)
	switch {
	case !sent:
		l.counts.held.Add(1)
		clear(l.agent[:]) // the tap hears what left
	case audible:
		l.counts.speech.Add(1)
	default:
		l.counts.silence.Add(1)
	}
}
