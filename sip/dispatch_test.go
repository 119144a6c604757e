package sip

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRefusals(t *testing.T) {
	invite := func() string { return newScript("x").request("INVITE", offerPCMU) }
	change := func(old, replacement string) string { return strings.Replace(invite(), old, replacement, 1) }

	tests := []struct {
		name, text string
		status     int
		header     string // name: value that the response must have
	}{
		{"unknown method", newScript("x").request("PUBLISH", ""), 405, "Allow: " + allow},
		{"UPDATE", newScript("x").request("UPDATE", ""), 481, ""},
		{"INFO outside a dialog", newScript("x").request("INFO", ""), 481, ""},
		{"invented method", newScript("x").request("FROBNICATE", ""), 405, "Allow: " + allow},
		{"required extension", change("Max-Forwards", "Require: foo, bar\nMax-Forwards"), 420, "Unsupported: foo, bar"},
		{"100rel required", change("Max-Forwards", "Require: 100rel, path\nMax-Forwards"), 420, "Unsupported: path"},
		{"content type", change("application/sdp", "application/isup"), 415, "Accept: application/sdp"},
		{"no content type", change("Content-Type: application/sdp\n", ""), 415, "Accept: application/sdp"},
		{"content encoding", change("Max-Forwards", "Content-Encoding: gzip\nMax-Forwards"), 415, "Accept-Encoding: identity"},
		{"SIP version", change("SIP/2.0\n", "SIP/3.0\n"), 505, ""},
		{"URI scheme", change("INVITE sip:agent@10.0.0.1", "INVITE http://10.0.0.1/"), 416, ""},
		{"unknown dialog", change("To: <sip:agent@10.0.0.1>", "To: <sip:agent@10.0.0.1>;tag=gone"), 481, ""},
		{"BYE of nothing", newScript("x").request("BYE", ""), 481, ""},
		{"no From tag", change(";tag=farx", ""), 400, ""},
		{"no Contact", change("Contact: <sip:ann@10.0.0.9:5060>\n", ""), 400, ""},
		{"no Call-ID", change("Call-ID: x\n", ""), 400, ""},
		{"CSeq method", change("CSeq: 1 INVITE", "CSeq: 1 BYE"), 400, ""},
		{"Max-Forwards", change("Max-Forwards: 70", "Max-Forwards: seventy"), 400, ""},
		{"two Call-IDs", change("CSeq:", "Call-ID: y\nCSeq:"), 400, ""},
		{"two compact Froms", change("CSeq:", "f: <sip:a@b>;tag=1\nCSeq:"), 400, ""},
		{"short body", change("User-Agent", "Content-Length: 9999\nUser-Agent"), 400, ""},
		{"too many headers", change("User-Agent", strings.Repeat("X-A: b\n", 200)+"User-Agent"), 513, ""},
		{"too large", change("User-Agent", "X-A: "+strings.Repeat("b", 20000)+"\nUser-Agent"), 513, ""},
		{"malformed description", newScript("x").request("INVITE", "this is not SDP\n"), 400, ""},
		{"no audio", newScript("x").request("INVITE", strings.Replace(offerPCMU, "m=audio", "m=video", 1)), 488, "Warning: 304 10.0.0.1:5060 \"Media type not available: an audio stream is needed\""},
		{"other codec", newScript("x").request("INVITE", strings.Replace(offerPCMU, "RTP/AVP 0 8 101", "RTP/AVP 9 18", 1)), 488, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				b.send(test.text)

				msg := b.next()
				if firstLine(msg) == "SIP/2.0 100 Trying" {
					msg = b.next()
				}

				if !strings.HasPrefix(firstLine(msg), fmt.Sprintf("SIP/2.0 %d ", test.status)) {
					t.Fatalf("got %s, want %d", firstLine(msg), test.status)
				}

				if test.header != "" {
					name, value, _ := strings.Cut(test.header, ": ")
					if got := headerValue(msg, name); got != value {
						t.Errorf("%s: %s, want %s", name, got, value)
					}
				}

				if via := msg.Via(); via == nil || via.Params.GetOr("rport", "") != "5060" {
					t.Errorf("Via of the response: %v", via)
				}

				if test.status != 400 && msg.CallID() == nil {
					t.Error("no Call-ID in the response")
				}

				select {
				case <-b.calls:
					t.Error("the Handler got the call")
				default:
				}
			})
		})
	}
}

func TestOptionsTellsWhatWeDo(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("options")
		b.send(s.request("OPTIONS", ""))

		res := b.status(200)
		for _, h := range b.ua.capabilities() {
			if len(res.GetHeaders(h.Name)) != 1 || headerValue(res, h.Name) != h.Value {
				t.Errorf("%s: %q, want %q", h.Name, headerValue(res, h.Name), h.Value)
			}
		}

		b.ua.Drain()
		b.send(s.request("OPTIONS", ""))
		b.status(503)

		b.send(s.request("INVITE", offerPCMU))

		if headerValue(b.status(503), "Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
	})
}

func TestStrangersGetNoAnswer(t *testing.T) {
	var log bytes.Buffer

	inBubble(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) }, func(b *bed) {
		carrier := b.far
		b.far = b.net.packet("203.0.113.7:5060")

		for i, text := range []string{
			newScript("s1").request("INVITE", offerPCMU),
			newScript("s2").request("OPTIONS", ""),
			newScript("s3").request("BYE", ""),
			newScript("s4").request("FROBNICATE", ""),
			"garbage",
			"INVITE sip:x SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1\nCall-ID: 1\nCSeq: x INVITE\n\n",
			"\n\n",
		} {
			b.send(text)
			synctest.Wait()

			if got := b.ua.Stats().Strangers; got != uint64(i+1) {
				t.Errorf("%d strangers counted after %d datagrams", got, i+1)
			}
		}

		b.silence(time.Minute)

		conn, err := b.net.dial("203.0.113.7", netip.MustParseAddrPort(uaAddr))
		if err != nil {
			t.Fatal(err)
		}

		if n, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("a stranger's connection got %d bytes", n)
		}

		b.far = carrier
		b.silence(time.Second)

		if s := b.ua.Stats(); s.Sent != 0 || s.Malformed != 0 || len(s.Requests) != 0 {
			t.Errorf("Stats = %+v", s)
		}
	})

	// One line for the datagrams, and one for the connection a minute later.
	if n := strings.Count(log.String(), "source=203.0.113.7"); n != 2 {
		t.Errorf("the log names the stranger %d times:\n%s", n, log.String())
	}
}

func TestCallLimits(t *testing.T) {
	limit := func(c *Config) {
		c.MaxCalls = 3
		c.Trunks[0].MaxCalls = 1
		c.Trunks = append(c.Trunks, Trunk{Name: "other", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.10/32")}})
	}
	inBubble(t, limit, func(b *bed) {
		first := newScript("first")
		b.establish(first, offerPCMU)

		second := newScript("second")
		b.send(second.request("INVITE", offerPCMU))
		b.status(486)
		b.send(second.ackFailure())

		// 10.0.0.10 is within the carrier's prefix, but its own trunk's is
		// more specific.
		carrier := b.far
		b.far = b.net.packet("10.0.0.10:5060")

		for i := range 3 {
			text := newScript(fmt.Sprint("other", i)).request("INVITE", offerPCMU)
			b.send(strings.ReplaceAll(text, "10.0.0.9", "10.0.0.10"))

			if i < 2 {
				b.status(100)

				if got := b.call().Info().Trunk; got != "other" {
					t.Errorf("trunk %q", got)
				}
			} else {
				b.status(503)
			}
		}

		b.far = carrier
		b.send(first.request("BYE", ""))

		for firstLine(b.next()) != "SIP/2.0 200 OK" {
		}

		b.send(newScript("third").request("INVITE", offerPCMU))

		for firstLine(b.next()) != "SIP/2.0 100 Trying" {
		}
	})
}

func TestMergedRequest(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("merged")
		text := s.request("INVITE", offerPCMU)
		b.send(text)
		b.status(100)
		b.send(text) // a retransmission
		b.status(100)
		b.send(strings.Replace(text, "z9hG4bK-merged-1", "z9hG4bK-merged-other", 1))
		b.status(482)
		synctest.Wait()

		if n := len(b.calls); n != 1 {
			t.Errorf("%d calls, want 1", n)
		}
	})
}

func TestResponsesFollowTheVia(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		answers := b.net.packet("10.0.0.9:5070")
		text := newScript("via").request("OPTIONS", "")

		// Without rport, to the sent-by port at the source address.
		b.send(strings.Replace(text, "10.0.0.9:5060;branch=z9hG4bK-via-1;rport", "pbx.example:5070;branch=z9hG4bK-1", 1))

		asked := b.far
		b.far = answers

		if got := b.status(200).Via().Params.GetOr("received", ""); got != "10.0.0.9" {
			t.Errorf("received=%s", got)
		}

		b.far = asked
		b.silence(time.Second)
	})
}

func TestKeepAliveOnTCP(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		conn, err := b.net.dial("10.0.0.9", netip.MustParseAddrPort(uaAddr))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()

		go func() { _, _ = conn.Write([]byte("\r\n\r\n")) }()

		pong := make([]byte, 2)
		if _, err := conn.Read(pong); err != nil || string(pong) != "\r\n" {
			t.Errorf("pong %q, %v", pong, err)
		}
	})
}

func TestStreamThatCannotBeSplitIsClosed(t *testing.T) {
	for name, text := range map[string]string{
		"no length":  "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n",
		"bad length": "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: x\r\n\r\n",
		"endless":    "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n" + strings.Repeat("X: y\r\n", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				b.tcp()

				go func() { _, _ = b.stream.conn.Write([]byte(text)) }()

				if line := firstLine(b.next()); !strings.HasPrefix(line, "SIP/2.0 400") && !strings.HasPrefix(line, "SIP/2.0 513") {
					t.Errorf("got %s", line)
				}

				if _, open := <-b.stream.in; open {
					t.Error("the connection is still open")
				}
			})
		})
	}
}
