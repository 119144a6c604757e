package pipeline

import (
	"sync/atomic"
	"time"

	"trunkline/media"
	"trunkline/media/prosody"
	"trunkline/media/vad"
	"trunkline/pipeline/bargein"
	"trunkline/pipeline/endpoint"
	"trunkline/pipeline/turn"
)

const preRollFrames = int(PreRoll / media.FrameDuration)

// ear cuts what the caller says into talkspurts for the recogniser. It
// belongs to the tick goroutine.
type ear struct {
	gate        *vad.Gate
	lull        bool                        // the talkspurt that runs may be over
	recognition Recognition                 // nil: nobody listens
	coming      atomic.Pointer[Recognition] // to be turned to; nil: none
	front       Front                       // nil: the recogniser hears the plain line

	ring   [preRollFrames]media.Frame // the latest frames
	next   int                        // where the next one goes
	filled int

	spurt  int       // number of the latest talkspurt
	voiced int       // its voiced frames
	level  float64   // sum of their levels in dBov
	speech time.Time // arrival of its last voiced packet

	melody prosody.Tracker

	meter bargein.Meter // of the talkspurt
	since int           // frames since its onset
}

// Hear implements line.Ear.
func (c *Conversation) Hear(f *media.Frame, in media.Inbound, voiced bool) {
	e := &c.ear
	if c.secret.On() {
		f, in, voiced = &silence, media.Inbound{}, false
	}
	if !e.gate.Talking() {
		c.turnEar()
	}
	level := vad.Level(f)
	change := e.gate.Step(voiced, level)
	e.ring[e.next] = *f
	e.next = (e.next + 1) % preRollFrames
	e.filled = min(e.filled+1, preRollFrames)
	if voiced && level >= e.gate.Threshold() {
		e.voiced++
		e.level += float64(level)
		if in.Kind == media.Received { // a concealed frame arrived never
			e.speech = in.Arrived
		}
	}
	if e.front != nil {
		e.front.Hear(f, voiced && level >= e.gate.Threshold())
	}
	e.meter.Frame(f, e.gate.Talking() && level >= e.gate.Threshold(), in.Echo && e.gate.Talking())
	e.melody.Frame(f, voiced && level >= e.gate.Threshold(), float64(level))
	switch {
	case change == vad.Onset:
		e.begin(float64(level))
		now := time.Now()
		c.post(message{
			event: turn.Event{Kind: turn.SpeechOnset, Spurt: e.spurt, Level: float64(level)},
			at:    now, speech: now.Add(-time.Duration(e.gate.Ago()) * media.FrameDuration),
		})
	case change == vad.Offset:
		c.post(message{event: e.end(), at: time.Now(), speech: e.speech})
	case e.gate.Talking():
		e.write(f)
		c.tellLull()
		c.tellSound()
	}
}

// turnEar turns to the stream of another language between two talkspurts.
func (c *Conversation) turnEar() {
	if c.ear.coming.Load() == nil {
		return
	}
	if next := c.ear.coming.Swap(nil); next != nil {
		left := c.ear.recognition
		c.ear.recognition = *next
		if left != nil {
			c.post(message{kind: isTurned, left: left, at: time.Now()})
		}
	}
}

// lullFrames is the silence that tells that a talkspurt may be over. The stops
// within words are hardly longer; what a lull begins can be taken back.
const lullFrames = 3

// tellLull tells that the talkspurt may be over, or that it is not.
func (c *Conversation) tellLull() {
	e := &c.ear
	lull := e.gate.Quiet() >= lullFrames
	if lull == e.lull {
		return
	}
	e.lull = lull
	if a, ok := e.recognition.(Anticipator); ok {
		if lull {
			a.Lull()
		} else {
			a.Resume()
		}
	}
	if c.cfg.Turn.Speculation.PerTurn > 0 {
		kind := turn.SpeechResumed
		if lull {
			kind = turn.SpeechLull
		}
		c.post(message{event: turn.Event{Kind: kind, Spurt: e.spurt}, at: time.Now()})
	}
}

// begin starts a talkspurt with the audio from before its onset. The voiced
// frames before the onset count as loud as the one that gave it.
func (e *ear) begin(level float64) {
	e.spurt++
	e.lull = false
	e.melody.Begin()
	e.meter.Begin()
	e.since = 0
	e.voiced = e.gate.Ago() + 1
	e.level = level * float64(e.voiced)
	if e.recognition == nil {
		return
	}
	e.recognition.Begin(e.spurt)
	if e.front != nil {
		e.front.Begin()
	}
	for i := range e.filled {
		at := (e.next - e.filled + i + preRollFrames) % preRollFrames
		e.write(&e.ring[at])
	}
}

// write gives a frame to the recogniser, by way of the front.
func (e *ear) write(f *media.Frame) {
	if e.recognition == nil {
		return
	}
	if e.front != nil {
		if f = e.front.Clean(f); f == nil {
			return
		}
	}
	e.recognition.Write(f)
}

// end ends the talkspurt. The next one's pre-roll does not reach back into
// it, so that no sound is recognised twice. The silence counts from the last
// packet, as the ledger does: the time in the jitter buffer was silence already.
func (e *ear) end() turn.Event {
	e.filled = min(e.filled, e.gate.Ago())
	if e.recognition != nil {
		e.recognition.End()
	}
	ev := turn.Event{
		Kind: turn.SpeechEnd, Spurt: e.spurt,
		Voiced:  time.Duration(e.voiced) * media.FrameDuration,
		Silence: time.Duration(e.gate.Ago()) * media.FrameDuration,
		Prosody: endpoint.Prosody(e.melody.Ending()),
	}
	if !e.speech.IsZero() {
		ev.Silence = time.Since(e.speech)
	}
	if e.voiced > 0 {
		ev.Level = e.level / float64(e.voiced)
	}
	e.voiced = 0
	ev.Sound = e.meter.Sound()

	return ev
}

// soundEvery is how often it is told what a talkspurt over the agent's voice
// sounds like, and soundFor is how long: then words count.
const (
	soundEvery = 4  // frames
	soundFor   = 36 // frames
)

// tellSound tells what the talkspurt sounds like so far, when the agent waits
// to be told.
func (c *Conversation) tellSound() {
	e := &c.ear
	e.since++
	if e.since%soundEvery != 0 || e.since > soundFor || !c.player.Paused() {
		return
	}
	c.post(message{event: turn.Event{Kind: turn.Sounded, Spurt: e.spurt, Sound: e.meter.Sound()}, at: time.Now()})
}

// silence is what is heard of a caller whose words must be kept nowhere.
var silence media.Frame

// Key implements line.Ear.
func (c *Conversation) Key(d media.Digit) {
	if taken, lost := c.secret.Key(d.Key); taken {
		if lost {
			c.lost.Add(1)
		}

		return
	}
	c.post(message{event: turn.Event{Kind: turn.KeyPressed, Text: keyNames[d.Key&0x7f]}, at: time.Now()})
}

// keyNames are the keys as strings, so that a key press allocates nothing.
var keyNames = func() (names [128]string) {
	for i := range names {
		names[i] = string(rune(i))
	}

	return names
}()

// asked is what the agent's latest words ask for.
func (c *Conversation) asked() endpoint.Asked {
	for i := len(c.history) - 1; i >= 0; i-- {
		if m := &c.history[i]; m.Role == Agent && m.Text != "" {
			return endpoint.Question(c.tongue.Load().lists, m.Text)
		}
	}

	return endpoint.Asked{}
}
