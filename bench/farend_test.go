package bench

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"trunkline/media"
	"trunkline/media/g711"
)

// newEnd makes a far end that sends to a socket of the test.
func newEnd(t *testing.T, echoes bool) (*farEnd, *net.UDPConn) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	e, err := newFarEnd(roomNoise(), 0, echoes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(e.fd) })
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	e.send(local)

	return e, conn
}

// tell sends a packet whose samples are all v.
func tell(t *testing.T, conn *net.UDPConn, e *farEnd, v int16) {
	t.Helper()
	var f media.Frame
	for i := range f {
		f[i] = v
	}
	var packet [packetSize]byte
	g711.PCMU.Encode(packet[packetSize-media.FrameSamples:], f[:])
	if _, err := conn.WriteToUDPAddrPort(packet[:], e.local); err != nil {
		t.Fatal(err)
	}
}

// hear takes the packet of a tick and gives its middle sample.
func hear(t *testing.T, conn *net.UDPConn) int16 {
	t.Helper()
	buf := make([]byte, 2048)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	if n != packetSize || buf[0] != 0x80 {
		t.Fatalf("got %d octets that begin with %#x", n, buf[0])
	}
	var f media.Frame
	g711.PCMU.Decode(f[:], buf[packetSize-media.FrameSamples:n])

	return f[80]
}

func TestFarEndEchoesWhatItHears(t *testing.T) {
	t.Parallel()
	e, conn := newEnd(t, true)
	for i := range 2 * echoDelay {
		v := int16(0)
		if i == 2 {
			v = 8000
		}
		tell(t, conn, e, v)
		e.Tick(time.Time{})
		got := hear(t, conn)
		if loud := got > 1500 && got < 2500; loud != (i == 2+echoDelay) {
			t.Errorf("tick %d has %d, want a quarter of 8000 at tick %d only", i, got, 2+echoDelay)
		}
	}
	if in, out := e.in.Load(), e.out.Load(); in != 2*echoDelay || out != 2*echoDelay {
		t.Errorf("%d packets in and %d out, want %d", in, out, 2*echoDelay)
	}
}

func TestFarEndMeasuresSpacing(t *testing.T) {
	t.Parallel()
	e, conn := newEnd(t, false)
	e.spacing(2)
	before := time.Now()
	for range 4 {
		tell(t, conn, e, 0)
	}
	took := time.Since(before)
	e.Tick(time.Time{})
	gaps := e.spacing(0)
	if len(gaps) != 2 { // of three there was room for two
		t.Fatalf("%d gaps, want 2", len(gaps))
	}
	for _, g := range gaps {
		if g > media.FrameDuration+took {
			t.Errorf("packets sent at once missed 20 ms by %v", g)
		}
	}
	hear(t, conn)
}

func TestFarEndAllocatesNothing(t *testing.T) {
	e, conn := newEnd(t, true)
	if got := testing.AllocsPerRun(100, func() {
		tell(t, conn, e, 100)
		e.Tick(time.Time{})
	}); got != 0 {
		t.Errorf("a tick allocates %v times, want none", got)
	}
}
