package sip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
)

func TestKernelDropsAreCounted(t *testing.T) {
	t.Parallel()

	c, err := listenUDP(context.Background(), "127.0.0.1:0", 8192)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()

	if got := c.buffer(); got < 8192 || got > 64<<10 {
		t.Errorf("receive buffer of %d bytes, asked for 8192", got)
	}

	const sent = 300

	payload := make([]byte, 1000)
	for range sent {
		if err := c.write(payload, c.addr()); err != nil {
			t.Fatal(err)
		}
	}

	buf := make([]byte, 500)
	received := 0

	// The count comes with the first datagram that was queued after the loss.
	for c.dropped() == 0 && received < sent {
		n, from, whole, err := c.read(buf)
		if err != nil {
			t.Fatal(err)
		}

		if n != len(buf) || whole || from != c.addr() {
			t.Fatalf("read %d bytes of 1000 from %s, whole %v", n, from, whole)
		}

		received++

		if err := c.write(payload, c.addr()); err != nil {
			t.Fatal(err)
		}
	}

	if got := c.dropped(); got == 0 || got >= sent {
		t.Errorf("%d of %d datagrams counted as dropped", got, sent)
	}

	c.Close()

	if _, _, _, err := c.read(buf); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after Close = %v", err)
	}
}

func TestReceiveBufferIsReported(t *testing.T) {
	t.Parallel()

	ua, err := New(Config{Listen: []Listen{{"udp", "127.0.0.1:0"}, {"tcp", "127.0.0.1:0"}}, Media: &memMedia{}}, nil)
	if err != nil {
		t.Fatal(err)
	}

	if err := ua.Start(); err != nil {
		t.Fatal(err)
	}

	s := ua.Stats().Sockets
	if len(s) != 2 || s[0].ReceiveBuffer == 0 || s[0].Local != ua.Addr("udp").String() || s[1].Local != ua.Addr("tcp").String() {
		t.Errorf("sockets %+v", s)
	}

	t.Logf("the kernel gave %d bytes", s[0].ReceiveBuffer)

	second, err := New(Config{Listen: []Listen{{"udp", "127.0.0.1:0"}, {"udp", ua.Addr("udp").String()}}, Media: &memMedia{}}, nil)
	if err != nil {
		t.Fatal(err)
	}

	if err := second.Start(); err == nil {
		t.Error("a port in use was opened")
	}

	for _, u := range []*UA{ua, second} {
		for range 2 {
			if err := u.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}
	}

	if err := ua.Start(); err == nil {
		t.Error("a stopped UA started again")
	}
}

func TestKernelUDPWritesToEveryFamily(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		local, to string
		fails     bool
	}{
		{local: "127.0.0.1:0", to: "127.0.0.1"},
		{local: "127.0.0.1:0", to: "::ffff:127.0.0.1"},
		{local: "127.0.0.1:0", to: "::1", fails: true},
		{local: "[::1]:0", to: "::1"},
		{local: "[::]:0", to: "::1"},
		{local: "[::]:0", to: "127.0.0.1"},
		{local: "[::]:0", to: "::ffff:127.0.0.1"},
	} {
		t.Run(c.local+" to "+c.to, func(t *testing.T) {
			t.Parallel()

			conn, err := listenUDP(t.Context(), c.local, 8192)
			if err != nil {
				t.Skipf("no such address here: %v", err)
			}
			defer conn.Close()

			to := netip.AddrPortFrom(netip.MustParseAddr(c.to), conn.addr().Port())
			if err := conn.write([]byte("ping"), to); (err != nil) != c.fails {
				t.Fatalf("write = %v, want an error: %v", err, c.fails)
			}

			if c.fails {
				return
			}

			buf := make([]byte, 16)
			if n, from, _, err := conn.read(buf); err != nil || string(buf[:n]) != "ping" || from != netip.AddrPortFrom(to.Addr().Unmap(), to.Port()) {
				t.Errorf("read %q from %s, %v", buf[:n], from, err)
			}

			conn.Close()

			if err := conn.write([]byte("ping"), to); !errors.Is(err, net.ErrClosed) {
				t.Errorf("write after Close = %v", err)
			}
		})
	}
}

// TestKernelUDPWritesAtOnce has many goroutines send on one socket, with a
// receive buffer that holds all.
func TestKernelUDPWritesAtOnce(t *testing.T) {
	t.Parallel()

	conn, err := listenUDP(t.Context(), "127.0.0.1:0", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	const writers, each = 8, 25

	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				if err := conn.write([]byte{byte(w), byte(i)}, conn.addr()); err != nil {
					t.Error(err)
				}
			}
		})
	}

	all.Wait()

	seen := make(map[[2]byte]bool)
	for buf := make([]byte, 16); len(seen) < writers*each; {
		n, _, _, err := conn.read(buf)
		if err != nil || n != 2 || seen[[2]byte(buf)] {
			t.Fatalf("read %d octets, %v: %v", n, buf[:n], err)
		}

		seen[[2]byte(buf)] = true
	}
}
