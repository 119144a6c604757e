package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// notify is the far end's report within a call.
func (s *script) notify(event, state, fragment string) string {
	extra := s.extra
	s.extra += "\nEvent: " + event + "\nSubscription-State: " + state
	text := s.request("NOTIFY", fragment)
	s.extra = extra

	return strings.Replace(text, "Content-Type: application/sdp", "Content-Type: message/sipfrag;version=2.0", 1)
}

func TestBlindTransfer(t *testing.T) {
	for name, c := range map[string]struct {
		reports []string
		status  int // of the error; 0 for none
	}{
		"answered": {[]string{"SIP/2.0 100 Trying\n", "SIP/2.0 180 Ringing\n", "SIP/2.0 200 OK\n"}, 0},
		"busy":     {[]string{"SIP/2.0 100 Trying\n", "SIP/2.0 486 Busy Here\n"}, 486},
		"declined": {[]string{"SIP/2.0 603 Decline\n"}, 603},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				s := newScript("refer")
				d := b.establish(s, offerPCMU)

				var progress []int

				moved := later(func() error {
					return d.Refer(ctx, "sip:desk@example.com", ReferOptions{
						ReferredBy: "sip:agent@example.com",
						Progress:   func(p Progress) { progress = append(progress, p.Status) },
					})
				})
				req := b.method("REFER")

				if headerValue(req, "Refer-To") != "<sip:desk@example.com>" || headerValue(req, "Referred-By") != "<sip:agent@example.com>" ||
					req.Contact() == nil {
					t.Errorf("REFER:\n%s", req)
				}

				for i, report := range c.reports {
					state := "active;expires=60"
					if i == len(c.reports)-1 {
						state = "terminated;reason=noresource"
					}

					b.send(s.notify(fmt.Sprintf("refer;id=%d", req.CSeq().SeqNo), state, report))
					b.status(200)

					if i == 0 { // the first report overtook the response
						b.respond(req, 202, s.fromTag, "")
					}
				}

				var status *StatusError

				err := <-moved
				if c.status == 0 && err != nil || c.status != 0 && (!errors.As(err, &status) || status.Code != c.status) {
					t.Errorf("Refer = %v, want %d", err, c.status)
				}

				if len(progress) != len(c.reports) {
					t.Errorf("progress %v", progress)
				}

				b.send(s.notify("refer", "active", "SIP/2.0 180 Ringing\n")) // too late
				b.status(481)
			})
		})
	}
}

func TestTransferWithoutOutcome(t *testing.T) {
	for name, c := range map[string]struct {
		far  func(b *bed, s *script, req *sipgo.Request)
		want error
	}{
		"refused": {func(b *bed, s *script, req *sipgo.Request) { b.respond(req, 603, s.fromTag, "") }, &StatusError{}},
		"no reports wanted": {func(b *bed, s *script, req *sipgo.Request) {
			b.respond(req, 202, s.fromTag, "", Header{"Refer-Sub", "false"})
		}, nil},
		"silence": {func(b *bed, s *script, req *sipgo.Request) { b.respond(req, 202, s.fromTag, "") }, ErrUntold},
		"reports end": {func(b *bed, s *script, req *sipgo.Request) {
			b.respond(req, 202, s.fromTag, "")
			b.send(s.notify("refer", "terminated;reason=timeout", ""))
			b.status(200)
		}, ErrUntold},
		"reports run out": {func(b *bed, s *script, req *sipgo.Request) {
			b.respond(req, 202, s.fromTag, "")
			b.send(s.notify("refer", "active;expires=10", "SIP/2.0 100 Trying\n"))
			b.status(200)
		}, ErrUntold},
		"hung up": {func(b *bed, s *script, req *sipgo.Request) {
			b.respond(req, 202, s.fromTag, "")
			b.send(s.request("BYE", ""))
			b.status(200)
		}, ErrRemoteBye},
		"never answered": {func(*bed, *script, *sipgo.Request) {}, ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				s := newScript("untold")
				d := b.establish(s, offerPCMU)
				moved := later(func() error { return d.Refer(ctx, "sip:desk@example.com", ReferOptions{}) })
				c.far(b, s, b.method("REFER"))

				err := <-moved

				var status *StatusError
				if errors.As(c.want, &status) {
					if !errors.As(err, &status) || status.Code != 603 {
						t.Errorf("Refer = %v", err)
					}
				} else if !errors.Is(err, c.want) {
					t.Errorf("Refer = %v, want %v", err, c.want)
				}
			})
		})
	}
}

// TestReportsOutliveTheCall: a subscription is a usage of its own (RFC 5057
// section 4.1), so carriers report after they have hung up.
func TestReportsOutliveTheCall(t *testing.T) {
	for name, c := range map[string]struct {
		report string
		status int // of the error; 0 for none
	}{
		"answered": {"SIP/2.0 200 OK\n", 0},
		"busy":     {"SIP/2.0 486 Busy Here\n", 486},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				s := newScript("outlived")
				d := b.establish(s, offerPCMU)
				moved := later(func() error { return d.Refer(ctx, "sip:desk@example.com", ReferOptions{}) })
				b.respond(b.method("REFER"), 202, s.fromTag, "")
				b.send(s.notify("refer", "active;expires=60", "SIP/2.0 100 Trying\n"))
				b.status(200)
				b.send(s.request("BYE", ""))
				b.status(200)
				<-d.Done()

				if n := b.media.open(); n != 0 {
					t.Errorf("%d calls' audio open", n)
				}

				b.send(s.request("OPTIONS", "")) // of the call, which is no more
				b.status(481)
				time.Sleep(20 * time.Second)
				b.send(s.notify("refer", "terminated;reason=noresource", c.report))
				b.status(200)

				var status *StatusError

				err := <-moved
				if c.status == 0 && err != nil || c.status != 0 && (!errors.As(err, &status) || status.Code != c.status) {
					t.Errorf("Refer = %v, want %d", err, c.status)
				}

				b.send(s.notify("refer", "terminated;reason=noresource", c.report))
				b.status(481)
			})
		})
	}
}

// TestWeReportAfterTheirBye does the same for the transfers that far ends ask
// for: telephones hang up as soon as their REFER is accepted.
func TestWeReportAfterTheirBye(t *testing.T) {
	inBubble(t, allowTransfer, func(b *bed) {
		s := newScript("left")
		d := b.establish(s, offerPCMU)
		b.send(s.refer("Refer-To: <sip:desk@10.0.0.9>"))
		b.status(202)
		b.send(answerOf(b.method("NOTIFY"), 200))

		wish := <-d.Referrals()

		b.send(s.request("BYE", ""))
		b.status(200)
		<-d.Done()
		wish.Report(180, "")

		ringing := b.method("NOTIFY")
		if string(ringing.Body()) != "SIP/2.0 180 Ringing\r\n" || !strings.HasPrefix(headerValue(ringing, "Subscription-State"), "active;expires=") {
			t.Errorf("NOTIFY:\n%s", ringing)
		}

		b.send(answerOf(ringing, 200))
		b.send(s.refer("Refer-To: <sip:desk@10.0.0.9>")) // the call is no more
		b.status(481)
		wish.Report(200, "")

		last := b.method("NOTIFY")
		if string(last.Body()) != "SIP/2.0 200 OK\r\n" || headerValue(last, "Subscription-State") != "terminated;reason=noresource" {
			t.Errorf("NOTIFY:\n%s", last)
		}

		b.send(answerOf(last, 200))
		<-d.gone
	})
}

// TestOurEndEndsTheirTransfer: who asked for it is told that nothing comes of
// it, before the BYE.
func TestOurEndEndsTheirTransfer(t *testing.T) {
	for name, end := range map[string]func(b *bed, s *script, d *Dialog){
		"we hang up": func(_ *bed, _ *script, d *Dialog) { go func() { _ = d.Hangup(ctx, "") }() },
		"we stop":    func(b *bed, _ *script, _ *Dialog) { go func() { _ = b.ua.Stop(ctx) }() },
		"we stop after their BYE": func(b *bed, s *script, _ *Dialog) {
			b.send(s.request("BYE", ""))
			b.status(200)

			go func() { _ = b.ua.Stop(ctx) }()
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, allowTransfer, func(b *bed) {
				s := newScript("ours")
				d := b.establish(s, offerPCMU)
				b.send(s.refer("Refer-To: <sip:desk@10.0.0.9>"))
				b.status(202)
				b.send(answerOf(b.method("NOTIFY"), 200))

				wish := <-d.Referrals()

				end(b, s, d)

				last := b.method("NOTIFY")
				if string(last.Body()) != "SIP/2.0 487 Request Terminated\r\n" || headerValue(last, "Subscription-State") != "terminated;reason=noresource" {
					t.Errorf("NOTIFY:\n%s", last)
				}

				b.send(answerOf(last, 200))

				if !strings.HasSuffix(name, "BYE") {
					b.send(answerOf(b.method("BYE"), 200))
				}

				wish.Report(200, "") // too late
				<-d.gone
			})
		})
	}
}

func TestReportsOfNothing(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("reports")
		d := b.establish(s, offerPCMU)

		b.send(s.notify("refer", "active", "SIP/2.0 100 Trying\n"))
		b.status(481)
		b.send(s.notify("presence", "active", "SIP/2.0 100 Trying\n"))

		if got := headerValue(b.status(489), "Allow-Events"); got != "refer" {
			t.Errorf("Allow-Events: %q", got)
		}

		moved := later(func() error { return d.Refer(ctx, "sip:desk@example.com", ReferOptions{}) })
		req := b.method("REFER")
		b.respond(req, 202, s.fromTag, "")

		if err := d.Refer(ctx, "sip:other@example.com", ReferOptions{}); !errors.Is(err, ErrState) {
			t.Errorf("two transfers at once = %v", err)
		}

		b.send(s.notify("refer;id=999", "active", "SIP/2.0 100 Trying\n"))
		b.status(481)
		b.send(s.notify("refer", "", "SIP/2.0 100 Trying\n"))
		b.status(400)
		b.send(s.notify("refer", "active", "nonsense\n"))
		b.status(400)
		b.send(strings.Replace(s.notify("refer", "active", "SIP/2.0 100 Trying\n"), "message/sipfrag", "text/plain", 1))
		b.status(415)
		b.send(s.notify("refer", "terminated", "SIP/2.0 200 OK\n"))
		b.status(200)

		if err := <-moved; err != nil {
			t.Error(err)
		}

		for _, target := range []string{"", "tel", "http://example.com", "sip:a@b>\r\nX: y"} {
			if err := d.Refer(ctx, target, ReferOptions{}); err == nil {
				t.Errorf("a transfer to %q", target)
			}
		}
	})
}

// TestAttendedTransfer gives the target our place in a second call.
func TestAttendedTransfer(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("caller")
		d := b.establish(s, offerPCMU)
		desk, _, _ := b.dialEstablished(answerPCMA)

		moved := later(func() error { return d.Refer(ctx, "", ReferOptions{Replaces: desk}) })
		req := b.method("REFER")

		id := desk.Info().CallID
		if got := headerValue(req, "Refer-To"); !strings.HasPrefix(got, "<sip:desk@10.0.0.9:5060?Replaces="+id+"%3Bto-tag%3Dt1%3Bfrom-tag%3D") {
			t.Errorf("Refer-To: %s", got)
		}

		b.respond(req, 202, s.fromTag, "")
		b.send(s.notify("refer", "terminated", "SIP/2.0 200 OK\n"))
		b.status(200)

		if err := <-moved; err != nil {
			t.Error(err)
		}
	})
}

// allowTransfer lets the trunk's calls have the desk called.
func allowTransfer(c *Config) {
	c.Trunks[0].Transfer = func(user string) bool { return user == "desk" || user == "+12025550123" }
}

func (s *script) refer(lines string) string {
	extra := s.extra
	s.extra += "\n" + lines
	defer func() { s.extra = extra }()

	return s.request("REFER", "")
}

func TestTheyAskForATransfer(t *testing.T) {
	inBubble(t, allowTransfer, func(b *bed) {
		s := newScript("referred")
		d := b.establish(s, offerPCMU)

		b.send(s.refer("Refer-To: <sip:desk@10.0.0.9?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>\nReferred-By: <sip:boss@example.com>"))
		b.status(202)

		first := b.method("NOTIFY")
		if string(first.Body()) != "SIP/2.0 100 Trying\r\n" || headerValue(first, "Event") != fmt.Sprintf("refer;id=%d", s.seq) ||
			!strings.HasPrefix(headerValue(first, "Subscription-State"), "active;expires=") || first.ContentType().Value() != fragmentType {
			t.Errorf("NOTIFY:\n%s", first)
		}

		b.send(answerOf(first, 200))

		wish := <-d.Referrals()
		if wish.Target != "sip:desk@10.0.0.9" || wish.User != "desk" || !wish.Own || wish.Replaces != "a;to-tag=b;from-tag=c" || wish.ReferredBy != "<sip:boss@example.com>" {
			t.Errorf("referral %+v", wish)
		}

		b.send(s.refer("Refer-To: <tel:+12025550123>")) // one at a time
		b.status(500)

		wish.Report(180, "")
		b.send(answerOf(b.method("NOTIFY"), 200))
		wish.Report(486, "Busy\r\nHere")

		last := b.method("NOTIFY")
		if string(last.Body()) != "SIP/2.0 486 Busy  Here\r\n" || headerValue(last, "Subscription-State") != "terminated;reason=noresource" {
			t.Errorf("NOTIFY:\n%s", last)
		}

		b.send(answerOf(last, 200))
		wish.Report(200, "")
		b.silence(time.Hour)

		// A far end that wants no reports gets none (RFC 4488).
		b.send(s.refer("Refer-To: sip:desk@example.com\nRefer-Sub: false"))

		if got := headerValue(b.status(202), "Refer-Sub"); got != "false" {
			t.Errorf("Refer-Sub: %q", got)
		}

		(<-d.Referrals()).Report(200, "")
		b.silence(time.Minute)

		// What nobody reports on ends by itself.
		b.send(s.refer("Refer-To: sip:desk@example.com"))
		b.status(202)
		b.send(answerOf(b.method("NOTIFY"), 200))

		last = b.method("NOTIFY")
		if !strings.HasPrefix(string(last.Body()), "SIP/2.0 408 ") {
			t.Errorf("NOTIFY:\n%s", last)
		}

		b.send(answerOf(last, 200))
	})
}

func TestTransfersRefused(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("norefer")
		b.establish(s, offerPCMU)
		b.send(s.refer("Refer-To: <sip:desk@example.com>"))
		b.status(603)

		alone := newScript("outside")
		b.send(alone.refer("Refer-To: <sip:desk@example.com>"))
		b.status(603)
	})
}

// TestTransfersOutsideThePolicy are refused, whoever is named.
func TestTransfersOutsideThePolicy(t *testing.T) {
	inBubble(t, allowTransfer, func(b *bed) {
		s := newScript("policy")
		d := b.establish(s, offerPCMU)

		for _, to := range []string{
			"sip:boss@10.0.0.9", "tel:+12025550124",
			// A call that is up somewhere else than in the trunk.
			"sip:desk@192.0.2.1?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc",
		} {
			b.send(s.refer("Refer-To: <" + to + ">"))
			b.status(603)
		}

		b.send(s.refer("Refer-To: <tel:+12025550123;phone-context=x>"))
		b.status(202)
		b.send(answerOf(b.method("NOTIFY"), 200))

		if wish := <-d.Referrals(); wish.User != "+12025550123" || wish.Own {
			t.Errorf("referral %+v", wish)
		} else {
			wish.Report(603, "")
		}

		b.send(answerOf(b.method("NOTIFY"), 200))
	})
}

func TestMalformedTransfers(t *testing.T) {
	inBubble(t, allowTransfer, func(b *bed) {
		s := newScript("badrefer")
		d := b.establish(s, offerPCMU)

		for _, lines := range []string{
			"X-Nothing: here", "Refer-To: <sip:a@b>\nRefer-To: <sip:c@d>", "Refer-To: <sip:a@b>\nr: <sip:c@d>", "Refer-To: <mailto:a@b>",
		} {
			b.send(s.refer(lines))
			b.status(400)
		}

		select {
		case r := <-d.Referrals():
			t.Errorf("got %+v", r)
		default:
		}
	})
}

// TestReplaced lets another far end take the place of the first: the audio is
// the same session, the first far end is hung up.
func TestReplaced(t *testing.T) {
	for _, inbound := range []bool{true, false} {
		for _, offers := range []bool{true, false} {
			t.Run(fmt.Sprintf("inbound %v, offers %v", inbound, offers), func(t *testing.T) {
				inBubble(t, nil, func(b *bed) {
					var (
						d *Dialog
						s *script
					)

					if inbound {
						s = newScript("first")
						d = b.establish(s, offerPCMU)
					} else {
						// On a trunk, or nobody could take the call over.
						d, s, _ = b.dialEstablished(answerPCMA)
						d.info.Trunk = "carrier"
					}

					second := newScript("second")
					second.extra = fmt.Sprintf("\nRequire: replaces\nReplaces: %s;to-tag=%s;from-tag=%s", d.Info().CallID, s.toTag, s.fromTag)

					moved := strings.Replace(offerPCMU, "audio 4000", "audio 4400", 1)
					if offers {
						b.send(second.request("INVITE", moved))
					} else {
						b.send(second.request("INVITE", ""))
					}

					var bye *sipgo.Request

					for second.toTag == "" || bye == nil {
						switch m := b.next().(type) {
						case *sipgo.Response:
							if status := m.StatusCode; status != 200 {
								t.Fatalf("got %s", firstLine(m))
							}

							second.learn(m)
						case *sipgo.Request:
							bye = m
						}
					}

					if bye.Method != sipgo.BYE || bye.CallID().Value() != d.Info().CallID {
						t.Errorf("the first far end gets\n%s", bye)
					}

					b.send(answerOf(bye, 200))

					second.extra = ""
					if offers {
						b.send(second.request("ACK", ""))
					} else {
						b.send(second.request("ACK", strings.Replace(moved, "RTP/AVP 0 8", "RTP/AVP 0", 1)))
					}

					synctest.Wait()

					if a := b.media.last(t).latest(t); a.Remote != netip.MustParseAddrPort("10.0.0.9:4400") || len(b.media.sessions) != 1 {
						t.Errorf("%d sessions, audio %+v", len(b.media.sessions), a)
					}

					select {
					case who := <-d.Replaced():
						if who.CallID != "second" {
							t.Errorf("replaced by %+v", who)
						}
					default:
						t.Error("Replaced told nothing")
					}

					b.send(s.request("BYE", "")) // the first far end's own crossed ours
					b.status(481)

					if d.Cause() != nil {
						t.Fatal(d.Cause())
					}

					b.send(second.request("BYE", ""))
					b.status(200)
					<-d.Done()
				})
			})
		}
	}
}

// TestPickedUp: somebody answers a call of ours that rings elsewhere, which
// stops ringing there (RFC 3891 section 3).
func TestPickedUp(t *testing.T) {
	for name, c := range map[string]struct {
		offers  bool
		crossed bool // it is answered where it rings, too
		lines   string
	}{
		"with an offer":          {true, false, ""},
		"without":                {false, false, ""},
		"only while it rings":    {true, false, ";early-only"},
		"two answer at one time": {true, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, withTargets(nil, "sip:10.0.0.9"), func(b *bed) {
				out := b.callFar(ctx, "+12025550199", CallOptions{})
				invite := b.method("INVITE")
				b.respond(invite, 180, "rings", "")
				synctest.Wait()

				second := newScript("picks")
				second.extra = fmt.Sprintf("\nRequire: replaces\nReplaces: %s;to-tag=%s;from-tag=rings%s",
					invite.CallID().Value(), tagOf(invite.From().Params), c.lines)

				offer := strings.Replace(offerPCMU, "audio 4000", "audio 4400", 1)
				if c.offers {
					b.send(second.request("INVITE", offer))
				} else {
					b.send(second.request("INVITE", ""))
				}

				var cancel *sipgo.Request

				for second.toTag == "" || cancel == nil {
					switch m := b.next().(type) {
					case *sipgo.Response:
						if !m.IsSuccess() {
							t.Fatalf("got %s", firstLine(m))
						}

						second.learn(m)
					case *sipgo.Request:
						cancel = m
					}
				}

				if cancel.Method != sipgo.CANCEL || cancel.CallID().Value() != invite.CallID().Value() {
					t.Errorf("where it rings\n%s", cancel)
				}

				b.send(answerOf(cancel, 200))

				if c.crossed {
					b.respond(invite, 200, "rings", answerPCMA)
					b.method("ACK")
					b.send(answerOf(b.method("BYE"), 200))
				} else {
					b.respond(invite, 487, "rings", "")
					b.method("ACK")
				}

				second.extra = ""
				if c.offers {
					b.send(second.request("ACK", ""))
				} else {
					b.send(second.request("ACK", strings.Replace(offer, "RTP/AVP 0 8", "RTP/AVP 0", 1)))
				}

				got := <-out
				if got.err != nil {
					t.Fatal(got.err)
				}

				if a := b.media.last(t).latest(t); a.Remote != netip.MustParseAddrPort("10.0.0.9:4400") || len(b.media.sessions) != 1 {
					t.Errorf("%d sessions, audio %+v", len(b.media.sessions), a)
				}

				if s := b.ua.Trunks()[0]; s.Outbound.Answers != 1 || s.Inbound.Attempts != 0 {
					t.Errorf("trunk %+v", s)
				}

				b.silence(time.Minute)
				b.send(second.request("BYE", ""))
				b.status(200)
				<-got.d.Done()
			})
		})
	}
}

// TestNobodyPicksUpWithoutACodec: the call goes on ringing where it did.
func TestNobodyPicksUpWithoutACodec(t *testing.T) {
	inBubble(t, withTargets(nil, "sip:10.0.0.9"), func(b *bed) {
		out := b.callFar(ctx, "+12025550199", CallOptions{})
		invite := b.method("INVITE")
		b.respond(invite, 180, "rings", "")
		synctest.Wait()

		second := newScript("picks")
		second.extra = fmt.Sprintf("\nReplaces: %s;to-tag=%s;from-tag=rings", invite.CallID().Value(), tagOf(invite.From().Params))
		b.send(second.request("INVITE", strings.Replace(offerPCMU, "RTP/AVP 0 8 101", "RTP/AVP 18", 1)))
		b.status(488)
		b.send(second.ackFailure())
		b.respond(invite, 200, "rings", answerPCMA)
		b.method("ACK")

		if got := <-out; got.err != nil {
			t.Fatal(got.err)
		}
	})
}

func TestReplacesRefused(t *testing.T) {
	other := func(c *Config) {
		c.Trunks = append(c.Trunks, Trunk{Name: "other", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.10/32")}})
	}

	inBubble(t, other, func(b *bed) {
		s := newScript("kept")
		d := b.establish(s, offerPCMU)
		n := 0

		try := func(status int, lines, body string) {
			t.Helper()

			n++
			second := newScript(fmt.Sprint("second", n))
			second.extra = "\n" + lines
			b.send(second.request("INVITE", body))
			b.status(status)
			b.send(second.ackFailure())
		}
		ours := fmt.Sprintf("Replaces: kept;to-tag=%s;from-tag=%s", s.toTag, s.fromTag)

		try(481, "Replaces: gone;to-tag=a;from-tag=b", offerPCMU)
		try(481, fmt.Sprintf("Replaces: kept;to-tag=%s;from-tag=%s", s.fromTag, s.toTag), offerPCMU)
		try(400, "Replaces: kept", offerPCMU)
		try(400, ours+"\n"+ours, offerPCMU)
		try(400, ours+"\nJoin: kept;to-tag=a;from-tag=b", offerPCMU)
		try(486, ours+";early-only", offerPCMU)
		try(488, ours, strings.Replace(offerPCMU, "RTP/AVP 0 8 101", "RTP/AVP 18", 1))

		if a := b.media.last(t).latest(t); d.Cause() != nil || a.Remote.Port() != 4000 {
			t.Errorf("the call suffered: %v, %+v", d.Cause(), a)
		}

		// Another trunk's INVITE finds no such call.
		b.far = b.net.packet("10.0.0.10:5060")
		try(481, ours, offerPCMU)

		// One that rings is nobody's to take over; one that has ended is declined.
		b.far = b.net.packets[netip.MustParseAddrPort(farAddr)]
		ringing := newScript("ringing")
		b.send(ringing.request("INVITE", offerPCMU))
		b.status(100)

		r := b.call()
		if err := r.Ring(); err != nil {
			t.Fatal(err)
		}

		try2 := b.status(180)
		try(481, fmt.Sprintf("Replaces: ringing;to-tag=%s;from-tag=farringing", tagOf(try2.To().Params)), offerPCMU)

		go func() { _ = d.Hangup(ctx, "") }()

		bye := b.method("BYE")
		try(603, ours, offerPCMU)
		b.send(answerOf(bye, 200))
	})
}
