package sip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/sip/locate"
	"trunkline/sip/sdp"
)

// memNet is a network in memory, so that timers run in virtual time.
type memNet struct {
	mu      sync.Mutex
	packets map[netip.AddrPort]*memPacket
	streams map[netip.AddrPort]*memListener
	lose    func(data string) bool // datagrams that never arrive
	ports   uint16
}

func newMemNet() *memNet {
	return &memNet{packets: map[netip.AddrPort]*memPacket{}, streams: map[netip.AddrPort]*memListener{}, ports: 40000}
}

// kernel is the memNet as a UA sees it from host.
func (n *memNet) kernel(host string) network {
	return network{
		packet: func(_ context.Context, addr string, _ int) (packetConn, error) {
			return n.packet(addr), nil
		},
		stream: func(_ context.Context, addr string) (net.Listener, error) {
			l := &memListener{local: netip.MustParseAddrPort(addr), queue: make(chan net.Conn, 16), closed: make(chan struct{})}

			n.mu.Lock()
			defer n.mu.Unlock()
			n.streams[l.local] = l

			return l, nil
		},
		dial:  func(_ context.Context, to netip.AddrPort) (net.Conn, error) { return n.dial(host, to) },
		names: noNames{},
	}
}

// noNames is the DNS of a network in memory.
type noNames struct{}

var errNoNames = errors.New("no names in memory")

func (noNames) NAPTR(context.Context, string) ([]locate.NAPTR, error) { return nil, errNoNames }
func (noNames) SRV(context.Context, string) ([]locate.SRV, error)     { return nil, errNoNames }
func (noNames) Hosts(context.Context, string) ([]netip.Addr, error)   { return nil, errNoNames }

func (n *memNet) packet(addr string) *memPacket {
	c := &memPacket{net: n, local: netip.MustParseAddrPort(addr), queue: make(chan datagram, 256), closed: make(chan struct{})}

	n.mu.Lock()
	defer n.mu.Unlock()
	n.packets[c.local] = c

	return c
}

func (n *memNet) dial(host string, to netip.AddrPort) (net.Conn, error) {
	n.mu.Lock()
	n.ports++
	from := netip.AddrPortFrom(netip.MustParseAddr(host), n.ports)
	l := n.streams[to]
	n.mu.Unlock()

	if l == nil {
		return nil, fmt.Errorf("nobody listens on %s", to)
	}

	near, far := net.Pipe()
	l.queue <- &memConn{Conn: far, local: to, remote: from}

	return &memConn{Conn: near, local: from, remote: to}, nil
}

type datagram struct {
	data []byte
	from netip.AddrPort
}

type memPacket struct {
	net    *memNet
	local  netip.AddrPort
	queue  chan datagram
	closed chan struct{}
	once   sync.Once
}

func (c *memPacket) read(b []byte) (int, netip.AddrPort, bool, error) {
	select {
	case d := <-c.queue:
		return copy(b, d.data), d.from, true, nil
	case <-c.closed:
		return 0, netip.AddrPort{}, false, net.ErrClosed
	}
}

func (c *memPacket) write(b []byte, to netip.AddrPort) error {
	c.net.mu.Lock()
	peer := c.net.packets[to]
	lost := c.net.lose != nil && c.net.lose(string(b))
	c.net.mu.Unlock()

	if peer == nil || lost {
		return nil
	}

	select {
	case peer.queue <- datagram{data: slices.Clone(b), from: c.local}:
	default:
	}

	return nil
}

func (c *memPacket) addr() netip.AddrPort { return c.local }
func (c *memPacket) buffer() int          { return 4 << 20 }
func (c *memPacket) dropped() uint64      { return 0 }

func (c *memPacket) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

type memListener struct {
	local  netip.AddrPort
	queue  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *memListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.local) }

type memConn struct {
	net.Conn
	local, remote netip.AddrPort
}

func (c *memConn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c *memConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// memMedia opens sessions that carry nothing and remember what was applied.
type memMedia struct {
	mu       sync.Mutex
	sessions []*memSession
	fail     error
}

func (m *memMedia) Open() (MediaSession, error) {
	m.mu.Lock()
	defer m.mu.Unlock()

	if m.fail != nil {
		return nil, m.fail
	}

	s := &memSession{port: uint16(20000 + 2*len(m.sessions))}
	m.sessions = append(m.sessions, s)

	return s, nil
}

func (m *memMedia) last(t *testing.T) *memSession {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()

	if len(m.sessions) == 0 {
		t.Fatal("no audio was opened")
	}

	return m.sessions[len(m.sessions)-1]
}

func (m *memMedia) open() int {
	m.mu.Lock()
	defer m.mu.Unlock()

	n := 0
	for _, s := range m.sessions {
		s.mu.Lock()
		if !s.closed {
			n++
		}
		s.mu.Unlock()
	}

	return n
}

type memSession struct {
	port    uint16
	mu      sync.Mutex
	applied []sdp.Audio
	closed  bool
}

func (s *memSession) Read(f *media.Frame) media.Inbound { *f = media.Frame{}; return media.Inbound{} }
func (s *memSession) Write(*media.Frame) bool           { return true }
func (s *memSession) Digit() (media.Digit, bool)        { return media.Digit{}, false }
func (s *memSession) Stats() media.LegStats             { return media.LegStats{} }
func (s *memSession) Local() netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), s.port)
}

func (s *memSession) Apply(a sdp.Audio) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applied = append(s.applied, a)

	return nil
}

func (s *memSession) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true

	return nil
}

func (s *memSession) latest(t *testing.T) sdp.Audio {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()

	if len(s.applied) == 0 {
		t.Fatal("nothing was applied to the audio")
	}

	return s.applied[len(s.applied)-1]
}

// handlerFunc makes a function a Handler.
type handlerFunc func(*Dialog)

func (f handlerFunc) Incoming(d *Dialog) { f(d) }

// bed is a UA at 10.0.0.1:5060 and the scripted far end of trunk "carrier" at
// 10.0.0.9:5060, within a synctest bubble.
type bed struct {
	*testing.T

	net    *memNet
	ua     *UA
	media  *memMedia
	calls  chan *Dialog
	far    *memPacket
	seen   map[string]bool
	stream *farStream
}

const (
	uaAddr  = "10.0.0.1:5060"
	farAddr = "10.0.0.9:5060"
)

// inBubble runs f against a UA whose Handler just reports calls on bed.calls
// and waits for their ends.
func inBubble(t *testing.T, adapt func(*Config), f func(b *bed)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bed{T: t, net: newMemNet(), media: &memMedia{}, calls: make(chan *Dialog, 64), seen: map[string]bool{}}
		cfg := Config{
			Listen: []Listen{{"udp", uaAddr}, {"tcp", uaAddr}},
			Trunks: []Trunk{{Name: "carrier", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.8/29")}}},
			Media:  b.media,
		}
		if adapt != nil {
			adapt(&cfg)
		}

		ua, err := New(cfg, handlerFunc(func(d *Dialog) {
			b.calls <- d
			<-d.Done()
		}))
		if err != nil {
			t.Fatal(err)
		}

		ua.net = b.net.kernel("10.0.0.1")
		b.ua = ua
		b.far = b.net.packet(farAddr)

		if err := ua.Start(); err != nil {
			t.Fatal(err)
		}

		defer b.stop() // by defer, so that a failed test ends too

		f(b)
	})
}

// stop stops the UA and checks that it left nothing behind.
func (b *bed) stop() {
	stopped, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()

	if err := b.ua.Stop(stopped); err != nil {
		b.Error(err)
	}

	if n := b.media.open(); n != 0 {
		b.Errorf("%d calls' audio still open after Stop", n)
	}

	if s := b.ua.Stats(); s.Dialogs != 0 || s.Transactions != 0 {
		b.Errorf("after Stop: %d dialogs, %d transactions", s.Dialogs, s.Transactions)
	}
}

// send sends SIP text from the far end; lines end in plain \n.
func (b *bed) send(text string) {
	b.Helper()

	if b.stream != nil {
		b.stream.send(b, text)
		return
	}

	if err := b.far.write([]byte(crlf(text)), netip.MustParseAddrPort(uaAddr)); err != nil {
		b.Fatal(err)
	}
}

// crlf ends lines as SIP wants and fills in the body's length.
func crlf(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	head, body, _ := strings.Cut(text, "\n\n")
	body = strings.ReplaceAll(body, "\n", "\r\n")

	if !strings.Contains(head, "Content-Length") {
		head += fmt.Sprintf("\nContent-Length: %d", len(body))
	}

	return strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + body
}

// next is the next message that the far end receives, in at most 20 minutes.
func (b *bed) next() sipgo.Message {
	b.Helper()

	if b.stream != nil {
		return b.stream.next(b)
	}

	select {
	case d := <-b.far.queue:
		msg, err := sipgo.ParseMessage(d.data)
		if err != nil {
			b.Fatalf("the UA sent what does not parse: %v\n%s", err, d.data)
		}

		return msg
	case <-time.After(20 * time.Minute):
		b.Fatal("the UA sent nothing for 20 minutes")
		return nil
	}
}

// status waits for a response with the given status and fails on any other
// message.
func (b *bed) status(code int) *sipgo.Response {
	b.Helper()

	msg := b.next()

	res, ok := msg.(*sipgo.Response)
	if !ok || res.StatusCode != code {
		b.Fatalf("got %s, want a %d", firstLine(msg), code)
	}

	return res
}

// method waits for a request with the given method and fails on any other
// message.
func (b *bed) method(m sipgo.RequestMethod) *sipgo.Request {
	b.Helper()

	msg := b.next()

	req, ok := msg.(*sipgo.Request)
	if !ok || req.Method != m {
		b.Fatalf("got %s, want %s", firstLine(msg), m)
	}

	return req
}

// silence checks that the far end receives nothing for d.
func (b *bed) silence(d time.Duration) {
	b.Helper()

	select {
	case got := <-b.far.queue:
		line, _, _ := strings.Cut(string(got.data), "\r\n")
		b.Fatalf("the UA sent %q, want nothing", line)
	case <-time.After(d):
	}
}

// call is the dialog that the Handler got.
func (b *bed) call() *Dialog {
	b.Helper()

	select {
	case d := <-b.calls:
		return d
	case <-time.After(time.Minute):
		b.Fatal("the Handler got no call")
		return nil
	}
}

func firstLine(msg sipgo.Message) string {
	line, _, _ := strings.Cut(msg.String(), "\r\n")
	return line
}

// farStream is the far end on a TCP connection.
type farStream struct {
	conn net.Conn
	in   chan string
}

// tcp moves the far end to a TCP connection.
func (b *bed) tcp() {
	b.Helper()

	conn, err := b.net.dial("10.0.0.9", netip.MustParseAddrPort(uaAddr))
	if err != nil {
		b.Fatal(err)
	}

	b.over(conn)
}

// over moves the far end to a connection.
func (b *bed) over(conn net.Conn) {
	s := &farStream{conn: conn, in: make(chan string, 64)}
	b.stream = s

	go func() {
		defer close(s.in)

		frames := newFramer(conn, 64<<10)

		for {
			if err := frames.wait(func() error { return nil }); err != nil {
				return
			}

			data, err := frames.next()
			if err != nil {
				return
			}

			s.in <- string(data)
		}
	}()

	b.Cleanup(func() { conn.Close() })
}

func (s *farStream) send(b *bed, text string) {
	b.Helper()

	if _, err := io.WriteString(s.conn, crlf(text)); err != nil {
		b.Fatal(err)
	}
}

func (s *farStream) next(b *bed) sipgo.Message {
	b.Helper()

	select {
	case data, ok := <-s.in:
		if !ok {
			b.Fatal("the UA closed the connection")
		}

		msg, err := sipgo.ParseMessage([]byte(data))
		if err != nil {
			b.Fatalf("the UA sent what does not parse: %v\n%s", err, data)
		}

		return msg
	case <-time.After(20 * time.Minute):
		b.Fatal("the UA sent nothing for 20 minutes")
		return nil
	}
}

// script makes the far end's messages of one call.
type script struct {
	callID, fromTag, toTag string
	transport              string
	seq                    int
	branch                 int
	extra                  string // header lines added to each request
}

func newScript(id string) *script {
	return &script{callID: id, fromTag: "far" + id, transport: "UDP"}
}

const offerPCMU = `v=0
o=- 1 1 IN IP4 10.0.0.9
s=-
c=IN IP4 10.0.0.9
t=0 0
m=audio 4000 RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:20
a=sendrecv
`

// request makes the next request of the call; ACK and CANCEL keep the number
// of the request before, CANCEL its branch too.
func (s *script) request(method, body string) string {
	switch method {
	case "CANCEL":
	case "ACK":
		s.branch++
	default:
		s.seq++
		s.branch++
	}

	to := "<sip:agent@10.0.0.1>"
	if s.toTag != "" && method != "CANCEL" {
		to += ";tag=" + s.toTag
	}

	contentType := ""
	if body != "" {
		contentType = "\nContent-Type: application/sdp"
	}

	return fmt.Sprintf(`%s sip:agent@10.0.0.1 SIP/2.0
Via: SIP/2.0/%s 10.0.0.9:5060;branch=z9hG4bK-%s-%d;rport
Max-Forwards: 70
From: "Ann Caller" <sip:+12025550123@10.0.0.9>;tag=%s
To: %s
Call-ID: %s
CSeq: %d %s
Contact: <sip:ann@10.0.0.9:5060>
User-Agent: far end%s%s

%s`, method, s.transport, s.callID, s.branch, s.fromTag, to, s.callID, s.seq, method, contentType, s.extra, body)
}

// ackFailure acknowledges a failure: with the branch of the INVITE.
func (s *script) ackFailure() string {
	s.branch--
	return s.request("ACK", "")
}

// learn takes the UA's tag from a response.
func (s *script) learn(res *sipgo.Response) { s.toTag = tagOf(res.To().Params) }

// answerOf is the far end's empty response to a request.
func answerOf(req *sipgo.Request, status int) string {
	return strings.ReplaceAll(sipgo.NewResponseFromRequest(req, status, phrase(status), nil).String(), "\r\n", "\n")
}

// offer sends the INVITE of a script, and returns the call that came of it.
func (b *bed) offer(s *script, body string) *Dialog {
	b.Helper()
	b.send(s.request("INVITE", body))
	b.status(100)

	return b.call()
}

// answer offers a call and answers it; no ACK was sent yet.
func (b *bed) answer(s *script, body string) *Dialog {
	b.Helper()

	d := b.offer(s, body)
	if _, err := d.Answer(context.Background()); err != nil {
		b.Fatal(err)
	}

	s.learn(b.status(200))

	return d
}

// establish offers a call, answers it and confirms the answer.
func (b *bed) establish(s *script, body string) *Dialog {
	b.Helper()

	d := b.answer(s, body)
	b.send(s.request("ACK", ""))
	synctest.Wait()

	return d
}

func wantCodec(t *testing.T, a sdp.Audio, c g711.Codec, pt uint8) {
	t.Helper()

	if a.Codec != c || a.PayloadType != pt {
		t.Errorf("audio is %s with payload type %d, want %s with %d", a.Codec, a.PayloadType, c, pt)
	}
}

func answerOfMessage(t *testing.T, msg sipgo.Message) string {
	t.Helper()

	req, ok := msg.(*sipgo.Request)
	if !ok {
		t.Fatalf("got %s, want a request", firstLine(msg))
	}

	return answerOf(req, 200)
}
