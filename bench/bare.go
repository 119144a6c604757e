package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"trunkline/media"
)

// packetSize is that of an RTP packet with 20 ms of G.711.
const packetSize = 12 + media.FrameSamples

// Bare is the least that can carry calls: for each one a UDP socket and a
// goroutine that reads it, and for all of them one ticker with absolute
// deadlines that sends a packet to whoever sent one. It knows no RTP but the
// numbers in the header. The media benchmark runs it as a process of its own
// and compares the gateway with it.
//
// It writes the port of each call to out, a line each, then runs until ctx
// ends.
func Bare(ctx context.Context, calls int, out io.Writer) error {
	if calls < 1 {
		return fmt.Errorf("bare loop: %d calls: want at least 1", calls)
	}
	var reading sync.WaitGroup
	lines := make([]*bareCall, 0, calls)
	defer func() {
		for _, l := range lines {
			_ = l.conn.Close() // it ends the reading
		}
		reading.Wait()
	}()
	for range calls {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			return fmt.Errorf("bare loop: %w", err)
		}
		l := &bareCall{conn: conn}
		lines = append(lines, l)
		reading.Go(l.read)
		local, ok := conn.LocalAddr().(*net.UDPAddr)
		if !ok {
			return errors.New("bare loop: no local address")
		}
		fmt.Fprintln(out, local.Port)
	}
	origin := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for tick := 1; ; tick++ {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		for _, l := range lines {
			l.send()
		}
		timer.Reset(time.Until(origin.Add(time.Duration(tick) * media.FrameDuration)))
	}
}

// bareCall is one call of the bare loop.
type bareCall struct {
	conn   *net.UDPConn
	peer   atomic.Pointer[netip.AddrPort]
	packet [packetSize]byte
	sent   uint32
}

func (l *bareCall) read() {
	buf := make([]byte, 2048)
	for {
		_, from, err := l.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if known := l.peer.Load(); known == nil || *known != from {
			l.peer.Store(&from)
		}
	}
}

func (l *bareCall) send() {
	to := l.peer.Load()
	if to == nil {
		return
	}
	l.sent++
	l.packet[0] = 2 << 6 // version 2, payload type 0
	binary.BigEndian.PutUint16(l.packet[2:], uint16(l.sent))
	binary.BigEndian.PutUint32(l.packet[4:], l.sent*media.FrameSamples)
	_, _ = l.conn.WriteToUDPAddrPort(l.packet[:], *to) // what the socket refuses is lost
}
