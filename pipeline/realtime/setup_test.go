package realtime

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"iter"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"trunkline/media"
	"trunkline/media/line"
	"trunkline/media/player"
	"trunkline/pipeline"
	"trunkline/pipeline/realtime/realtimetest"
	"trunkline/pipeline/turn"
	"trunkline/pipeline/vendortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ms = time.Millisecond

var texts = pipeline.Texts{
	Greeting: "Hello, how can I help you?", Idle: []string{"Are you still there?", "Please say something."},
	NotHeard: "Sorry, I did not hear you.", Goodbye: "Thank you and goodbye.", HandOff: "I will put you through.",
	Apology: "Sorry, something went wrong.", Trouble: "Please call again later.", CapGoodbye: "Our time is over.",
	Filler: []string{"One moment."},
}

// voice speaks the fixed lines: 100 ms a word.
type fixedVoice struct{}

func (fixedVoice) Synthesize(_ context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		h := fnv.New32a()
		_, _ = h.Write([]byte(text))
		seed := h.Sum32()
		out := make([]int16, len(strings.Fields(text))*800)
		for i := range out {
			seed = seed*1664525 + 1013904223
			out[i] = 1000 + int16(seed>>16&0xfff)
		}
		yield(pipeline.Speech{Samples: out}, nil)
	}
}

// phone is the caller's end: a leg, and the VAD that knows when it is loud.
type phone struct {
	loud bool
	keys []media.Digit
	sent int
	dead bool // the last frame was silent
}

func (p *phone) Read(f *media.Frame) media.Inbound {
	for i := range f {
		f[i] = 8
		if p.loud { // a voice of 200 Hz
			f[i] = int16(12000 - i%40*600)
		}
	}

	return media.Inbound{Kind: media.Received, Arrived: time.Now()}
}

func (p *phone) Write(f *media.Frame) bool {
	p.dead = *f == media.Frame{}
	p.sent++

	return true
}

func (p *phone) Digit() (media.Digit, bool) {
	if len(p.keys) == 0 {
		return media.Digit{}, false
	}
	d := p.keys[0]
	p.keys = p.keys[1:]

	return d, true
}

func (*phone) Voiced(f *media.Frame) bool { return f[0] > 1000 }
func (*phone) Stats() media.LegStats      { return media.LegStats{} }
func (*phone) Close() error               { return nil }

// notes is an Observer that remembers.
type notes struct {
	mu      sync.Mutex
	events  []turn.Event
	actions [][]turn.Action
	state   turn.State
	turns   []pipeline.Turn
}

func (n *notes) Step(e turn.Event, actions []turn.Action, s turn.State) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events, n.actions, n.state = append(n.events, e), append(n.actions, actions), s
}

func (*notes) Words(pipeline.Role, string, bool) {}

func (n *notes) Turn(t pipeline.Turn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.turns = append(n.turns, t)
}

func (n *notes) is() turn.State {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.state
}

func (n *notes) told() []pipeline.Turn {
	n.mu.Lock()
	defer n.mu.Unlock()

	return slices.Clone(n.turns)
}

func (n *notes) count(kind turn.EventKind) (k int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.events {
		if e.Kind == kind {
			k++
		}
	}

	return k
}

// toolbox is one tool.
type toolbox struct {
	mu      sync.Mutex
	took    time.Duration
	changes bool
	act     *pipeline.Act
	runs    []string // arguments
}

func (*toolbox) Specs() []pipeline.ToolSpec {
	return []pipeline.ToolSpec{{Name: "book", Description: "Books a table.", Parameters: json.RawMessage(`{"type":"object"}`)}}
}

func (b *toolbox) Traits(string) pipeline.ToolTraits {
	return pipeline.ToolTraits{SideEffect: b.changes}
}

func (b *toolbox) Run(ctx context.Context, _ pipeline.ToolScope, call pipeline.ToolCall) pipeline.ToolOutcome {
	b.mu.Lock()
	b.runs = append(b.runs, string(call.Args))
	b.mu.Unlock()
	select {
	case <-time.After(b.took):
	case <-ctx.Done():
		return pipeline.ToolOutcome{Result: pipeline.ToolResult{Content: "given up", Failed: true}}
	}

	return pipeline.ToolOutcome{Result: pipeline.ToolResult{Content: `{"table":4}`}, Act: b.act}
}

func (b *toolbox) ran() []string {
	b.mu.Lock()
	defer b.mu.Unlock()

	return slices.Clone(b.runs)
}

// call is one call. Its test ticks it: nothing happens but in run.
type call struct {
	*testing.T
	server *realtimetest.Server
	phone  *phone
	player *player.Player
	conv   *Conversation
	line   *line.Line
	notes  *notes
}

func newCall(t *testing.T, p *Provider, srv *realtimetest.Server, cfg pipeline.Config) *call {
	t.Helper()
	lines, err := pipeline.PrepareLines(t.Context(), fixedVoice{}, texts)
	if err != nil {
		t.Fatal(err)
	}
	c := &call{T: t, server: srv, phone: &phone{}, notes: &notes{state: turn.Idle}}
	c.player = player.New(player.Options{Notify: func(e player.Event) { c.conv.Played(e) }})
	c.conv = p.New(cfg, lines, c.player, c.notes)
	c.line = line.New(line.Config{Leg: c.phone, Player: c.player, VAD: c.phone, Ear: c.conv})
	if err := c.conv.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.conv.Start()

	return c
}

// pipes is a network within a bubble.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	a, b := net.Pipe()
	select {
	case p.conns <- newBuffered(b):
		return newBuffered(a), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// buffered is a connection whose writes wait for no reader, as a socket's. What
// was written before Close arrives.
type buffered struct {
	net.Conn
	mu     sync.Mutex
	queue  [][]byte
	wake   chan struct{}
	closed bool
}

func newBuffered(c net.Conn) *buffered {
	b := &buffered{Conn: c, wake: make(chan struct{}, 1)}
	go func() {
		defer c.Close()
		for range b.wake {
			for {
				b.mu.Lock()
				var next []byte
				if len(b.queue) > 0 {
					next, b.queue = b.queue[0], b.queue[1:]
				}
				closed := b.closed
				b.mu.Unlock()
				if next == nil && closed {
					return
				}
				if next == nil {
					break
				}
				if _, err := c.Write(next); err != nil {
					return
				}
			}
		}
	}()

	return b
}

func (b *buffered) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, net.ErrClosed
	}
	b.queue = append(b.queue, slices.Clone(data))
	b.poke()

	return len(data), nil
}

func (b *buffered) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.poke()

	return b.SetReadDeadline(time.Unix(1, 0))
}

func (*buffered) SetWriteDeadline(time.Time) error { return nil }

func (b *buffered) poke() {
	select {
	case b.wake <- struct{}{}:
	default: // it is awake
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	if c, open := <-p.conns; open {
		return c, nil
	}

	return nil, net.ErrClosed
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.conns) })

	return nil
}
func (*pipes) Addr() net.Addr { return &net.TCPAddr{} }

// converse runs a call in virtual time, and replays its log.
func converse(t *testing.T, rc Config, cfg pipeline.Config, srv *realtimetest.Server, during func(c *call)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := &pipes{conns: make(chan net.Conn)}
		host := &http.Server{Handler: srv}
		go func() { _ = host.Serve(network) }()
		defer host.Close()
		rc.BaseURL, rc.Key, rc.Model, rc.Transcription = "http://server", vendortest.Key, "gpt-realtime", "gpt-4o-transcribe"
		if err := rc.Validate(); err != nil {
			t.Fatal(err)
		}
		p := NewProvider(rc)
		defer p.Close()
		p.client.HTTP.Transport.(*http.Transport).DialContext = network.dial
		c := newCall(t, p, srv, cfg)
		defer c.conv.Stop()
		during(c)
		c.conv.Stop()
		c.replay(cfg.Turn)
		if n := c.conv.Lost(); n > 0 {
			t.Errorf("%d events were lost", n)
		}
	})
}

// replay checks that the call's log, as it is stored, gives the same actions.
func (c *call) replay(cfg turn.Config) {
	c.Helper()
	b, err := json.Marshal(c.notes.events)
	if err != nil {
		c.Fatal(err)
	}
	var events []turn.Event
	if err := json.Unmarshal(b, &events); err != nil {
		c.Fatal(err)
	}
	want, err := json.Marshal(c.notes.actions)
	if err != nil {
		c.Fatal(err)
	}
	got, err := json.Marshal(turn.Replay(cfg, events))
	if err != nil {
		c.Fatal(err)
	}
	if string(want) != string(got) {
		c.Error("the log replays to other actions")
	}
	if strings.Contains(string(b), vendortest.Key) {
		c.Error("the key is in the log")
	}
}

// run lets d pass, tick by tick.
func (c *call) run(d time.Duration) {
	for range d / media.FrameDuration {
		c.line.Tick(time.Now())
		time.Sleep(media.FrameDuration)
	}
}

// speak is the caller's voice for d.
func (c *call) speak(d time.Duration) {
	c.phone.loud = true
	c.run(d)
	c.phone.loud = false
}

// until lets time pass until something is so, at most a minute.
func (c *call) until(what string, so func() bool) {
	c.Helper()
	for range time.Minute / media.FrameDuration {
		if so() {
			return
		}
		c.run(media.FrameDuration)
	}
	c.Fatalf("a minute passed without %s; state %s, turns %+v", what, c.notes.is(), c.notes.told())
}

func (c *call) state(s turn.State) {
	c.Helper()
	c.until("state "+string(s), func() bool { return c.notes.is() == s })
}

// outcome lets time pass until the conversation wants to end.
func (c *call) outcome() pipeline.Outcome {
	c.Helper()
	var out pipeline.Outcome
	c.until("an end", func() bool {
		select {
		case out = <-c.conv.Done():
			return true
		default:
			return false
		}
	})

	return out
}

// greeted lets the greeting pass.
func (c *call) greeted() { c.Helper(); c.state(turn.Listening) }

// heard is what was heard of the agent, turn by turn.
func (c *call) heard() []string {
	var all []string
	for _, t := range c.notes.told() {
		if t.Role == pipeline.Agent {
			all = append(all, t.Heard)
		}
	}

	return all
}
