package framing

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"pgregory.net/rapid"
)

const limit = 1 << 16

// frame is one of a client's.
type frame struct {
	first   byte // with the bits FIN and RSV
	payload []byte
	bare    bool // without a mask
}

func (f *frame) append(dst []byte) []byte {
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d} // of RFC 6455 section 5.7
	masked := byte(0x80)
	if f.bare {
		masked = 0
	}
	dst = append(dst, f.first)
	switch n := len(f.payload); {
	case n <= 125:
		dst = append(dst, masked|byte(n))
	case n <= 0xFFFF:
		dst = binary.BigEndian.AppendUint16(append(dst, masked|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, masked|127), uint64(n))
	}
	if f.bare {
		return append(dst, f.payload...)
	}
	dst = append(dst, key[:]...)
	for i, c := range f.payload {
		dst = append(dst, c^key[i&3])
	}

	return dst
}

// message is what was read.
type message struct {
	kind Kind
	data string
}

// readAll reads what came in pieces of the given length. The error is nil when
// the end of data is no message's.
func readAll(data []byte, piece int) (messages []message, err error) {
	r := NewReader(limit)
	for {
		for {
			kind, data, ok, err := r.Next()
			if err != nil {
				return messages, err
			}
			if !ok {
				break
			}
			messages = append(messages, message{kind, string(data)})
		}
		if len(data) == 0 {
			return messages, nil
		}
		n := copy(r.Room(), data[:min(piece, len(data))])
		if n == 0 {
			return messages, errors.New("there is no room")
		}
		r.Filled(n)
		data = data[n:]
	}
}

func TestReader(t *testing.T) {
	t.Parallel()
	long := bytes.Repeat([]byte("0123456789"), 1000)
	for name, tt := range map[string]struct {
		frames []frame
		want   []message
		code   int // of the error; 0: none
	}{
		"RFC 6455 section 5.7":        {frames: []frame{{first: 0x81, payload: []byte("Hello")}}, want: []message{{Text, "Hello"}}},
		"an empty message":            {frames: []frame{{first: 0x82}}, want: []message{{Binary, ""}}},
		"a long message":              {frames: []frame{{first: 0x81, payload: long}, {first: 0x81}}, want: []message{{Text, string(long)}, {Text, ""}}},
		"fragments":                   {frames: []frame{{first: 0x01, payload: []byte("Hel")}, {first: 0x80, payload: []byte("lo")}}, want: []message{{Text, "Hello"}}},
		"a ping between fragments":    {frames: []frame{{first: 0x01, payload: []byte("Hel")}, {first: 0x89, payload: []byte("?")}, {first: 0x80, payload: []byte("lo")}}, want: []message{{Ping, "?"}, {Text, "Hello"}}},
		"nothing after a close":       {frames: []frame{{first: 0x88, payload: []byte{3, 232}}, {first: 0x81, payload: []byte("Hello")}}, want: []message{{Close, "\x03\xe8"}}},
		"the longest message":         {frames: []frame{{first: 0x82, payload: make([]byte, limit)}}, want: []message{{Binary, string(make([]byte, limit))}}},
		"a longer one":                {frames: []frame{{first: 0x82, payload: make([]byte, limit+1)}}, code: CloseTooLong},
		"a longer one in fragments":   {frames: []frame{{first: 0x02, payload: make([]byte, limit)}, {first: 0x80, payload: []byte{0}}}, code: CloseTooLong},
		"no mask":                     {frames: []frame{{first: 0x81, payload: []byte("Hello"), bare: true}}, code: CloseProtocol},
		"an extension":                {frames: []frame{{first: 0xC1, payload: []byte("Hello")}}, code: CloseProtocol},
		"an unknown kind":             {frames: []frame{{first: 0x83, payload: []byte("Hello")}}, code: CloseProtocol},
		"an unknown control":          {frames: []frame{{first: 0x8B, payload: []byte("Hello")}}, code: CloseProtocol},
		"a ping in fragments":         {frames: []frame{{first: 0x09, payload: []byte("Hello")}}, code: CloseProtocol},
		"a long ping":                 {frames: []frame{{first: 0x89, payload: long[:126]}}, code: CloseProtocol},
		"a fragment of nothing":       {frames: []frame{{first: 0x80, payload: []byte("Hello")}}, code: CloseProtocol},
		"a message within another":    {frames: []frame{{first: 0x01, payload: []byte("Hel")}, {first: 0x81, payload: []byte("lo")}}, code: CloseProtocol},
		"a message, then a breach":    {frames: []frame{{first: 0x81, payload: []byte("Hello")}, {first: 0x80}}, want: []message{{Text, "Hello"}}, code: CloseProtocol},
		"a message in two, and again": {frames: []frame{{first: 0x01}, {first: 0x80}, {first: 0x02, payload: []byte("a")}, {first: 0x80, payload: []byte("b")}}, want: []message{{Text, ""}, {Binary, "ab"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var data []byte
			for i := range tt.frames {
				data = tt.frames[i].append(data)
			}
			for _, piece := range []int{1, 7, 4096, len(data)} {
				got, err := readAll(bytes.Clone(data), piece)
				var breach *Error
				code := 0
				if errors.As(err, &breach) {
					code = breach.Code
				}
				if code != tt.code || err != nil && code == 0 {
					t.Errorf("in pieces of %d: %v, want an error with code %d", piece, err, tt.code)
				}
				compare(t, got, tt.want)
			}
		})
	}
}

func compare(t interface {
	Errorf(format string, args ...any)
}, got, want []message,
) {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("message %d of %d did not come", i, len(want))
		case i >= len(want):
			t.Errorf("message %d of %d octets and kind %d came", i, len(got[i].data), got[i].kind)
		case got[i] != want[i]:
			t.Errorf("message %d has kind %d and %d octets, want %d and %d", i, got[i].kind, len(got[i].data), want[i].kind, len(want[i].data))
		default:
			continue
		}

		return
	}
}

// peer is a connection whose far end has sent all that it will.
type peer struct {
	net.Conn

	in  io.Reader
	out bytes.Buffer
}

func (p *peer) Read(b []byte) (int, error)       { return p.in.Read(b) }
func (p *peer) Write(b []byte) (int, error)      { return p.out.Write(b) }
func (*peer) Close() error                       { return nil }
func (*peer) SetDeadline(time.Time) error        { return nil }
func (*peer) SetReadDeadline(t time.Time) error  { return nil }
func (*peer) SetWriteDeadline(t time.Time) error { return nil }

type hijacker struct {
	http.ResponseWriter

	conn net.Conn
}

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}

// theirs reads the same with another implementation, as far as its first close
// frame or breach. It reports whether there was either.
func theirs(t *testing.T, data []byte) (messages []message, ended bool) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range map[string]string{"Upgrade": "websocket", "Connection": "upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		r.Header.Set(name, value)
	}
	conn, err := (&websocket.Upgrader{}).Upgrade(hijacker{httptest.NewRecorder(), &peer{in: bytes.NewReader(data)}}, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(limit)
	for kind, handler := range map[Kind]func(func(string) error){Ping: conn.SetPingHandler, Pong: conn.SetPongHandler} {
		handler(func(data string) error {
			messages = append(messages, message{kind, data})

			return nil
		})
	}
	for {
		kind, data, err := conn.ReadMessage()
		if err != nil {
			return messages, !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF)
		}
		messages = append(messages, message{Kind(kind), string(data)})
	}
}

// Whatever comes is read as another implementation reads it.
func FuzzReader(f *testing.F) {
	for _, frames := range [][]frame{
		{{first: 0x81, payload: []byte("Hello")}, {first: 0x89}, {first: 0x88, payload: []byte{3, 232}}},
		{{first: 0x01, payload: []byte("Hel")}, {first: 0x8A, payload: []byte("?")}, {first: 0x80, payload: []byte("lo")}},
		{{first: 0x82, payload: make([]byte, 200)}, {first: 0x83}},
	} {
		var data []byte
		for i := range frames {
			data = frames[i].append(data)
		}
		f.Add(data, 5)
	}
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		want, over := theirs(t, data)
		got, err := readAll(bytes.Clone(data), max(piece, 1))
		closed := len(got) > 0 && got[len(got)-1].kind == Close
		if closed {
			got = got[:len(got)-1]
		}
		compare(t, got, want)
		if (closed || err != nil) && !over {
			t.Errorf("ended with %v, closed %v, where nothing is wrong", err, closed)
		}
	})
}

// What we write is read by another implementation, whatever its length.
func TestAppend(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var want []message
		var out []byte
		for range rapid.IntRange(1, 5).Draw(t, "messages") {
			size := rapid.OneOf(rapid.IntRange(0, 400), rapid.SampledFrom([]int{125, 126, 65535, 65536, 70000})).Draw(t, "octets")
			m := message{rapid.SampledFrom([]Kind{Text, Binary}).Draw(t, "kind"), string(bytes.Repeat([]byte{'x'}, size))}
			want = append(want, m)
			out = Append(out, m.kind, func(dst []byte) []byte { return append(dst, m.data...) })
		}
		out = AppendPong(out, []byte("what came"))
		out = AppendClose(out, CloseGoingAway)
		reply := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
		p := &peer{}
		dialer := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) {
			p.in = &answered{to: &p.out, reply: reply, then: out}

			return p, nil
		}}
		conn, answer, err := dialer.Dial("ws://door/", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		pong := ""
		conn.SetPongHandler(func(s string) error { pong = s; return nil })
		var got []message
		for {
			kind, data, err := conn.ReadMessage()
			if err != nil {
				if !websocket.IsCloseError(err, CloseGoingAway) {
					t.Fatal(err)
				}

				break
			}
			got = append(got, message{Kind(kind), string(data)})
		}
		compare(t, got, want)
		if pong != "what came" {
			t.Errorf("the pong has %q", pong)
		}
	})
}

// answered is the far end of a handshake, and what it sends afterwards.
type answered struct {
	to    *bytes.Buffer
	reply string
	then  []byte
	all   *bytes.Reader
}

func (a *answered) Read(b []byte) (int, error) {
	if a.all == nil {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(a.to.Bytes())))
		if err != nil {
			return 0, err
		}
		head := a.reply + acceptance(r.Header.Get("Sec-WebSocket-Key")) + "\r\n\r\n"
		a.all = bytes.NewReader(append([]byte(head), a.then...))
	}

	return a.all.Read(b)
}

// acceptance is the answer to a handshake's key (RFC 6455 section 4.2.2).
func acceptance(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))

	return base64.StdEncoding.EncodeToString(sum[:])
}

func TestCloseCode(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]int{"": CloseNoCode, "x": CloseNoCode, "\x03\xf1and why": CloseTooLong} {
		if got := CloseCode([]byte(payload)); got != want {
			t.Errorf("%q has the code %d, want %d", payload, got, want)
		}
	}
}

// A message in, one out: nothing is allocated.
func TestAllocatesNothing(t *testing.T) {
	client := (&frame{first: 0x81, payload: make([]byte, 330)}).append(nil)
	r := NewReader(limit)
	out := make([]byte, 0, 4096)
	payload := make([]byte, 300)
	write := func(dst []byte) []byte { return append(dst, payload...) }
	if n := testing.AllocsPerRun(100, func() {
		r.Filled(copy(r.Room(), client))
		if _, _, ok, err := r.Next(); !ok || err != nil {
			t.Fatal(ok, err)
		}
		out = Append(out[:0], Text, write)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRead(b *testing.B) {
	client := (&frame{first: 0x81, payload: make([]byte, 330)}).append(nil)
	r := NewReader(limit)
	b.ReportAllocs()
	for b.Loop() {
		r.Filled(copy(r.Room(), client))
		if _, _, ok, err := r.Next(); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
