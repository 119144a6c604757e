package sim

import (
	"sync/atomic"
	"time"

	"trunkline/media"
	"trunkline/media/vad"
	"trunkline/pipeline"
	"trunkline/softphone/talkspurt"
)

// handset is the caller's end of one call: it hears a frame, lets the caller
// act and gives the frame to send. It belongs to one goroutine.
type handset struct {
	caller   *caller
	room     *room // nil in text mode
	mouth    *mouth
	recorder *recorder
	heard    func() string // of the agent's utterance

	detector talkspurt.Detector
	edge     talkspurt.Edge
	steps    []StepTrace
	voice    []talkspurt.Spurt
	frames   atomic.Int64 // of the agent's talkspurts
	sounding []time.Time  // the agent's frames that were not plain silence
}

// hear takes what the agent sent; at is when its packet came.
func (h *handset) hear(f *media.Frame, at time.Time) {
	h.edge = h.detector.Step(vad.Level(f), at, media.FrameDuration)
	if h.edge == talkspurt.Offset {
		h.voice = append(h.voice, h.detector.Spurt())
	}
	if *f != (media.Frame{}) {
		h.sounding = append(h.sounding, at)
	}
	if h.detector.Talking() {
		h.frames.Add(1)
	}
	if h.room != nil {
		h.room.hear(f)
	}
}

// sound is how much of the agent was heard so far. Any goroutine may ask.
func (h *handset) sound() time.Duration {
	return time.Duration(h.frames.Load()) * media.FrameDuration
}

// cuts compares the account of each turn that was cut off with what reached
// the caller.
func (h *handset) cuts(turns []TurnTrace, v *timedVoice) []Cut {
	var all []Cut
	for _, u := range turns {
		if u.Role != pipeline.Agent || !u.Interrupted {
			continue
		}
		frames := 0
		for _, at := range h.sounding {
			if t := h.recorder.since(at); t >= u.Began-media.FrameDuration && t <= u.Ended+media.FrameDuration {
				frames++
			}
		}
		if n, ok := v.heard(u.Text, media.Samples(frames*media.FrameSamples)); ok {
			all = append(all, Cut{Text: u.Text, Account: u.Heard, Words: n, At: u.Ended})
		}
	}

	return all
}

// act is what the caller does now. f is filled with what it sends.
func (h *handset) act(now time.Time, f *media.Frame) act {
	v := view{edge: h.edge}
	switch spurt := h.detector.Spurt(); h.edge {
	case talkspurt.Onset:
		v.ago = now.Sub(spurt.First)
	case talkspurt.Offset:
		v.ago = now.Sub(spurt.Last)
	case talkspurt.None:
	}
	h.edge = talkspurt.None
	if h.detector.Talking() {
		v.heard = h.heard()
	}
	a := h.caller.step(v)
	clear(f[copy(f[:], a.audio):])
	if h.room != nil {
		h.room.send(f)
	}
	h.note(&a, now)

	return a
}

// note records what the caller does.
func (h *handset) note(a *act, now time.Time) {
	at := h.recorder.since(now)
	if a.note != "" {
		h.recorder.notef(at, "%s", a.note)
	}
	if a.began {
		h.steps = append(h.steps, StepTrace{Began: at})
		if c := h.caller.parts[a.step].clip; c != nil {
			h.mouth.say(c, now)
		}
	}
	if a.step >= len(h.steps) {
		return
	}
	s := &h.steps[a.step]
	s.Ended = max(s.Ended, at)
	if a.sound {
		if !s.Heard {
			s.Heard, s.Sound.From = true, at
		}
		s.Sound.To = at
	}
}

// stop ends the listening.
func (h *handset) stop() {
	if h.detector.Flush() {
		h.voice = append(h.voice, h.detector.Spurt())
	}
}
