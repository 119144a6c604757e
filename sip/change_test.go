package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/media/g711"
)

// dialEstablished places a call, which the far end answers with the header
// lines, and gives the far end's script in it.
func (b *bed) dialEstablished(answer string, headers ...Header) (*Dialog, *script, *sipgo.Request) {
	b.Helper()

	d, invite := b.place(DialOptions{})
	b.respond(invite, 200, "t1", answer, headers...)
	b.method("ACK")

	if _, err := d.Answered(ctx); err != nil {
		b.Fatal(err)
	}

	return d, &script{callID: d.Info().CallID, fromTag: "t1", toTag: tagOf(invite.From().Params), transport: "UDP"}, invite
}

// later runs f, which waits for the far end, beside the test.
func later(f func() error) chan error {
	out := make(chan error, 1)

	go func() { out <- f() }()

	return out
}

func TestWeHoldAndResume(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("ourhold")
		d := b.establish(s, offerPCMU)

		held := later(func() error { return d.Hold(ctx, true) })
		req := b.method("INVITE")

		if a := readAnswer(t, req.Body()); a.direction != "sendonly" || a.version != 1 {
			t.Errorf("hold offers %+v", a)
		}

		if tagOf(req.To().Params) != s.fromTag || tagOf(req.From().Params) != s.toTag || req.CSeq().SeqNo != 1 {
			t.Errorf("re-INVITE:\n%s", req)
		}

		b.respond(req, 200, s.fromTag, withDirection("recvonly", "10.0.0.9"))

		if ack := b.method("ACK"); ack.CSeq().SeqNo != req.CSeq().SeqNo {
			t.Errorf("ACK:\n%s", ack)
		}

		if err := <-held; err != nil || !d.OnHold() {
			t.Errorf("Hold = %v, on hold %v", err, d.OnHold())
		}

		if a := b.media.last(t).latest(t); !a.Send || a.Receive {
			t.Errorf("on hold: %+v", a)
		}

		b.respond(req, 200, s.fromTag, withDirection("recvonly", "10.0.0.9")) // the ACK was lost
		b.method("ACK")

		// The far end refreshes meanwhile: the call stays on hold.
		b.send(s.request("INVITE", offerPCMU))

		if a := readAnswer(t, b.status(200).Body()); a.direction != "sendonly" {
			t.Errorf("answered %+v while on hold", a)
		}

		b.send(s.request("ACK", ""))

		resumed := later(func() error { return d.Hold(ctx, false) })
		req = b.method("INVITE")

		if a := readAnswer(t, req.Body()); a.direction != "sendrecv" {
			t.Errorf("resume offers %+v", a)
		}

		b.respond(req, 200, s.fromTag, offerPCMU)
		b.method("ACK")

		if err := <-resumed; err != nil || d.OnHold() {
			t.Errorf("resume = %v, on hold %v", err, d.OnHold())
		}
	})
}

func TestHoldRefused(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("norefuse")
		d := b.establish(s, offerPCMU)
		held := later(func() error { return d.Hold(ctx, true) })
		b.respond(b.method("INVITE"), 488, s.fromTag, "")
		b.method("ACK")

		var status *StatusError
		if err := <-held; !errors.As(err, &status) || status.Code != 488 || d.OnHold() || d.Cause() != nil {
			t.Errorf("Hold = %v, on hold %v, cause %v", err, d.OnHold(), d.Cause())
		}
	})
}

// TestHoldOfADeadCall hangs up what the far end knows nothing of.
func TestHoldOfADeadCall(t *testing.T) {
	for _, status := range []int{408, 481} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				s := newScript("dead")
				d := b.establish(s, offerPCMU)
				held := later(func() error { return d.Hold(ctx, true) })
				b.respond(b.method("INVITE"), status, s.fromTag, "")
				b.method("ACK")
				b.send(answerOf(b.method("BYE"), 481))
				<-d.Done()

				if err := <-held; err == nil {
					t.Error("held")
				}
			})
		})
	}
}

// TestReinviteNeverAnswered bounds the wait although the far end said that it
// works on it.
func TestReinviteNeverAnswered(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("never")
		d := b.establish(s, offerPCMU)
		held := later(func() error { return d.Hold(ctx, true) })
		b.respond(b.method("INVITE"), 100, "", "")
		b.send(answerOf(b.method("BYE"), 200))
		<-d.Done()

		if err := <-held; !errors.Is(err, ErrTimeout) {
			t.Errorf("Hold = %v", err)
		}
	})
}

// TestGlare has both sides ask at once: each refuses the other with 491, and
// asks again after its own time (RFC 3261 section 14.1).
func TestGlare(t *testing.T) {
	for name, c := range map[string]struct {
		inbound  bool
		from, to time.Duration
	}{
		"we made the Call-ID":   {false, 2100 * time.Millisecond, 4 * time.Second},
		"they made the Call-ID": {true, 0, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				var (
					d *Dialog
					s *script
				)

				if c.inbound {
					s = newScript("glare")
					d = b.establish(s, offerPCMU)
				} else {
					d, s, _ = b.dialEstablished(answerPCMA)
				}

				held := later(func() error { return d.Hold(ctx, true) })
				ours := b.method("INVITE")

				b.send(s.request("INVITE", offerPCMU))
				b.status(491)
				b.send(s.ackFailure())
				s.branch++

				b.respond(ours, 491, s.fromTag, "")
				b.method("ACK")

				start := time.Now()
				again := b.method("INVITE")

				if wait := time.Since(start); wait < c.from || wait > c.to {
					t.Errorf("asked again after %v, want %v to %v", wait, c.from, c.to)
				}

				b.respond(again, 200, s.fromTag, withDirection("recvonly", "10.0.0.9"))
				b.method("ACK")

				if err := <-held; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestGlareWithoutEnd stops asking at last.
func TestGlareWithoutEnd(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("glares")
		d := b.establish(s, offerPCMU)
		held := later(func() error { return d.Hold(ctx, true) })

		for range maxTries {
			b.respond(b.method("INVITE"), 491, s.fromTag, "")
			b.method("ACK")
		}

		var status *StatusError
		if err := <-held; !errors.As(err, &status) || status.Code != 491 {
			t.Errorf("Hold = %v", err)
		}

		b.silence(time.Minute)
	})
}

// TestWaitingForTheACK sends no re-INVITE before our answer is confirmed.
func TestWaitingForTheACK(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("unacked")
		d := b.answer(s, offerPCMU)

		held := later(func() error { return d.Hold(ctx, true) })
		b.status(200) // again
		b.send(s.request("ACK", ""))

		req := b.method("INVITE")
		b.respond(req, 200, s.fromTag, withDirection("recvonly", "10.0.0.9"))
		b.method("ACK")

		if err := <-held; err != nil {
			t.Error(err)
		}
	})
}

func TestHoldBeforeAnswer(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("early")
		b.send(s.request("INVITE", offerPCMU))
		b.status(100)

		if err := b.call().Hold(ctx, true); !errors.Is(err, ErrState) {
			t.Errorf("Hold = %v", err)
		}

		b.send(s.request("CANCEL", ""))
		b.status(200)
		b.status(487)
		b.send(s.ackFailure())
	})
}

// TestAnswerChangesCodec lets the answer to our re-INVITE choose another codec
// and another port.
func TestAnswerChangesCodec(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		d, s, _ := b.dialEstablished(answerPCMA)
		held := later(func() error { return d.Hold(ctx, true) })
		req := b.method("INVITE")
		b.respond(req, 200, s.fromTag, strings.Replace(withDirection("recvonly", "10.0.0.9"), "audio 4000 RTP/AVP 0 8", "audio 4300 RTP/AVP 0", 1))
		b.method("ACK")

		if err := <-held; err != nil {
			t.Fatal(err)
		}

		a := b.media.last(t).latest(t)
		wantCodec(t, a, g711.PCMU, 0)

		if a.Remote != netip.MustParseAddrPort("10.0.0.9:4300") {
			t.Errorf("remote %s", a.Remote)
		}
	})
}

// TestRecode asks for one codec alone, with the payload type that it has in the
// session, and leaves the session as it is where that is refused.
func TestRecode(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("recode")
		d := b.establish(s, strings.Replace(strings.Replace(offerPCMU, "RTP/AVP 0 8", "RTP/AVP 0 97", 1), "rtpmap:8 PCMA", "rtpmap:97 PCMA", 1))

		if codec, ok := d.Codec(); !ok || codec != g711.PCMU {
			t.Errorf("codec %v, %v", codec, ok)
		}

		moved := later(func() error { return d.Recode(ctx, g711.PCMA) })
		req := b.method("INVITE")

		if body := string(req.Body()); !strings.Contains(body, "RTP/AVP 8 101\r\n") || strings.Contains(body, "PCMU") {
			t.Errorf("offered\n%s", body)
		}

		b.respond(req, 200, s.fromTag, answerPCMA)
		b.method("ACK")

		if err := <-moved; err != nil {
			t.Fatal(err)
		}

		wantCodec(t, b.media.last(t).latest(t), g711.PCMA, 8)

		moved = later(func() error { return d.Recode(ctx, g711.PCMU) })
		b.respond(b.method("INVITE"), 488, s.fromTag, "")
		b.method("ACK")

		var status *StatusError
		if err := <-moved; !errors.As(err, &status) || status.Code != 488 {
			t.Errorf("Recode = %v", err)
		}

		if codec, ok := d.Codec(); !ok || codec != g711.PCMA || d.Cause() != nil {
			t.Errorf("codec %v, %v; %v", codec, ok, d.Cause())
		}
	})
}

// TestPreferredCodec is offered first.
func TestPreferredCodec(t *testing.T) {
	inBubble(t, withTargets(nil, "sip:10.0.0.9"), func(b *bed) {
		law := g711.PCMA
		out := b.callFar(ctx, "+12025550199", CallOptions{Codec: &law})
		invite := b.method("INVITE")

		if body := string(invite.Body()); !strings.Contains(body, "RTP/AVP 8 0 101\r\n") {
			t.Errorf("offered\n%s", body)
		}

		b.respond(invite, 200, "t1", answerPCMA)
		b.method("ACK")

		got := <-out
		if codec, ok := got.d.Codec(); !ok || codec != law {
			t.Errorf("codec %v, %v", codec, ok)
		}

		// A re-INVITE without an offer may connect somebody else, who knows the
		// other codec only.
		s := &script{callID: invite.CallID().Value(), fromTag: "t1", toTag: tagOf(invite.From().Params), transport: "UDP"}
		b.send(s.request("INVITE", ""))

		if body := string(b.status(200).Body()); !strings.Contains(body, "RTP/AVP 8 0 101\r\n") {
			t.Errorf("offered again\n%s", body)
		}

		b.send(s.request("ACK", strings.Replace(answerPCMA, "RTP/AVP 8", "RTP/AVP 0", 1)))
		synctest.Wait()
		wantCodec(t, b.media.last(t).latest(t), g711.PCMU, 0)
	})
}

func TestUpdate(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("update")
		d := b.establish(s, offerPCMU)

		b.send(s.request("UPDATE", withDirection("sendonly", "10.0.0.9")))

		res := b.status(200)
		if a := readAnswer(t, res.Body()); a.direction != "recvonly" || res.Contact() == nil {
			t.Errorf("answered %+v:\n%s", a, res)
		}

		synctest.Wait()

		if !d.OnHold() {
			t.Error("not on hold")
		}

		b.send(s.request("UPDATE", "")) // refreshes only

		if res := b.status(200); len(res.Body()) != 0 {
			t.Errorf("a bare UPDATE is answered with\n%s", res.Body())
		}

		b.send(s.request("UPDATE", strings.Replace(offerPCMU, "RTP/AVP 0 8 101", "RTP/AVP 18", 1)))
		b.status(488)

		if a := b.media.last(t).latest(t); a.Send {
			t.Error("a refused UPDATE changed the session")
		}

		// While an offer of ours is out, theirs has to wait.
		held := later(func() error { return d.Hold(ctx, true) })
		req := b.method("INVITE")
		b.send(s.request("UPDATE", offerPCMU))
		b.status(491)
		b.respond(req, 200, s.fromTag, withDirection("recvonly", "10.0.0.9"))
		b.method("ACK")

		if err := <-held; err != nil {
			t.Error(err)
		}
	})
}

// TestUpdateBeforeAnswer holds the rules of RFC 3311 section 5.2.
func TestUpdateBeforeAnswer(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("updateearly")
		s.extra = "\nSupported: 100rel"
		d := b.offer(s, offerPCMU)
		early := later(func() error { _, err := d.EarlyMedia(ctx); return err })
		progress := b.status(183)
		s.learn(progress)

		b.send(s.request("UPDATE", offerPCMU))

		if res := b.status(500); headerValue(res, "Retry-After") == "" { // our answer is unconfirmed
			t.Errorf("no Retry-After:\n%s", res)
		}

		b.prack(s, progress, "")
		b.status(200)

		if err := <-early; err != nil {
			t.Fatal(err)
		}

		b.send(s.request("UPDATE", withDirection("sendonly", "10.0.0.9")))

		if a := readAnswer(t, b.status(200).Body()); a.direction != "recvonly" {
			t.Errorf("answered %+v", a)
		}

		invite := *s
		invite.seq = 1

		if _, err := d.Answer(context.Background()); err != nil {
			t.Fatal(err)
		}

		if a := readAnswer(t, b.status(200).Body()); a.direction != "recvonly" {
			t.Errorf("the 200 describes %+v", a)
		}

		b.send(invite.request("ACK", ""))
		synctest.Wait()
	})
}
