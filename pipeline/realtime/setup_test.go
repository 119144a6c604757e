package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"trunkline/pipeline"
	"trunkline/pipeline/pipelinetest"
	"trunkline/pipeline/realtime/realtimetest"
	"trunkline/pipeline/turn"
	"trunkline/pipeline/vendortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ms = time.Millisecond

var texts = pipelinetest.Texts

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

// call is one call of a model at a server.
type call struct {
	*pipelinetest.Call

	server *realtimetest.Server
	conv   *Conversation
}

func newCall(t *testing.T, p *Provider, srv *realtimetest.Server, cfg pipeline.Config) *call {
	t.Helper()
	c := &call{Call: pipelinetest.New(t), server: srv}
	c.conv = p.New(cfg, pipelinetest.Lines(t, pipelinetest.Voice{}, &cfg), c.Player, c.Notes)
	c.Connect(c.conv)
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

// serve makes a provider of a model at a server, on a network within the bubble.
func serve(t *testing.T, rc Config, srv http.Handler) (p *Provider, closed func()) {
	t.Helper()
	rc.BaseURL, rc.Key, rc.Model, rc.Transcription = "http://server", vendortest.Key, "gpt-realtime", "gpt-4o-transcribe"
	if err := rc.Validate(); err != nil {
		t.Fatal(err)
	}
	network := &pipes{conns: make(chan net.Conn)}
	host := &http.Server{Handler: srv}
	go func() { _ = host.Serve(network) }()
	p = NewProvider(rc)
	p.client.HTTP.Transport.(*http.Transport).DialContext = network.dial

	return p, func() { p.Close(); host.Close() }
}

// converse runs a call in virtual time, and replays its log.
func converse(t *testing.T, rc Config, cfg pipeline.Config, srv *realtimetest.Server, during func(c *call)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, closed := serve(t, rc, srv)
		defer closed()
		c := newCall(t, p, srv, cfg)
		defer c.conv.Stop()
		during(c)
		c.End(cfg.Turn)
		if strings.Contains(fmt.Sprintf("%+v", c.Notes.Events()), vendortest.Key) {
			t.Error("the key is in the log")
		}
	})
}

// greeted lets the greeting pass.
func (c *call) greeted() { c.Helper(); c.Await(turn.Listening) }

// heard is what was heard of the agent, turn by turn.
func (c *call) heard() []string { return c.Notes.Heard(pipeline.Agent) }
