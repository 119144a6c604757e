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
// conversation makes a few messages a second, so that room for all of them by
// value would be most of the memory that a call begins with.
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
	inbox  chan *message
	done   chan Outcome
	lost   atomic.Uint64
	work   sync.WaitGroup // the loop, and the utterances

	secret   Capture
	account  account
	tongues  []*tongue
	tongue   atomic.Pointer[tongue] // in which the conversation is
	changing sync.Mutex             // orders changes of it

	mu      sync.Mutex    // orders Prepare, Start and Stop
	streams []Recognition // every one that was opened; the last one is in use
	busy    bool
	deaf    error        // why there is no recogniser
	early   []turn.Event // from before the start
	listens bool         // the loop runs
	started bool
	stopped bool

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
	holding  bool       // the hold sound is on
	caller   callerTurn
	endAct   *Act // of the latest reply
	effects  effects
	tokens   int // that the replies have used

	words       <-chan Transcript // of the stream in use; nil: nobody listens
	wordsBefore <-chan Transcript // of the one before; nil: there is none
	detected    detected
	question    string // what a tool asks the caller to key in
	prefaced    bool   // the agent has said its first line
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
	ask    string      // of isAsk: the words
	change *change     // of isChange
	left   Recognition // of isTurned
	kind   messageKind
}

type messageKind uint8

const (
	isEvent messageKind = iota
	isStamp
	isText   // said is the next sentence of utterance event.Utterance
	isAsk    // a tool asks the caller for keys
	isTool   // tool tells of a call of utterance event.Utterance
	isChange // change is wanted
	isTurned // the ear has turned from the stream left
)

// NewConversation makes the conversation of one call.
func NewConversation(c Config, with Providers, p *player.Player, o Observer) *Conversation {
	c.Stall = cmp.Or(c.Stall, defaultStall)
	c.Turn = c.Turn.WithDefaults()
	conv := &Conversation{
		cfg: c, with: with, player: p, obs: o,
		inbox:   make(chan *message, inboxBound),
		done:    make(chan Outcome, 1),
		machine: turn.New(c.Turn),
		effects: make(effects),
		tongues: tongues(&c, &with),
	}
	conv.secret.Mask = c.Mask
	conv.tongue.Store(conv.tongues[0])
	conv.ctx, conv.cancel = context.WithCancelCause(WithNews(context.Background(), conv.News))
	conv.ear.gate = vad.NewGate(cmp.Or(c.Gate, vad.FastGate()))
	if c.Front != nil {
		conv.ear.front = c.Front()
	}
	conv.timers.init()

	return conv
}

// Prepare takes a recogniser for the call, and has the providers open their
// connections meanwhile. When all recognisers are in use, or have failed, the
// caller will hear a line about it, which is no error. Stop ends it.
func (c *Conversation) Prepare(ctx context.Context) error {
	c.warm(ctx)
	ctx, cancel := context.WithCancelCause(WithNews(ctx, c.News))
	defer cancel(nil)
	defer context.AfterFunc(c.ctx, func() { cancel(errOver) })()
	r, err := c.with.Recognizer.Open(ctx)
	switch {
	case err == nil && c.own(r):
		c.ear.recognition, c.words = r, r.Transcripts()
	case err == nil:
		return fmt.Errorf("open the recogniser: %w", errOver)
	case errors.Is(err, ErrBusy):
		c.busy = true
	case ctx.Err() != nil:
		return fmt.Errorf("open the recogniser: %w", err)
	default:
		c.deaf = err
	}

	return nil
}

// warm has the providers open their connections while the phone rings, without
// waiting for them: what one cannot do in the time of ctx, its first use does.
func (c *Conversation) warm(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return
	}
	all := []struct {
		stage    Stage
		provider any
	}{{Recognise, c.with.Recognizer}, {Think, c.with.Model}, {Speak, c.with.Synthesizer}}
	until, limited := ctx.Deadline()
	for _, p := range all {
		w, ok := p.provider.(Warmer)
		if !ok {
			continue
		}
		c.work.Go(func() {
			ctx, cancel := c.ctx, context.CancelFunc(func() {})
			if limited {
				ctx, cancel = context.WithDeadline(ctx, until)
			}
			defer cancel()
			if err := w.Warm(ctx); err != nil && c.ctx.Err() == nil {
				c.mention(turn.Event{Kind: turn.WarmFailed, Stage: string(p.stage), Text: err.Error()})
			}
		})
	}
}

// Listen begins to hear at the answer, when the agent is to speak later: what
// is said before Start is understood and told, but is no part of the
// conversation. Prepare came before it. After Stop it does nothing.
func (c *Conversation) Listen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listens || c.stopped {
		return
	}
	c.listens = true
	c.answered = time.Now()
	c.work.Go(c.loop)
}

// Start begins the conversation at the answer, or after Listen. Prepare came
// before it. After Stop it does nothing.
func (c *Conversation) Start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started || c.stopped {
		return
	}
	c.started = true
	if !c.listens {
		c.answered = time.Now()
	}
	first := turn.Event{Kind: turn.Answered}
	switch {
	case c.busy:
		first.Kind = turn.RecogniserBusy
	case c.deaf != nil:
		first.Kind, first.Text = turn.RecogniserLost, c.deaf.Error()
	}
	t := c.tongue.Load()
	first.Preface, first.Closing = len(c.cfg.Preface) > 0, c.cfg.Closing != nil
	first.Took = c.cfg.Around(t.Lines, t.Tag)
	c.send(first)
	for _, e := range c.early {
		c.send(e)
	}
	if !c.listens {
		c.listens = true
		c.work.Go(func() {
			c.take(unwrap(<-c.inbox)) // what was sent above: also of a call that is over by now, the record tells the beginning
			c.loop()
		})
	}
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

// Resume has the agent go on after Done said that the call goes to somebody
// else, who was not reached; l is said first.
func (c *Conversation) Resume(l turn.Line) {
	c.send(turn.Event{Kind: turn.ResumeAsked, Line: l})
}

// Hold tells that the caller holds, or came back.
func (c *Conversation) Hold(on bool) {
	kind := turn.HoldOff
	if on {
		kind = turn.HoldOn
	}
	c.send(turn.Event{Kind: kind})
}

// Played takes the player's events. It is called on the tick goroutine. Marks
// are not the conversation's.
func (c *Conversation) Played(e player.Event) {
	if e.Mark != 0 {
		return
	}
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
	c.mu.Unlock()
	c.cancel(errOver)
	c.player.Clear()
	c.work.Wait()
	for _, r := range c.streams {
		_ = r.Close() // nothing can be done about it
	}
}

// Charges is what the call has cost so far, by stage and provider; all of it
// after Stop.
func (c *Conversation) Charges() []Charge { return c.account.charges() }

// News takes what the providers tell, and what was found out about another one
// before this conversation was needed.
func (c *Conversation) News(n News) {
	e := turn.Event{Stage: string(n.Stage), Provider: n.Provider}
	switch n.Kind {
	case Charged:
		if !c.account.add(&n, c.cfg.Budget) {
			return
		}
		e.Kind = turn.BudgetSpent
	case Failed:
		e.Kind, e.Fault, e.Text = turn.ProviderFailed, string(Fault(n.Err).Kind), n.Err.Error()
	case TookOver:
		e.Kind, e.Took = turn.ProviderTook, n.Took
	}
	c.mention(e)
}

// mention hands the loop an event that may come before the start.
func (c *Conversation) mention(e turn.Event) {
	c.mu.Lock()
	early := !c.started
	if early {
		c.early = append(c.early, e)
	}
	c.mu.Unlock()
	if !early {
		c.send(e)
	}
}

// send hands the loop an event that happens now.
func (c *Conversation) send(e turn.Event) { c.give(message{event: e, at: time.Now()}) }

// messages are spare ones: the tick goroutine does not allocate.
var messages = sync.Pool{New: func() any { return new(message) }}

// wrap puts a message where the queue can hold it.
func wrap(m message) *message {
	kept := messages.Get().(*message) //nolint:errcheck,forcetypeassert // New makes nothing else
	*kept = m

	return kept
}

// unwrap takes a message out of the queue.
func unwrap(kept *message) message {
	m := *kept
	*kept = message{} // holds nothing of this call
	messages.Put(kept)

	return m
}

// give hands the loop a message, and waits while the queue is full.
func (c *Conversation) give(m message) {
	select {
	case c.inbox <- wrap(m):
	case <-c.ctx.Done(): // nobody wants it any more
	}
}

// post hands the loop a message from the tick goroutine, which does not wait.
func (c *Conversation) post(m message) {
	kept := wrap(m)
	select {
	case c.inbox <- kept:
	default:
		unwrap(kept)
		c.lost.Add(1)
	}
}

// loop runs the machine.
func (c *Conversation) loop() {
	defer c.abandon()
	for {
		select {
		case <-c.ctx.Done():
			return
		case m := <-c.inbox:
			c.take(unwrap(m))
		case t, open := <-c.words:
			if !open {
				c.words = nil

				continue
			}
			c.transcript(t)
		case t, open := <-c.wordsBefore:
			if !open {
				c.wordsBefore = nil

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
	case isAsk:
		c.question = m.ask
	case isTool:
		c.toolNews(m)

		return
	case isChange:
		c.setLanguage(m.change, m.at)

		return
	case isTurned:
		c.leave(m.left, c.cfg.Turn.Final)

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
	case turn.ReplyCost:
		c.tokens += m.event.InputTokens + m.event.OutputTokens
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
	c.detect(&t, now)
	kind := turn.Partial
	if t.Final {
		kind = turn.Final
		c.caller.finalised = now
	}
	c.step(turn.Event{Kind: kind, Spurt: t.Spurt, Text: t.Text, Confidence: t.Confidence, EndOfTurn: t.EndOfTurn}, now)
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
	c.unhold()
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
		c.say(a, at)
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
