package talkspurt

import "time"

// overrun is how long the agent must go on after the caller's words before that
// counts as its reply: an agent that gives way takes less.
const overrun = 400 * time.Millisecond

// A Listener is a caller who waits for the agent: it follows whose turn it is.
// Times are those of media since the answer. Over must be set at the
// beginning: the agent speaks first, or the caller does.
type Listener struct {
	Talking  bool          // the agent is
	Quiet    time.Duration // when it fell silent last
	Over     bool          // the caller's latest words are
	Spoken   time.Duration // when they were
	Answered bool          // the agent has spoken since
	Replied  time.Duration // when that began
}

// Hear takes what a frame revealed of the agent, and how long before now that
// was on the wire.
func (t *Listener) Hear(e Edge, ago, now time.Duration) {
	switch e {
	case Onset:
		t.Talking = true
		if !t.Answered && t.Over {
			t.Answered, t.Replied = true, now-ago
		}
	case Offset:
		t.Talking, t.Quiet = false, now-ago
	case None:
		if t.Talking && !t.Answered && t.Over && now-t.Spoken >= overrun {
			t.Answered, t.Replied = true, t.Spoken
		}
	}
}

// Speak begins the caller's turn.
func (t *Listener) Speak() { t.Over, t.Answered = false, false }

// Done ends the caller's turn; later it does nothing, until Speak.
func (t *Listener) Done(now time.Duration) {
	if !t.Over {
		t.Over, t.Spoken = true, now
	}
}
