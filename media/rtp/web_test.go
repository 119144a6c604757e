package rtp

import (
	"bytes"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/dtls"
	"trunkline/media/g711"
	"trunkline/media/ice"
	"trunkline/media/ice/icetest"
	"trunkline/media/srtp"
)

// browser is a far end with full ICE and DTLS on a socket of loopback.
type browser struct {
	t        testing.TB
	session  *Session
	conn     atomic.Pointer[net.UDPConn] // where it is
	endpoint *dtls.Endpoint
	ours     ice.Credentials // of the browser
	theirs   ice.Credentials
	keys     chan srtp.Keys
	sealer   *srtp.Sealer
	opener   *srtp.Opener
	*peer

	deaf        atomic.Bool // media is not kept
	mu          sync.Mutex
	association *dtls.Association
	replies     int // to checks
	media       [][]byte
	reports     [][]byte
}

func newEndpoint(t testing.TB) *dtls.Endpoint {
	t.Helper()
	e, err := dtls.NewEndpoint()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// newBrowser makes a session and its browser, which begins the handshake.
func newBrowser(t testing.TB, o Options) *browser {
	t.Helper()
	b := &browser{
		t: t, endpoint: newEndpoint(t), ours: ice.NewCredentials(), theirs: ice.NewCredentials(),
		keys: make(chan srtp.Keys, 1), peer: newPeer(t),
	}
	o.DTLS = newEndpoint(t)
	b.session = openWith(t, o)
	b.move()
	b.associate(dtls.Active)
	return b
}

// associate makes the browser's association, anew after another one.
func (b *browser) associate(role dtls.Role) {
	a := b.endpoint.Open(dtls.Options{
		Role: role, Remote: b.session.dtls.Fingerprint(), Send: b.send,
		Keys:   func(keys srtp.Keys) { b.keys <- keys },
		Failed: func(error) {},
	})
	b.t.Cleanup(a.Close)
	b.mu.Lock()
	former := b.association
	b.association = a
	b.mu.Unlock()
	if former != nil {
		former.Close()
	}
}

// move gives the browser another address.
func (b *browser) move() netip.AddrPort {
	b.t.Helper()
	conn, local := socket(b.t)
	b.conn.Store(conn)
	var reading sync.WaitGroup
	reading.Go(func() {
		buf := make([]byte, datagramSize)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			b.take(buf[:n])
		}
	})
	b.t.Cleanup(func() {
		conn.Close()
		reading.Wait()
	})
	return local
}

func (b *browser) take(datagram []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case ice.IsMessage(datagram):
		b.replies++
	case dtls.IsMessage(datagram):
		b.association.Put(datagram)
	case isControl(datagram):
		b.reports = append(b.reports, bytes.Clone(datagram))
	case !b.deaf.Load():
		b.media = append(b.media, bytes.Clone(datagram))
	}
}

func (b *browser) send(datagram []byte) {
	_, _ = b.conn.Load().WriteToUDPAddrPort(datagram, b.session.Local()) // the session may be closed
}

// params are what the browser's offer and our answer agreed on.
func (b *browser) params() Params {
	return Params{
		Codec: g711.PCMU, EventType: 101, Mux: true, Send: true, Receive: true,
		Web: Web{Ours: b.theirs, Theirs: b.ours, Role: dtls.Passive, Fingerprint: b.endpoint.Fingerprint()},
	}
}

// check makes a connectivity check and waits for its answer.
func (b *browser) check(more ...icetest.Attribute) {
	b.t.Helper()
	before := b.answered()
	b.send(icetest.Check(b.theirs.Ufrag, b.theirs.Password(), b.ours.Ufrag, more...))
	await(b.t, "the answer to a check", func() bool {
		gather(b.session)
		return b.answered() > before
	})
}

func (b *browser) answered() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.replies
}

func (b *browser) heard() [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.media
}

// told are the reports that came.
func (b *browser) told() [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reports
}

// join makes checks and handshake.
func (b *browser) join() {
	b.t.Helper()
	b.check()
	b.association.Begin()
	b.agree()
	b.check(icetest.Nomination())
}

// agree waits for the keys of both sides.
func (b *browser) agree() {
	b.t.Helper()
	select {
	case keys := <-b.keys:
		var err error
		if b.sealer, err = srtp.NewSealer(keys.Ours); err != nil {
			b.t.Fatal(err)
		}
		if b.opener, err = srtp.NewOpener(keys.Theirs); err != nil {
			b.t.Fatal(err)
		}
	case <-time.After(patience):
		b.t.Fatal("no keys: " + b.session.Stats().Missing)
	}
	await(b.t, "the session's keys", func() bool { return b.session.Stats().SRTP != "" })
}

// say sends a frame by SRTP.
func (b *browser) say(level int16) {
	b.t.Helper()
	sealed, err := b.sealer.Seal(b.talk(level))
	if err != nil {
		b.t.Fatal(err)
	}
	b.send(sealed)
}

// exchange has both sides say n frames, and checks that they arrive.
func (b *browser) exchange(n int) {
	b.t.Helper()
	taken, heard := b.session.Stats().PacketsIn, len(b.heard())
	var f media.Frame
	for i := range f {
		f[i] = 8000
	}
	for range n {
		b.say(8000)
		if !b.session.Write(&f) {
			b.t.Fatal("a frame is not sent: " + b.session.Stats().Missing)
		}
	}
	await(b.t, "the browser's packets", func() bool { return gather(b.session).PacketsIn == taken+uint64(n) })
	await(b.t, "our packets", func() bool { return len(b.heard()) == heard+n })
	for _, sealed := range b.heard()[heard:] {
		if bytes.Contains(sealed, bytes.Repeat(sealed[headerSize:headerSize+1], 32)) {
			b.t.Error("a packet is not encrypted")
		}
		if _, err := b.opener.Open(sealed); err != nil {
			b.t.Error(err)
		}
	}
}

func TestWeb(t *testing.T) {
	t.Parallel()
	for _, role := range []dtls.Role{dtls.Passive, dtls.Active} {
		t.Run(role.String(), func(t *testing.T) {
			t.Parallel()
			b := newBrowser(t, Options{})
			p := b.params()
			if p.Web.Role = role; role == dtls.Active {
				b.associate(dtls.Passive)
			}
			apply(t, b.session, p)
			if missing := b.session.Stats().Missing; !strings.Contains(missing, "no connectivity check") {
				t.Errorf("before the checks it waits for %q", missing)
			}
			var f media.Frame
			if b.session.Write(&f) {
				t.Error("a frame is sent to nobody")
			}
			b.join()
			b.exchange(20)
			// A hold and its end keep transport and keys.
			p.Send = false
			apply(t, b.session, p)
			p.Send = true
			apply(t, b.session, p)
			b.exchange(5)
			b.session.report(later())
			await(t, "a report", func() bool { return len(b.told()) > 0 })
			report, err := b.opener.OpenControl(b.told()[0])
			if err != nil || report[1] != 200 {
				t.Errorf("the report is %x, %v", report, err)
			}
			stats := b.session.Stats()
			if stats.SRTP != "AES_CM_128_HMAC_SHA1_80" || stats.Keying != "DTLS" || stats.Missing != "" || stats.Malformed+stats.Foreign != 0 {
				t.Errorf("stats are %+v", stats)
			}
			if want := b.conn.Load().LocalAddr().String(); stats.Remote != want {
				t.Errorf("media goes to %s, want %s", stats.Remote, want)
			}
		})
	}
}

// A far end with another certificate than its description announced gets no
// audio, and is told of in the statistics.
func TestWebOfAnotherCertificate(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, Options{})
	p := b.params()
	p.Web.Fingerprint = newEndpoint(t).Fingerprint()
	apply(t, b.session, p)
	b.check(icetest.Nomination())
	b.association.Begin()
	await(t, "the failure", func() bool { return strings.Contains(b.session.Stats().Missing, "certificate is not the one") })
	var f media.Frame
	if b.session.Write(&f) {
		t.Error("a frame is sent")
	}
	for range 3 {
		b.send(b.talk(8000))
	}
	await(t, "packets without protection", func() bool { return gather(b.session).Malformed == 3 })
	if stats := b.session.Stats(); stats.PacketsIn != 0 || stats.SRTP != "" || stats.Keying != "" || len(b.heard()) != 0 {
		t.Errorf("stats are %+v, %d packets were sent", stats, len(b.heard()))
	}
}

// Strangers get no answer, begin no handshake and are not heard; neither is the
// call's own plain audio.
func TestWebRefusesStrangers(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, Options{})
	apply(t, b.session, b.params())
	b.join()
	b.exchange(5)
	own := b.conn.Load()
	before := b.session.Stats()
	b.move()
	answers := b.answered()
	hello := append([]byte{22, 254, 253}, make([]byte, 60)...)
	hello[13] = 1
	for i, datagram := range [][]byte{
		icetest.Check(b.theirs.Ufrag, b.ours.Password(), b.ours.Ufrag, icetest.Nomination()),
		icetest.Message(icetest.BindingRequest, ""),
		hello,
		b.talk(8000),
		{0x80, 200, 0, 1, 0, 0, 0, 0},
		{0},
	} {
		b.send(datagram)
		await(t, "a stranger's datagram", func() bool { return gather(b.session).Foreign == before.Foreign+uint64(i+1) })
	}
	if b.answered() != answers || b.session.Stats().Remote != own.LocalAddr().String() {
		t.Error("a stranger is answered")
	}
	b.conn.Store(own)
	b.send(b.talk(8000))
	await(t, "plain audio", func() bool { return gather(b.session).Malformed == before.Malformed+1 })
	b.exchange(5)
}

// The far end moves to another network by nominating it.
func TestWebMoves(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, Options{})
	apply(t, b.session, b.params())
	b.join()
	b.exchange(5)
	to := b.move()
	b.check()
	b.say(1000) // from there already
	await(t, "a packet from the new address", func() bool { return gather(b.session).PacketsIn == 6 })
	if b.session.Stats().Remote == to.String() {
		t.Error("media goes to an address that is not nominated")
	}
	b.check(icetest.Nomination())
	if got := b.session.Stats().Remote; got != to.String() {
		t.Errorf("media goes to %s, want %s", got, to)
	}
	b.exchange(5)
}

// Without checks nothing is sent after 30 s, and with them again.
func TestWebConsent(t *testing.T) {
	t.Parallel()
	var elapsed atomic.Int64
	b := newBrowser(t, Options{now: func() time.Time { return epoch.Add(time.Duration(elapsed.Load())) }})
	apply(t, b.session, b.params())
	b.join()
	b.exchange(5)
	var f media.Frame
	elapsed.Store(int64(29 * time.Second))
	b.session.Read(&f)
	if !b.session.Write(&f) {
		t.Error("consent is lost too early")
	}
	await(t, "the packet", func() bool { return len(b.heard()) == 6 })
	elapsed.Store(int64(60 * time.Second))
	b.session.Read(&f)
	if b.session.Write(&f) {
		t.Error("a frame is sent without consent")
	}
	b.session.report(later())
	if missing := b.session.Stats().Missing; !strings.Contains(missing, "checks have stopped") {
		t.Errorf("it waits for %q", missing)
	}
	b.say(1000)
	await(t, "a packet without consent", func() bool { return gather(b.session).Foreign == 1 })
	b.check(icetest.Nomination())
	b.exchange(5)
	if n := len(b.heard()); n != 11 {
		t.Errorf("%d packets were sent, want 11", n)
	}
}

// A restart of ICE keeps the audio and its keys; another certificate makes new
// ones.
func TestWebRestart(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, Options{})
	apply(t, b.session, b.params())
	b.join()
	b.exchange(5)
	b.ours, b.theirs = ice.NewCredentials(), ice.NewCredentials()
	apply(t, b.session, b.params())
	b.exchange(5)
	b.move()
	b.check(icetest.Nomination())
	b.exchange(5)

	b.endpoint = newEndpoint(t)
	b.associate(dtls.Active)
	before := b.session.in.opener.Key()
	apply(t, b.session, b.params())
	b.association.Begin()
	b.agree()
	await(t, "new keys", func() bool {
		b.session.in.Lock()
		defer b.session.in.Unlock()
		return b.session.in.opener.Key() != before
	})
	b.exchange(5)
}

func TestApplyRefusesHalfAWeb(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, Options{})
	good := b.params()
	for name, change := range map[string]func(p *Params){
		"keys of the signalling": func(p *Params) {
			p.SRTP = srtp.Keys{Ours: srtp.NewKey(srtp.AES80), Theirs: srtp.NewKey(srtp.AES80)}
		},
		"RTCP apart":     func(p *Params) { p.Mux = false },
		"no fingerprint": func(p *Params) { p.Web.Fingerprint = dtls.Fingerprint{} },
		"no role":        func(p *Params) { p.Web.Role = 0 },
		"no credentials": func(p *Params) { p.Web.Theirs = ice.Credentials{} },
	} {
		p := good
		change(&p)
		if b.session.Apply(p) == nil {
			t.Errorf("%s: taken", name)
		}
	}
	apply(t, b.session, good)
	if b.session.Apply(Params{Codec: g711.PCMU, Send: true}) == nil {
		t.Error("the call goes on without protection")
	}
	plain := openWith(t, Options{DTLS: newEndpoint(t)})
	apply(t, plain, Params{Codec: g711.PCMU, Send: true})
	if plain.Apply(good) == nil {
		t.Error("a plain call becomes a browser's")
	}
	if open(t).Apply(good) == nil {
		t.Error("there is DTLS without an endpoint")
	}
}
