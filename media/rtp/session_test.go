package rtp

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pion "github.com/pion/rtp"
	"golang.org/x/sys/unix"

	"trunkline/media"
	"trunkline/media/g711"
)

// patience is how long a test waits for the loopback interface.
const patience = 20 * time.Second

// await lets others run until done; the sockets of a test are real, and so is
// its time.
func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	for start := time.Now(); !done(); runtime.Gosched() {
		if time.Since(start) > patience {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

// open makes a session that is closed with the test.
func open(t testing.TB) *Session {
	t.Helper()
	return openWith(t, Options{})
}

func openWith(t testing.TB, o Options) *Session {
	t.Helper()
	return openIn(t, loopback, o)
}

func openIn(t testing.TB, ip netip.Addr, o Options) *Session {
	t.Helper()
	pool, err := NewPool(ip, 25000, 25999)
	if err != nil {
		t.Fatal(err)
	}
	port, err := pool.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := NewSession(port, o)
	t.Cleanup(func() {
		for range 2 {
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		if pool.InUse() != 0 {
			t.Errorf("%d ports in use after close", pool.InUse())
		}
	})
	return s
}

func apply(t testing.TB, s *Session, p Params) {
	t.Helper()
	if err := s.Apply(p); err != nil {
		t.Fatal(err)
	}
}

// socket is a bare far end.
func socket(t testing.TB) (*net.UDPConn, netip.AddrPort) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	return conn, local
}

func readPacket(t testing.TB, conn *net.UDPConn) pion.Packet {
	t.Helper()
	b := make([]byte, 2000)
	n, _, err := conn.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatal(err)
	}
	var p pion.Packet
	if err := p.Unmarshal(b[:n]); err != nil {
		t.Fatal(err)
	}
	return p
}

// gather is the statistics after what has come by now.
func gather(s *Session) media.LegStats {
	s.in.Lock()
	s.collect(s.now())
	s.in.Unlock()
	return s.Stats()
}

// handled is how many datagrams the session has dealt with.
func handled(s *Session) uint64 {
	stats := gather(s)
	return stats.PacketsIn + stats.Foreign + stats.Malformed
}

// Two sessions carry audio, keys and holds between them.
func TestSessionsTalk(t *testing.T) {
	t.Parallel()
	var elapsed atomic.Int64 // a tick does not wait for the next
	clock := func() time.Time { return epoch.Add(time.Duration(elapsed.Load())) }
	a, b := open(t), openWith(t, Options{now: clock})
	common := Params{Codec: g711.PCMA, PayloadType: 8, EventType: 101, Send: true, Receive: true}
	toB, toA := common, common
	toB.Remote, toA.Remote = b.Local(), a.Local()
	apply(t, a, toB)
	apply(t, b, toA)

	var speech, f media.Frame
	for i := range speech {
		speech[i] = 8000
	}
	tick := func(n int, want media.Kind) {
		t.Helper()
		for i := range n {
			elapsed.Add(int64(media.FrameDuration))
			before := handled(b)
			sent := a.Write(&speech)
			if sent {
				await(t, "a packet", func() bool { return handled(b) == before+1 })
			}
			if in := b.Read(&f); i > 4 && in.Kind != want {
				t.Fatalf("frame %d is %v, want %v", i, in.Kind, want)
			} else if in.Kind == media.Received && (clock().Sub(in.Arrived) > 60*ms || f[159] < 7700 || f[159] > 8300) {
				t.Fatalf("frame %d arrived %v with level %d", i, in.Arrived, f[159])
			}
		}
	}
	tick(20, media.Received)

	if err := a.SendDigit('7', 100*ms); err != nil {
		t.Fatal(err)
	}
	tick(5, media.Quiet)
	var digit media.Digit
	await(t, "the digit", func() (ok bool) {
		digit, ok = b.Digit()
		return ok
	})
	if want := (media.Digit{Key: '7', Duration: 100 * ms}); digit != want {
		t.Errorf("heard %v, want %v", digit, want)
	}
	tick(20, media.Received)

	toB.Send = false
	apply(t, a, toB)
	if a.Write(&speech) {
		t.Error("on hold a packet leaves")
	}
	if stats := a.Stats(); !stats.OnHold {
		t.Error("stats do not tell the hold")
	}
	tick(20, media.Quiet)
	toB.Send = true
	apply(t, a, toB)
	tick(20, media.Received)

	sent, got := a.Stats(), b.Stats()
	if sent.PacketsOut != got.PacketsIn || got.Lost != 0 || got.Foreign != 0 || got.Malformed != 0 {
		t.Errorf("sent %+v\n got %+v", sent, got)
	}
	if got.Codec != "PCMA" || got.Remote != a.Local().String() || got.Local != b.Local().String() || got.FirstPacket.IsZero() || got.LastPacket.Before(got.FirstPacket) {
		t.Errorf("stats are %+v", got)
	}
}

// A far end behind a NAT is found by its packets, and then kept.
func TestSessionFindsAPeerBehindNAT(t *testing.T) {
	t.Parallel()
	s := open(t)
	named, namedAddr := socket(t)
	actual, actualAddr := socket(t)
	p := pcmu(namedAddr)
	apply(t, s, p)

	var f media.Frame
	if !s.Write(&f) {
		t.Fatal("nothing leaves before the far end was heard")
	}
	readPacket(t, named)

	far := newPeer(t)
	for i := range 6 {
		if _, err := actual.WriteToUDPAddrPort(far.talk(1000), s.Local()); err != nil {
			t.Fatal(err)
		}
		await(t, "the datagram", func() bool { return handled(s) == uint64(i+1) })
	}
	if stats := s.Stats(); stats.PacketsIn != 3 || stats.Foreign != 3 || stats.Remote != actualAddr.String() {
		t.Errorf("stats are %+v", stats)
	}
	s.Write(&f)
	readPacket(t, actual)

	// The same address again, as in a session refresh, changes nothing.
	apply(t, s, p)
	if _, err := named.WriteToUDPAddrPort(far.talk(1000), s.Local()); err != nil {
		t.Fatal(err)
	}
	await(t, "the stranger", func() bool { return handled(s) == 7 })
	if stats := s.Stats(); stats.Foreign != 4 || stats.Remote != actualAddr.String() {
		t.Errorf("after a refresh stats are %+v", stats)
	}

	// Another address is believed at once.
	elsewhere, elsewhereAddr := socket(t)
	p.Remote = elsewhereAddr
	apply(t, s, p)
	s.Write(&f)
	readPacket(t, elsewhere)
	far.SSRC++
	if _, err := elsewhere.WriteToUDPAddrPort(far.talk(1000), s.Local()); err != nil {
		t.Fatal(err)
	}
	await(t, "the new far end", func() bool { return s.Stats().PacketsIn == 4 })
}

// A far end behind a NAT is not sent to before it was heard, nor is its RTCP.
func TestSessionSendsNothingIntoANAT(t *testing.T) {
	t.Parallel()
	s := open(t)
	conn, local := socket(t)
	p := pcmu(private)
	p.NAT = true
	apply(t, s, p)
	var f media.Frame
	if s.Write(&f) || s.Stats().Remote != "" || s.control.route.destination(netip.AddrPort{}).IsValid() {
		t.Error("a packet leaves to an address in another network")
	}
	far := newPeer(t)
	for range probation {
		if _, err := conn.WriteToUDPAddrPort(far.talk(1), s.Local()); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the far end", func() bool { return s.Stats().Remote == local.String() })
	s.Write(&f)
	readPacket(t, conn)
	apply(t, s, p) // a session refresh
	if !s.Write(&f) {
		t.Error("a refresh forgets the far end")
	}
	p.Remote = addr("10.9.9.9:4000")
	apply(t, s, p)
	if s.Write(&f) {
		t.Error("a new address behind the NAT is sent to before it was heard")
	}
}

// A flood of strangers is neither heard nor able to move the stream, and the
// far end's packets come through beside it.
func TestSessionUnderAFlood(t *testing.T) {
	t.Parallel()
	s := open(t)
	conn, local := socket(t)
	apply(t, s, pcmu(local))
	far, forged := newPeer(t), newPeer(t)
	deliver := func(want uint64) {
		t.Helper()
		if _, err := conn.WriteToUDPAddrPort(far.talk(9000), s.Local()); err != nil {
			t.Fatal(err)
		}
		await(t, "the far end's packet", func() bool { return gather(s).PacketsIn == want })
	}
	deliver(1)
	forged.SSRC, forged.SequenceNumber, forged.Timestamp = far.SSRC, far.SequenceNumber, far.Timestamp
	strangers := make([]*net.UDPConn, 5)
	for i := range strangers {
		strangers[i], _ = socket(t)
	}
	var sent uint64
	for i := range 50 {
		for range 20 {
			for _, stranger := range strangers {
				if _, err := stranger.WriteToUDPAddrPort(forged.talk(-9000), s.Local()); err != nil {
					t.Fatal(err)
				}
				sent++
			}
		}
		await(t, "the flood", func() bool { return gather(s).Foreign >= sent })
		deliver(uint64(2 + i))
		var f media.Frame
		if in := s.Read(&f); in.Kind == media.Received && f[80] < 8000 {
			t.Fatalf("frame %d is a stranger's: level %d", i, f[80])
		}
		s.Write(&f)
		readPacket(t, conn)
	}
	if stats := s.Stats(); stats.Remote != local.String() || stats.Foreign != sent || stats.Lost != 0 {
		t.Errorf("after %d packets of strangers stats are %+v", sent, stats)
	}
}

// Without an address nothing is sent until the far end was heard.
func TestSessionWithoutARemote(t *testing.T) {
	t.Parallel()
	s := open(t)
	conn, local := socket(t)
	var f media.Frame
	if s.Write(&f) {
		t.Error("a packet leaves before Apply")
	}
	apply(t, s, pcmu(netip.MustParseAddrPort("0.0.0.0:9")))
	if s.Write(&f) || s.Stats().Remote != "" {
		t.Error("a packet leaves to nowhere")
	}
	far := newPeer(t)
	for range probation {
		if _, err := conn.WriteToUDPAddrPort(far.talk(1), s.Local()); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "the far end", func() bool { return s.Stats().Remote == local.String() })
	s.Write(&f)
	if p := readPacket(t, conn); p.Payload[0] != 0xFF {
		t.Errorf("silence is sent as %#x", p.Payload[0])
	}
}

func TestSessionRefusesBadParams(t *testing.T) {
	t.Parallel()
	s := open(t)
	bad := pcmu(addr("[2001:db8::1]:4000"))
	if err := s.Apply(bad); err == nil {
		t.Error("an IPv6 address is taken by an IPv4 socket")
	}
	bad = pcmu(public)
	bad.Ptime = time.Hour
	if err := s.Apply(bad); err == nil {
		t.Error("a ptime of one hour is taken")
	}
	mapped := pcmu(addr("[::ffff:127.0.0.1]:4000"))
	if err := s.Apply(mapped); err != nil {
		t.Errorf("a mapped IPv4 address: %v", err)
	}
}

func TestSendDigitRefuses(t *testing.T) {
	t.Parallel()
	s := open(t)
	if err := s.SendDigit('1', 100*ms); err == nil {
		t.Error("a digit is taken before events were agreed on")
	}
	apply(t, s, pcmu(public))
	if err := s.SendDigit('x', 100*ms); err == nil {
		t.Error("x is taken for a key")
	}
	for i := range keysHeld {
		if err := s.SendDigit('1', 0); err != nil {
			t.Fatalf("digit %d: %v", i, err)
		}
	}
	if err := s.SendDigit('1', 0); err == nil {
		t.Error("the queue of digits has no end")
	}
}

func TestSessionAfterClose(t *testing.T) {
	t.Parallel()
	s := open(t)
	apply(t, s, pcmu(public))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var f media.Frame
	if s.Write(&f) {
		t.Error("a packet leaves")
	}
	if in := s.Read(&f); in.Kind != media.Quiet {
		t.Errorf("Read gives %v", in.Kind)
	}
	if err := s.Apply(pcmu(public)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Apply returns %v", err)
	}
	if err := s.SendDigit('1', 0); !errors.Is(err, net.ErrClosed) {
		t.Errorf("SendDigit returns %v", err)
	}
	if got := s.Stats().SendDropped; got != 0 {
		t.Errorf("%d packets refused: the end of a call is no refusal", got)
	}
}

// The line's goroutine, signalling and the end of the call may meet.
func TestSessionUnderConcurrentUse(t *testing.T) {
	t.Parallel()
	s := open(t)
	p := pcmu(s.Local()) // it hears itself
	apply(t, s, p)
	var users sync.WaitGroup
	users.Go(func() {
		var f media.Frame
		for range 500 {
			s.Write(&f)
			s.Read(&f)
			s.Digit()
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	users.Go(func() {
		for i := 0; ; i++ {
			p.Send = i%2 == 0
			p.Receive = i%3 == 0
			if err := s.Apply(p); err != nil {
				return // closed
			}
			_ = s.SendDigit('1', 0) // refused when too many wait
			s.Stats()
			s.Drops()
		}
	})
	users.Wait()
}

// RTCP is drained and counted; datagrams that overflow the socket are counted
// by the kernel.
func TestSessionDrops(t *testing.T) {
	t.Parallel()
	s := open(t)
	conn, _ := socket(t)
	rtcp := netip.AddrPortFrom(loopback, s.Local().Port()+1)
	for range 3 {
		if _, err := conn.WriteToUDPAddrPort([]byte{0x80, 200, 0, 0}, rtcp); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "RTCP", func() bool { return s.Drops().RTCP == 3 })

	s.in.Lock() // whoever reads waits here
	for range 3000 {
		if _, err := conn.WriteToUDPAddrPort(make([]byte, 172), s.Local()); err != nil {
			t.Fatal(err)
		}
	}
	s.count()
	dropped := s.in.drops.full
	s.in.Unlock()
	if dropped == 0 {
		t.Error("the kernel counts no drops")
	}
	await(t, "the rest", func() bool { return handled(s)+dropped == 3000 })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := s.Drops().Kernel; got != dropped {
		t.Errorf("after Close %d drops, want %d", got, dropped)
	}
}

// A packet arrives when the kernel has it, however late the line reads it.
func TestArrivalIsToldByTheKernel(t *testing.T) {
	t.Parallel()
	s := open(t)
	conn, local := socket(t)
	apply(t, s, pcmu(local))
	var f media.Frame
	s.Read(&f) // from now on nobody else reads
	far := newPeer(t)
	before := time.Now()
	if _, err := conn.WriteToUDPAddrPort(far.talk(1000), s.Local()); err != nil {
		t.Fatal(err)
	}
	after := time.Now()
	await(t, "the packet to age", func() bool { return time.Since(after) > 50*ms })
	var in media.Inbound
	for range 10 {
		if in = s.Read(&f); in.Kind == media.Received {
			break
		}
	}
	const slack = 20 * ms // by which the wall clock may be set
	if in.Kind != media.Received || in.Arrived.Before(before.Add(-slack)) || in.Arrived.After(after.Add(slack)) {
		t.Errorf("%v, arrived %v after it was sent; want Received and none", in.Kind, in.Arrived.Sub(before))
	}
}

func TestAgeOfADatagram(t *testing.T) {
	t.Parallel()
	b := batches.Get().(*batch) //nolint:forcetypeassert // New makes nothing else
	st := &b.stamps[0]
	st.header.Level, st.header.Type = unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW
	st.seconds, st.nanoseconds = 1_800_000_000, 500_000_000
	at := time.Unix(st.seconds, st.nanoseconds)
	for waited, want := range map[time.Duration]time.Duration{
		0: 0, 30 * ms: 30 * ms, 6 * time.Second: 6 * time.Second,
		-time.Hour: 0, time.Hour: 0, // the clock was set
	} {
		if got := b.age(0, at.Add(waited)); got != want {
			t.Errorf("read after %v: age %v, want %v", waited, got, want)
		}
	}
	b.messages[0].header.Controllen = 0
	if got := b.age(0, at.Add(30*ms)); got != 0 {
		t.Errorf("without a stamp: age %v", got)
	}
}

func TestSessionsTalkOverIPv6(t *testing.T) {
	t.Parallel()
	a, b := openIn(t, netip.IPv6Loopback(), Options{}), openIn(t, netip.IPv6Loopback(), Options{})
	apply(t, a, pcmu(b.Local()))
	apply(t, b, pcmu(a.Local()))
	r := relay{from: a, to: b}
	for range 20 {
		r.frame()
	}
	sent, got := a.Stats(), b.Stats()
	if sent.PacketsOut != 20 || got.PacketsIn != 20 || got.Remote != a.Local().String() {
		t.Errorf("sent %+v\n got %+v", sent, got)
	}
}

// relay is two sessions over loopback, which delivers before Write returns, so
// that a frame's whole way happens on one goroutine.
type relay struct {
	from, to *Session
	f        media.Frame
}

func newRelay(t testing.TB) *relay {
	t.Helper()
	r := &relay{from: open(t), to: open(t)}
	apply(t, r.from, pcmu(r.to.Local()))
	apply(t, r.to, pcmu(r.from.Local()))
	return r
}

// frame takes one frame from Write to Read.
func (r *relay) frame() {
	r.from.Write(&r.f)
	r.to.Read(&r.f)
	r.to.Digit()
}

// Serial: allocations are counted for the whole process.
func TestSessionAllocatesNothing(t *testing.T) {
	r := newRelay(t)
	if allocs := testing.AllocsPerRun(500, func() { r.frame() }); allocs != 0 {
		t.Errorf("%v allocations per frame from Write to Read, want none", allocs)
	}
	if err := r.from.SendDigit('1', 30*time.Second); err != nil {
		t.Fatal(err)
	}
	if allocs := testing.AllocsPerRun(500, func() { r.frame() }); allocs != 0 {
		t.Errorf("%v allocations per frame of a key press, want none", allocs)
	}
	if in := r.to.Stats().PacketsIn; in != 1002 {
		t.Errorf("%d packets made the way, want 1002", in)
	}
}

// A datagram's way from the parser to the frame, without the socket.
func BenchmarkReceiveAndRead(b *testing.B) {
	r := listening(pcmu(public))
	var f media.Frame
	s := newSender()
	s.apply(pcmu(public).normal())
	s.push(&f)
	datagram := s.next()
	at := epoch
	b.ReportAllocs()
	for b.Loop() {
		r.datagram(datagram, public, at)
		r.take(&f, at)
		s.push(&f)
		datagram = s.next()
		at = at.Add(media.FrameDuration)
	}
}

// One Write: encode, pack and send to a socket that nobody reads.
func BenchmarkSessionWrite(b *testing.B) {
	s := open(b)
	_, local := socket(b)
	apply(b, s, pcmu(local))
	var f media.Frame
	b.ReportAllocs()
	for b.Loop() {
		s.Write(&f)
	}
}

// One frame over loopback: Write, the kernel, the socket, Read.
func BenchmarkSessionLoopback(b *testing.B) {
	r := newRelay(b)
	b.ReportAllocs()
	for b.Loop() {
		r.frame()
	}
}
