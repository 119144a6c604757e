package realtime

import (
	"time"

	"trunkline/media"
	"trunkline/media/prosody"
	"trunkline/media/vad"
	"trunkline/pipeline"
	"trunkline/pipeline/bargein"
	"trunkline/pipeline/endpoint"
	"trunkline/pipeline/turn"
)

const preRollFrames = int(pipeline.PreRoll / media.FrameDuration)

// ear cuts what the caller says into talkspurts for the turn machine, and sends
// the server what it is to hear. It belongs to the tick goroutine.
type ear struct {
	gate  *vad.Gate
	out   *outbox
	gated bool // only speech is sent

	ring   [preRollFrames]media.Frame // the latest frames
	next   int
	filled int

	spurt  int
	voiced int
	level  float64   // sum of the voiced frames' levels in dBov
	speech time.Time // arrival of the last voiced packet
	frames int       // since the onset

	melody  prosody.Tracker
	meter   bargein.Meter
	silence media.Frame
}

// Hear implements line.Ear.
func (c *Conversation) Hear(f *media.Frame, in media.Inbound, voiced bool) {
	e := &c.ear
	if c.secret.On() {
		f, in, voiced = &e.silence, media.Inbound{}, false
	}
	level := vad.Level(f)
	change := e.gate.Step(voiced, level)
	loud := level >= e.gate.Threshold()
	if voiced && loud {
		e.voiced++
		e.level += float64(level)
		if in.Kind == media.Received { // a concealed frame arrived never
			e.speech = in.Arrived
		}
	}
	e.meter.Frame(f, e.gate.Talking() && loud, in.Echo && e.gate.Talking())
	e.melody.Frame(f, voiced && loud, float64(level))
	e.send(f, in, change)
	switch {
	case change == vad.Onset:
		c.post(message{kind: isEvent, event: e.begin(float64(level)), at: time.Now()})
	case change == vad.Offset:
		c.post(message{kind: isEvent, event: e.end(), at: time.Now(), speech: e.speech})
	case e.gate.Talking():
		if e.frames++; e.frames%soundEvery == 0 && e.frames <= soundFor && c.player.Paused() {
			c.post(message{kind: isEvent, at: time.Now(), event: turn.Event{Kind: turn.Sounded, Spurt: e.spurt, Sound: e.meter.Sound()}})
		}
	}
}

// soundEvery is how often it is told what a talkspurt over the agent's voice
// sounds like, and soundFor is how long.
const (
	soundEvery = 4  // frames
	soundFor   = 36 // frames
)

// send queues what the server is to hear: talkspurts with their pre-roll, or
// everything, but silence in place of the agent's own voice.
func (e *ear) send(f *media.Frame, in media.Inbound, change vad.Change) {
	if !e.gated && in.Echo {
		f = &e.silence
	}
	switch {
	case change == vad.Onset:
		e.keep(f)
		for i := range e.filled {
			latest := i == e.filled-1 // those before it went out as they came, where all is sent
			e.out.frame(&e.ring[(e.next-e.filled+i+preRollFrames)%preRollFrames], e.gated || latest, e.spurt+1)
		}
		e.filled = 0
	case e.gate.Talking():
		e.out.frame(f, true, e.spurt)
	default:
		e.keep(f)
		if !e.gated {
			e.out.frame(f, true, 0)
		}
	}
}

func (e *ear) keep(f *media.Frame) {
	e.ring[e.next] = *f
	e.next = (e.next + 1) % preRollFrames
	e.filled = min(e.filled+1, preRollFrames)
}

// begin starts a talkspurt. The voiced frames before the onset count as loud as
// the one that gave it.
func (e *ear) begin(level float64) turn.Event {
	e.spurt++
	e.melody.Begin()
	e.meter.Begin()
	e.frames = 0
	e.voiced = e.gate.Ago() + 1
	e.level = level * float64(e.voiced)

	return turn.Event{Kind: turn.SpeechOnset, Spurt: e.spurt, Level: level}
}

// end ends the talkspurt. The silence counts from the last packet.
func (e *ear) end() turn.Event {
	ev := turn.Event{
		Kind: turn.SpeechEnd, Spurt: e.spurt,
		Voiced:  time.Duration(e.voiced) * media.FrameDuration,
		Silence: time.Duration(e.gate.Ago()) * media.FrameDuration,
		Prosody: endpoint.Prosody(e.melody.Ending()),
		Sound:   e.meter.Sound(),
	}
	if !e.speech.IsZero() {
		ev.Silence = time.Since(e.speech)
	}
	if e.voiced > 0 {
		ev.Level = e.level / float64(e.voiced)
	}
	e.voiced = 0

	return ev
}

// Key implements line.Ear.
func (c *Conversation) Key(d media.Digit) {
	if taken, lost := c.secret.Key(d.Key); taken {
		if lost {
			c.lost.Add(1)
		}

		return
	}
	c.post(message{kind: isEvent, event: turn.Event{Kind: turn.KeyPressed, Text: string(rune(d.Key & 0x7f))}, at: time.Now()})
}
