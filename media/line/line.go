package line

import (
	"sync/atomic"
	"time"

	"trunkline/media"
	"trunkline/media/dtmf"
	"trunkline/media/player"
	"trunkline/media/tone"
)

// An Echo takes the agent's own voice out of what the caller sends back.
type Echo interface {
	// Cancel takes the echo out of near, which is of kind in: nothing is to be
	// learnt from what did not come by the path. far is the frame that left at
	// the tick before, silence where none did. It reports whether what can be
	// heard in near is the agent's echo and nothing else. It sees every tick.
	Cancel(near, far *media.Frame, in media.Kind) (echo bool)
}

// A VAD tells speech from other sound, frame by frame.
type VAD interface {
	Voiced(f *media.Frame) bool
}

// An Ear listens to the caller. Its methods are called on the tick goroutine
// and must neither block nor keep f.
type Ear interface {
	// Hear takes the caller's next 20 ms. voiced is false in a Quiet frame,
	// and in one that holds the agent's echo alone.
	Hear(f *media.Frame, in media.Inbound, voiced bool)
	// Key takes a key press that has ended, once however often it was told.
	Key(d media.Digit)
}

// A Tap gets both directions of each tick, a tick late, the caller's without
// keys' tones; agent is silence when nothing left.
// Write must neither block nor keep the frames.
type Tap interface {
	Write(caller, agent *media.Frame)
}

// Config names the parts of a Line. Leg, Player, VAD and Ear are needed.
type Config struct {
	Leg    media.Leg
	Player *player.Player
	VAD    VAD
	Ear    Ear
	Tap    Tap  // may be nil
	Echo   Echo // may be nil: the far end returns nothing

	// Keys says by which ways key presses count, and Told, a buffered channel
	// of the Line's alone, brings those that the signalling tells; it may be
	// nil. The Line does not wait for it.
	Keys dtmf.Mode
	Told <-chan media.Digit

	// OnTone is told of the machines' tones in Tones on the tick goroutine,
	// and must not block. It may be nil.
	Tones  tone.Set
	OnTone func(tone.Event)
}

// Line is one call's audio path.
type Line struct {
	leg      media.Leg
	buffered media.Buffered // the leg, when its far side queues what it is sent
	echo     Echo
	player   *player.Player
	vad      VAD
	ear      Ear
	tap      Tap
	send     func(*media.Frame) bool
	shift    func(time.Duration) int // nil: the leg does not mind when ticks come
	keys     keys
	late     late           // what the ear has yet to hear
	untapped untapped       // what the tap has yet to get
	pressed  presser        // keys that we press
	tones    *tone.Detector // nil: nobody asks
	onTone   func(tone.Event)

	caller, agent media.Frame
	silence       media.Frame // what the ear gets of a key's tone
	counts        counts
}

// counts is Stats while it grows.
type counts struct {
	quiet, received, concealed atomic.Uint64
	voiced, keys, withheld     atomic.Uint64
	speech, silence, held      atomic.Uint64
}

// Stats counts a Line's frames.
type Stats struct {
	Quiet, Received, Concealed uint64 // from the caller, by media.Kind
	Voiced                     uint64 // of Received and Concealed, those that sounded like the caller's speech
	Keys                       uint64 // key presses
	Withheld                   uint64 // silenced for the ear, for they held a key's tone
	Speech, Silence            uint64 // sent to the caller: with agent audio, and without
	Held                       uint64 // not sent, because the leg did not take them
}

// New joins the parts.
func New(c Config) *Line {
	l := &Line{leg: c.Leg, player: c.Player, echo: c.Echo, vad: c.VAD, ear: c.Ear, tap: c.Tap, send: c.Leg.Write}
	l.keys = keys{mode: c.Keys, told: c.Told, tapped: c.Tap != nil}
	l.keys.keyer, _ = c.Leg.(keyer)
	l.buffered, _ = c.Leg.(media.Buffered)
	if s, ok := c.Leg.(interface{ Shift(step time.Duration) int }); ok {
		l.shift = s.Shift
	}
	if c.Tones != 0 && c.OnTone != nil {
		l.tones, l.onTone = tone.New(c.Tones), c.OnTone
	}
	return l
}

// Tick moves one frame each way.
func (l *Line) Tick(now time.Time) {
	taped := l.listen(now)
	l.speak()
	if l.tap != nil {
		l.record(taped)
	}
}

// Stop says that no Tick comes any more: the player leaves a leg that buffers
// alone. Ticks may begin again.
func (l *Line) Stop() {
	if l.buffered != nil {
		l.player.Leave()
	}
}

// Shift says whether ticks should come a step later (1) or earlier (-1), for
// the leg's packets to wait less for them, and counts on that.
func (l *Line) Shift(step time.Duration) int {
	if l.shift == nil {
		return 0
	}
	return l.shift(step)
}

// Stats is a snapshot of the counters, from any goroutine.
func (l *Line) Stats() Stats {
	c := &l.counts
	return Stats{
		Quiet: c.quiet.Load(), Received: c.received.Load(), Concealed: c.concealed.Load(),
		Voiced: c.voiced.Load(), Keys: c.keys.Load(), Withheld: c.withheld.Load(),
		Speech: c.speech.Load(), Silence: c.silence.Load(), Held: c.held.Load(),
	}
}

// listen takes the caller's next frame and returns what of it may be recorded.
func (l *Line) listen(now time.Time) (taped *media.Frame) {
	in := l.leg.Read(&l.caller)
	in.Echo = l.echo != nil && l.echo.Cancel(&l.caller, &l.agent, in.Kind)
	heard, taped := &l.caller, &l.caller
	fromEar, fromTap := l.keys.hear(&l.caller)
	if fromEar {
		l.counts.withheld.Add(1)
		heard = &l.silence
	}
	if fromTap {
		taped = &l.silence
	}
	voiced := in.Kind != media.Quiet && heard == &l.caller && l.vad.Voiced(heard) && !in.Echo
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
	l.tell(heard, in, voiced)
	for d, ok := l.keys.take(l.leg, now); ok; d, ok = l.keys.take(l.leg, now) {
		l.counts.keys.Add(1)
		l.ear.Key(d)
	}
	if l.tones != nil {
		if e, ok := l.tones.Step(&l.caller, voiced); ok {
			l.onTone(e)
		}
	}
	return taped
}

func (l *Line) speak() {
	if l.buffered != nil {
		l.speakAhead()
		return
	}
	if l.press() {
		return
	}
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

// speakAhead keeps the buffer of the far side filled. The tap and the echo
// canceller get what is played there.
func (l *Line) speakAhead() {
	if audible, _ := l.player.PlayAhead(&l.agent, l.buffered); audible {
		l.counts.speech.Add(1)
	} else {
		l.counts.silence.Add(1)
	}
	l.buffered.Flush()
}
