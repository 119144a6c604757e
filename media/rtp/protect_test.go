package rtp

import (
	"bytes"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/srtp"
)

// secure lets two sessions talk by SRTP.
func secure(t testing.TB, a, b *Session, suite srtp.Suite) (toB, toA Params) {
	t.Helper()
	ours, theirs := srtp.NewKey(suite), srtp.NewKey(suite)
	common := Params{Codec: g711.PCMU, Send: true, Receive: true, EventType: 101}
	toB, toA = common, common
	toB.Remote, toB.SRTP = b.Local(), srtp.Keys{Ours: ours, Theirs: theirs}
	toA.Remote, toA.SRTP = a.Local(), srtp.Keys{Ours: theirs, Theirs: ours}
	apply(t, a, toB)
	apply(t, b, toA)
	return toB, toA
}

func TestSessionsTalkBySRTP(t *testing.T) {
	t.Parallel()
	for _, suite := range srtp.Suites() {
		a, b := open(t), open(t)
		toB, toA := secure(t, a, b, suite)
		exchange(t, a, b, 20)
		// A refresh with the same keys keeps the counters: replays stay refused
		// and the next packets are taken.
		apply(t, a, toB)
		apply(t, b, toA)
		exchange(t, a, b, 20)
		a.report(later())
		await(t, "a's report", func() bool { return b.Stats().RemotePackets == 1 })
		for _, s := range []*Session{a, b} {
			if stats := s.Stats(); stats.PacketsIn != 40 || stats.Malformed != 0 || stats.Lost != 0 || s.Drops().RTCP != 0 {
				t.Errorf("%v: stats are %+v", suite, stats)
			}
		}

		// New keys in mid-call.
		toB.SRTP.Ours = srtp.NewKey(suite)
		toA.SRTP.Theirs = toB.SRTP.Ours
		apply(t, a, toB)
		apply(t, b, toA)
		exchange(t, a, b, 5)
		if stats := b.Stats(); stats.PacketsIn != 45 || stats.Malformed != 0 {
			t.Errorf("%v: after new keys stats are %+v", suite, stats)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		await(t, "the farewell", func() bool {
			b.control.Lock()
			defer b.control.Unlock()
			return b.control.session.View().Gone
		})
	}
}

// What is not protected by the far end's key is neither heard nor latched to.
func TestSessionRefusesForgedSRTP(t *testing.T) {
	t.Parallel()
	s := open(t)
	conn, local := socket(t)
	robber, _ := socket(t)
	p := pcmu(local)
	p.SRTP = srtp.Keys{Ours: srtp.NewKey(srtp.AES80), Theirs: srtp.NewKey(srtp.AES80)}
	apply(t, s, p)
	forger, err := srtp.NewSealer(srtp.NewKey(srtp.AES80))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := srtp.NewSealer(p.SRTP.Theirs)
	if err != nil {
		t.Fatal(err)
	}
	peer := newPeer(t)
	for i := range probation * 2 {
		plain := peer.talk(1000)
		forged, err := forger.Seal(plain)
		if err != nil {
			t.Fatal(err)
		}
		for j, b := range [][]byte{plain, forged} {
			if _, err := robber.WriteToUDPAddrPort(b, s.Local()); err != nil {
				t.Fatal(err)
			}
			await(t, "the forgery", func() bool { return s.Stats().Malformed == uint64(2*i+j+1) })
		}
	}
	sealed, err := sealer.Seal(peer.talk(1000))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if _, err := conn.WriteToUDPAddrPort(sealed, s.Local()); err != nil {
			t.Fatal(err)
		}
		await(t, "the packet and its replays", func() bool { return handled(s) == uint64(4*probation+i+1) })
	}
	if stats := s.Stats(); stats.PacketsIn != 1 || stats.Remote != local.String() {
		t.Errorf("stats are %+v", stats)
	}
	var f media.Frame
	s.Write(&f)
	b := make([]byte, 2000)
	n, _, err := conn.ReadFromUDPAddrPort(b)
	if err != nil || n != headerSize+media.FrameSamples+10 || bytes.Contains(b[:n], bytes.Repeat([]byte{0xFF}, 16)) {
		t.Errorf("%d octets were sent: %x, %v", n, b[:n], err)
	}
	p.SRTP.Ours = srtp.Key{}
	if err := s.Apply(p); err == nil {
		t.Error("SRTP in one direction is taken")
	}
}

// A long call crosses the wraps of the sequence number: the rollover counter
// goes on, also over session refreshes beside them.
func TestSRTPAcrossTheWrap(t *testing.T) {
	t.Parallel()
	key := srtp.NewKey(srtp.AES80)
	sealer, err := srtp.NewSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	r := newReceiver(Options{})
	keys := srtp.Keys{Ours: srtp.NewKey(srtp.AES80), Theirs: key}
	p := pcmu(public)
	p.SRTP = keys
	refresh := func() {
		t.Helper()
		if r.opener, err = reopen(r.opener, keys.Theirs); err != nil {
			t.Fatal(err)
		}
		r.apply(p, epoch)
	}
	refresh()
	peer := newPeer(t)
	at := epoch
	const packets, sparse = 8_600, 8 // over 22 minutes; most are lost, for the sake of time
	for i := range packets {
		sealed, err := sealer.Seal(peer.talk(500))
		if err != nil {
			t.Fatal(err)
		}
		if i == 4 || i == 8_197 { // just before the first wrap, just after the second
			refresh()
		}
		r.datagram(sealed, public, at)
		peer.SequenceNumber += sparse - 1
		at = at.Add(sparse * media.FrameDuration)
	}
	if r.accepted != packets || r.malformed != 0 || r.source.extended() < 2<<16 {
		t.Errorf("%d of %d taken, %d malformed, highest %d", r.accepted, packets, r.malformed, r.source.extended())
	}
}

func BenchmarkProtectedReceive(b *testing.B) {
	for name, suite := range map[string]srtp.Suite{"plain": srtp.None, "AES80": srtp.AES80} {
		b.Run(name, func(b *testing.B) {
			r := listening(pcmu(public))
			key := srtp.NewKey(suite)
			sealer, err := rekey(nil, key)
			if err != nil {
				b.Fatal(err)
			}
			if r.opener, err = reopen(nil, key); err != nil {
				b.Fatal(err)
			}
			out := newSender()
			p := pcmu(public)
			out.apply(p.normal())
			var f media.Frame
			at := time.Now()
			b.ReportAllocs()
			for b.Loop() {
				out.push(&f)
				datagram := out.next()
				if sealer != nil {
					if datagram, err = sealer.Seal(datagram); err != nil {
						b.Fatal(err)
					}
				}
				r.datagram(datagram, public, at)
				r.take(&f, at)
				at = at.Add(media.FrameDuration)
			}
			if r.malformed != 0 {
				b.Errorf("%d malformed", r.malformed)
			}
		})
	}
}

func FuzzProtectedDatagram(f *testing.F) {
	key := srtp.NewKey(srtp.AES80)
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
	f.Add([]byte{0xBF, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := listening(pcmu(public))
		var err error
		if r.opener, err = reopen(nil, key); err != nil {
			t.Fatal(err)
		}
		r.datagram(b, public, epoch)
		if r.accepted != 0 || r.latch.source.IsValid() {
			t.Error("a datagram without the key is believed")
		}
	})
}
