package pipeline

import (
	"time"

	"trunkline/media"
	"trunkline/media/vad"
	"trunkline/pipeline/turn"
)

const preRollFrames = int(PreRoll / media.FrameDuration)

// ear cuts what the caller says into talkspurts for the recogniser. It
// belongs to the tick goroutine.
type ear struct {
	gate        *vad.Gate
	recognition Recognition // nil: nobody listens

	ring   [preRollFrames]media.Frame // the latest frames
	next   int                        // where the next one goes
	filled int

	spurt  int       // number of the latest talkspurt
	voiced int       // its voiced frames
	level  float64   // sum of their levels in dBov
	speech time.Time // arrival of its last voiced packet
}

// Hear implements line.Ear.
func (c *Conversation) Hear(f *media.Frame, in media.Inbound, voiced bool) {
	e := &c.ear
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
	case e.gate.Talking() && e.recognition != nil:
		e.recognition.Write(f)
	}
}

// begin starts a talkspurt with the audio from before its onset. The voiced
// frames before the onset count as loud as the one that gave it.
func (e *ear) begin(level float64) {
	e.spurt++
	e.voiced = e.gate.Ago() + 1
	e.level = level * float64(e.voiced)
	if e.recognition == nil {
		return
	}
	e.recognition.Begin(e.spurt)
	for i := range e.filled {
		at := (e.next - e.filled + i + preRollFrames) % preRollFrames
		e.recognition.Write(&e.ring[at])
	}
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
	c.post(message{event: turn.Event{Kind: turn.KeyPressed, Text: keyNames[d.Key&0x7f]}, at: time.Now()})
}

// keyNames are the keys as strings, so that a key press allocates nothing.
var keyNames = func() (names [128]string) {
	for i := range names {
		names[i] = string(rune(i))
	}

	return names
}()
