package twilio

import (
	"net"
	"sync"
	"time"
)

const (
	pumpRoom = 64 << 10 // octets that wait for the line before nothing more is read
	farewell = 250 * time.Millisecond
)

// pumped is a connection that has no descriptor of its own, as one under TLS or
// one in memory: a goroutine reads it and another one writes.
type pumped struct {
	conn    net.Conn
	running sync.WaitGroup
	work    chan struct{} // filled when there is something to write; closed by close
	room    chan struct{} // filled when something was taken out of in, and by close

	mu     sync.Mutex
	in     []byte
	inAt   time.Time // when the latest of it came
	out    []byte
	err    error // of either goroutine, the first
	closed bool
}

func pump(conn net.Conn) *pumped {
	p := &pumped{conn: conn, work: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	p.running.Go(p.read)
	p.running.Go(func() {
		p.write()
		conn.Close() // which ends the reading
	})

	return p
}

func (p *pumped) read() {
	buf := make([]byte, 4096)
	for {
		n, err := p.conn.Read(buf)
		p.mu.Lock()
		p.in = append(p.in, buf[:n]...)
		p.inAt = time.Now()
		full := len(p.in) >= pumpRoom && !p.closed
		p.fail(err)
		p.mu.Unlock()
		if err != nil {
			return
		}
		if full {
			<-p.room
		}
	}
}

func (p *pumped) write() {
	var buf []byte
	for range p.work {
		p.mu.Lock()
		buf, p.out = append(buf[:0], p.out...), p.out[:0]
		p.mu.Unlock()
		if _, err := p.conn.Write(buf); err != nil {
			p.mu.Lock()
			p.fail(err)
			p.mu.Unlock()

			return
		}
	}
}

// fail takes note of the first error. The lock is held.
func (p *pumped) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *pumped) receive(b []byte) (n int, waited time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.in) == 0 {
		return 0, 0, p.err
	}
	n = copy(b, p.in)
	p.in = p.in[:copy(p.in, p.in[n:])]
	wake(p.room)

	return n, time.Since(p.inAt), nil
}

// send takes what comes once all that came before is being written.
func (p *pumped) send(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil || len(p.out) > 0 || len(b) == 0 || p.closed {
		return 0, p.err
	}
	p.out = append(p.out, b...)
	wake(p.work)

	return len(b), nil
}

func (p *pumped) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	_ = p.conn.SetDeadline(time.Now().Add(farewell)) // for what is being written; it may be closed
	close(p.work)
	wake(p.room)
}

func (p *pumped) wait() { p.running.Wait() }

// wake fills a channel that has one place.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
