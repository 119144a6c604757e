package sip

import "sync"

// group owns goroutines: it starts them until it is closed, and waits for
// them. Unlike a sync.WaitGroup it may be waited for while goroutines still
// start others.
type group struct {
	mu     sync.Mutex
	idle   sync.Cond // signalled when n falls to 0
	n      int
	closed bool
}

// spawn runs f in a goroutine. It reports false once the group is closed.
func (g *group) spawn(f func()) bool {
	g.mu.Lock()
	defer g.mu.Unlock()

	if g.closed {
		return false
	}

	g.n++

	go func() {
		defer g.done()
		f()
	}()

	return true
}

func (g *group) done() {
	g.mu.Lock()
	defer g.mu.Unlock()

	g.n--
	if g.n == 0 && g.idle.L != nil {
		g.idle.Broadcast()
	}
}

// close lets no more goroutine start.
func (g *group) close() {
	g.mu.Lock()
	defer g.mu.Unlock()

	g.closed = true
}

// wait returns when no goroutine runs.
func (g *group) wait() {
	g.mu.Lock()
	defer g.mu.Unlock()

	g.idle.L = &g.mu
	for g.n > 0 {
		g.idle.Wait()
	}
}
