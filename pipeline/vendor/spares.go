package vendor

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// errSparesClosed is the error of Take after Close.
var errSparesClosed = errors.New("the provider is no longer in use")

// Spares keeps opened WebSockets ready for a protocol that wants a new one for
// each text or talkspurt.
type Spares struct {
	dial func(context.Context) (*websocket.Conn, error)
	keep int
	age  time.Duration

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	idle    []spare // oldest first
	dialing int
}

type spare struct {
	conn *websocket.Conn
	at   time.Time
}

// NewSpares keeps that many connections, none older than age.
func NewSpares(keep int, age time.Duration, dial func(context.Context) (*websocket.Conn, error)) *Spares {
	s := &Spares{dial: dial, keep: keep, age: age}
	s.ctx, s.cancel = context.WithCancel(context.Background())

	return s
}

// Warm opens a connection, unless one is ready.
func (s *Spares) Warm(ctx context.Context) error {
	s.mu.Lock()
	s.expire(time.Now())
	ready := len(s.idle) > 0
	s.mu.Unlock()
	if ready {
		return nil
	}
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	s.put(conn)

	return nil
}

// Take gives a connection, and has another one made ready. A ready one may
// have been closed by the server: when it fails before its first answer, ask
// Fresh.
func (s *Spares) Take(ctx context.Context) (conn *websocket.Conn, ready bool, err error) {
	s.mu.Lock()
	s.expire(time.Now())
	if n := len(s.idle); n > 0 {
		conn, ready = s.idle[0].conn, true
		s.idle = s.idle[1:]
	}
	s.mu.Unlock()
	defer s.refill()
	if ready {
		return conn, true, nil
	}
	conn, err = s.Fresh(ctx)

	return conn, false, err
}

// Fresh opens a connection.
func (s *Spares) Fresh(ctx context.Context) (*websocket.Conn, error) {
	if s.ctx.Err() != nil {
		return nil, errSparesClosed
	}

	return s.dial(ctx)
}

// refill makes the next connection ready, after the first use.
func (s *Spares) refill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil || len(s.idle)+s.dialing >= s.keep {
		return
	}
	s.dialing++
	s.work.Go(func() {
		conn, err := s.dial(s.ctx)
		s.mu.Lock()
		s.dialing--
		s.mu.Unlock()
		if err == nil { // else the next Take will see
			s.put(conn)
		}
	})
}

func (s *Spares) put(conn *websocket.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil || len(s.idle) >= s.keep {
		conn.Close()

		return
	}
	s.idle = append(s.idle, spare{conn, time.Now()})
}

// expire closes what is too old. The caller holds mu.
func (s *Spares) expire(now time.Time) {
	for len(s.idle) > 0 && now.Sub(s.idle[0].at) > s.age {
		s.idle[0].conn.Close()
		s.idle = s.idle[1:]
	}
}

// Close closes the connections that are ready.
func (s *Spares) Close() error {
	s.cancel()
	s.work.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.idle {
		i.conn.Close()
	}
	s.idle = nil

	return nil
}
