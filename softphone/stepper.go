package softphone

import (
	"fmt"
	"time"

	"trunkline/media"
	"trunkline/softphone/talkspurt"
)

// Times of key presses (ITU-T Q.24 asks for 40 ms of each at least).
const (
	keyHold  = 100 * time.Millisecond
	keyPause = 100 * time.Millisecond
	keyTicks = int((keyHold + keyPause) / media.FrameDuration)
)

// patience bounds what a stepper waits for.
type patience struct {
	gap     time.Duration // quiet that gives the turn to the caller
	silence time.Duration // an agent that does not speak at all
	hangup  time.Duration // quiet after the last reply
}

// stepper walks a plan. It is pure: it is stepped once per frame of media
// time and told what was heard; it says what to send. It does not allocate
// per step.
type stepper struct {
	plan []Step
	patience

	now  time.Duration // media time from the answer to the present frame
	next int           // step to be done next

	// The running step; at counts its frames from 0, -1 when none runs.
	at, frames int

	talkspurt.Listener

	impatient string // why the plan went on without a reply; told with the next act
}

func newStepper(plan []Step, p patience) *stepper {
	return &stepper{plan: plan, patience: p, at: -1, Listener: talkspurt.Listener{Over: true}}
}

// heard is what the agent did in a frame.
type heard struct {
	edge talkspurt.Edge
	ago  time.Duration // how long before now the edge was on the wire
}

// act is what to do in a frame. Step names the step that it belongs to.
type act struct {
	step   int
	audio  []int16 // up to one frame of it; nil is silence
	began  bool    // the step begins with this frame
	first  bool    // the first frame of the step with speech
	speech bool    // a frame from the first to the last with speech
	ended  bool    // the step ends with this frame
	key    byte    // to be pressed now; 0 for none
	hangup bool    // the plan is done
	note   string  // something that went otherwise than planned
}

// step is one frame of media time.
func (s *stepper) step(h heard) act {
	s.Hear(h.edge, h.ago, s.now)
	a := s.act()
	s.now += media.FrameDuration

	return a
}

// act is what the present frame brings.
func (s *stepper) act() act {
	if s.at >= 0 {
		return s.goOn()
	}
	if !s.due() {
		return act{step: s.next}
	}
	note := s.impatient
	s.impatient = ""
	if s.next == len(s.plan) {
		return act{step: s.next, hangup: true, note: note}
	}
	s.Speak()
	s.at, s.frames = 0, len(s.plan[s.next].Digits)*keyTicks
	if c := s.plan[s.next].Clip; c != nil {
		s.frames = c.frames()
	}
	a := s.goOn()
	a.began, a.note = true, note

	return a
}

// due reports whether the next act's condition holds.
func (s *stepper) due() bool {
	if s.next < len(s.plan) {
		switch w := s.plan[s.next].When; {
		case w.kind == atTime:
			return s.now >= w.after
		case w.kind == intoReply && s.Answered:
			return s.now-s.Replied >= w.after
		}
	}
	if s.Talking {
		return false
	}
	if !s.Answered {
		if s.now-max(s.Spoken, s.Quiet) < s.silence {
			return false
		}
		s.impatient = fmt.Sprintf("the agent said nothing for %v after %s", s.silence, s.before())

		return true
	}
	wait := s.gap
	if s.next == len(s.plan) {
		wait = s.hangup
	}

	return s.now-s.Quiet >= wait
}

// before names what the agent was to reply to.
func (s *stepper) before() string {
	if s.next == 0 {
		return "its answer"
	}

	return fmt.Sprintf("step %d (%s)", s.next, s.plan[s.next-1].said())
}

// goOn is the next frame of the running step.
func (s *stepper) goOn() act {
	p := &s.plan[s.next]
	a := act{step: s.next}
	if c := p.Clip; c != nil {
		from := s.at * media.FrameSamples
		a.audio = c.Samples[from:min(from+media.FrameSamples, len(c.Samples))]
		a.speech = s.at >= c.speech.First && s.at < c.speech.End
		a.first = a.speech && s.at == c.speech.First
	} else if s.at%keyTicks == 0 {
		a.key = p.Digits[s.at/keyTicks]
	}
	s.at++
	if a.speech && s.at == p.Clip.speech.End || s.at == s.frames {
		s.Done(s.now)
	}
	if s.at == s.frames {
		a.ended = true
		s.at = -1
		s.next++
	}

	return a
}
