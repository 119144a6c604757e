package hep

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"trunkline/loopback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// chunks reads a packet: the values by type, and an error for whatever a
// receiver could not read.
func chunks(packet []byte) (map[uint16][]byte, error) {
	if len(packet) < 6 || string(packet[:4]) != "HEP3" || int(binary.BigEndian.Uint16(packet[4:])) != len(packet) {
		return nil, fmt.Errorf("no HEP3 packet of %d bytes", len(packet))
	}

	out := map[uint16][]byte{}

	for rest := packet[6:]; len(rest) > 0; {
		if len(rest) < 6 {
			return nil, fmt.Errorf("%d bytes after the last chunk", len(rest))
		}

		vendor, kind, length := binary.BigEndian.Uint16(rest), binary.BigEndian.Uint16(rest[2:]), int(binary.BigEndian.Uint16(rest[4:]))
		if vendor != 0 || length < 6 || length > len(rest) || out[kind] != nil {
			return nil, fmt.Errorf("a chunk of vendor %d, type %d and length %d", vendor, kind, length)
		}

		out[kind] = append([]byte{}, rest[6:length]...)
		rest = rest[length:]
	}

	return out, nil
}

func TestAppend(t *testing.T) {
	t.Parallel()

	at := time.Unix(1_700_000_000, 123_456_789)
	got, err := Append([]byte("before"), Message{
		At: at, Network: "UDP", CallID: "a@b", Text: []byte("OPTIONS"),
		From: netip.MustParseAddrPort("192.0.2.1:5060"), To: netip.MustParseAddrPort("[::ffff:198.51.100.2]:5070"),
	}, 2001, "secret")
	if err != nil {
		t.Fatal(err)
	}

	want := "beforeHEP3\x00\x7f" +
		"\x00\x00\x00\x01\x00\x07\x02" +
		"\x00\x00\x00\x03\x00\x0a\xc0\x00\x02\x01" +
		"\x00\x00\x00\x04\x00\x0a\xc6\x33\x64\x02" +
		"\x00\x00\x00\x02\x00\x07\x11" +
		"\x00\x00\x00\x07\x00\x08\x13\xc4" +
		"\x00\x00\x00\x08\x00\x08\x13\xce" +
		"\x00\x00\x00\x09\x00\x0a\x65\x53\xf1\x00" +
		"\x00\x00\x00\x0a\x00\x0a\x00\x01\xe2\x40" +
		"\x00\x00\x00\x0b\x00\x07\x01" +
		"\x00\x00\x00\x0c\x00\x0a\x00\x00\x07\xd1" +
		"\x00\x00\x00\x0e\x00\x0csecret" +
		"\x00\x00\x00\x11\x00\x09a@b" +
		"\x00\x00\x00\x0f\x00\x0dOPTIONS"
	if string(got) != want {
		t.Errorf("the packet is\n%q, want\n%q", got, want)
	}
}

func TestAppendRefuses(t *testing.T) {
	t.Parallel()

	here := netip.MustParseAddrPort("192.0.2.1:5060")
	if got, err := Append([]byte("x"), Message{From: here, To: here, Text: make([]byte, longest)}, 1, ""); !errors.Is(err, ErrTooLong) || string(got) != "x" {
		t.Errorf("a long message: %d bytes, %v", len(got), err)
	}

	if got, err := Append(nil, Message{From: here}, 1, ""); err == nil || len(got) != 0 {
		t.Errorf("a message to nobody: %d bytes, %v", len(got), err)
	}
}

// TestAppendReads has a decoder of the test read what is encoded.
func TestAppendReads(t *testing.T) {
	t.Parallel()

	addr := rapid.Custom(func(t *rapid.T) netip.AddrPort {
		size := rapid.SampledFrom([]int{4, 16}).Draw(t, "size")
		ip, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "ip"))

		return netip.AddrPortFrom(ip, rapid.Uint16().Draw(t, "port"))
	})

	rapid.Check(t, func(t *rapid.T) {
		m := Message{
			At:   time.UnixMicro(rapid.Int64Range(0, 1<<32*1e6-1).Draw(t, "at")),
			From: addr.Draw(t, "from"), To: addr.Draw(t, "to"),
			Network: rapid.SampledFrom([]string{"UDP", "TCP", "TLS", "WS", "WSS"}).Draw(t, "network"),
			CallID:  rapid.String().Draw(t, "id"), Text: rapid.SliceOf(rapid.Byte()).Draw(t, "text"),
		}
		node, key := rapid.Uint32().Draw(t, "node"), rapid.String().Draw(t, "key")

		packet, err := Append(nil, m, node, key)
		if err != nil {
			t.Fatal(err)
		}

		got, err := chunks(packet)
		if err != nil {
			t.Fatal(err)
		}

		source, target := got[0x03], got[0x04]
		if got[0x01][0] == 10 {
			source, target = got[0x05], got[0x06]
		}

		from, _ := netip.AddrFromSlice(source)
		to, _ := netip.AddrFromSlice(target)
		at := time.Unix(int64(binary.BigEndian.Uint32(got[0x09])), int64(binary.BigEndian.Uint32(got[0x0a]))*1000)

		if from.Unmap() != m.From.Addr().Unmap() || to.Unmap() != m.To.Addr().Unmap() || !at.Equal(m.At) ||
			binary.BigEndian.Uint16(got[0x07]) != m.From.Port() || binary.BigEndian.Uint16(got[0x08]) != m.To.Port() ||
			binary.BigEndian.Uint32(got[0x0c]) != node || string(got[0x0e]) != key || string(got[0x11]) != m.CallID ||
			!bytes.Equal(got[0x0f], m.Text) || (got[0x02][0] == 17) != (m.Network == "UDP") {
			t.Fatalf("%+v of %d became %v", m, node, got)
		}
	})
}

// far is a connection that keeps what is written, and may hold writers up.
type far struct {
	net.Conn

	written chan []byte
	fails   error
}

func (f *far) Write(p []byte) (int, error) {
	if f.fails != nil {
		return 0, f.fails
	}

	f.written <- append([]byte{}, p...)

	return len(p), nil
}

func (*far) Close() error { return nil }

var sample = Message{
	Network: "UDP", CallID: "c", From: netip.MustParseAddrPort("192.0.2.1:5060"), To: netip.MustParseAddrPort("192.0.2.2:5060"),
	Text: []byte("INFO sip:a SIP/2.0\r\nContent-Type: application/dtmf-relay\r\nAuthorization: Digest SECRET\r\n\r\nSignal=SECRET\r\nDuration=100\r\n"),
}

func config() Config {
	return Config{Endpoint: "homer.example.net:9060", Node: 7, Password: "p", Log: slog.New(slog.DiscardHandler)}
}

func TestSenderMasks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn := &far{written: make(chan []byte, 1)}
		s := start(config(), func(context.Context, string, string) (net.Conn, error) { return conn, nil })

		m := sample
		m.Text = bytes.Clone(m.Text)
		s.Export(m)
		clear(m.Text) // the caller's buffer is its own again

		got, err := chunks(<-conn.written)
		if err != nil {
			t.Fatal(err)
		}

		if text := string(got[0x0f]); strings.Contains(text, "SECRET") || !strings.Contains(text, "Signal=***\r\nDuration=100") || !strings.Contains(text, "Digest ***") {
			t.Errorf("%q was sent", text)
		}

		s.Close()
	})
}

// TestSenderNeverWaits holds the network up: what does not fit into the queue
// is dropped and counted, and the rest is sent when the network goes on.
func TestSenderNeverWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn := &far{written: make(chan []byte)}
		s := start(config(), func(context.Context, string, string) (net.Conn, error) { return conn, nil })

		s.Export(sample)
		synctest.Wait() // it is being written

		for range waiting + 5 {
			s.Export(sample)
		}

		if got := s.Stats(); got != (Stats{Dropped: 5}) {
			t.Errorf("with the network held up: %+v", got)
		}

		for range waiting + 1 {
			<-conn.written
		}

		s.Close()

		if got := s.Stats(); got != (Stats{Sent: waiting + 1, Dropped: 5}) {
			t.Errorf("in the end: %+v", got)
		}
	})
}

// TestSenderTriesAgain drops while the server has no address, asks for one
// again after ten seconds, and sends on a new socket after a refusal.
func TestSenderTriesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := &far{fails: errors.New("connection refused")}
		good := &far{written: make(chan []byte, 1)}
		ways := []net.Conn{nil, refused, good}
		dials := 0

		s := start(config(), func(context.Context, string, string) (net.Conn, error) {
			dials++
			if conn := ways[dials-1]; conn != nil {
				return conn, nil
			}

			return nil, errors.New("no such host")
		})
		export := func(want Stats, tries int) {
			t.Helper()
			s.Export(sample)
			synctest.Wait()

			if got := s.Stats(); got != want || dials != tries {
				t.Errorf("%+v after %d dials, want %+v after %d", got, dials, want, tries)
			}
		}
		export(Stats{Dropped: 1}, 1)
		export(Stats{Dropped: 2}, 1)
		time.Sleep(again)
		export(Stats{Dropped: 3}, 2)
		export(Stats{Dropped: 3, Sent: 1}, 3)
		s.Close()
	})
}

// TestCloseIsBounded gives up what waits for a server whose address never
// comes.
func TestCloseIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := start(config(), func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()

			return nil, ctx.Err()
		})
		for range 3 {
			s.Export(sample)
		}

		began := time.Now()
		s.Close()

		if took := time.Since(began); took != parting || s.Stats() != (Stats{Dropped: 3}) {
			t.Errorf("closed after %s with %+v", took, s.Stats())
		}
	})
}

// TestSngrep has sngrep, which reads what is for Homer, receive what a Sender
// sends, and tshark read the capture that sngrep makes of it.
func TestSngrep(t *testing.T) {
	t.Parallel()

	for _, program := range []string{"sngrep", "tshark"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("TRUNKLINE_REQUIRE_PEERS") != "" {
				t.Fatalf("%s is missing: scripts/deps.sh test installs it", program)
			}

			t.Skip(program + " is missing: scripts/deps.sh test installs it")
		}
	}

	at, err := loopback.Free()
	if err != nil {
		t.Fatal(err)
	}

	endpoint := at.String()
	capture := filepath.Join(t.TempDir(), "homer.pcap")
	homer := exec.Command("sngrep", "-F", "-N", "-q", "-L", "udp:"+endpoint, "-O", capture)

	if err := homer.Start(); err != nil {
		t.Fatal(err)
	}

	s := Start(Config{Endpoint: endpoint, Node: 2001, Log: slog.New(slog.DiscardHandler)})
	m := Message{
		At: time.Unix(1_700_000_000, 123_456_000), Network: "UDP", CallID: "c1@192.0.2.1",
		From: netip.MustParseAddrPort("192.0.2.1:5062"), To: netip.MustParseAddrPort("198.51.100.2:5064"),
		Text: []byte("INVITE sip:desk@198.51.100.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK1\r\nFrom: <sip:a@192.0.2.1>;tag=1\r\n" +
			"To: <sip:desk@198.51.100.2>\r\nCall-ID: c1@192.0.2.1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"),
	}

	// sngrep opens its socket when it likes, and does not say so.
	for began := time.Now(); size(capture) <= pcapHeader; time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			t.Fatal("sngrep keeps nothing of what it is sent")
		}

		s.Export(m)
	}

	s.Close()

	if err := homer.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}

	_ = homer.Wait() // it ends by the signal

	out, err := exec.Command("tshark", "-n", "-r", capture, "-c", "1", "-d", "udp.port==5064,sip", "-T", "fields", "-e", "frame.time_epoch",
		"-e", "ip.src", "-e", "udp.srcport", "-e", "ip.dst", "-e", "udp.dstport", "-e", "sip.Method", "-e", "sip.Call-ID").Output()
	if err != nil {
		t.Fatal(err)
	}

	const want = "1700000000.123456000\t192.0.2.1\t5062\t198.51.100.2\t5064\tINVITE\tc1@192.0.2.1\n"
	if string(out) != want {
		t.Errorf("tshark reads %q, want %q", out, want)
	}
}

// pcapHeader is the length of a capture without packets.
const pcapHeader = 24

func size(file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}

	return info.Size()
}
