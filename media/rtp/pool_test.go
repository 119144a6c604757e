package rtp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// base begins the 100 ports of this test run: another run may go on beside it.
var base = uint16(10_000 + os.Getpid()%200*100)

func newPool(t *testing.T, low, high uint16) *Pool {
	t.Helper()
	pool, err := NewPool(loopback, low, high)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n := pool.InUse(); n != 0 {
			t.Errorf("%d ports are still in use", n)
		}
	})
	return pool
}

func TestPoolHandsOutEvenPortsOnce(t *testing.T) {
	t.Parallel()
	pool := newPool(t, base+1, base+41)
	if pool.Size() != 20 {
		t.Fatalf("%d to %d holds %d pairs, want 20", base+1, base+41, pool.Size())
	}
	var ports []*Port
	seen := map[uint16]bool{}
	for range pool.Size() {
		port, err := pool.Open()
		if err != nil {
			t.Fatal(err)
		}
		number := port.Local().Port()
		if number%2 != 0 || number <= base || number > base+40 || seen[number] {
			t.Errorf("got port %d", number)
		}
		seen[number] = true
		ports = append(ports, port)
	}
	if pool.InUse() != pool.Size() {
		t.Errorf("%d of %d in use", pool.InUse(), pool.Size())
	}
	if _, err := pool.Open(); !errors.Is(err, ErrNoPorts) {
		t.Errorf("an empty pool returns %v", err)
	}
	for _, port := range ports {
		if err := port.Close(); err != nil {
			t.Error(err)
		}
		if err := port.Close(); err != nil {
			t.Errorf("the second close returns %v", err)
		}
	}
	if pool.InUse() != 0 {
		t.Errorf("%d in use after close", pool.InUse())
	}
}

// Ports held by another program are passed over, and tried again later.
func TestPoolPassesOverForeignPorts(t *testing.T) {
	t.Parallel()
	pool := newPool(t, base+50, base+55)
	var held []*net.UDPConn
	for _, number := range []uint16{base + 50, base + 53} { // one pair's RTP, another's RTCP
		conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, number)))
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
	}
	port, err := pool.Open()
	if err != nil {
		t.Fatal(err)
	}
	if got := port.Local().Port(); got != base+54 {
		t.Errorf("got port %d, want the only free one", got)
	}
	if pool.InUse() != 1 {
		t.Errorf("%d in use, want 1", pool.InUse())
	}
	if _, err := pool.Open(); !errors.Is(err, ErrNoPorts) {
		t.Errorf("with all others held: %v", err)
	}
	for _, conn := range held {
		conn.Close()
	}
	again, err := pool.Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*Port{port, again} {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

// An address that is not ours fails at once, not port by port.
func TestPoolOfAForeignAddress(t *testing.T) {
	t.Parallel()
	pool, err := NewPool(netip.MustParseAddr("192.0.2.1"), base+60, base+69)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Open(); err == nil || errors.Is(err, ErrNoPorts) {
		t.Errorf("Open returns %v", err)
	}
	if pool.InUse() != 0 {
		t.Errorf("%d in use", pool.InUse())
	}
}

func TestNewPoolRefuses(t *testing.T) {
	t.Parallel()
	for _, r := range [][2]uint16{{10, 10}, {11, 12}, {20, 10}, {0, 1}, {65535, 65535}} {
		if _, err := NewPool(loopback, r[0], r[1]); err == nil {
			t.Errorf("a pool of %d-%d is taken", r[0], r[1])
		}
	}
	if _, err := NewPool(netip.Addr{}, 10, 20); err == nil {
		t.Error("a pool without an address is taken")
	}
	if pool, err := NewPool(loopback, 1, 65535); err != nil || pool.Size() != 32767 {
		t.Errorf("the widest pool: %v, %v", pool, err)
	}
}

func TestPoolIsRandom(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 24000, 24999)
	seen := map[uint16]bool{}
	for range 50 {
		port, err := pool.Open()
		if err != nil {
			t.Fatal(err)
		}
		seen[port.Local().Port()] = true
		if err := port.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) < 30 { // 50 draws of 500 give about 48
		t.Errorf("50 openings used only %d ports", len(seen))
	}
}

// A closed pair is the last to be used again, until it has rested.
func TestPoolLetsPortsRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pool, err := NewPool(loopback, 30000, 30007)
		if err != nil {
			t.Fatal(err)
		}
		take := func() uint16 {
			t.Helper()
			number, ok := pool.take()
			if !ok {
				t.Fatal("no port is left")
			}
			return number
		}
		first, second := take(), take()
		pool.retire(first)
		time.Sleep(time.Second)
		pool.retire(second)
		if n := pool.InUse(); n != 0 {
			t.Errorf("%d in use", n)
		}
		third, fourth := take(), take()
		if third == first || third == second || fourth == first || fourth == second {
			t.Error("a port is used again without its rest")
		}
		if got := take(); got != first {
			t.Errorf("with none left port %d is used again, not the one that rested longest", got)
		}
		pool.retire(third)
		time.Sleep(rest)
		for range 2 {
			take()
		}
		if _, ok := pool.take(); ok || pool.InUse() != 4 {
			t.Errorf("a fifth port of four; %d in use", pool.InUse())
		}
	})
}

func TestPoolIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	pool := newPool(t, base+70, base+89)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				port, err := pool.Open()
				if errors.Is(err, ErrNoPorts) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if err := port.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
