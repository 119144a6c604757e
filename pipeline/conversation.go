package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"trunkline/media/player"
	"trunkline/media/vad"
	"trunkline/pipeline/ledger"
	"trunkline/pipeline/spoken"
	"trunkline/pipeline/turn"
)

// inboxBound is how many messages may wait for a conversation's loop. The tick
// goroutine cannot wait: what does not fit is lost, and Lost counts it. A
// conversation makes a few messages a second.
const inboxBound = 512

// defaultStall is Config.Stall when that is zero.
const defaultStall = 5 * time.Second

// errOver is the cause with which a conversation's work ends.
var errOver = errors.New("the conversation is over")

// Conversation drives the turn machine of one call: it owns the call's
// recogniser, its replies and its timers. It implements line.Ear.
//
// Prepare while the phone rings, Start at the answer, Stop when the call is
// over and the line no longer ticks.
type Conversation struct {
	cfg    Config
	with   Providers
	player *player.Player
	obs    Observer
	ear    ear

	ctx    context.Context
	cancel context.CancelCauseFunc
	inbox  chan message
	done   chan Outcome
	lost   atomic.Uint64
	work   sync.WaitGroup // the loop, and the utterances

	mu          sync.Mutex // orders Prepare, Start and Stop
	recognition Recognition
	busy        bool
	started     bool
	stopped     bool

	// What follows belongs to the loop.
	machine  *turn.Machine
	answered time.Time
	now      time.Duration // of the latest event
	timers   timers
	history  []Message
	turns    int
	replies  int
	speaking *utterance // being made or played
	guess    *guess     // at a reply; nil: there is none
	filler   int        // utterance of the latest filler
	caller   callerTurn
	endAct   *Act // of the latest reply
	effects  effects
	system   string // what the model is told
}

// utterance is what the agent says, from its order to its end.
type utterance struct {
	id     int
	text   string
	failed bool // its audio ends before its text does
	turn   int  // number of the turn; 0 until it is heard
	ctx    context.Context
	cancel context.CancelCauseFunc
	ledger ledger.Ledger
	began  time.Time
	act    *Act // of a reply that is done
	rounds []*round
	known  []*effect // calls of earlier replies whose results this one knows
}

// callerTurn is the caller's turn as it stands.
type callerTurn struct {
	open      bool // in the history, and not told yet
	kept      bool // it stands there although it goes on: calls follow it that changed something
	text      string
	began     time.Time
	ended     time.Time // the last voiced packet arrived
	over      time.Time // ended, when the turn was judged: a cough after that is no part of it
	judged    time.Time // it was judged to be over
	finalised time.Time // its last words came; zero: they never did
}

// message is what reaches the loop: an event of the machine, or a stamp.
type message struct {
	event  turn.Event
	at     time.Time
	speech time.Time    // of SpeechOnset and SpeechEnd: the first and the last voiced packet
	stamp  ledger.Stage // of utterance event.Utterance, when isStamp
	act    *Act
	said   spoken.Text // of isText
	round  int         // of isText: the generation that wrote it
	tool   *toolNews   // of isTool
	kind   messageKind
}

type messageKind uint8

const (
	isEvent messageKind = iota
	isStamp
	isText // said is the next sentence of utterance event.Utterance
	isTool // tool tells of a call of utterance event.Utterance
)

// NewConversation makes the conversation of one call.
func NewConversation(c Config, with Providers, p *player.Player, o Observer) *Conversation {
	c.Stall = cmp.Or(c.Stall, defaultStall)
	conv := &Conversation{
		cfg: c, with: with, player: p, obs: o,
		inbox:   make(chan message, inboxBound),
		done:    make(chan Outcome, 1),
		machine: turn.New(c.Turn),
		effects: make(effects),
		system:  c.Prompt.Text(time.Now(), c.Vars),
	}
	conv.ctx, conv.cancel = context.WithCancelCause(context.Background())
	conv.ear.gate = vad.NewGate(cmp.Or(c.Gate, vad.FastGate()))
	if c.Front != nil {
		conv.ear.front = c.Front()
	}
	conv.timers.init()

	return conv
}

// Prepare takes a recogniser for the call. When all are in use the caller will
// hear the busy line, which is no error. Stop ends it.
func (c *Conversation) Prepare(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.ctx, func() { cancel(errOver) })()
	r, err := c.with.Recognizer.Open(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.Is(err, ErrBusy):
		c.busy = true
	case err != nil:
		return fmt.Errorf("open the recogniser: %w", err)
	case c.stopped:
		_ = r.Close() // nobody will use it

		return fmt.Errorf("open the recogniser: %w", errOver)
	default:
		c.recognition = r
		c.ear.recognition = r
	}

	return nil
}

// Start begins the conversation at the answer. Prepare came before it. After
// Stop it does nothing.
func (c *Conversation) Start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started || c.stopped {
		return
	}
	c.started = true
	c.answered = time.Now()
	first := turn.Answered
	if c.busy {
		first = turn.RecogniserBusy
	}
	c.send(turn.Event{Kind: first})
	var transcripts <-chan Transcript
	if c.recognition != nil {
		transcripts = c.recognition.Transcripts()
	}
	c.work.Go(func() { c.loop(transcripts) })
}

// Done receives, once, when the conversation wants the call to end.
func (c *Conversation) Done() <-chan Outcome { return c.done }

// Announce has a line said as soon as nobody speaks.
func (c *Conversation) Announce(l turn.Line) {
	c.send(turn.Event{Kind: turn.AnnounceAsked, Line: l})
}

// Finish drops whatever goes on, has a last line said, and then wants the call
// to end for the given reason.
func (c *Conversation) Finish(l turn.Line, reason string) {
	c.send(turn.Event{Kind: turn.FinishAsked, Line: l, Reason: reason})
}

// Hold tells that the caller holds, or came back.
func (c *Conversation) Hold(on bool) {
	kind := turn.HoldOff
	if on {
		kind = turn.HoldOn
	}
	c.send(turn.Event{Kind: kind})
}

// Played takes the player's events. It is called on the tick goroutine.
func (c *Conversation) Played(e player.Event) {
	c.post(message{event: turn.Event{Kind: played[e.Kind], Utterance: e.Utterance, Silence: e.Silence}, at: e.At})
}

// played are the player's events as the machine's.
var played = [...]turn.EventKind{
	player.Started: turn.AudioStarted, player.Finished: turn.AudioFinished,
	player.Starved: turn.AudioStarved, player.Fed: turn.AudioFed,
	player.Protecting: turn.ProtectedBegan, player.Protected: turn.ProtectedEnded,
}

// Lost counts events of the tick goroutine that did not fit into the queue.
func (c *Conversation) Lost() uint64 { return c.lost.Load() }

// Stop ends the conversation and waits until all of it is quiet. The line must
// not tick any more. It may be called twice, and before Start.
func (c *Conversation) Stop() {
	c.mu.Lock()
	c.stopped = true
	r := c.recognition
	c.mu.Unlock()
	c.cancel(errOver)
	c.player.Clear()
	c.work.Wait()
	if r != nil {
		_ = r.Close() // nothing can be done about it
	}
}

// send hands the loop an event that happens now.
func (c *Conversation) send(e turn.Event) { c.give(message{event: e, at: time.Now()}) }

// give hands the loop a message, and waits while the queue is full.
func (c *Conversation) give(m message) {
	select {
	case c.inbox <- m:
	case <-c.ctx.Done(): // nobody wants it any more
	}
}

// post hands the loop a message from the tick goroutine, which does not wait.
func (c *Conversation) post(m message) {
	select {
	case c.inbox <- m:
	default:
		c.lost.Add(1)
	}
}

// loop runs the machine.
func (c *Conversation) loop(transcripts <-chan Transcript) {
	defer c.abandon()
	c.take(<-c.inbox) // Start's event: also of a call that is over by now, the record tells the beginning
	for {
		select {
		case <-c.ctx.Done():
			return
		case m := <-c.inbox:
			c.take(m)
		case t, open := <-transcripts:
			if !open {
				transcripts = nil

				continue
			}
			c.transcript(t)
		case now := <-c.timers.fired():
			for {
				t, due := c.timers.next(now)
				if !due {
					break
				}
				c.step(turn.Event{Kind: turn.TimerFired, Timer: t}, now)
			}
		}
	}
}

// abandon closes the turn that the end of the call cut off.
func (c *Conversation) abandon() {
	if u := c.speaking; u != nil {
		u.cancel(errOver)
		c.agentTurn(u, true)
	}
	c.dropGuess()
	c.closeCallerTurn()
	c.timers.stop()
}

func (c *Conversation) take(m message) {
	if c.guessed(m) {
		return
	}
	u := c.speaking
	mine := u != nil && u.id == m.event.Utterance
	switch m.kind {
	case isStamp:
		if mine {
			u.ledger.Stamp(m.stamp, m.at)
		}

		return
	case isText:
		if mine {
			u.add(m)
			c.obs.Words(Agent, u.text, false)
		}

		return
	case isTool:
		c.toolNews(m)

		return
	}
	switch m.event.Kind {
	case turn.SpeechOnset:
		m.event.Asked = c.asked()
	case turn.SpeechEnd:
		c.caller.ended = m.speech
		m.event.Asked = c.asked()
	case turn.KeyPressed:
		c.caller.ended, c.caller.finalised = m.at, m.at
	case turn.AudioStarted:
		if mine {
			u.ledger.Stamp(ledger.Packet, m.at)
			c.begin(u, m.at)
		}
		if c.filler == m.event.Utterance && u != nil && u.turn == 0 {
			u.ledger.Stamp(ledger.Filler, m.at)
		}
	case turn.ReplyDone:
		if mine {
			c.endAct = m.act
		}
	case turn.ReplyFailed:
		if mine {
			u.failed = true
		}
	case turn.AudioFinished:
		if mine && !c.agentTurn(u, false) {
			c.closeCallerTurn() // it was answered without words
		}
	}
	c.step(m.event, m.at)
	first := c.machine.CallerSpurts() == 1
	switch m.event.Kind {
	case turn.SpeechOnset:
		if first {
			c.caller.began, c.caller.finalised = m.speech, time.Time{}
		}
	case turn.KeyPressed:
		if first && c.machine.CallerText() == m.event.Text {
			c.caller.began = m.at
		}
		c.tellCaller()
	}
}

// transcript takes the recogniser's words.
func (c *Conversation) transcript(t Transcript) {
	now := time.Now()
	if t.Err != nil {
		c.step(turn.Event{Kind: turn.RecogniserLost, Spurt: t.Spurt, Text: t.Err.Error()}, now)

		return
	}
	kind := turn.Partial
	if t.Final {
		kind = turn.Final
		c.caller.finalised = now
	}
	c.step(turn.Event{Kind: kind, Spurt: t.Spurt, Text: t.Text, EndOfTurn: t.EndOfTurn}, now)
	c.tellCaller()
}

// tellCaller tells what the caller has said so far.
func (c *Conversation) tellCaller() {
	if text := c.machine.CallerText(); text != "" && (!c.caller.open || text != c.caller.text) {
		c.obs.Words(Caller, text, false)
	}
}

// step gives the machine an event and does what it says.
func (c *Conversation) step(e turn.Event, at time.Time) {
	if c.guessStale() && e.Kind != turn.ContextChanged {
		c.step(turn.Event{Kind: turn.ContextChanged}, at)
	}
	c.now = max(c.now, at.Sub(c.answered)) // goroutines may overtake each other
	e.At = c.now
	actions := c.machine.Step(e)
	c.obs.Step(e, actions, c.machine.State())
	for _, a := range actions {
		c.act(a, at)
	}
}

func (c *Conversation) act(a turn.Action, at time.Time) {
	switch a.Kind {
	case turn.Pause:
		c.player.Pause()
	case turn.Resume:
		c.player.Resume()
	case turn.Respeak:
		c.player.ResumeWord()
	case turn.SetTimer:
		c.timers.set(a.Timer, at.Add(a.After))
	case turn.StopTimer:
		c.timers.clear(a.Timer)
	case turn.Speak:
		c.say(a)
	case turn.StartReply:
		c.callerTurn(a.Text, at)
		c.reply(a.Utterance)
	case turn.StartGuess:
		c.startGuess(a.Utterance, a.Text)
	case turn.AdoptGuess:
		c.adoptGuess(a.Text, at)
	case turn.DropGuess:
		c.dropGuess()
	case turn.Interject:
		c.interject(a)
	case turn.CancelReply:
		c.cancelReply()
	case turn.Clear:
		c.cut()
	case turn.End:
		c.finish(a.Reason)
	}
}
