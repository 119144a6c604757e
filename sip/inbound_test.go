package sip

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/media/g711"
)

var ctx = context.Background()

func TestCallIsAnsweredAndHungUpByCaller(t *testing.T) {
	inBubble(t, func(c *Config) { c.Trunks[0].Trusted = true }, func(b *bed) {
		s := newScript("plain")
		s.extra = "\nP-Asserted-Identity: <tel:+12025550199>\nDiversion: <sip:desk@10.0.0.9>;reason=no-answer"
		b.send(s.request("INVITE", offerPCMU))

		if res := b.status(100); tagOf(res.To().Params) != "" {
			t.Error("100 has a To tag")
		}

		d := b.call()

		info := d.Info()
		if info.Trunk != "carrier" || info.From.User != "+12025550123" || info.From.Display != "Ann Caller" ||
			info.To.User != "agent" || info.CallID != "plain" || info.UserAgent != "far end" ||
			!slices.Equal(info.Asserted, []string{"<tel:+12025550199>"}) || info.Source.String() != farAddr ||
			!slices.Equal(info.Diversion, []string{"<sip:desk@10.0.0.9>;reason=no-answer"}) || !info.Inbound {
			t.Errorf("Info = %+v", info)
		}

		if err := d.Ring(); err != nil {
			t.Fatal(err)
		}

		ringing := b.status(180)

		leg, err := d.Answer(ctx, Header{"X-Trunkline-Call-Id", "c1"})
		if err != nil || leg == nil {
			t.Fatalf("Answer = %v, %v", leg, err)
		}

		ok := b.status(200)
		if tagOf(ok.To().Params) != tagOf(ringing.To().Params) || tagOf(ok.To().Params) == "" {
			t.Error("180 and 200 have different To tags")
		}

		if headerValue(ok, "X-Trunkline-Call-Id") != "c1" || ok.Contact() == nil ||
			ok.Contact().Address.Host != "10.0.0.1" || ok.ContentType().Value() != "application/sdp" {
			t.Errorf("200 lacks a header:\n%s", ok)
		}

		a := b.media.last(t).latest(t)
		wantCodec(t, a, g711.PCMU, 0)

		if a.Remote.String() != "10.0.0.9:4000" || !a.Send || !a.Receive || a.EventType != 101 {
			t.Errorf("applied %+v", a)
		}

		s.learn(ok)
		b.send(s.request("ACK", ""))
		synctest.Wait()

		if n := b.ua.Stats().Calls["carrier"]; n != 1 {
			t.Errorf("Stats counts %d calls, want 1", n)
		}

		s.extra = "\nReason: Q.850;cause=16"
		b.send(s.request("BYE", ""))
		b.status(200)
		<-d.Done()

		if err := d.Cause(); !errors.Is(err, ErrRemoteBye) || !strings.Contains(err.Error(), "Q.850;cause=16") {
			t.Errorf("Cause = %v", err)
		}

		if err := d.Hangup(ctx, "late"); err != nil {
			t.Errorf("Hangup after the end = %v", err)
		}

		if _, err := d.Answer(ctx); !errors.Is(err, ErrRemoteBye) {
			t.Errorf("Answer after the end = %v", err)
		}

		// A BYE with a new transaction finds nothing any more.
		b.send(s.request("BYE", ""))
		b.status(481)
	})
}

func TestAnswerIsSentAgainUntilGivenUp(t *testing.T) {
	for _, network := range []string{"UDP", "TCP"} {
		t.Run(network, func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				s := newScript("noack")
				if s.transport = network; network == "TCP" {
					b.tcp()
				}

				d := b.offer(s, offerPCMU)
				start := time.Now()

				if _, err := d.Answer(ctx); err != nil {
					t.Fatal(err)
				}

				var at []time.Duration

				for range 11 {
					b.status(200)
					at = append(at, time.Since(start))
				}

				var want []time.Duration
				for _, ms := range []int{0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500} {
					want = append(want, time.Duration(ms)*time.Millisecond)
				}

				if !slices.Equal(at, want) {
					t.Errorf("200 sent at %v, want %v", at, want)
				}

				bye := b.method("BYE")
				if got := time.Since(start); got != 32*time.Second {
					t.Errorf("BYE after %v, want 32 s", got)
				}

				b.send(answerOf(bye, 200))
				<-d.Done()

				if !errors.Is(d.Cause(), ErrNoACK) {
					t.Errorf("Cause = %v", d.Cause())
				}

				if st := b.ua.Stats(); st.NoACK != 1 || st.Retransmitted != 10 {
					t.Errorf("NoACK %d, Retransmitted %d, want 1, 10", st.NoACK, st.Retransmitted)
				}
			})
		})
	}
}

func TestACKStopsTheAnswer(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("ack")
		b.answer(s, offerPCMU)
		b.status(200)

		s.seq += 7 // an ACK for another INVITE confirms nothing
		b.send(s.request("ACK", ""))
		b.status(200)

		s.seq -= 7
		b.send(s.request("ACK", ""))
		b.silence(time.Minute)
	})
}

func TestHangup(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("hangup")
		s.extra = "\nRecord-Route: <sip:p1.example;lr>\nRecord-Route: <sip:10.0.0.9:5060;lr>"
		d := b.establish(s, offerPCMU)

		result := make(chan error, 1)
		go func() { result <- d.Hangup(ctx, `goodbye "friend"`) }()

		// p1.example cannot be resolved here, so the BYE goes to the source.
		bye := b.method("BYE")
		if got := headerValue(bye, "Reason"); got != `Q.850;cause=16;text="goodbye \"friend\""` {
			t.Errorf("Reason: %s", got)
		}

		routes := headerValues(bye, "Route")
		if !slices.Equal(routes, []string{"<sip:p1.example;lr>", "<sip:10.0.0.9:5060;lr>"}) {
			t.Errorf("Route set %v", routes)
		}

		if bye.Recipient.String() != "sip:ann@10.0.0.9:5060" || tagOf(bye.From().Params) != s.toTag ||
			tagOf(bye.To().Params) != s.fromTag || bye.CSeq().SeqNo != 1 {
			t.Errorf("BYE is not of the dialog:\n%s", bye)
		}

		<-d.Done() // before the answer

		b.method("BYE") // sent again after 500 ms
		b.send(answerOf(bye, 200))

		if err := <-result; err != nil {
			t.Errorf("Hangup = %v", err)
		}

		if !errors.Is(d.Cause(), ErrHungUp) {
			t.Errorf("Cause = %v", d.Cause())
		}
	})
}

func TestHangupEndsWhenByeIsNotAnswered(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("lostbye")
		d := b.establish(s, offerPCMU)
		start := time.Now()

		if err := d.Hangup(ctx, ""); !errors.Is(err, ErrTimeout) {
			t.Errorf("Hangup = %v, want ErrTimeout", err)
		}

		if got := time.Since(start); got != 32*time.Second {
			t.Errorf("given up after %v, want 32 s (Timer F)", got)
		}

		if !errors.Is(d.Cause(), ErrHungUp) {
			t.Errorf("Cause = %v", d.Cause())
		}

		synctest.Wait()

		if n := b.ua.Stats().Dialogs; n != 0 {
			t.Errorf("%d dialogs left", n)
		}
	})
}

func TestHangupWaitsForTheACK(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("early-bye")
		d := b.answer(s, offerPCMU)

		result := make(chan error, 1)
		go func() { result <- d.Hangup(ctx, "") }()

		<-d.Done()
		b.silence(400 * time.Millisecond)
		b.send(s.request("ACK", ""))
		b.send(answerOf(b.method("BYE"), 200))

		if err := <-result; err != nil {
			t.Errorf("Hangup = %v", err)
		}
	})
}

func TestByesCross(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("cross")
		d := b.establish(s, offerPCMU)

		result := make(chan error, 1)
		go func() { result <- d.Hangup(ctx, "") }()

		bye := b.method("BYE")
		b.send(s.request("BYE", ""))
		b.status(200)
		b.send(answerOf(bye, 481))

		if err := <-result; err != nil {
			t.Errorf("Hangup = %v", err)
		}

		if !errors.Is(d.Cause(), ErrHungUp) {
			t.Errorf("Cause = %v, want the first one", d.Cause())
		}
	})
}

func TestCancel(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("cancel")
		d := b.offer(s, offerPCMU)
		if err := d.Ring(); err != nil {
			t.Fatal(err)
		}

		s.learn(b.status(180))
		b.send(s.request("CANCEL", ""))

		if res := b.status(200); res.CSeq().MethodName != "CANCEL" || tagOf(res.To().Params) != s.toTag {
			t.Errorf("answer to CANCEL:\n%s", res)
		}

		if res := b.status(487); res.CSeq().MethodName != "INVITE" || tagOf(res.To().Params) != s.toTag {
			t.Errorf("answer to the cancelled INVITE:\n%s", res)
		}

		<-d.Done()

		if !errors.Is(d.Cause(), ErrCancelled) {
			t.Errorf("Cause = %v", d.Cause())
		}

		b.status(487) // again: no ACK yet

		b.send(s.ackFailure())
		b.silence(time.Minute)

		if _, err := d.Answer(ctx); !errors.Is(err, ErrCancelled) {
			t.Errorf("Answer = %v", err)
		}
	})
}

func TestCancelAfterTheAnswerHasNoEffect(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("race")
		d := b.answer(s, offerPCMU)
		b.send(s.request("CANCEL", ""))

		if res := b.status(200); res.CSeq().MethodName != "CANCEL" {
			t.Errorf("got %s for %s", firstLine(res), res.CSeq().MethodName)
		}

		b.send(s.request("ACK", ""))
		b.silence(time.Minute)

		if d.Cause() != nil {
			t.Errorf("the call ended: %v", d.Cause())
		}

		b.send(s.request("BYE", ""))
		b.status(200)
	})
}

func TestCancelOfNothing(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		b.send(newScript("nothing").request("CANCEL", ""))
		b.status(481)
	})
}

func TestReject(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("reject")
		d := b.offer(s, offerPCMU)
		if err := d.Reject(200, ""); err == nil {
			t.Error("Reject(200) accepted")
		}

		if err := d.Reject(486, "", Header{"X-A", "b\r\nX-C: d"}); err == nil {
			t.Error("a header with a line break accepted")
		}

		if err := d.Reject(603, "No\r\nThanks"); err != nil {
			t.Fatal(err)
		}

		if res := b.status(603); res.Reason != "No  Thanks" {
			t.Errorf("reason phrase %q", res.Reason)
		}

		s.learn(b.status(603))
		b.send(s.ackFailure())
		b.silence(time.Minute)

		if !errors.Is(d.Cause(), ErrRejected) {
			t.Errorf("Cause = %v", d.Cause())
		}
	})
}

func TestHandlerThatForgetsTheCall(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		b.ua.handler = handlerFunc(func(*Dialog) {})
		b.send(newScript("forgotten").request("INVITE", offerPCMU))
		b.status(100)
		b.status(480)
	})
}

func TestNoAudioPort(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		b.media.fail = errors.New("pool exhausted")
		b.send(newScript("noport").request("INVITE", offerPCMU))
		b.status(100)

		d := b.call()
		if _, err := d.Answer(ctx); !errors.Is(err, ErrMedia) {
			t.Errorf("Answer = %v", err)
		}

		if headerValue(b.status(503), "Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
	})
}

func TestLateOffer(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("late")
		d := b.offer(s, "")
		answered := make(chan error, 1)

		go func() {
			_, err := d.Answer(ctx)
			answered <- err
		}()

		ok := b.status(200)
		if body := string(ok.Body()); !strings.Contains(body, "m=audio 20000 RTP/AVP 0 8 101") {
			t.Errorf("our offer:\n%s", body)
		}

		select {
		case err := <-answered:
			t.Fatalf("Answer returned before the ACK: %v", err)
		default:
		}

		s.learn(ok)

		// A re-INVITE while our offer is out is glare.
		re := *s
		re.seq, re.branch = s.seq+1, s.branch+100
		b.send(re.request("INVITE", offerPCMU))
		b.status(491)

		b.send(s.request("ACK", strings.ReplaceAll(offerPCMU, "RTP/AVP 0 8 101", "RTP/AVP 8 101")))

		if err := <-answered; err != nil {
			t.Fatal(err)
		}

		wantCodec(t, b.media.last(t).latest(t), g711.PCMA, 8)
	})
}

func TestLateOfferWithoutAnswer(t *testing.T) {
	for name, body := range map[string]string{"none": "", "refused": strings.ReplaceAll(offerPCMU, "audio 4000", "audio 0")} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				s := newScript("late")
				d := b.offer(s, "")
				answered := make(chan error, 1)

				go func() {
					_, err := d.Answer(ctx)
					answered <- err
				}()

				s.learn(b.status(200))
				b.send(s.request("ACK", body))
				b.send(answerOf(b.method("BYE"), 200))

				if err := <-answered; !errors.Is(err, ErrBadAnswer) {
					t.Errorf("Answer = %v", err)
				}

				if !errors.Is(d.Cause(), ErrBadAnswer) {
					t.Errorf("Cause = %v", d.Cause())
				}
			})
		})
	}
}

func TestStopHangsUp(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("stop")
		d := b.establish(s, offerPCMU)

		early := newScript("stop-early")
		b.send(early.request("INVITE", offerPCMU))
		b.status(100)

		pending := b.call()
		stopped := make(chan error, 1)

		go func() { stopped <- b.ua.Stop(ctx) }()

		for range 2 {
			switch msg := b.next(); firstLine(msg) {
			case "SIP/2.0 480 Temporarily Unavailable":
			default:
				b.send(answerOfMessage(t, msg))
			}
		}

		if err := <-stopped; err != nil {
			t.Error(err)
		}

		for _, d := range []*Dialog{d, pending} {
			if !errors.Is(d.Cause(), ErrStopped) {
				t.Errorf("Cause = %v", d.Cause())
			}
		}
	})
}

func TestStopIsBoundedByItsContext(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		b.establish(newScript("stop"), offerPCMU)

		// One answer is not acknowledged, one INVITE of ours not answered.
		b.send(newScript("noack").request("INVITE", offerPCMU))
		b.status(100)

		if _, err := b.call().Answer(ctx); err != nil {
			t.Fatal(err)
		}

		dialed := b.dialFar(ctx, DialOptions{})
		b.status(200)
		b.respond(b.method("INVITE"), 180, "t1", "")
		synctest.Wait()

		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()

		start := time.Now()

		if err := b.ua.Stop(short); err != nil {
			t.Error(err)
		}

		if got := time.Since(start); got > time.Second {
			t.Errorf("Stop took %v", got)
		}

		if got := <-dialed; !errors.Is(got.err, ErrStopped) {
			t.Errorf("Dial = %v", got.err)
		}
	})
}

// TestStopWaitsForHandlers gives those of calls that were cut off a moment, and
// tells of those that take longer.
func TestStopWaitsForHandlers(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration // the call's end a Handler returns
		took  time.Duration
		kind  error
	}{
		{500 * time.Millisecond, 500 * time.Millisecond, nil},
		{1500 * time.Millisecond, 1500 * time.Millisecond, nil},
		{time.Minute, 2 * time.Second, context.DeadlineExceeded},
	} {
		t.Run(tt.after.String(), func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				b.ua.handler = handlerFunc(func(d *Dialog) {
					b.calls <- d
					<-d.Done()
					time.Sleep(tt.after)
				})
				b.offer(newScript("slow"), offerPCMU)

				short, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()

				start := time.Now()
				if err := b.ua.Stop(short); !errors.Is(err, tt.kind) {
					t.Errorf("Stop = %v", err)
				}

				if took := time.Since(start); took != tt.took {
					t.Errorf("Stop took %v, want %v", took, tt.took)
				}

				time.Sleep(time.Minute)
			})
		})
	}
}

func TestManyEndsAtOnce(t *testing.T) {
	for i := range 20 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				s := newScript("ends")
				d := b.offer(s, offerPCMU)

				go func() { _, _ = d.Answer(ctx) }()
				go func() { _ = d.Hangup(ctx, "") }()

				b.send(s.request("CANCEL", ""))

				deadline := time.After(3 * time.Minute)

				for done := d.gone; done != nil; {
					select {
					case got := <-b.far.queue:
						msg := string(got.data)
						if strings.HasPrefix(msg, "SIP/2.0 200") && strings.Contains(msg, "INVITE") {
							_, rest, _ := strings.Cut(msg, "To: ")
							_, rest, _ = strings.Cut(rest, "tag=")
							s.toTag, _, _ = strings.Cut(rest, "\r\n")
							b.send(s.request("ACK", ""))
							b.send(s.request("BYE", ""))
						}
					case <-done:
						done = nil
					case <-deadline:
						t.Fatal("the dialog is still there after three minutes")
					}
				}

				if d.Cause() == nil {
					t.Error("no cause")
				}
			})
		})
	}
}
