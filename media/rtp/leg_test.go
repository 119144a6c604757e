package rtp

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/legtest"
)

func TestLeg(t *testing.T) {
	t.Parallel()
	legtest.Run(t, func(t testing.TB) (media.Leg, legtest.Far) {
		t.Helper()
		far := &farEnd{peer: newPeer(t)}
		far.session = openWith(t, Options{now: func() time.Time { return epoch.Add(time.Duration(far.elapsed.Load())) }})
		conn, local := socket(t)
		far.conn = conn
		apply(t, far.session, pcmu(local))
		return far.session, far
	})
}

// farEnd is a peer on a socket whose time is the session's.
type farEnd struct {
	*peer
	session *Session
	conn    *net.UDPConn
	elapsed atomic.Int64
	sent    uint64 // datagrams
	taken   uint64
	heard   []int16
}

func (e *farEnd) send(b []byte) {
	e.t.Helper()
	if _, err := e.conn.WriteToUDPAddrPort(b, e.session.Local()); err != nil {
		e.t.Fatal(err)
	}
	e.sent++
}

func (e *farEnd) Speak(f *media.Frame) {
	payload := make([]byte, len(f))
	g711.PCMU.Encode(payload, f[:])
	e.PayloadType = 0
	e.send(e.marshal(payload))
	e.Timestamp += media.FrameSamples
}

func (e *farEnd) Lose() {
	e.SequenceNumber++
	e.Timestamp += media.FrameSamples
}

// Press sends the three packets of the end of a key press (RFC 4733 section
// 2.5.1.4), for the press is as long as a frame.
func (e *farEnd) Press(key byte) {
	code, _ := keyCode(key)
	payload := make([]byte, eventSize)
	event{code: code, end: true, duration: media.FrameSamples}.put(payload)
	e.PayloadType = 101
	for i := range 3 {
		e.Marker = i == 0
		e.send(e.marshal(payload))
	}
	e.Marker = false
	e.Timestamp += media.FrameSamples
}

func (e *farEnd) Tick() {
	e.elapsed.Add(int64(media.FrameDuration))
	await(e.t, "what was sent", func() bool { return handled(e.session) == e.sent })
	for ; e.taken < e.session.Stats().PacketsOut; e.taken++ {
		p := readPacket(e.t, e.conn)
		samples := make([]int16, len(p.Payload))
		g711.PCMU.Decode(samples, p.Payload)
		e.heard = append(e.heard, samples...)
	}
}

func (e *farEnd) Heard() []int16 { return e.heard }
