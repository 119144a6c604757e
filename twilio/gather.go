package twilio

import (
	"net"
	"sync"
)

// gatherer is a listener whose connections are gathering.
type gatherer struct{ net.Listener }

func (l gatherer) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}

	return &gathering{Conn: conn}, nil
}

// gathering is a connection that can hold writes back and make one of them:
// audio and its mark leave in one packet, for one call of the kernel.
type gathering struct {
	net.Conn

	mu      sync.Mutex
	holding bool
	held    []byte
}

// hold keeps what is written from now on until release.
func (c *gathering) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = true
}

// release writes what was held.
func (c *gathering) release() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.holding = false
	if len(c.held) == 0 {
		return nil
	}
	_, err := c.Conn.Write(c.held)
	c.held = c.held[:0]

	return err
}

// Write implements net.Conn.
func (c *gathering) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holding {
		c.held = append(c.held, b...)

		return len(b), nil
	}

	return c.Conn.Write(b)
}
