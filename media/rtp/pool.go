package rtp

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// ErrNoPorts says that every port pair of a Pool is in use, by its own calls
// or by another program.
var ErrNoPorts = errors.New("no free RTP port")

// Pool hands out the UDP ports of one local address: an even port for RTP with
// the odd one above it for RTCP (RFC 3550 section 11). Ports are chosen at
// random, so that nobody can tell where the next call will listen. A pair that
// was closed rests before it is used again, so that the packets still on their
// way to the former call are gone; only a pool that has no other pair left
// takes the one that rested longest. It is safe for concurrent use.
type Pool struct {
	ip   netip.Addr
	size int

	mu      sync.Mutex
	free    []uint16  // even ports not in use, in no order
	resting []resting // closed lately, the longest rest first
}

// resting is a port that was closed.
type resting struct {
	number uint16
	until  time.Time
}

// rest is longer than the packets of a call that has ended stay on their way,
// and than a far end takes to act on a BYE.
const rest = 5 * time.Second

// NewPool makes the pool of the pairs that lie within low to high, both
// included. ip is the local address to bind; it may be unspecified, and then
// decides the address family only.
func NewPool(ip netip.Addr, low, high uint16) (*Pool, error) {
	if !ip.IsValid() {
		return nil, errors.New("rtp: port pool: no local address")
	}
	p := &Pool{ip: ip.Unmap()}
	first := max(int(low)+int(low&1), 2)
	for port := first; port+1 <= int(high); port += 2 {
		p.free = append(p.free, uint16(port))
	}
	p.size = len(p.free)
	if p.size == 0 {
		return nil, fmt.Errorf("rtp: port pool: %d-%d holds no even port with an odd one above it", low, high)
	}
	return p, nil
}

// Size is how many calls the pool can carry at once.
func (p *Pool) Size() int { return p.size }

// InUse is how many ports are open.
func (p *Pool) InUse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.size - len(p.free) - len(p.resting)
}

// Open binds a random free pair. Pairs that another program holds are passed
// over. It returns ErrNoPorts when none is left.
func (p *Pool) Open() (*Port, error) {
	var taken []uint16
	defer func() { p.put(taken...) }()
	for {
		number, ok := p.take()
		if !ok {
			return nil, fmt.Errorf("rtp: open: %w: %d pairs, %d held by other programs", ErrNoPorts, p.size, len(taken))
		}
		port, err := bind(p, number)
		if err == nil {
			return port, nil
		}
		taken = append(taken, number)
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
			return nil, fmt.Errorf("rtp: open: %w", err)
		}
	}
}

// take removes a random port from the free ones.
func (p *Pool) take() (uint16, bool) {
	random := randomUint64() // before the lock, which all calls share
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake(time.Now())
	n := len(p.free)
	if n == 0 {
		return 0, false
	}
	i := random % uint64(n)
	number := p.free[i]
	p.free[i] = p.free[n-1]
	p.free = p.free[:n-1]
	return number, true
}

// wake frees the ports that have rested, and at least one when none is free.
func (p *Pool) wake(now time.Time) {
	n := 0
	for n < len(p.resting) && (!now.Before(p.resting[n].until) || n == 0 && len(p.free) == 0) {
		p.free = append(p.free, p.resting[n].number)
		n++
	}
	p.resting = p.resting[n:]
}

// retire lets a closed port rest.
func (p *Pool) retire(number uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resting = append(p.resting, resting{number, time.Now().Add(rest)})
}

// put gives back ports that were not opened.
func (p *Pool) put(numbers ...uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, numbers...)
}

// Port is one bound pair. It belongs to the Session made of it, or to whoever
// opened it until then.
type Port struct {
	pool    *Pool
	rtp     *rtpSocket
	rtcp    *net.UDPConn
	local   netip.AddrPort
	closing sync.Once
}

// Local is the address that RTP arrives at.
func (p *Port) Local() netip.AddrPort { return p.local }

// Close unbinds the pair and gives it back to the pool. It may be called
// twice.
func (p *Port) Close() error {
	var err error
	p.closing.Do(func() {
		err = errors.Join(p.rtp.close(), p.rtcp.Close())
		p.pool.retire(p.local.Port())
	})
	if err != nil {
		return fmt.Errorf("rtp: close port %d: %w", p.local.Port(), err)
	}
	return nil
}

func randomUint64() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.NativeEndian.Uint64(b[:])
}
