package realtime

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media/player"
	"trunkline/media/vad"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
)

// inboxBound is how many messages may wait for a conversation's loop. The tick
// goroutine cannot wait: what does not fit is lost, and Lost counts it.
const inboxBound = 512

// Conversation is one call with a speech-to-speech model. Its methods are those
// of pipeline.Conversation, and come in the same order.
type Conversation struct {
	pipeline.Requests

	cfg      pipeline.Config
	provider *Provider
	lines    *pipeline.Lines
	player   *player.Player
	obs      pipeline.Observer
	ear      ear
	out      *outbox
	session  any    // how sessions are to be
	system   string // what the model is told
	secret   pipeline.Capture

	// other makes the ordinary conversation that goes on when this one cannot,
	// and swap has it hold the call unless somebody speaks; nil: there is none.
	other func(context.Context) (*pipeline.Conversation, error)
	swap  func(to *pipeline.Conversation, still func() bool, hand func()) bool

	ctx    context.Context
	cancel context.CancelCauseFunc
	inbox  chan message
	done   chan pipeline.Outcome
	lost   atomic.Uint64
	work   sync.WaitGroup // the loop, voices, tools and dials

	mu      sync.Mutex // orders Prepare, Start and Stop; guards cost
	conn    *websocket.Conn
	deaf    error // why there is no session
	listens bool  // the loop runs
	started bool
	stopped bool
	cost    pipeline.Money

	// What follows belongs to the loop.
	machine  *turn.Machine
	answered time.Time
	now      time.Duration // of the latest event
	timers   *pipeline.Timers
	link     *link // nil: none is up
	links    int   // number of the latest link
	losses   int   // sessions lost in a row
	asked    asked
	history  history
	caller   caller
	speaking *utterance // being made or played; nil: none
	filler   int        // utterance of the latest filler
	endAct   *pipeline.Act
	spurt    int       // number of the latest talkspurt
	talks    bool      // it runs
	heardAt  time.Time // the server heard speech
	running  map[string]*toolCall
	prefaced bool    // the agent has said its first line
	begun    bool    // the agent has, or is about to
	question string  // what a tool asks the caller to key in
	truth    string  // what no model may answer
	rescue   *rescue // nil: none is under way
	gone     bool    // the ordinary conversation holds the call
}

// message is what reaches the loop.
type message struct {
	kind   messageKind
	event  turn.Event
	at     time.Time
	speech time.Time // of SpeechEnd: the last voiced packet
	server *event
	link   int             // that server, or err, is of
	conn   *websocket.Conn // of isLinked
	err    error
	tool   *toolCall
	ask    string                 // of isAsk: the words
	other  *pipeline.Conversation // of isReady; nil: err says why
	turn   *said                  // of isUnderstood; nil: what is no turn yet
	words  string                 // of isUnderstood
	upTo   int                    // of isUnderstood: the latest talkspurt
}

type messageKind uint8

const (
	isEvent      messageKind = iota
	isServer                 // the server says something
	isLost                   // a session is lost, or could not be opened anew
	isLinked                 // a session was opened anew
	isTool                   // a tool has given its result
	isAsk                    // a tool asks the caller for keys
	isReady                  // the ordinary conversation is ready, or cannot be
	isUnderstood             // it has understood what no session told the words of
)

// switchLanguage is the tool that a speech-to-speech model does not need: it
// follows the caller by itself.
const switchLanguage = "switch_language"

// New makes the conversation of one call. Of the settings the model's and the
// recogniser's have no meaning here, nor has speculation.
func (p *Provider) New(c pipeline.Config, lines *pipeline.Lines, play *player.Player, o pipeline.Observer) *Conversation {
	c.Turn.Speculation = turn.Speculation{}
	conv := &Conversation{
		cfg: c, provider: p, lines: lines, player: play, obs: o, out: newOutbox(),
		system: c.Prompt.Text(time.Now(), c.Vars),
		inbox:  make(chan message, inboxBound), done: make(chan pipeline.Outcome, 1),
		machine: turn.New(c.Turn), timers: pipeline.NewTimers(),
		running: map[string]*toolCall{},
	}
	conv.Requests = pipeline.NewRequests(conv.send)
	conv.secret.Mask = c.Mask
	var tools []pipeline.ToolSpec
	if c.Tools != nil {
		tools = slices.DeleteFunc(c.Tools.Specs(), func(s pipeline.ToolSpec) bool { return s.Name == switchLanguage })
	}
	conv.session = p.cfg.session(conv.system, tools)
	conv.ctx, conv.cancel = context.WithCancelCause(context.Background())
	conv.ear = ear{gate: vad.NewGate(cmp.Or(c.Gate, vad.FastGate())), out: conv.out, gated: p.cfg.Detection == Own}

	return conv
}

// Prepare opens the session. When it cannot be opened the caller will hear a
// line about it, which is no error. Stop ends it.
func (c *Conversation) Prepare(ctx context.Context) error {
	err := c.open(ctx)
	if err == nil || ctx.Err() != nil || errors.Is(err, errOver) {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaf = err

	return nil
}

// open opens the session.
func (c *Conversation) open(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.ctx, func() { cancel(errOver) })()
	conn, err := c.provider.open(ctx, c.session)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		conn.Close()

		return errOver
	}
	c.conn = conn

	return nil
}

// Listen begins to hear at the answer, when the agent is to speak later: what
// is said before Start is understood and told. Prepare came before it. After
// Stop it does nothing.
func (c *Conversation) Listen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listens || c.stopped {
		return
	}
	c.answered = time.Now()
	c.run(nil)
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
	first := c.cfg.Answered(c.lines, c.cfg.Language)
	if c.deaf != nil {
		first.Kind, first.Text = turn.RecogniserLost, c.deaf.Error()
	}
	c.send(first)
	if c.deaf != nil {
		c.send(c.failure(c.deaf))
	}
	if !c.listens {
		c.run(func() { c.take(<-c.inbox) }) // what was sent above: also of a call that is over by now, the record tells the beginning
	}
}

// run begins the loop; first comes before it. c.mu is held.
func (c *Conversation) run(first func()) {
	c.listens = true
	conn := c.conn
	c.conn = nil
	c.work.Go(func() { c.loop(conn, first) })
}

// Done receives, once, when the conversation wants the call to end.
func (c *Conversation) Done() <-chan pipeline.Outcome { return c.done }

// Played takes the player's events. It is called on the tick goroutine.
func (c *Conversation) Played(e player.Event) {
	if event, mine := pipeline.Played(e); mine {
		c.post(message{event: event, at: e.At})
	}
}

// Lost counts events of the tick goroutine, and audio, that did not fit into
// their queues.
func (c *Conversation) Lost() uint64 { return c.lost.Load() + c.out.dropped() }

// Charges is what the call has cost so far.
func (c *Conversation) Charges() []pipeline.Charge {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cost == 0 {
		return nil
	}

	return []pipeline.Charge{{Stage: pipeline.Converse, Provider: c.provider.cfg.Name, Cost: c.cost}}
}

// failure tells the records that the provider failed.
func (c *Conversation) failure(err error) turn.Event {
	return turn.Event{
		Kind: turn.ProviderFailed, Stage: string(pipeline.Converse), Provider: c.provider.cfg.Name,
		Fault: string(pipeline.Fault(err).Kind), Text: err.Error(),
	}
}

// Stop ends the conversation and waits until all of it is quiet. The line must
// not tick any more. It may be called twice, and before Start.
func (c *Conversation) Stop() {
	c.mu.Lock()
	c.stopped = true
	conn := c.conn
	c.conn = nil
	c.mu.Unlock()
	c.cancel(errOver)
	c.player.Clear()
	c.work.Wait()
	if conn != nil {
		conn.Close()
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
