package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/pipeline"
	"trunkline/pipeline/vendor"
)

const (
	// writeWait bounds one write.
	writeWait = 5 * time.Second
	// setupWait bounds the opening of a session.
	setupWait = 5 * time.Second
)

var (
	errOver    = errors.New("the conversation is over")
	errResting = errors.New("it failed before and rests")
)

// Provider opens sessions. It is safe for concurrent use.
type Provider struct {
	cfg    Config
	client *vendor.Client
	header http.Header
}

// NewProvider makes a Provider. Close it.
func NewProvider(c Config) *Provider {
	p := &Provider{cfg: c.withDefaults(), header: http.Header{}}
	p.client = vendor.NewClient(p.cfg.Name)
	if c.Key != "" {
		p.header.Set("Authorization", "Bearer "+c.Key.Reveal())
	}

	return p
}

// Warm finds out whether the server answers.
func (p *Provider) Warm(ctx context.Context) error {
	return p.client.Warm(ctx, p.cfg.BaseURL+"/models")
}

// Check asks whether the key is good, which costs nothing.
func (p *Provider) Check(ctx context.Context) error {
	return p.client.Get(ctx, p.cfg.BaseURL+"/models", p.header)
}

// Probe opens a session and closes it, which costs nothing, and tells how long
// that took.
func (p *Provider) Probe(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	conn, err := p.dial(ctx, p.cfg.session("", nil))
	if err != nil {
		return 0, err
	}
	took := time.Since(began)

	return took, conn.Close()
}

// Close closes the idle connections.
func (p *Provider) Close() error { return p.client.Close() }

// open opens a call's first session, unless the breaker is open.
func (p *Provider) open(ctx context.Context, session any) (*websocket.Conn, error) {
	leave, ok := p.cfg.Breaker.Try(time.Now())
	if !ok {
		return nil, &pipeline.ProviderError{
			Provider: p.cfg.Name, Kind: pipeline.Unavailable, RetryAfter: time.Until(p.cfg.Breaker.Until()), Err: errResting,
		}
	}
	late := &pipeline.ProviderError{
		Provider: p.cfg.Name, Kind: pipeline.Slow, Err: fmt.Errorf("no session within %v", p.cfg.Open),
	}
	soon, cancel := context.WithTimeoutCause(ctx, p.cfg.Open, late)
	defer cancel()
	conn, err := p.dial(soon, session)
	switch {
	case err == nil:
		leave.Succeed()

		return conn, nil
	case ctx.Err() != nil: // the call is over
		leave.Abandon()

		return nil, context.Cause(ctx)
	}
	f := pipeline.Fault(err)
	leave.Fail(time.Now(), f.RetryAfter)
	p.cfg.Failed(err)

	return nil, err
}

// dial opens a session.
func (p *Provider) dial(ctx context.Context, session any) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, setupWait)
	defer cancel()
	conn, err := p.client.Dial(ctx, "ws"+strings.TrimPrefix(p.cfg.BaseURL, "http")+"/realtime?model="+url.QueryEscape(p.cfg.Model), p.header)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	err = conn.WriteJSON(session)
	for ready := false; err == nil && !ready; {
		var data []byte
		if _, data, err = conn.ReadMessage(); err != nil {
			break
		}
		var e *event
		if e, err = parse(p.client, data); err == nil {
			ready = e.Type == "session.updated"
			if e.Type == "error" {
				err = p.client.Failed(e.code)
			}
		}
	}
	if err == nil && !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		conn.Close()

		return nil, p.client.Closed(ctx, err)
	}

	return conn, nil
}

// link is one session's connection: a writer and a reader.
type link struct {
	conn *websocket.Conn
	stop chan struct{}
	once sync.Once
	work sync.WaitGroup
}

// start serves a connection. take gets every event, and lost is told once when
// there will be no more.
func (p *Provider) start(conn *websocket.Conn, out *outbox, take func(*event), lost func(error)) *link {
	l := &link{conn: conn, stop: make(chan struct{})}
	l.work.Go(func() {
		defer conn.Close() // the reader sees it
		for {
			data := out.next()
			if data == nil {
				select {
				case <-out.wake:
					continue
				case <-l.stop:
					_ = conn.WriteControl(websocket.CloseMessage,
						websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(writeWait))

					return
				}
			}
			_ = conn.SetWriteDeadline(time.Now().Add(writeWait)) // the write tells
			if conn.WriteMessage(websocket.TextMessage, data) != nil {
				return
			}
		}
	})
	l.work.Go(func() {
		defer l.halt()
		for {
			_, data, err := conn.ReadMessage()
			if err != nil {
				lost(p.client.Closed(context.Background(), err))

				return
			}
			e, err := parse(p.client, data)
			if err != nil {
				lost(err)

				return
			}
			take(e)
		}
	})

	return l
}

func (l *link) halt() { l.once.Do(func() { close(l.stop) }) }

// close ends the connection and waits until it is quiet.
func (l *link) close() {
	l.halt()
	l.conn.Close()
	l.work.Wait()
}

// encode is an event as it is sent.
func encode(o object) []byte {
	data, err := json.Marshal(o)
	if err != nil { // of strings and numbers: it cannot fail
		return []byte(`{"type":"invalid"}`)
	}

	return data
}
