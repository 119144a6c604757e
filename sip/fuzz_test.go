package sip

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// sink is a socket that checks that what is sent parses.
type sink struct{ t *testing.T }

func (sink) network() string        { return "UDP" }
func (sink) sentBy() netip.AddrPort { return netip.MustParseAddrPort(uaAddr) }

func (s sink) send(data []byte, to netip.AddrPort) error {
	if !to.IsValid() {
		s.t.Errorf("sent to nowhere: %q", data)
	}

	return nil
}

// messages are seeds: what trunks send, and what scanners and broken stacks
// do, in the manner of RFC 4475.
func messages() []string {
	s := newScript("seed")
	invite := s.request("INVITE", offerPCMU)

	return []string{
		crlf(invite),
		crlf(newScript("late").request("INVITE", "")),
		crlf(newScript("o").request("OPTIONS", "")),
		crlf(newScript("b").request("BYE", "")),
		crlf(newScript("c").request("CANCEL", "")),
		crlf(newScript("a").request("ACK", offerPCMU)),
		crlf(newScript("r").request("REGISTER", "")),
		crlf(strings.Replace(invite, "To: <sip:agent@10.0.0.1>", "t: sip:agent@10.0.0.1 ;tag=1", 1)),
		crlf(strings.Replace(invite, "Via: SIP/2.0/UDP", "v:  SIP  / 2.0\n /UDP", 1)),
		crlf(strings.Replace(invite, `"Ann Caller"`, `"Ann \"\\ Caller`, 1)),
		crlf(strings.Replace(invite, "CSeq: 1", "CSeq: 99999999999", 1)),
		crlf(strings.Replace(invite, "Max-Forwards: 70", "Max-Forwards: -1", 1)),
		crlf(strings.Replace(invite, "sip:agent@10.0.0.1 SIP", "sip:%00@[::1]:99999;lr;x=y?z=1 SIP", 1)),
		crlf(strings.Replace(invite, ";rport", ";rport=1;received=;maddr=8.8.8.8;ttl=1", 1)),
		crlf(strings.Replace(invite, "Contact: <sip:ann@10.0.0.9:5060>", "Contact: *", 1)),
		crlf(strings.Replace(invite, "Max-Forwards", "Record-Route: <sip:p;lr>, <sip:q>\nRequire: a,,b\nMax-Forwards", 1)),
		crlf(strings.Replace(invite, "Max-Forwards", "Content-Length: -5\nMax-Forwards", 1)),
		"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n",
		"SIP/2.0 99999999 \r\n\r\n",
		"OPTIONS sip:100@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 1.2.3.4:5060;branch=1;rport\r\nUser-Agent: friendly-scanner\r\n\r\n",
		"\r\n\r\n", "\x00\x00", "INVITE", "INVITE sip:\r\n", " \r\n:\r\n\r\n",
	}
}

// FuzzMessage gives a datagram from a trunk to a UA: the gate, the parser,
// our checks, and whatever dialog comes of it.
func FuzzMessage(f *testing.F) {
	for _, m := range messages() {
		f.Add([]byte(m))
	}

	for name := range tortures {
		f.Add(torture(f, name))
	}

	src := netip.MustParseAddrPort(farAddr)
	stopped, cancel := context.WithCancel(context.Background())
	cancel()

	f.Fuzz(func(t *testing.T, data []byte) {
		ua, err := New(Config{
			Listen: []Listen{{"udp", uaAddr}},
			Trunks: []Trunk{{Name: "t", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.9/32")}}},
			Media:  &memMedia{},
		}, handlerFunc(func(d *Dialog) {
			_ = d.Ring()
			_, _ = d.Answer(stopped)
		}))
		if err != nil {
			t.Fatal(err)
		}

		from, ok := ua.gate.admit(src.Addr(), time.Now())
		if !ok {
			t.Fatal("the trunk is not admitted")
		}

		if reply := ua.receive(sink{t}, src, from, data); reply != nil {
			if _, err := sipgo.ParseMessage(reply); err != nil && !bytes.Contains(reply, []byte("SIP/2.0 ")) {
				t.Errorf("replied %q: %v", reply, err)
			}
		}

		if err := ua.Stop(stopped); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}

		ua.handlers.wait()
	})
}

// FuzzStream splits a TCP stream into messages: no message is over the limit
// and none is lost or made up.
func FuzzStream(f *testing.F) {
	f.Add([]byte(strings.Join(messages(), "")), uint16(4096))
	f.Add([]byte("\r\n\r\nA\nl: 3\n\nabcB\r\nContent-Length: 0\r\n\r\n"), uint16(64))

	f.Fuzz(func(t *testing.T, data []byte, size uint16) {
		frames := newFramer(bytes.NewReader(data), int(size))
		total := 0

		for {
			if err := frames.wait(func() error { total += 4; return nil }); err != nil {
				break
			}

			msg, err := frames.next()
			if len(msg) > int(size) {
				t.Fatalf("%d bytes with a limit of %d", len(msg), size)
			}

			if err != nil {
				break
			}

			if !bytes.Contains(data, msg) {
				t.Fatalf("%q is not in the stream", msg)
			}

			total += len(msg)
		}

		if total > len(data)+4 {
			t.Fatalf("%d bytes out of %d", total, len(data))
		}
	})
}

func TestFramer(t *testing.T) {
	t.Parallel()

	one := "A sip:a SIP/2.0\r\nContent-Length: 4\r\n\r\nbody"
	two := "B sip:b SIP/2.0\r\nl : 0\r\n\r\n"
	pings := 0
	frames := newFramer(iotestOneByte(one+"\r\n"+"\r\n\r\n"+two), 100)

	for _, want := range []string{one, two} {
		if err := frames.wait(func() error { pings++; return nil }); err != nil {
			t.Fatal(err)
		}

		got, err := frames.next()
		if err != nil || string(got) != want {
			t.Errorf("next = %q, %v, want %q", got, err, want)
		}
	}

	if pings != 1 {
		t.Errorf("%d pings, want 1", pings)
	}

	if err := frames.wait(nil); !errors.Is(err, io.EOF) {
		t.Errorf("wait at the end = %v", err)
	}

	for text, want := range map[string]error{
		"A\r\n\r\n":                             errFrameLength,
		"A\r\nContent-Length: -1\r\n\r\n":       errFrameLength,
		"A\r\nContent-Length: 90\r\n\r\n":       errFrameSize,
		strings.Repeat("x", 101) + "\r\n":       errFrameSize,
		"A\r\nContent-Length: 9\r\n\r\nshort":   io.ErrUnexpectedEOF,
		"A\r\nContent-Length: 99999999999\r\n":  errFrameLength,
		"A\r\nContent-Length: 4294967295\r\n\r": errFrameLength,
	} {
		if _, err := newFramer(strings.NewReader(text), 100).next(); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}

// iotestOneByte reads one byte at a time, as TCP may deliver.
func iotestOneByte(s string) io.Reader { return &oneByte{strings.NewReader(s)} }

type oneByte struct{ r io.Reader }

func (o *oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

func BenchmarkInspect(b *testing.B) {
	data := []byte(messages()[0])
	lim := limits{size: 16 << 10, headers: 128}

	b.ReportAllocs()

	for b.Loop() {
		if _, f := inspect(data, lim); f != nil {
			b.Fatal(f)
		}
	}
}

func BenchmarkMalformed(b *testing.B) {
	data := []byte(strings.Replace(messages()[0], "CSeq: 1", "CSeq: x", 1))
	lim := limits{size: 16 << 10, headers: 128}

	b.ReportAllocs()

	for b.Loop() {
		_, f := inspect(data, lim)
		if f == nil {
			b.Fatal("accepted")
		}

		rawReply(data, netip.MustParseAddrPort(farAddr), f)
	}
}
