package impair

import (
	"container/heap"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	datagramSize = 2048 // more than any packet of a call
	waiting      = 4096 // packets under way at most; more are dropped
)

// Relay carries datagrams between a party at home and one abroad over two
// Paths, at one socket that both send to. What comes from home's address goes
// abroad, anything else goes home.
type Relay struct {
	conn *net.UDPConn
	home netip.AddrPort

	mu       sync.Mutex
	abroad   netip.AddrPort // where to send; zero while unknown
	out, in  *Path
	underWay flights

	wake    chan struct{}
	closed  chan struct{}
	once    sync.Once
	running sync.WaitGroup
}

// flight is a datagram under way.
type flight struct {
	due     time.Time
	order   uint64 // of those due at once
	to      netip.AddrPort
	payload []byte
}

type flights struct {
	heap  []flight
	count uint64
}

// Len implements heap.Interface.
func (f *flights) Len() int { return len(f.heap) }

// Less implements heap.Interface.
func (f *flights) Less(i, j int) bool {
	a, b := &f.heap[i], &f.heap[j]
	return a.due.Before(b.due) || a.due.Equal(b.due) && a.order < b.order
}

// Swap implements heap.Interface.
func (f *flights) Swap(i, j int) { f.heap[i], f.heap[j] = f.heap[j], f.heap[i] }

// Push implements heap.Interface.
func (f *flights) Push(x any) {
	if p, ok := x.(flight); ok {
		f.heap = append(f.heap, p)
	}
}

// Pop implements heap.Interface.
func (f *flights) Pop() any {
	last := len(f.heap) - 1
	p := f.heap[last]
	f.heap[last] = flight{}
	f.heap = f.heap[:last]
	return p
}

// NewRelay carries on conn, which it owns from now on, between home and
// whoever Direct names.
func NewRelay(conn *net.UDPConn, home netip.AddrPort, out, in Network) *Relay {
	r := &Relay{
		conn: conn, home: home, out: New(out), in: New(in),
		wake: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	r.running.Go(r.read)
	r.running.Go(r.deliver)
	return r
}

// Direct names the party abroad.
func (r *Relay) Direct(abroad netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.abroad = abroad
}

// Stats is what became of the packets to abroad and from there.
func (r *Relay) Stats() (out, in Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.Stats(), r.in.Stats()
}

// Close stops the relay, drops what is under way and waits. It may be called
// twice.
func (r *Relay) Close() error {
	var err error
	r.once.Do(func() {
		close(r.closed)
		err = r.conn.Close()
	})
	r.running.Wait()
	if err != nil {
		return fmt.Errorf("impair: %w", err)
	}
	return nil
}

// read takes datagrams until the socket is closed.
func (r *Relay) read() {
	buf := make([]byte, datagramSize)
	for {
		n, from, err := r.conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil { // else a port unreachable, told late
			r.take(buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), time.Now())
		}
	}
}

// take sends a datagram on its way.
func (r *Relay) take(b []byte, from netip.AddrPort, at time.Time) {
	r.mu.Lock()
	path, to := r.in, r.home
	if from == r.home {
		path, to = r.out, r.abroad
	}
	arrive, copies := path.Step(at, len(b))
	if to.IsValid() && len(r.underWay.heap) < waiting {
		payload := append([]byte(nil), b...)
		for _, due := range arrive[:copies] {
			r.underWay.count++
			heap.Push(&r.underWay, flight{due: due, order: r.underWay.count, to: to, payload: payload})
		}
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// deliver sends what is due until the relay is closed.
func (r *Relay) deliver() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(r.due(time.Now()))
		select {
		case <-r.closed:
			return
		case <-r.wake:
		case <-timer.C:
		}
	}
}

// due sends what is due, and tells how long until the next.
func (r *Relay) due(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.underWay.heap) > 0 {
		next := &r.underWay.heap[0]
		if wait := next.due.Sub(now); wait > 0 {
			return wait
		}
		// A network tells nobody what it drops.
		_, _ = r.conn.WriteToUDPAddrPort(next.payload, next.to)
		heap.Pop(&r.underWay)
	}
	return time.Hour
}
