package talkspurt

import "time"

// Pauses that people make without giving the turn away.
const (
	TurnPause  = 700 * time.Millisecond // between talkspurts of one turn of the caller
	ReplyPause = 600 * time.Millisecond // between talkspurts of one reply of the agent
)

// Exchange is one turn of the caller and what the agent did about it. Times
// are those of packets at the caller's end of the line.
type Exchange struct {
	Caller Spurt // the caller's turn: first and last packet that carried speech
	// Reply is the first packet of the agent's next talkspurt after the
	// caller's last, and before the caller spoke again. It is zero when there
	// is none.
	Reply time.Time
	// Interrupted says that the agent was speaking when the caller began.
	Interrupted bool
	// Quiet is the last agent packet with audio before the agent gave way. It
	// is zero unless Interrupted.
	Quiet time.Time
	// CutIn says that the agent began to speak before the caller had finished.
	CutIn bool
}

// Response is the time from the caller's last speech packet to the agent's
// first; false when the agent did not reply.
func (e *Exchange) Response() (time.Duration, bool) {
	if e.Reply.IsZero() {
		return 0, false
	}

	return e.Reply.Sub(e.Caller.Last), true
}

// Yield is the time from the caller's first speech packet to the last packet
// of the agent's audio; false when the agent was not interrupted.
func (e *Exchange) Yield() (time.Duration, bool) {
	if !e.Interrupted {
		return 0, false
	}

	return e.Quiet.Sub(e.Caller.First), true
}

// Exchanges joins the caller's turns with the agent's talkspurts, both in
// order of time. Talkspurts of the agent that are less than gap apart belong
// to one reply.
func Exchanges(caller, agent []Spurt, gap time.Duration) []Exchange {
	out := make([]Exchange, len(caller))
	for i, turn := range caller {
		e := Exchange{Caller: turn}
		at := 0
		for at < len(agent) && agent[at].Last.Before(turn.First) {
			at++
		}
		at = e.overlap(agent, at, gap)
		if at < len(agent) && (i+1 == len(caller) || agent[at].First.Before(caller[i+1].First)) {
			e.Reply = agent[at].First
		}
		out[i] = e
	}

	return out
}

// overlap looks at the agent's talkspurts that began before the caller's turn
// was over, from agent[at] on, and returns the index of the first one after.
func (e *Exchange) overlap(agent []Spurt, at int, gap time.Duration) int {
	for ; at < len(agent) && !agent[at].First.After(e.Caller.Last); at++ {
		s := agent[at]
		goesOn := at > 0 && s.First.Sub(agent[at-1].Last) < gap
		switch {
		case s.First.Before(e.Caller.First), goesOn && (e.Interrupted || agent[at-1].Last.Before(e.Caller.First)):
			e.Interrupted, e.Quiet = true, s.Last
		default:
			e.CutIn = true
		}
	}

	return at
}

// Turns joins talkspurts of the caller that are less than gap apart, unless
// the agent began to speak between them.
func Turns(caller, agent []Spurt, gap time.Duration) []Spurt {
	var turns []Spurt
	at := 0
	for _, s := range caller {
		last := len(turns) - 1
		if last >= 0 {
			for at < len(agent) && agent[at].First.Before(turns[last].Last) {
				at++
			}
			between := at < len(agent) && agent[at].First.Before(s.First)
			if !between && s.First.Sub(turns[last].Last) < gap {
				turns[last].Last = s.Last

				continue
			}
		}
		turns = append(turns, s)
	}

	return turns
}
