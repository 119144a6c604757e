package pipeline

import (
	"context"
	"errors"
	"time"

	"trunkline/media"
	"trunkline/pipeline/ledger"
	"trunkline/pipeline/spoken"
	"trunkline/pipeline/turn"
)

// Handover is a conversation that somebody else has held so far: all that a
// Conversation has to know to go on with it. The turn machine goes on, so that
// the caller notices no more than a pause, and the log of the call replays as
// any other.
type Handover struct {
	From     string        // the name of who held it, for the records
	Took     time.Duration // from its failure to now
	Machine  *turn.Machine
	Answered time.Time     // the call was
	Now      time.Duration // of the machine's latest event
	Timers   *Timers       // its own from now on
	Done     chan Outcome  // where the end is told
	History  []Message     // without what is being said
	Turns    int           // told so far, of both sides
	Spurt    int           // number of the caller's latest talkspurt
	Prefaced bool          // the agent has said its first line
	Filler   int           // utterance of the latest filler
	EndAct   *Act
	Charges  []Charge
	Caller   *OpenTurn // the caller's turn that waits for its answer, the last of History; nil: there is none
	Began    time.Time // of a turn of the caller that is not over; zero: there is none
	Ended    time.Time // the latest speech of the caller
	Speaking *Speaking // what the agent says; nil: nothing
	Events   []Happened
}

// OpenTurn is a turn of the caller that was taken, and not told yet.
type OpenTurn struct {
	Text                 string
	Began, Ended, Judged time.Time
}

// Speaking is what the agent says: all of it is in the player, or a model has
// to go on with it.
type Speaking struct {
	ID          int
	Turn        int // number of the turn; 0 until it is heard
	Began       time.Time
	Ledger      ledger.Ledger
	Generations []Generation
	Whole       bool // nobody has to go on
	Failed      bool // its audio ends before its text does
	Act         *Act // that follows it
}

// Generation is what a model wrote before its tools ran, and what they gave.
type Generation struct {
	Sentences []string
	Calls     []ToolCall
	Results   []ToolResult
}

// Happened is an event that nobody has looked at yet.
type Happened struct {
	Event  turn.Event
	At     time.Time
	Speech time.Time // of SpeechOnset and SpeechEnd: the first and the last voiced packet
}

// Ready says why the conversation could not hear a caller, after Prepare.
func (c *Conversation) Ready() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy {
		return ErrBusy
	}

	return c.deaf
}

// errNotUnderstood says that a recogniser is too slow, or has ended.
var errNotUnderstood = errors.New("the recogniser does not tell the words")

// Understand has the recogniser tell the words of speech from before TakeOver,
// which is talkspurt n. It comes after Prepare, and numbers grow.
func (c *Conversation) Understand(ctx context.Context, speech []media.Frame, n int) (string, error) {
	if len(speech) == 0 || c.ear.recognition == nil {
		return "", nil
	}
	var front Front
	if c.cfg.Front != nil {
		front = c.cfg.Front()
	}
	r := c.ear.recognition
	r.Begin(n)
	pace := time.NewTicker(understandEvery)
	defer pace.Stop()
	for i := range speech {
		f := &speech[i]
		if front != nil {
			front.Hear(f, true)
			if f = front.Clean(f); f == nil {
				continue
			}
		}
		r.Write(f)
		select {
		case <-pace.C: // recognisers drop what comes too fast
		case <-ctx.Done():
		}
	}
	r.End()
	for {
		select {
		case t, open := <-c.words:
			switch {
			case !open:
				return "", errNotUnderstood
			case t.Spurt != n || !t.Final:
			case t.Err != nil:
				return "", t.Err
			default:
				return t.Text, nil
			}
		case <-ctx.Done():
			return "", errNotUnderstood
		}
	}
}

// understandEvery is how fast a recogniser is given speech from before: ten
// times as fast as it was said.
const understandEvery = media.FrameDuration / 10

// TakeOver begins in the place of Start, with a conversation that somebody else
// has held. Prepare came before it. After Stop it does nothing.
func (c *Conversation) TakeOver(h *Handover) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started || c.stopped {
		return
	}
	c.started, c.listens = true, true
	c.cfg.Turn.Speculation = turn.Speculation{} // the machine that goes on never guesses
	c.machine, c.timers, c.answered, c.now, c.done = h.Machine, h.Timers, h.Answered, h.Now, h.Done
	c.history, c.turns, c.prefaced, c.filler, c.endAct = h.History, h.Turns, h.Prefaced, h.Filler, h.EndAct
	c.replies = h.Turns // more than there were, so that calls of tools have names of their own
	c.ear.spurt = h.Spurt
	for _, charge := range h.Charges {
		c.account.add(&News{Stage: charge.Stage, Provider: charge.Provider, Cost: charge.Cost}, 0)
	}
	early := c.early
	c.work.Go(func() {
		c.caller.began, c.caller.ended = h.Began, h.Ended
		if o := h.Caller; o != nil {
			c.caller = callerTurn{open: true, text: o.Text, began: o.Began, ended: o.Ended, over: o.Ended, judged: o.Judged, finalised: time.Now()}
		}
		c.step(turn.Event{Kind: turn.ProviderTook, Stage: string(Converse), Provider: "pipeline", Took: h.Took}, time.Now())
		for _, e := range early {
			c.step(e, time.Now())
		}
		if h.Speaking != nil {
			c.speakOn(h.Speaking)
		}
		for _, e := range h.Events {
			c.take(message{event: e.Event, at: e.At, speech: e.Speech})
		}
		c.loop()
	})
}

// speakOn takes what the agent says, and has the model go on with it.
func (c *Conversation) speakOn(s *Speaking) {
	u := c.newUtterance(s.ID)
	u.turn, u.began, u.ledger, u.failed, u.act = s.Turn, s.Began, s.Ledger, s.Failed, s.Act
	tag := c.tongue.Load().Tag
	for n, g := range s.Generations {
		for _, text := range g.Sentences {
			u.add(message{said: spoken.One(tag, text), round: n})
		}
		r := u.round(n)
		r.calls, r.result, r.kept = g.Calls, g.Results, make([]*effect, len(g.Calls))
	}
	switch {
	case s.Whole:
		return
	case !c.heardCaller():
		c.step(turn.Event{Kind: turn.ReplyFailed, Utterance: u.id, Text: "nobody has understood the caller"}, time.Now())
		u.failed = true
		c.player.Seal(u.id)

		return
	}
	c.replies++
	r := c.newReplying(u, c.history, c.replies)
	r.takeUp(u)
	close(r.adopted)
	c.work.Go(r.run)
}

// heardCaller says whether there is anything of the caller's to be answered.
func (c *Conversation) heardCaller() bool {
	last := len(c.history) - 1

	return last >= 0 && c.history[last].Role == Caller
}

// takeUp has the model go on behind what another one wrote.
func (r *replying) takeUp(u *utterance) {
	for n, g := range u.rounds {
		r.first = n
		text := g.script.Written()
		if len(g.calls) == 0 {
			r.req.Said, r.spoken = text, r.spoken || text != ""

			continue
		}
		r.spoken = r.spoken || text != ""
		r.req.History = append(r.req.History, Message{Role: Agent, Text: text, Calls: g.calls}, Message{Role: Tool, Results: g.result})
		r.first = n + 1
	}
}
