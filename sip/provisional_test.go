package sip

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/media/g711"
)

// prack confirms a reliable response of the UA.
func (b *bed) prack(s *script, res *sipgo.Response, body string) {
	b.Helper()

	extra := s.extra
	s.extra += fmt.Sprintf("\nRAck: %s %d INVITE", headerValue(res, "RSeq"), res.CSeq().SeqNo)
	b.send(s.request("PRACK", body))
	s.extra = extra
}

func TestReliableRinging(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("100rel")
		s.extra = "\nRequire: 100rel"
		d := b.offer(s, offerPCMU)
		start := time.Now()

		if err := errors.Join(d.Ring(), d.Ring()); err != nil {
			t.Fatal(err)
		}

		ringing := b.status(180)
		if headerValue(ringing, "Require") != "100rel" || headerValue(ringing, "RSeq") == "" {
			t.Fatalf("not reliable:\n%s", ringing)
		}

		for i, want := range []int64{500, 1500, 3500, 7500} {
			again := b.status(180)
			if passed := time.Since(start); passed.Milliseconds() != want || again.String() != ringing.String() {
				t.Errorf("repetition %d after %v, want %d ms:\n%s", i, passed, want, again)
			}
		}

		s.learn(ringing)
		s.extra = ""

		wrong := *ringing
		b.send(strings.Replace(s.request("PRACK", ""), "\nUser-Agent", "\nRAck: 1 99 INVITE\nUser-Agent", 1))
		b.status(481)
		b.send(s.request("PRACK", ""))
		b.status(400)
		b.prack(s, &wrong, "")

		// The second 180 left as soon as the first was confirmed.
		statuses := map[int]sipgo.Message{}
		for range 2 {
			res, ok := b.next().(*sipgo.Response)
			if !ok {
				t.Fatal("a request came")
			}

			statuses[res.StatusCode] = res
		}

		second, ok := statuses[180].(*sipgo.Response)
		if !ok || statuses[200] == nil {
			t.Fatalf("got %v", statuses)
		}

		var first, next uint32
		_, _ = fmt.Sscan(headerValue(ringing, "RSeq"), &first)
		_, _ = fmt.Sscan(headerValue(second, "RSeq"), &next)

		if next != first+1 {
			t.Errorf("RSeq %d after %d", next, first)
		}

		b.prack(s, second, "")
		b.status(200)
		b.silence(time.Minute)

		if _, err := d.Answer(context.Background()); err != nil {
			t.Fatal(err)
		}

		b.status(200)

		ack := *s
		ack.seq = 1
		b.send(ack.request("ACK", ""))
		b.silence(time.Minute)
	})
}

func TestReliableRingingNeverConfirmed(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("noprack")
		s.extra = "\nRequire: 100rel"
		d := b.offer(s, offerPCMU)
		start := time.Now()

		if err := d.Ring(); err != nil {
			t.Fatal(err)
		}

		for {
			res, ok := b.next().(*sipgo.Response)
			if !ok {
				t.Fatal("a request came")
			}

			if res.StatusCode == 180 {
				continue
			}

			if passed, status := time.Since(start), res.StatusCode; status != 504 || passed != 32*time.Second {
				t.Errorf("%d after %v, want 504 after 64*T1", res.StatusCode, passed)
			}

			break
		}

		b.send(s.ackFailure())
		<-d.Done()

		if !errors.Is(d.Cause(), ErrNoPRACK) {
			t.Errorf("Cause = %v", d.Cause())
		}
	})
}

// TestAnswerBeforeThePrack: the answer may overtake the PRACK of a 180, which
// is taken afterwards (RFC 3262 section 3), or never comes.
func TestAnswerBeforeThePrack(t *testing.T) {
	for name, comes := range map[string]bool{"it comes": true, "it never comes": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				s := newScript("overtaken")
				s.extra = "\nRequire: 100rel"
				d := b.offer(s, offerPCMU)

				if err := d.Ring(); err != nil {
					t.Fatal(err)
				}

				ringing := b.status(180)
				s.learn(ringing)

				if _, err := d.Answer(ctx); err != nil {
					t.Fatal(err)
				}

				s.extra = ""
				b.status(200)
				b.send(s.request("ACK", ""))

				if comes {
					b.prack(s, ringing, "")
					b.status(200)
					b.prack(s, ringing, "") // not the same request again
					b.status(481)
				}

				b.silence(5 * time.Minute)

				if d.Cause() != nil {
					t.Errorf("the call ended: %v", d.Cause())
				}
			})
		})
	}
}

// TestReliableSwitchedOff refuses what demands it, and confirms nothing.
func TestReliableSwitchedOff(t *testing.T) {
	inBubble(t, func(c *Config) { c.NoReliable = true }, func(b *bed) {
		s := newScript("off")
		s.extra = "\nRequire: 100rel, timer"
		b.send(s.request("INVITE", offerPCMU))

		if got := headerValue(b.status(420), "Unsupported"); got != "100rel" {
			t.Errorf("Unsupported: %q", got)
		}

		b.send(s.ackFailure())

		s = newScript("off2")
		s.extra = "\nSupported: 100rel"
		d := b.offer(s, offerPCMU)
		if _, err := d.EarlyMedia(ctx); err != nil {
			t.Fatal(err)
		}

		if res := b.status(183); headerValue(res, "RSeq") != "" {
			t.Errorf("reliable:\n%s", res)
		}

		b.silence(time.Minute)
	})
}

// TestEarlyMediaForTheCaller answers an offer in a 183; the 200 repeats the
// answer, and waits until the 183 is confirmed.
func TestEarlyMediaForTheCaller(t *testing.T) {
	for _, supported := range []bool{true, false} {
		t.Run(fmt.Sprint("100rel ", supported), func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				s := newScript("early")
				if supported {
					s.extra = "\nSupported: 100rel"
				}

				d := b.offer(s, offerPCMU)

				early, err := d.EarlyMedia(ctx)
				if err != nil {
					t.Fatal(err)
				}

				wantCodec(t, b.media.last(t).latest(t), g711.PCMU, 0)

				progress := b.status(183)
				if got := headerValue(progress, "RSeq") != ""; got != supported {
					t.Errorf("reliable %v", got)
				}

				if _, err := d.EarlyMedia(ctx); !errors.Is(err, ErrState) {
					t.Errorf("early media twice = %v", err)
				}

				answered := later(func() error {
					leg, err := d.Answer(ctx)
					if err == nil && leg != early {
						return errors.New("Answer returned another leg")
					}

					return err
				})

				s.learn(progress)

				invite := *s

				if supported {
					again := b.status(183) // after T1, and no 200
					b.prack(s, again, "")

					for range 2 { // of the PRACK and of the INVITE
						b.status(200)
					}
				} else if res := b.status(200); string(res.Body()) != string(progress.Body()) {
					t.Errorf("the 200 describes\n%s, the 183 did\n%s", res.Body(), progress.Body())
				}

				b.send(invite.request("ACK", ""))

				if err := <-answered; err != nil {
					t.Error(err)
				}

				b.silence(time.Minute)
			})
		})
	}
}

// TestOfferInReliableResponse has our 183 offer and the PRACK answer, for an
// INVITE without an offer.
func TestOfferInReliableResponse(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("late")
		s.extra = "\nSupported: 100rel"
		d := b.offer(s, "")
		early := later(func() error { _, err := d.EarlyMedia(ctx); return err })
		progress := b.status(183)
		s.learn(progress)

		invite := *s
		b.prack(s, progress, answerPCMA)
		b.status(200)

		if err := <-early; err != nil {
			t.Fatal(err)
		}

		wantCodec(t, b.media.last(t).latest(t), g711.PCMA, 8)

		if _, err := d.Answer(ctx); err != nil {
			t.Fatal(err)
		}

		b.status(200)
		b.send(invite.request("ACK", ""))
		b.silence(time.Minute)
	})
}

func TestOfferInReliableResponseUnanswered(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("late2")
		s.extra = "\nSupported: 100rel"
		d := b.offer(s, "")
		early := later(func() error { _, err := d.EarlyMedia(ctx); return err })
		progress := b.status(183)
		s.learn(progress)
		b.prack(s, progress, "")
		b.status(500)
		b.status(500)

		if err := <-early; !errors.Is(err, ErrBadAnswer) {
			t.Errorf("EarlyMedia = %v", err)
		}
	})
}

// TestNoEarlyOfferWithoutConfirmation makes no offer that could be lost.
func TestNoEarlyOfferWithoutConfirmation(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		b.send(newScript("late3").request("INVITE", ""))
		b.status(100)

		if _, err := b.call().EarlyMedia(ctx); !errors.Is(err, ErrState) {
			t.Errorf("EarlyMedia = %v", err)
		}
	})
}

// TestWeConfirm sends a PRACK for each reliable response to our INVITE, once
// and in order.
func TestWeConfirm(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		d, invite := b.place(DialOptions{})
		if !supports(invite, "100rel") {
			t.Errorf("INVITE:\n%s", invite)
		}

		reliably := func(status, rseq int, body string) {
			b.respond(invite, status, "t1", body, Header{"Require", "100rel"}, Header{"RSeq", fmt.Sprint(rseq)})
		}

		reliably(180, 10, "")

		prack := b.method("PRACK")
		if headerValue(prack, "RAck") != fmt.Sprintf("10 %d INVITE", invite.CSeq().SeqNo) || prack.CSeq().SeqNo != invite.CSeq().SeqNo+1 ||
			prack.Recipient.String() != "sip:desk@10.0.0.9:5060" || tagOf(prack.To().Params) != "t1" {
			t.Errorf("PRACK:\n%s", prack)
		}

		b.send(answerOf(prack, 200))
		reliably(180, 10, "")         // again
		reliably(183, 12, answerPCMA) // 11 is on its way
		b.silence(time.Second)
		reliably(183, 11, answerPCMA)

		prack = b.method("PRACK")
		if headerValue(prack, "RAck") != fmt.Sprintf("11 %d INVITE", invite.CSeq().SeqNo) {
			t.Errorf("PRACK:\n%s", prack)
		}

		b.send(answerOf(prack, 200))
		b.progress(d, 180)

		if p := b.progress(d, 183); p.Leg == nil {
			t.Error("no early media")
		}

		// The far end changes the session before the answer (RFC 3311).
		s := &script{callID: d.Info().CallID, fromTag: "t1", toTag: tagOf(invite.From().Params), transport: "UDP"}
		b.send(s.request("UPDATE", offerPCMU))

		if a := readAnswer(t, b.status(200).Body()); a.direction != "sendrecv" {
			t.Errorf("answered %+v", a)
		}

		wantCodec(t, b.media.last(t).latest(t), g711.PCMU, 0)
		b.respond(invite, 200, "t1", answerPCMA) // the description of before, to be ignored
		b.method("ACK")

		if _, err := d.Answered(ctx); err != nil {
			t.Fatal(err)
		}

		wantCodec(t, b.media.last(t).latest(t), g711.PCMU, 0)
	})
}

// TestUpdateBeforeOurOfferIsAnswered is 491 (RFC 3311 section 5.2).
func TestUpdateBeforeOurOfferIsAnswered(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		d, invite := b.place(DialOptions{})
		b.respond(invite, 180, "t1", "")
		b.progress(d, 180)

		s := &script{callID: d.Info().CallID, fromTag: "t1", toTag: tagOf(invite.From().Params), transport: "UDP"}
		b.send(s.request("UPDATE", offerPCMU))
		b.status(491)
	})
}
