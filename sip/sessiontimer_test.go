package sip

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// TestSessionIsRefreshedForHalfAnHour keeps calls up for 31 minutes, in every
// constellation, and hangs up within the interval when the far end falls
// silent.
func TestSessionIsRefreshedForHalfAnHour(t *testing.T) {
	for name, c := range map[string]struct {
		inbound bool
		expires string // what the far end's request or answer says
		update  bool   // it serves UPDATE
		ours    bool   // we refresh
		every   time.Duration
	}{
		"called, they refresh":         {true, "600;refresher=uac", true, false, 300 * time.Second},
		"called, we refresh":           {true, "600;refresher=uas", true, true, 300 * time.Second},
		"called, we refresh by INVITE": {true, "600;refresher=uas", false, true, 300 * time.Second},
		"calling, they refresh":        {false, "600;refresher=uas", true, false, 300 * time.Second},
		"calling, we refresh":          {false, "600;refresher=uac", true, true, 300 * time.Second},
		"calling, by INVITE":           {false, "600;refresher=uac", false, true, 300 * time.Second},
		"calling, nobody is named":     {false, "600", true, true, 300 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				allow := "INVITE, ACK, BYE, CANCEL"
				if c.update {
					allow += ", UPDATE"
				}

				var (
					d       *Dialog
					s       *script
					headers = []Header{{"Session-Expires", c.expires}, {"Allow", allow}}
					last    []byte // our description

					description = answerPCMA // theirs
				)

				if c.inbound {
					s, description = newScript("timer"), offerPCMU
					s.extra = "\nSupported: timer\nSession-Expires: " + c.expires + "\nAllow: " + allow
					b.send(s.request("INVITE", offerPCMU))
					b.status(100)
					d = b.call()

					if _, err := d.Answer(ctx); err != nil {
						t.Fatal(err)
					}

					res := b.status(200)
					if got := headerValue(res, "Session-Expires"); got != c.expires {
						t.Errorf("the 200 says %q, want %q", got, c.expires)
					}

					if got := requiresTimer(res); got == c.ours {
						t.Errorf("Require: timer is %v", got)
					}

					last = res.Body()
					s.learn(res)
					b.send(s.request("ACK", ""))
				} else {
					var invite *sipgo.Request

					d, s, invite = b.dialEstablished(answerPCMA, headers...)
					if headerValue(invite, "Session-Expires") != "1800" || !supports(invite, "timer") {
						t.Errorf("INVITE:\n%s", invite)
					}

					last = invite.Body()
					s.extra = "\nSupported: timer\nSession-Expires: 600;refresher=uac"
				}

				begin := time.Now()
				for refresh := 1; time.Since(begin) < 31*time.Minute; refresh++ {
					if !c.ours {
						time.Sleep(c.every)
						b.send(s.request("UPDATE", ""))

						if res := b.status(200); headerValue(res, "Session-Expires") != "600;refresher=uac" {
							t.Errorf("refresh %d:\n%s", refresh, res)
						}

						continue
					}

					req, ok := b.next().(*sipgo.Request)
					if !ok {
						t.Fatal("a response came")
					}

					if want := time.Duration(refresh) * c.every; time.Since(begin) != want {
						t.Errorf("refresh %d after %v, want %v", refresh, time.Since(begin), want)
					}

					if got := headerValue(req, "Session-Expires"); got != "600;refresher=uac" {
						t.Errorf("refresh %d says %q", refresh, got)
					}

					if c.update {
						if req.Method != sipgo.UPDATE || len(req.Body()) != 0 {
							t.Errorf("refreshed by %s with %q, want a bare UPDATE", req.Method, req.Body())
						}

						b.respond(req, 200, s.fromTag, "", Header{"Session-Expires", "600;refresher=uac"})

						continue
					}

					if req.Method != sipgo.INVITE || string(req.Body()) != string(last) {
						t.Errorf("refreshed by %s with\n%s\nwant the unchanged description\n%s", req.Method, req.Body(), last)
					}

					b.respond(req, 200, s.fromTag, description, Header{"Session-Expires", "600;refresher=uac"})
					b.method("ACK")
				}

				if d.Cause() != nil {
					t.Fatal(d.Cause())
				}

				if c.ours {
					return
				}

				// The far end refreshes no more.
				start := time.Now()
				bye := b.method("BYE")

				if passed := time.Since(start); passed != (600-32)*time.Second {
					t.Errorf("BYE %v after the last refresh, want 32 s before the end", passed)
				}

				b.send(answerOf(bye, 200))
				<-d.Done()

				if !errors.Is(d.Cause(), ErrExpired) {
					t.Errorf("Cause = %v", d.Cause())
				}
			})
		})
	}
}

func requiresTimer(res *sipgo.Response) bool { return headerValue(res, "Require") == "timer" }

// TestRefreshUnanswered hangs up when the far end does not answer the refresh.
func TestRefreshUnanswered(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		d, _, _ := b.dialEstablished(answerPCMA, Header{"Session-Expires", "90;refresher=uac"}, Header{"Allow", "UPDATE"})
		start := time.Now()

		for {
			req, ok := b.next().(*sipgo.Request)
			if !ok {
				t.Fatal("a response came")
			}

			if req.Method == sipgo.BYE {
				b.send(answerOf(req, 200))
				break
			}
		}

		if passed := time.Since(start); passed > 90*time.Second {
			t.Errorf("hung up %v after the answer, later than the session's end", passed)
		}

		<-d.Done()

		if !errors.Is(d.Cause(), ErrTimeout) {
			t.Errorf("Cause = %v", d.Cause())
		}
	})
}

// TestRefreshRefused tries again until the session's end is near (RFC 4028
// section 10), and hangs up only then.
func TestRefreshRefused(t *testing.T) {
	for name, relents := range map[string]bool{"for good": false, "for a while": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				timer := Header{"Session-Expires", "1800;refresher=uac"}
				d, s, _ := b.dialEstablished(answerPCMA, timer)
				start := time.Now()

				for _, at := range []time.Duration{15 * time.Minute, 1350 * time.Second, 1575 * time.Second} {
					req := b.method("INVITE")
					if passed := time.Since(start); passed != at {
						t.Errorf("asked after %v, want %v", passed, at)
					}

					b.respond(req, 500, s.fromTag, "")
					b.method("ACK")
				}

				if relents {
					b.respond(b.method("INVITE"), 200, s.fromTag, answerPCMA, timer)
					b.method("ACK")

					relented := time.Now()
					b.method("INVITE")

					if passed := time.Since(relented); passed != 15*time.Minute || d.Cause() != nil {
						t.Errorf("the next refresh came after %v; %v", passed, d.Cause())
					}

					return
				}

				for {
					req, ok := b.next().(*sipgo.Request)
					if !ok {
						t.Fatal("a response came")
					}

					if req.Method == sipgo.BYE {
						b.send(answerOf(req, 200))
						break
					}

					if req.Method == sipgo.INVITE {
						b.respond(req, 500, s.fromTag, "")
					}
				}

				if passed := time.Since(start); passed < 28*time.Minute || passed > 30*time.Minute {
					t.Errorf("hung up after %v", passed)
				}

				<-d.Done()

				var status *StatusError
				if !errors.As(d.Cause(), &status) || status.Code != 500 {
					t.Errorf("Cause = %v", d.Cause())
				}
			})
		})
	}
}

// TestBareUpdateRefused goes on with re-INVITEs, whatever the far end finds
// wrong with an UPDATE that offers nothing.
func TestBareUpdateRefused(t *testing.T) {
	for _, status := range []int{400, 405, 420, 488, 501} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				_, s, _ := b.dialEstablished(answerPCMA, Header{"Session-Expires", "90;refresher=uac"}, Header{"Allow", "UPDATE"})
				b.respond(b.method("UPDATE"), status, s.fromTag, "")
				b.respond(b.method("INVITE"), 200, s.fromTag, answerPCMA, Header{"Session-Expires", "90;refresher=uac"})
				b.method("ACK")
				b.method("INVITE") // 45 s later
			})
		})
	}
}

func TestSessionTooShort(t *testing.T) {
	inBubble(t, func(c *Config) { c.Session.Minimum = 2 * time.Minute }, func(b *bed) {
		s := newScript("short")
		s.extra = "\nSupported: timer\nSession-Expires: 100\nMin-SE: 90"
		b.send(s.request("INVITE", offerPCMU))

		b.status(100)
		res := b.status(422)

		if got := headerValue(res, "Min-SE"); got != "120" {
			t.Errorf("Min-SE: %q", got)
		}

		b.send(s.ackFailure())
		s.branch++

		s.extra = "\nSupported: timer\nSession-Expires: 120"
		b.answer(s, offerPCMU)
		b.send(s.request("ACK", ""))
		synctest.Wait()

		s.extra = "\nSupported: timer\nSession-Expires: 100"
		b.send(s.request("UPDATE", ""))
		b.status(422)

		s.extra = "\nSession-Expires: soon"
		b.send(s.request("UPDATE", ""))
		b.status(400)
	})
}

// TestTheyFindItTooShort asks again with the far end's minimum, for the call
// and for its refresh.
func TestTheyFindItTooShort(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		d, invite := b.place(DialOptions{})
		b.respond(invite, 422, "t0", "", Header{"Min-SE", "3600"})
		b.method("ACK")

		again := b.method("INVITE")
		if headerValue(again, "Session-Expires") != "3600" || headerValue(again, "Min-SE") != "3600" ||
			len(again.GetHeaders("Session-Expires")) != 1 || again.CSeq().SeqNo != invite.CSeq().SeqNo+1 {
			t.Errorf("INVITE:\n%s", again)
		}

		b.respond(again, 422, "t0", "", Header{"Min-SE", "3600"}) // it says the same again
		b.method("ACK")

		var status *StatusError
		if _, err := d.Answered(ctx); !errors.As(err, &status) || status.Code != 422 {
			t.Errorf("Answered = %v", err)
		}

		_, s, _ := b.dialEstablished(answerPCMA, Header{"Session-Expires", "90;refresher=uac"}, Header{"Allow", "UPDATE"})
		b.respond(b.method("UPDATE"), 422, s.fromTag, "", Header{"Min-SE", "120"})

		update := b.method("UPDATE")
		if headerValue(update, "Session-Expires") != "120;refresher=uac" || headerValue(update, "Min-SE") != "120" {
			t.Errorf("UPDATE:\n%s", update)
		}
	})
}

func TestSessionTimersOff(t *testing.T) {
	inBubble(t, func(c *Config) { c.Session.Off = true }, func(b *bed) {
		s := newScript("off")
		s.extra = "\nSupported: timer\nSession-Expires: 600;refresher=uas"
		d := b.offer(s, offerPCMU)
		if _, err := d.Answer(ctx); err != nil {
			t.Fatal(err)
		}

		res := b.status(200)
		if headerValue(res, "Session-Expires") != "" || strings.Contains(headerValue(res, "Supported"), "timer") {
			t.Errorf("200:\n%s", res)
		}

		s.learn(res)
		b.send(s.request("ACK", ""))
		b.silence(time.Hour)
	})
}
