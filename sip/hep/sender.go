package hep

import (
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"trunkline/sip/ladder"
)

const (
	// waiting bounds the messages that wait to be sent.
	waiting = 1024

	// again is how long a server that has no address is left alone.
	again = 10 * time.Second

	// parting is how long Close may take to send what still waits.
	parting = time.Second
)

// Config says where copies go.
type Config struct {
	Endpoint string // host:port of the server, by UDP
	Node     uint32 // tells this sender's packets from others'
	Password string // that the server knows the sender by; empty: none is sent
	Log      *slog.Logger
}

// Stats counts messages since the start.
type Stats struct {
	Sent    uint64
	Dropped uint64 // because the queue was full or the network refused them
}

// Sender sends copies of messages. Make one with Start.
type Sender struct {
	cfg   Config
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	queue chan Message
	close chan struct{}
	done  chan struct{}

	conn  net.Conn
	retry time.Time // before which no connection is tried

	sent, dropped atomic.Uint64
}

// Start makes a Sender that runs until Close. A server that cannot be reached
// is tried again later.
func Start(c Config) *Sender {
	dialer := net.Dialer{Timeout: again / 2}

	return start(c, dialer.DialContext)
}

func start(c Config, dial func(ctx context.Context, network, address string) (net.Conn, error)) *Sender {
	s := &Sender{cfg: c, dial: dial, queue: make(chan Message, waiting), close: make(chan struct{}), done: make(chan struct{})}

	go s.run()

	return s
}

// Export takes a copy of a message, and drops it when too many wait. It never
// waits itself, and keeps nothing of m.Text.
func (s *Sender) Export(m Message) {
	m.Text = append([]byte(nil), m.Text...)

	select {
	case s.queue <- m:
	default:
		s.dropped.Add(1)
	}
}

// Stats are the counts so far.
func (s *Sender) Stats() Stats { return Stats{Sent: s.sent.Load(), Dropped: s.dropped.Load()} }

// Close sends what still waits, for a second at most, and ends the Sender.
// Export must not be called any more. It is called once.
func (s *Sender) Close() {
	close(s.close)
	<-s.done
}

func (s *Sender) run() {
	defer close(s.done)

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	// What is being looked up or sent must not outlast Close for long.
	go func() {
		select {
		case <-s.close:
			time.AfterFunc(parting, cancel)
		case <-ctx.Done():
		}
	}()

	var buf []byte

	for {
		select {
		case m := <-s.queue:
			buf = s.send(ctx, buf[:0], m)
		case <-s.close:
			for len(s.queue) > 0 && ctx.Err() == nil {
				buf = s.send(ctx, buf[:0], <-s.queue)
			}

			s.dropped.Add(uint64(len(s.queue)))
			s.hangUp()

			return
		}
	}
}

// send masks and sends one message; buf is room for the packet.
func (s *Sender) send(ctx context.Context, buf []byte, m Message) []byte {
	m.Text = []byte(ladder.Mask(string(m.Text)))

	buf, err := Append(buf, m, s.cfg.Node, s.cfg.Password)
	if err != nil || !s.connected(ctx) {
		s.dropped.Add(1)

		return buf
	}

	if _, err := s.conn.Write(buf); err != nil {
		// A server that was away answers by ICMP, which says nothing of the next
		// packet; an address that has moved is looked up again.
		s.dropped.Add(1)
		s.hangUp()

		return buf
	}

	s.sent.Add(1)

	return buf
}

// connected opens the socket when there is none.
func (s *Sender) connected(ctx context.Context) bool {
	if s.conn != nil {
		return true
	}

	if time.Now().Before(s.retry) {
		return false
	}

	conn, err := s.dial(ctx, "udp", s.cfg.Endpoint)
	if err != nil {
		s.retry = time.Now().Add(again)
		s.cfg.Log.Warn("the HEP server cannot be reached; messages are not exported", slog.String("endpoint", s.cfg.Endpoint), slog.Any("error", err))

		return false
	}

	s.conn = conn

	return true
}

func (s *Sender) hangUp() {
	if s.conn == nil {
		return
	}

	if err := s.conn.Close(); err != nil {
		s.cfg.Log.Warn("closing the HEP socket", slog.Any("error", err))
	}

	s.conn = nil
}
