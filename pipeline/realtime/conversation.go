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
	"trunkline/pipeline/ledger"
	"trunkline/pipeline/turn"
)

// inboxBound is how many messages may wait for a conversation's loop. The tick
// goroutine cannot wait: what does not fit is lost, and Lost counts it.
const inboxBound = 512

// Conversation is one call with a speech-to-speech model. Its methods are those
// of pipeline.Conversation, and come in the same order.
type Conversation struct {
	cfg      pipeline.Config
	provider *Provider
	lines    *pipeline.Lines
	player   *player.Player
	obs      pipeline.Observer
	ear      ear
	out      *outbox
	session  any    // how sessions are to be
	system   string // what the model is told

	ctx    context.Context
	cancel context.CancelCauseFunc
	inbox  chan message
	done   chan pipeline.Outcome
	lost   atomic.Uint64
	work   sync.WaitGroup // the loop, voices, tools and dials

	mu      sync.Mutex // orders Prepare, Start and Stop; guards cost
	conn    *websocket.Conn
	deaf    error // why there is no session
	started bool
	stopped bool
	cost    pipeline.Money

	// What follows belongs to the loop.
	machine  *turn.Machine
	answered time.Time
	now      time.Duration // of the latest event
	timers   map[turn.Timer]time.Time
	timer    *time.Timer
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
	heardAt  time.Time // the server heard speech
	running  map[string]*toolCall
	prefaced bool // the agent has said its first line
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
}

type messageKind uint8

const (
	isEvent  messageKind = iota
	isServer             // the server says something
	isLost               // a session is lost, or could not be opened anew
	isLinked             // a session was opened anew
	isTool               // a tool has given its result
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
		machine: turn.New(c.Turn), timers: map[turn.Timer]time.Time{}, timer: time.NewTimer(time.Hour),
		running: map[string]*toolCall{},
	}
	conv.timer.Stop()
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
	first := turn.Event{Kind: turn.Answered}
	if c.deaf != nil {
		first.Kind, first.Text = turn.RecogniserLost, c.deaf.Error()
	}
	first.Preface, first.Closing = len(c.cfg.Preface) > 0, c.cfg.Closing != nil
	first.Took = c.cfg.Around(c.lines, c.cfg.Language)
	c.send(first)
	if c.deaf != nil {
		c.send(c.failure(c.deaf))
	}
	conn := c.conn
	c.conn = nil
	c.work.Go(func() { c.loop(conn) })
}

// Done receives, once, when the conversation wants the call to end.
func (c *Conversation) Done() <-chan pipeline.Outcome { return c.done }

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

// Played takes the player's events. It is called on the tick goroutine. Marks
// are not the conversation's.
func (c *Conversation) Played(e player.Event) {
	if e.Mark != 0 {
		return
	}
	kinds := [...]turn.EventKind{
		player.Started: turn.AudioStarted, player.Finished: turn.AudioFinished,
		player.Starved: turn.AudioStarved, player.Fed: turn.AudioFed,
		player.Protecting: turn.ProtectedBegan, player.Protected: turn.ProtectedEnded,
	}
	c.post(message{event: turn.Event{Kind: kinds[e.Kind], Utterance: e.Utterance, Silence: e.Silence}, at: e.At})
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

// loop runs the machine.
func (c *Conversation) loop(conn *websocket.Conn) {
	defer c.abandon()
	if conn != nil {
		c.use(conn)
	}
	c.take(<-c.inbox) // Start's event: also of a call that is over by now, the record tells the beginning
	for {
		select {
		case <-c.ctx.Done():
			return
		case m := <-c.inbox:
			c.take(m)
		case now := <-c.timer.C:
			c.fire(now)
		}
		c.caller.flush(c.obs)
	}
}

// abandon closes the turns that the end of the call cut off.
func (c *Conversation) abandon() {
	if u := c.speaking; u != nil {
		u.cancel(errOver)
		c.agentTurn(u, true)
	}
	c.closeCallerTurn()
	c.caller.giveUp(c.obs)
	c.timer.Stop()
	if c.link != nil {
		c.link.close()
	}
}

// use serves a connection.
func (c *Conversation) use(conn *websocket.Conn) {
	c.links++
	n := c.links
	c.link = c.provider.start(conn, c.out,
		func(e *event) { c.give(message{kind: isServer, server: e, link: n, at: time.Now()}) },
		func(err error) { c.give(message{kind: isLost, err: err, link: n, at: time.Now()}) })
}

func (c *Conversation) take(m message) {
	switch m.kind {
	case isServer:
		if m.link == c.links {
			c.server(m.server, m.at)
		}
	case isLost:
		if m.link == c.links {
			c.lose(m.err, m.at)
		}
	case isLinked:
		c.use(m.conn)
		c.resume()
	case isTool:
		c.toolDone(m.tool, m.at)
	default:
		c.happens(m)
	}
}

// happens takes an event of the machine.
func (c *Conversation) happens(m message) {
	u := c.speaking
	mine := u != nil && u.id == m.event.Utterance
	switch m.event.Kind {
	case turn.SpeechOnset:
		c.spurt, c.asked.committed = m.event.Spurt, false
		c.caller.begin(m.at)
	case turn.SpeechEnd:
		c.caller.ended = cmp.Or(m.speech, m.at)
		if c.provider.cfg.Detection == Own && m.event.Voiced >= c.provider.cfg.Speech {
			c.step(turn.Event{Kind: turn.SpeechHeard, Spurt: m.event.Spurt}, m.at)
		}
	case turn.KeyPressed:
		c.caller.begin(m.at)
		c.caller.keys, c.caller.ended = true, m.at
	case turn.AudioStarted:
		if mine {
			u.ledger.Stamp(ledger.Packet, m.at)
			c.begin(u, m.at)
		}
		if c.filler == m.event.Utterance && u != nil && u.turn == 0 {
			u.ledger.Stamp(ledger.Filler, m.at)
		}
	case turn.AudioFinished:
		if mine && !c.agentTurn(u, false) {
			c.closeCallerTurn() // it was answered without words
		}
	}
	c.step(m.event, m.at)
	if m.event.Kind == turn.SpeechOnset && m.at.Sub(c.heardAt) < time.Second { // the server was faster
		c.step(turn.Event{Kind: turn.SpeechHeard, Spurt: c.spurt}, m.at)
	}
}

// step gives the machine an event and does what it says.
func (c *Conversation) step(e turn.Event, at time.Time) {
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
		c.setTimer(a.Timer, at, a.After)
	case turn.StopTimer:
		delete(c.timers, a.Timer)
		c.arm()
	case turn.Speak:
		c.say(a)
	case turn.StartReply:
		c.callerTurn(a.Text, at)
		c.reply(a.Utterance)
	case turn.Interject:
		c.interject(a)
	case turn.CancelReply, turn.Clear:
		c.cut()
	case turn.Discard:
		if c.provider.cfg.Detection == Own && c.machine.State() != turn.Interrupted {
			c.tell(object{"type": "input_audio_buffer.clear"})
		}
	case turn.End:
		c.finish(a.Reason)
	}
}

// serversTurn is how long the server may take to see that the caller's turn is
// over, before the turn machine's own judgement counts.
var serversTurn = map[Detection]time.Duration{Server: 3 * time.Second, Semantic: 10 * time.Second}

// setTimer sets a timer of the machine. The end of the caller's turn is the
// server's to judge, when it does.
func (c *Conversation) setTimer(t turn.Timer, at time.Time, after time.Duration) {
	if own := c.provider.cfg.Detection == Own; t == turn.EndpointTimer && !own && !c.caller.keys {
		after = serversTurn[c.provider.cfg.Detection]
		if c.asked.committed {
			after = 0
		}
	}
	c.timers[t] = at.Add(after)
	c.arm()
}

func (c *Conversation) arm() {
	_, at, set := c.first()
	if !set {
		c.timer.Stop()

		return
	}
	c.timer.Reset(time.Until(at))
}

func (c *Conversation) first() (name turn.Timer, at time.Time, set bool) {
	for n, d := range c.timers {
		if !set || d.Before(at) || d.Equal(at) && n < name {
			name, at, set = n, d, true
		}
	}

	return name, at, set
}

// fire tells the machine of the timers that are due.
func (c *Conversation) fire(now time.Time) {
	for {
		name, at, set := c.first()
		if !set || at.After(now) {
			c.arm()

			return
		}
		delete(c.timers, name)
		c.step(turn.Event{Kind: turn.TimerFired, Timer: name}, now)
	}
}

// tell sends the server an event, when there is one.
func (c *Conversation) tell(o object) {
	if c.link != nil {
		c.out.event(encode(o))
	}
}

// finish tells that the conversation wants its call to end.
func (c *Conversation) finish(reason string) {
	out := pipeline.Outcome{Reason: reason}
	if c.endAct != nil && (reason == turn.EndHandOff || reason == turn.EndGoodbye) {
		out.Args = c.endAct.Args
	}
	if reason == turn.EndRescue {
		out.Args = map[string]string{"target": c.cfg.Turn.OnFailure.Target}
	}
	select {
	case c.done <- out:
	default: // it was told before
	}
}
