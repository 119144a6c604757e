package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pion "github.com/pion/sdp/v3"

	"trunkline/media/g711"
)

// withDirection is the far end's offer with another direction, connection and
// version.
func withDirection(direction, addr string) string {
	body := strings.Replace(offerPCMU, "a=sendrecv", "a="+direction, 1)
	return strings.Replace(body, "c=IN IP4 10.0.0.9", "c=IN IP4 "+addr, 1)
}

type answerLine struct {
	version   uint64
	direction string
}

func readAnswer(t *testing.T, body []byte) answerLine {
	t.Helper()

	var sd pion.SessionDescription
	if err := sd.Unmarshal(body); err != nil {
		t.Fatalf("our description: %v\n%s", err, body)
	}

	a := answerLine{version: sd.Origin.SessionVersion - sd.Origin.SessionID}

	for _, attr := range sd.MediaDescriptions[0].Attributes {
		switch attr.Key {
		case "sendrecv", "sendonly", "recvonly", "inactive":
			a.direction = attr.Key
		}
	}

	return a
}

func TestHoldAndResume(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("hold")
		d := b.establish(s, offerPCMU)

		steps := []struct {
			direction, addr string
			want            string
			send, receive   bool
			version         uint64
		}{
			{"sendonly", "10.0.0.9", "recvonly", false, true, 1},
			{"sendonly", "10.0.0.9", "recvonly", false, true, 1}, // unchanged, so is the version
			{"sendrecv", "10.0.0.9", "sendrecv", true, true, 2},
			{"inactive", "10.0.0.9", "inactive", false, false, 3},
			{"sendrecv", "10.0.0.9", "sendrecv", true, true, 4},
			{"sendrecv", "0.0.0.0", "recvonly", false, true, 5},
			{"sendrecv", "10.0.0.10", "sendrecv", true, true, 6}, // resumed from elsewhere
			{"recvonly", "10.0.0.9", "sendonly", true, false, 7},
		}
		for _, step := range steps {
			name := fmt.Sprintf("%s from %s", step.direction, step.addr)
			b.send(s.request("INVITE", withDirection(step.direction, step.addr)))

			got := readAnswer(t, b.status(200).Body())
			if got.direction != step.want || got.version != step.version {
				t.Errorf("%s: answered %+v, want %s in version %d", name, got, step.want, step.version)
			}

			b.send(s.request("ACK", ""))
			synctest.Wait()

			a := b.media.last(t).latest(t)
			if a.Send != step.send || a.Receive != step.receive || d.OnHold() == step.send {
				t.Errorf("%s: send %v, receive %v, on hold %v", name, a.Send, a.Receive, d.OnHold())
			}

			if remote := a.Remote; step.addr == "0.0.0.0" && remote.IsValid() ||
				step.addr != "0.0.0.0" && remote.Addr().String() != step.addr {
				t.Errorf("%s: remote %s", name, remote)
			}
		}

		select {
		case <-d.HoldChanged():
		default:
			t.Error("HoldChanged told nothing")
		}

		if n := len(b.media.sessions); n != 1 {
			t.Errorf("%d audio sessions, want the same one throughout", n)
		}
	})
}

func TestReinviteChangesPortAndCodec(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("change")
		b.establish(s, offerPCMU)

		moved := strings.NewReplacer("audio 4000 RTP/AVP 0 8 101", "audio 4002 RTP/AVP 8 96",
			"a=rtpmap:101 telephone", "a=rtpmap:96 telephone").Replace(offerPCMU)
		b.send(s.request("INVITE", moved))

		ok := b.status(200)
		if !strings.Contains(string(ok.Body()), "RTP/AVP 8 96\r\n") {
			t.Errorf("answer:\n%s", ok.Body())
		}

		b.send(s.request("ACK", ""))
		synctest.Wait()

		a := b.media.last(t).latest(t)
		wantCodec(t, a, g711.PCMA, 8)

		if a.Remote.Port() != 4002 || a.EventType != 96 {
			t.Errorf("applied %+v", a)
		}
	})
}

func TestReinviteThatCannotBeKeepsTheSession(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("bad")
		d := b.establish(s, offerPCMU)
		applied := len(b.media.last(t).applied)

		b.send(s.request("INVITE", strings.ReplaceAll(offerPCMU, "RTP/AVP", "RTP/SAVP")))

		if w := headerValue(b.status(488), "Warning"); !strings.HasPrefix(w, "302 10.0.0.1:5060 ") {
			t.Errorf("Warning: %s", w)
		}

		b.send(s.ackFailure())
		b.send(s.request("INVITE", "v=0\n"))
		b.status(400)
		b.send(s.ackFailure())

		s.seq -= 2
		b.send(s.request("BYE", "")) // out of order
		b.status(500)

		if len(b.media.last(t).applied) != applied || d.Cause() != nil {
			t.Error("the session changed")
		}

		s.seq += 5
		b.send(s.request("BYE", ""))

		b.status(200)
		<-d.Done()
	})
}

func TestReinviteWithoutOffer(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("relate")
		d := b.establish(s, withDirection("sendonly", "10.0.0.9"))

		if !d.OnHold() {
			t.Fatal("an offer of sendonly is not on hold")
		}

		b.send(s.request("INVITE", ""))

		ok := b.status(200)
		if got := readAnswer(t, ok.Body()); got.direction != "sendrecv" || got.version != 1 {
			t.Errorf("offered %+v, want sendrecv in version 1", got)
		}

		b.send(s.request("ACK", offerPCMU))
		synctest.Wait()

		if d.OnHold() || !b.media.last(t).latest(t).Send {
			t.Error("still on hold")
		}
	})
}

func TestReinviteThatIsNotAcknowledged(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("renoack")
		d := b.establish(s, offerPCMU)
		start := time.Now()

		b.send(s.request("INVITE", offerPCMU))

		for range 11 {
			b.status(200)
		}

		b.send(answerOf(b.method("BYE"), 200))
		<-d.Done()

		if got := time.Since(start); got != 32*time.Second {
			t.Errorf("ended after %v", got)
		}
	})
}

func TestTargetRefresh(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("target")
		d := b.establish(s, offerPCMU)
		moved := b.net.packet("10.0.0.11:5080")

		req := strings.Replace(s.request("INVITE", offerPCMU), "Contact: <sip:ann@10.0.0.9:5060>", "Contact: <sip:ann@10.0.0.11:5080>", 1)
		b.send(req)
		b.status(200)
		b.send(s.request("ACK", ""))
		synctest.Wait()

		go func() { _ = d.Hangup(ctx, "") }()

		b.far = moved
		b.send(answerOf(b.method("BYE"), 200))
	})
}

// TestContactBehindANAT: a far end that names an address of its own network is
// reached where its INVITE came from.
func TestContactBehindANAT(t *testing.T) {
	public := func(c *Config) { c.Trunks[0].Sources = []netip.Prefix{netip.MustParsePrefix("192.0.2.9/32")} }

	inBubble(t, public, func(b *bed) {
		b.far = b.net.packet("192.0.2.9:31000")
		s := newScript("nat") // its Contact is 10.0.0.9
		d := b.establish(s, offerPCMU)
		hung := later(func() error { return d.Hangup(ctx, "done") })
		bye := b.method("BYE")

		if bye.Recipient.String() != "sip:ann@10.0.0.9:5060" {
			t.Errorf("BYE:\n%s", bye)
		}

		b.send(answerOf(bye, 200))

		if err := <-hung; err != nil {
			t.Error(err)
		}
	})
}
