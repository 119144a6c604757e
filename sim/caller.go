package sim

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"trunkline/media"
	"trunkline/softphone/talkspurt"
)

// Times of the caller's habits.
const (
	keyHold  = 100 * time.Millisecond
	keyTicks = int((keyHold + 100*time.Millisecond) / media.FrameDuration)

	// ignored is how long the caller waits for more after a step that asks
	// for no reply.
	ignored = 1500 * time.Millisecond
	// farewell is the quiet after the last reply in which the caller hangs up.
	farewell = 1500 * time.Millisecond
)

// part is a step made ready: its sound and what it waits for.
type part struct {
	*Step

	clip *clip // nil: no sound
	says *regexp.Regexp
}

// asks reports whether the caller expects to be answered.
func (p *part) asks() bool {
	return p.Say != "" || p.Interrupt != "" || p.Play != "" || p.Keys != ""
}

// frames is how long the step takes.
func (p *part) frames() int {
	switch {
	case p.clip != nil:
		return p.clip.frames()
	case p.Keys != "":
		return len(p.Keys) * keyTicks
	default:
		return int((p.Silence + p.Hold) / media.FrameDuration)
	}
}

// caller walks through a scenario. It is pure: it is stepped once per frame of
// the call, told what was heard, and says what to do.
type caller struct {
	parts         []part
	gap, patience time.Duration

	now    time.Duration // from the answer to the present frame
	next   int           // step to be done next
	at     int           // frame of the running step; -1 when none runs
	frames int           // of it
	ended  time.Duration // when the latest step was over

	talkspurt.Listener

	late string // why a step was not done when it was to be
}

func newCaller(parts []part, gap, patience time.Duration) *caller {
	return &caller{parts: parts, gap: gap, patience: patience, at: -1, Listener: talkspurt.Listener{Over: true}}
}

// view is what the caller knows of the agent at a frame.
type view struct {
	edge  talkspurt.Edge
	ago   time.Duration // how long before now the edge was on the wire
	heard string        // of the agent's utterance
}

// act is what the caller does in a frame. Step names the step it belongs to.
type act struct {
	step   int
	began  bool    // the step begins with this frame
	audio  []int16 // up to one frame; nil is silence
	sound  bool    // a frame from the first to the last sound of the step
	key    byte    // pressed now; 0: none
	hold   bool    // the call is on hold
	hangUp bool
	note   string // what went otherwise than the scenario says
}

// step is one frame of the call.
func (c *caller) step(v view) act {
	c.Hear(v.edge, v.ago, c.now)
	a := c.act(v)
	c.now += media.FrameDuration

	return a
}

func (c *caller) act(v view) act {
	if c.at >= 0 {
		return c.goOn()
	}
	if !c.due(v) {
		return act{step: c.next}
	}
	note := c.late
	c.late = ""
	if c.next == len(c.parts) || c.parts[c.next].HangUp {
		return act{step: c.next, began: c.next < len(c.parts), hangUp: true, note: note}
	}
	p := &c.parts[c.next]
	if p.Silence == 0 && p.Hold == 0 {
		c.Speak()
	}
	c.at, c.frames = 0, p.frames()
	a := c.goOn()
	a.began, a.note = true, note

	return a
}

// due reports whether the next act's condition holds.
func (c *caller) due(v view) bool {
	if c.next < len(c.parts) {
		p := &c.parts[c.next]
		switch w := p.At; {
		case w.After != nil:
			return c.now-c.ended >= *w.After
		case w.Turn:
		default:
			if c.Talking && c.Answered && c.met(p, v) {
				return true
			}

			return c.missed(p)
		}
	}
	if c.Talking {
		return false
	}
	if !c.Answered {
		return c.impatient()
	}
	wait := c.gap
	if c.next == len(c.parts) {
		wait = farewell
	}

	return c.now-max(c.Quiet, c.ended) >= wait
}

// met reports whether the agent has said what a step over its voice waits for.
func (c *caller) met(p *part, v view) bool {
	switch {
	case p.At.Words > 0:
		return len(strings.Fields(v.heard)) >= p.At.Words
	case p.says != nil:
		return p.says.MatchString(v.heard)
	default:
		return c.now-c.Replied >= p.At.Speaking
	}
}

// missed gives up waiting for words of the agent.
func (c *caller) missed(p *part) bool {
	if c.Talking || c.now-max(c.Quiet, c.Spoken) < c.patience {
		return false
	}
	c.late = fmt.Sprintf("the agent was quiet for %v before %s", c.patience, p.At)

	return true
}

// impatient gives up waiting for a reply.
func (c *caller) impatient() bool {
	asked := c.next == 0 || c.parts[c.next-1].asks()
	wait := c.patience
	if !asked {
		wait = ignored
	}
	if c.now-max(c.Spoken, c.Quiet) < wait {
		return false
	}
	if asked {
		c.late = fmt.Sprintf("the agent said nothing for %v", c.patience)
	}

	return true
}

// goOn is the next frame of the running step.
func (c *caller) goOn() act {
	p := &c.parts[c.next]
	a := act{step: c.next, hold: p.Hold > 0}
	switch {
	case p.clip != nil:
		from := c.at * media.FrameSamples
		a.audio = p.clip.samples[from:min(from+media.FrameSamples, len(p.clip.samples))]
		a.sound = c.at >= p.clip.first && c.at <= p.clip.last
	case p.Keys != "" && c.at%keyTicks == 0:
		a.key = p.Keys[c.at/keyTicks]
	}
	c.at++
	lastSound := p.clip != nil && c.at == p.clip.last+1
	if lastSound || c.at >= c.frames {
		c.Done(c.now)
	}
	if c.at >= c.frames {
		c.at, c.ended = -1, c.now+media.FrameDuration
		c.next++
	}

	return a
}

// String is the condition in words.
func (w *When) String() string {
	switch {
	case w.After != nil:
		return fmt.Sprintf("%v after the step before", *w.After)
	case w.Words == 1:
		return "its first word"
	case w.Words > 1:
		return fmt.Sprintf("its word %d", w.Words)
	case w.Says != "":
		return fmt.Sprintf("saying %q", w.Says)
	case w.Speaking > 0:
		return fmt.Sprintf("speaking for %v", w.Speaking)
	default:
		return "the caller's turn"
	}
}

// kind names what a step does.
func (t *Step) kind() string {
	switch {
	case t.Say != "":
		return "say"
	case t.Interrupt != "":
		return "interrupt"
	case t.Backchannel != "":
		return "backchannel"
	case t.Play != "":
		return "play"
	case t.Sound != "":
		return t.Sound
	case t.Keys != "":
		return "keys"
	case t.Hold > 0:
		return "hold"
	case t.HangUp:
		return "hang_up"
	default:
		return "silence"
	}
}

// what is the step in a few words.
func (t *Step) what() string {
	switch text := t.Say + t.Interrupt + t.Backchannel + t.Play + t.Keys; {
	case text != "":
		return fmt.Sprintf("%s %q", t.kind(), text)
	case t.Silence > 0:
		return fmt.Sprintf("silence %v", t.Silence)
	case t.Hold > 0:
		return fmt.Sprintf("hold %v", t.Hold)
	default:
		return t.kind()
	}
}
