package sip

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// TestLateAnswersOfALeftTarget: a target that says nothing for 4 s is left for
// the next one. Should it wake up, nobody is left ringing there, or with a
// silent call.
func TestLateAnswersOfALeftTarget(t *testing.T) {
	for name, late := range map[string]func(b *bed, left *sipgo.Request){
		"rings, and answers all the same": func(b *bed, left *sipgo.Request) {
			b.respond(left, 180, "late", "")

			cancel := b.method("CANCEL")
			if cancel.Via().Params.GetOr("branch", "") != left.Via().Params.GetOr("branch", "") || cancel.CSeq().SeqNo != left.CSeq().SeqNo ||
				headerValue(cancel, "Route") != headerValue(left, "Route") || headerValue(left, "Route") == "" {
				b.Errorf("CANCEL:\n%s", cancel)
			}

			b.send(answerOf(cancel, 200))
			b.respond(left, 183, "late", answerPCMA)
			b.silence(time.Second)
			b.respond(left, 200, "late", answerPCMA)

			if ack := b.method("ACK"); tagOf(ack.To().Params) != "late" || ack.CSeq().SeqNo != left.CSeq().SeqNo {
				b.Errorf("ACK:\n%s", ack)
			}

			bye := b.method("BYE")
			if tagOf(bye.To().Params) != "late" {
				b.Errorf("BYE:\n%s", bye)
			}

			b.send(answerOf(bye, 200))
			b.respond(left, 200, "late", answerPCMA) // the ACK was lost
			b.method("ACK")
			b.silence(time.Minute)
		},
		"refuses": func(b *bed, left *sipgo.Request) {
			b.respond(left, 486, "late", "")

			if ack := b.method("ACK"); tagOf(ack.To().Params) != "late" || ack.Via().Params.GetOr("branch", "") != left.Via().Params.GetOr("branch", "") ||
				ack.CSeq().MethodName != sipgo.ACK {
				b.Errorf("ACK:\n%s", ack)
			}

			b.silence(time.Minute)
		},
		"comes too late": func(b *bed, left *sipgo.Request) {
			time.Sleep(time.Minute)
			b.respond(left, 180, "late", "")
			b.silence(time.Minute)

			b.ua.table.mu.Lock()
			defer b.ua.table.mu.Unlock()

			if n := len(b.ua.table.abandoned); n != 0 {
				b.Errorf("%d INVITEs are remembered", n)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			proxied := func(t *Trunk) { t.Proxy = "sip:10.0.0.9" }
			inBubble(t, withTargets(proxied, "sip:10.0.0.9", "sip:10.0.0.9:5062"), func(b *bed) {
				// Both targets are behind the proxy, whose second answer is the call's.
				out := b.callFar(ctx, "+12025550199", CallOptions{})
				left := b.method("INVITE")

				next := left
				for next.CSeq().SeqNo == left.CSeq().SeqNo { // the INVITE is sent again until it is given up
					next = b.method("INVITE")
				}

				b.respond(next, 200, "t1", answerPCMA)
				b.method("ACK")

				got := <-out
				if got.err != nil {
					t.Fatal(got.err)
				}

				late(b, left)

				if got.d.Cause() != nil {
					t.Errorf("the call ended: %v", got.d.Cause())
				}
			})
		})
	}
}

// TestEachInviteAsksWhetherItMayLeave: what admitted a call may end while one
// target after another fails, and then nothing leaves any more.
func TestEachInviteAsksWhetherItMayLeave(t *testing.T) {
	targets := withTargets(nil, "sip:10.0.0.9", "sip:10.0.0.9:5062", "sip:10.0.0.9:5063")
	errRevoked := errors.New("revoked")

	// permit counts how often it was asked for, and given back.
	type permit struct{ asked, left int }

	allow := func(p *permit, times int) func(context.Context) (func(), error) {
		return func(context.Context) (func(), error) {
			if p.asked++; p.asked > times {
				return nil, errRevoked
			}

			return func() { p.left++ }, nil
		}
	}

	for name, times := range map[string]int{"the first": 0, "the next target": 1, "the last target": 2} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, targets, func(b *bed) {
				ports := []*memPacket{b.far, b.net.packet("10.0.0.9:5062"), b.net.packet("10.0.0.9:5063")}
				p := &permit{}
				out := b.callFar(ctx, "+12025550199", CallOptions{Leave: allow(p, times)})

				for i := range times {
					b.far = ports[i]
					b.respond(b.method("INVITE"), 503, "t1", "")
					b.method("ACK")
				}

				got := <-out
				if !errors.Is(got.err, ErrNotAdmitted) || !errors.Is(got.err, errRevoked) || p.asked != times+1 || p.left != times {
					t.Errorf("the call ended with %v; asked %d times, told %d times", got.err, p.asked, p.left)
				}

				b.far = ports[times]
				b.silence(time.Minute)

				if s := b.ua.Trunks()[0]; s.Calls != 0 || s.Outbound.Failures[ClassNotAdmitted] != 1 || !slices.Contains(CallClasses(), ClassNotAdmitted) {
					t.Errorf("trunk %+v", s)
				}
			})
		})
	}
}

// TestRedirectionsAskWhetherTheyMayLeave, and so do INVITEs with a proof.
func TestRedirectionsAskWhetherTheyMayLeave(t *testing.T) {
	inBubble(t, withTargets(func(t *Trunk) { t.Redirects = []string{"10.0.0.9"} }, "sip:10.0.0.9"), func(b *bed) {
		asked := 0
		out := b.callFar(ctx, "+12025550199", CallOptions{Leave: func(context.Context) (func(), error) {
			if asked++; asked > 1 {
				return nil, errors.New("revoked")
			}

			return func() {}, nil
		}})

		res := b.response(b.method("INVITE"), 302, "t1", "")
		res.RemoveHeader("Contact")
		res.AppendHeader(sipgo.NewHeader("Contact", "<sip:+12025550199@10.0.0.9>"))
		b.send(res.String())
		b.method("ACK")

		if got := <-out; !errors.Is(got.err, ErrNotAdmitted) {
			t.Errorf("the call ended with %v", got.err)
		}

		b.silence(time.Minute)
	})
}
