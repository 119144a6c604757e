package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/media/g711"
)

// dialed is the outcome of a Dial.
type dialed struct {
	d   *Dialog
	err error
}

// dialFar starts a call to the scripted far end.
func (b *bed) dialFar(ctx context.Context, options DialOptions) chan dialed {
	out := make(chan dialed, 1)

	go func() {
		d, err := b.ua.Dial(ctx, "sip:desk@10.0.0.9", options)
		out <- dialed{d, err}
	}()

	return out
}

// respond answers a request of the UA as the far end would.
func (b *bed) respond(req *sipgo.Request, status int, tag, body string, headers ...Header) {
	b.Helper()
	b.send(b.response(req, status, tag, body, headers...).String())
}

// response is the far end's response to a request of the UA.
func (b *bed) response(req *sipgo.Request, status int, tag, body string, headers ...Header) *sipgo.Response {
	b.Helper()

	res := sipgo.NewResponseFromRequest(req, status, phrase(status), []byte(strings.ReplaceAll(body, "\n", "\r\n")))
	res.To().Params.Remove("tag")

	if status > 100 {
		res.To().Params.Add("tag", tag)
	}

	res.AppendHeader(sipgo.NewHeader("Contact", fmt.Sprintf("<sip:desk@%s>", b.far.local)))
	res.AppendHeader(sipgo.NewHeader("X-Trunkline-Call-Id", "c7"))

	for _, h := range headers {
		res.AppendHeader(sipgo.NewHeader(h.Name, h.Value))
	}

	if body != "" {
		res.AppendHeader(sipgo.NewHeader("Content-Type", "application/sdp"))
	}

	return res
}

const answerPCMA = `v=0
o=- 9 9 IN IP4 10.0.0.9
s=-
c=IN IP4 10.0.0.9
t=0 0
m=audio 4100 RTP/AVP 8 101
a=rtpmap:101 telephone-event/8000
`

func TestDial(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		out := b.dialFar(ctx, DialOptions{
			User: "soft", Display: "Soft Phone", Headers: []Header{{"X-Test", "1"}},
		})

		invite := b.method("INVITE")
		if invite.Recipient.String() != "sip:desk@10.0.0.9" || invite.From().Address.User != "soft" ||
			headerValue(invite, "X-Test") != "1" || invite.MaxForwards().Val() != 70 ||
			!strings.Contains(string(invite.Body()), "m=audio 20000 RTP/AVP 0 8 101\r\n") {
			t.Errorf("INVITE:\n%s", invite)
		}

		b.method("INVITE") // again after 500 ms
		b.respond(invite, 100, "", "")
		b.respond(invite, 180, "t1", "")
		b.respond(invite, 183, "t1", "")
		b.respond(invite, 200, "t1", answerPCMA)

		ack := b.method("ACK")
		if ack.CSeq().SeqNo != invite.CSeq().SeqNo || ack.Recipient.String() != "sip:desk@10.0.0.9:5060" ||
			tagOf(ack.To().Params) != "t1" || ack.Via().Params.GetOr("branch", "") == invite.Via().Params.GetOr("branch", "") {
			t.Errorf("ACK:\n%s", ack)
		}

		got := <-out
		if got.err != nil {
			t.Fatal(got.err)
		}

		d := got.d

		var progress []int
		for p := range d.Progress() {
			progress = append(progress, p.Status)
		}

		if !slices.Equal(progress, []int{180, 183}) {
			t.Errorf("provisional responses %v", progress)
		}

		if d.ResponseHeader("X-Trunkline-Call-Id") != "c7" || d.Leg() == nil || d.Info().Inbound || d.Info().To.User != "desk" {
			t.Errorf("dialog %+v", d.Info())
		}

		wantCodec(t, b.media.last(t).latest(t), g711.PCMA, 8)

		b.respond(invite, 200, "t1", answerPCMA) // the ACK was lost
		b.method("ACK")

		b.respond(invite, 200, "t2", answerPCMA) // a forking proxy's second answer
		if tag := tagOf(b.method("ACK").To().Params); tag != "t2" {
			t.Errorf("ACK of the fork has To tag %q", tag)
		}

		bye := b.method("BYE")
		if tagOf(bye.To().Params) != "t2" {
			t.Errorf("BYE of the fork:\n%s", bye)
		}

		b.send(answerOf(bye, 200))

		// The far end puts us on hold, then hangs up.
		s := &script{callID: d.Info().CallID, fromTag: "t1", toTag: tagOf(invite.From().Params), transport: "UDP"}
		b.send(s.request("INVITE", withDirection("sendonly", "10.0.0.9")))

		if a := readAnswer(t, b.status(200).Body()); a.direction != "recvonly" || a.version != 1 {
			t.Errorf("answered %+v", a)
		}

		b.send(s.request("ACK", ""))
		synctest.Wait()

		if !d.OnHold() {
			t.Error("not on hold")
		}

		b.send(s.request("BYE", ""))
		b.status(200)
		<-d.Done()

		if !errors.Is(d.Cause(), ErrRemoteBye) {
			t.Errorf("Cause = %v", d.Cause())
		}
	})
}

func TestDialRefused(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		out := b.dialFar(ctx, DialOptions{})
		invite := b.method("INVITE")
		b.respond(invite, 486, "t1", "")
		b.method("ACK")

		var status *StatusError
		if got := <-out; !errors.As(got.err, &status) || status.Code != 486 || status.Reason != "Busy Here" {
			t.Errorf("Dial = %v", got.err)
		}
	})
}

func TestDialNobody(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		start := time.Now()
		if got := <-b.dialFar(ctx, DialOptions{}); !errors.Is(got.err, ErrTimeout) {
			t.Errorf("Dial = %v", got.err)
		}

		if got := time.Since(start); got != 32*time.Second {
			t.Errorf("given up after %v, want 32 s (Timer B)", got)
		}
	})
}

func TestDialWithUnusableAnswer(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		out := b.dialFar(ctx, DialOptions{})
		b.respond(b.method("INVITE"), 200, "t1", strings.Replace(answerPCMA, "RTP/AVP 8", "RTP/AVP 18", 1))
		b.method("ACK")
		b.send(answerOf(b.method("BYE"), 200))

		if got := <-out; !errors.Is(got.err, ErrBadAnswer) {
			t.Errorf("Dial = %v", got.err)
		}
	})
}

func TestDialCancelled(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		giveUp, cancel := context.WithCancel(ctx)
		out := b.dialFar(giveUp, DialOptions{})
		invite := b.method("INVITE")

		cancel()

		if got := <-out; !errors.Is(got.err, context.Canceled) {
			t.Errorf("Dial = %v", got.err)
		}

		// No CANCEL before a provisional response (RFC 3261 section 9.1).
		b.method("INVITE")
		b.respond(invite, 180, "t1", "")

		req := b.method("CANCEL")
		if req.Via().Params.GetOr("branch", "") != invite.Via().Params.GetOr("branch", "") ||
			req.CSeq().SeqNo != invite.CSeq().SeqNo || tagOf(req.To().Params) != "" {
			t.Errorf("CANCEL:\n%s", req)
		}

		b.send(answerOf(req, 200))
		b.respond(invite, 487, "t1", "")
		b.method("ACK")
		b.silence(time.Minute)
	})
}

func TestDialCancelledTooLate(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		giveUp, cancel := context.WithCancel(ctx)
		out := b.dialFar(giveUp, DialOptions{})
		invite := b.method("INVITE")
		b.respond(invite, 180, "t1", "")
		synctest.Wait()
		cancel()
		<-out

		req := b.method("CANCEL")
		b.respond(invite, 200, "t1", answerPCMA) // crossed the CANCEL
		b.send(answerOf(req, 200))
		b.method("ACK")
		b.send(answerOf(b.method("BYE"), 200))
		b.silence(time.Minute)
	})
}

func TestDialCancelledAndNeverEnded(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		giveUp, cancel := context.WithCancel(ctx)
		out := b.dialFar(giveUp, DialOptions{})
		invite := b.method("INVITE")
		b.respond(invite, 180, "t1", "")
		synctest.Wait()
		cancel()
		<-out
		b.send(answerOf(b.method("CANCEL"), 200))
		time.Sleep(33 * time.Second)

		if n := b.ua.Stats().Transactions; n != 0 {
			t.Errorf("%d transactions left", n)
		}
	})
}

func TestDialTargets(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		for _, target := range []string{"", "desk", "tel:+12025550123", "sips:a@10.0.0.9", "sip:", "sip:a@nowhere.example", "sip:a@10.0.0.9;transport=ws", "sip:a@10.0.0.9:99999"} {
			if _, err := b.ua.Dial(ctx, target, DialOptions{}); err == nil {
				t.Errorf("Dial(%q) succeeded", target)
			}
		}

		if _, err := b.ua.Dial(ctx, "sip:a@10.0.0.9", DialOptions{Headers: []Header{{"X", "a\r\nVia: b"}}}); err == nil {
			t.Error("a header with a line break accepted")
		}

		b.ua.gate.mu.Lock()
		defer b.ua.gate.mu.Unlock()

		for addr, v := range b.ua.gate.dialed {
			if v.calls != 0 {
				t.Errorf("%s may still talk to us", addr)
			}
		}
	})
}

// TestTwoAgents lets a UA without trunks call another one, over UDP and TCP.
func TestTwoAgents(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		for _, who := range []string{"caller", "callee"} {
			t.Run(transport+" "+who+" hangs up", func(t *testing.T) {
				inBubble(t, nil, func(b *bed) {
					b.far.Close()

					media := &memMedia{}

					phone, err := New(Config{Listen: []Listen{{"udp", farAddr}, {"tcp", farAddr}}, Media: media}, nil)
					if err != nil {
						t.Fatal(err)
					}

					phone.net = b.net.kernel("10.0.0.9")
					if err := phone.Start(); err != nil {
						t.Fatal(err)
					}

					defer func() {
						if err := phone.Stop(ctx); err != nil {
							t.Error(err)
						}
					}()

					go func() {
						d := <-b.calls
						_ = d.Ring()
						_, _ = d.Answer(ctx, Header{"X-Trunkline-Call-Id", "c9"})
						b.calls <- d
					}()

					near, err := phone.Dial(ctx, "sip:agent@"+uaAddr+";transport="+transport, DialOptions{})
					if err != nil {
						t.Fatal(err)
					}

					synctest.Wait()

					far := <-b.calls
					if near.ResponseHeader("X-Trunkline-Call-Id") != "c9" {
						t.Error("the answer's header is not seen")
					}

					// The callee may speak in this call, but not call us back.
					if _, err := b.ua.Dial(ctx, "sip:phone@"+farAddr+";transport=udp", DialOptions{}); !errors.Is(err, ErrTimeout) {
						t.Errorf("calling back = %v, want silence", err)
					}

					first, second := near, far
					if who == "callee" {
						first, second = far, near
					}

					if err := first.Hangup(ctx, "bye"); err != nil {
						t.Error(err)
					}

					<-second.Done()

					if !errors.Is(second.Cause(), ErrRemoteBye) || !errors.Is(first.Cause(), ErrHungUp) {
						t.Errorf("causes %v, %v", first.Cause(), second.Cause())
					}
				})
			})
		}
	}
}

func TestGate(t *testing.T) {
	t.Parallel()

	g := newGate([]Trunk{
		{Name: "wide", Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}},
		{Name: "narrow", Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32")}},
	})
	now := time.Now()

	for addr, want := range map[string]string{
		"192.0.2.1": "wide", "192.0.2.7": "narrow", "::ffff:192.0.2.7": "narrow", "2001:db8::1": "wide",
		"192.0.3.1": "", "2001:db9::1": "", "0.0.0.0": "",
	} {
		from, ok := g.admit(netip.MustParseAddr(addr), now)
		if ok != (want != "") || ok && from.trunk.Name != want {
			t.Errorf("%s: admitted %v as %+v, want trunk %q", addr, ok, from.trunk, want)
		}
	}

	peer := netip.MustParseAddr("198.51.100.1")
	g.enter(peer)
	g.enter(peer)
	g.leave(peer, now, now.Add(time.Second))

	if from, ok := g.admit(peer, now.Add(time.Hour)); !ok || from.trunk != nil {
		t.Error("someone in a call with us is not heard")
	}

	g.leave(peer, now, now.Add(time.Second))

	if _, ok := g.admit(peer, now); !ok {
		t.Error("late retransmissions are not heard")
	}

	if _, ok := g.admit(peer, now.Add(2*time.Second)); ok {
		t.Error("still heard after the call")
	}

	g.enter(netip.MustParseAddr("198.51.100.2"))
	g.leave(netip.MustParseAddr("198.51.100.2"), now.Add(time.Minute), now)

	if len(g.dialed) != 0 {
		t.Errorf("%d old visits kept", len(g.dialed))
	}
}

func TestConfigFaults(t *testing.T) {
	t.Parallel()

	good := func() Config {
		return Config{
			Listen: []Listen{{"udp", "127.0.0.1:0"}},
			Trunks: []Trunk{{Name: "a", Sources: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}},
			Media:  &memMedia{},
		}
	}
	cfg := good()
	if _, err := New(cfg, nil); err != nil {
		t.Fatal(err)
	}

	for name, spoil := range map[string]func(*Config){
		"no listener":        func(c *Config) { c.Listen = nil },
		"network":            func(c *Config) { c.Listen[0].Network = "sctp" },
		"address":            func(c *Config) { c.Listen[0].Addr = "127.0.0.1" },
		"nothing advertised": func(c *Config) { c.Listen[0].Addr = "0.0.0.0:5060" },
		"unnamed trunk":      func(c *Config) { c.Trunks[0].Name = "" },
		"twin trunk":         func(c *Config) { c.Trunks = append(c.Trunks, c.Trunks[0]) },
		"open trunk":         func(c *Config) { c.Trunks[0].Sources = nil },
		"negative limit":     func(c *Config) { c.Trunks[0].MaxCalls = -1 },
		"no media":           func(c *Config) { c.Media = nil },
		"advertise":          func(c *Config) { c.Advertise = netip.MustParseAddr("0.0.0.0") },
	} {
		cfg := good()
		spoil(&cfg)

		if _, err := New(cfg, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
