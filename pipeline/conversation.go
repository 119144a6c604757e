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
	"trunkline/pipeline/turn"
)

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
	Requests

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
	timers   *Timers
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

// NewConversation makes the conversation of one call.
func NewConversation(c Config, with Providers, p *player.Player, o Observer) *Conversation {
	c.Stall = cmp.Or(c.Stall, defaultStall)
	c.Turn = c.Turn.WithDefaults()
	conv := &Conversation{
		cfg: c, with: with, player: p, obs: o,
		inbox:   make(chan *message, inboxBound),
		done:    make(chan Outcome, 1),
		machine: turn.New(c.Turn),
		timers:  NewTimers(),
		effects: make(effects),
		tongues: tongues(&c, &with),
	}
	conv.Requests = NewRequests(conv.send)
	conv.secret.Mask = c.Mask
	conv.tongue.Store(conv.tongues[0])
	conv.ctx, conv.cancel = context.WithCancelCause(WithNews(context.Background(), conv.News))
	conv.ear.gate = vad.NewGate(cmp.Or(c.Gate, vad.FastGate()))
	if c.Front != nil {
		conv.ear.front = c.Front()
	}

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
	t := c.tongue.Load()
	first := c.cfg.Answered(t.Lines, t.Tag)
	switch {
	case c.busy:
		first.Kind = turn.RecogniserBusy
	case c.deaf != nil:
		first.Kind, first.Text = turn.RecogniserLost, c.deaf.Error()
	}
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

// Played takes the player's events. It is called on the tick goroutine.
func (c *Conversation) Played(e player.Event) {
	if event, mine := Played(e); mine {
		c.post(message{event: event, at: e.At})
	}
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
