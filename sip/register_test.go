package sip

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/sip/digest"
	"trunkline/sip/registration"
)

var acct = digest.Credentials{User: "acct1", Password: "wonderland"}

// registered makes the bed's trunk one that registers with the far end, and
// is known by nothing else.
func registered(change func(*Trunk)) func(*Config) {
	return func(c *Config) {
		t := &c.Trunks[0]
		t.Sources, t.Account, t.Register = nil, acct, &Registration{Registrar: "sip:10.0.0.9"}

		if change != nil {
			change(t)
		}
	}
}

// grant answers a REGISTER with 200 and the given further headers.
func (b *bed) grant(req *sipgo.Request, headers ...string) {
	b.Helper()

	res := sipgo.NewResponseFromRequest(req, 200, "OK", nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		res.AppendHeader(sipgo.NewHeader(name, value))
	}

	b.send(res.String())
}

// refuse answers a request without a body or a contact.
func (b *bed) refuse(req *sipgo.Request, status int, headers ...string) {
	b.Helper()

	res := sipgo.NewResponseFromRequest(req, status, phrase(status), nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		res.AppendHeader(sipgo.NewHeader(name, value))
	}

	b.send(res.String())
}

func TestRegister(t *testing.T) {
	inBubble(t, registered(nil), func(b *bed) {
		registrar := digest.NewServer("carrier", acct)

		first := b.method(sipgo.REGISTER)
		if first.Recipient.String() != "sip:10.0.0.9" || first.To().Address.String() != "sip:acct1@10.0.0.9" ||
			first.From().Address.String() != "sip:acct1@10.0.0.9" || first.Contact().Address.String() != "sip:acct1@10.0.0.1:5060" ||
			headerValue(first, "Expires") != "3600" {
			t.Errorf("REGISTER:\n%s", first)
		}

		b.refuse(first, 401, "WWW-Authenticate: "+registrar.Challenges(time.Now(), false)[0])

		second := b.method(sipgo.REGISTER)
		if v := registrar.Verify(headerValue(second, "Authorization"), "REGISTER", time.Now()); v != digest.Proven ||
			second.CallID().Value() != first.CallID().Value() || second.CSeq().SeqNo != first.CSeq().SeqNo+1 {
			t.Errorf("verdict %d on\n%s", v, second)
		}

		b.refuse(second, 423, "Min-Expires: 7200")

		third := b.method(sipgo.REGISTER)
		if headerValue(third, "Expires") != "7200" {
			t.Errorf("after 423:\n%s", third)
		}

		// A call is no trunk's before the registration.
		s := newScript("early")
		b.send(s.request("INVITE", offerPCMU))
		synctest.Wait()

		if n := b.ua.Stats().Strangers; n != 1 {
			t.Errorf("%d strangers", n)
		}

		b.grant(third, "Contact: <sip:acct1@192.0.2.77:5060>;expires=60, <sip:acct1@10.0.0.1:5060>;expires=1000", "Expires: 10")
		synctest.Wait()

		began := time.Now()
		status := b.ua.Trunks()[0].Registration

		if status.State != registration.Registered || status.Status != 200 || status.Until.Sub(began).Round(time.Second) != 1000*time.Second {
			t.Errorf("%+v", status)
		}

		s = newScript("call")
		b.send(s.request("INVITE", offerPCMU))
		b.status(100)

		if d := b.call(); d.Info().Trunk != "carrier" {
			t.Errorf("the call is of trunk %q", d.Info().Trunk)
		} else if err := d.Reject(486, ""); err != nil {
			t.Error(err)
		}

		b.status(486)
		b.send(s.ackFailure())

		refresh := b.method(sipgo.REGISTER)
		if waited := time.Since(began); waited < 740*time.Second || waited > 860*time.Second {
			t.Errorf("refreshed after %v of 1000 s", waited)
		}

		if headerValue(refresh, "Authorization") == "" {
			t.Error("the refresh proves nothing, and will be challenged each time")
		}

		b.grant(refresh, "Expires: 600")
		synctest.Wait()

		// At the end the binding is taken back.
		go b.ua.Drain()

		last := b.method(sipgo.REGISTER)
		if headerValue(last, "Expires") != "0" {
			t.Errorf("at the end:\n%s", last)
		}

		b.grant(last)
		synctest.Wait()

		if state := b.ua.Trunks()[0].Registration.State; state != registration.Removed {
			t.Errorf("state %v after the end", state)
		}
	})
}

// TestRegistrarsAddressesOfOurs: a border controller on the way may put its own
// address into our binding, as long as there is no other one.
func TestRegistrarsAddressesOfOurs(t *testing.T) {
	for contacts, want := range map[string]registration.State{
		"Contact: <sip:acct1@192.0.2.77:5099;transport=udp>;expires=600":                      registration.Registered,
		"Contact: <sip:acct1@10.0.0.1;transport=UDP>;expires=600, <sip:acct1@192.0.2.77>":     registration.Registered, // no port is 5060
		"Contact: <sip:acct1@192.0.2.77>;expires=600, <sip:acct1@192.0.2.78>;expires=600":     registration.Failing,
		"Contact: <sip:other@192.0.2.77>;expires=600":                                         registration.Failing,
		"Contact: <sip:acct1@10.0.0.1:5060>;expires=0":                                        registration.Failing,
		"Contact: <sip:acct1@10.0.0.1:5060>;expires=600, <sip:acct1@10.0.0.1:5070>;expires=0": registration.Registered,
	} {
		t.Run(contacts, func(t *testing.T) {
			inBubble(t, registered(nil), func(b *bed) {
				req := b.method(sipgo.REGISTER)
				b.grant(req, contacts)
				synctest.Wait()

				if s := b.ua.Trunks()[0].Registration; s.State != want {
					t.Errorf("%+v, want %v", s, want)
				}
			})
		})
	}
}

// TestServiceRoute sends calls by the proxies that the registrar names (RFC
// 3608), as long as it names them.
func TestServiceRoute(t *testing.T) {
	targets := func(t *Trunk) { t.Targets = []Target{{URI: "sip:ims.example"}} }

	inBubble(t, registered(targets), func(b *bed) {
		call := func(want string) {
			t.Helper()

			out := b.callFar(ctx, "+12025550199", CallOptions{})
			invite := b.method("INVITE")

			var routes []string
			for _, h := range invite.GetHeaders("Route") {
				routes = append(routes, h.Value())
			}

			if got := strings.Join(routes, " "); got != want || invite.Recipient.Host != "ims.example" {
				t.Errorf("the call to %s leaves by %q, want %q", &invite.Recipient, got, want)
			}

			b.respond(invite, 486, "t1", "")
			b.method("ACK")
			<-out
		}

		req := b.method(sipgo.REGISTER)
		if headerValue(req, "Supported") != "path" || headerValue(req, "Route") != "" {
			t.Errorf("REGISTER:\n%s", req)
		}

		b.grant(req, "Expires: 600", `Service-Route: "P, one" <sip:10.0.0.9;lr>, <sip:orig@scscf.example:5062;lr>`, "Service-Route: <sip:10.0.0.8;lr>")
		synctest.Wait()
		call("<sip:10.0.0.9;lr> <sip:orig@scscf.example:5062;lr> <sip:10.0.0.8;lr>")

		again := b.method(sipgo.REGISTER)
		if headerValue(again, "Route") != "" {
			t.Errorf("REGISTER:\n%s", again)
		}

		b.grant(again, "Expires: 600", "Service-Route: <sip:10.0.0.9;lr>, <nonsense>")
		synctest.Wait()
		call("<sip:10.0.0.9;lr>")
	})
}

// TestRegisteredByAConnection registers anew as soon as the connection that
// calls come by has ended.
func TestRegisteredByAConnection(t *testing.T) {
	byTCP := func(t *Trunk) { t.Register.Registrar = "sip:10.0.0.9;transport=tcp" }

	inBubble(t, registered(byTCP), func(b *bed) {
		ln, err := b.net.kernel("10.0.0.9").stream(ctx, "10.0.0.9:5060")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()

		for range 3 {
			conn, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}

			b.over(conn)
			b.grant(b.method(sipgo.REGISTER), "Expires: 3600")
			synctest.Wait()

			if s := b.ua.Trunks()[0].Registration; s.State != registration.Registered {
				t.Fatalf("%+v", s)
			}

			time.Sleep(2 * time.Minute)
			conn.Close()
			synctest.Wait()

			if s := b.ua.Trunks()[0].Registration; s.State != registration.Trying {
				t.Errorf("%+v", s)
			}
		}

		// A registrar that closes every connection keeps none for calls.
		conn, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}

		b.over(conn)
		b.grant(b.method(sipgo.REGISTER), "Expires: 3600")
		time.Sleep(time.Second)
		conn.Close()

		closed := time.Now()

		conn, err = ln.Accept()
		if err != nil {
			t.Fatal(err)
		}

		if passed := time.Since(closed); passed < 40*time.Minute {
			t.Errorf("registered again after %v", passed)
		}

		b.over(conn)
		b.grant(b.method(sipgo.REGISTER), "Expires: 3600")
		synctest.Wait()

		if s := b.ua.Trunks()[0].Registration; s.State != registration.Registered {
			t.Errorf("%+v", s)
		}

		go b.ua.Drain()

		b.grant(b.method(sipgo.REGISTER))
		synctest.Wait()
	})
}

func TestRegisterBacksOff(t *testing.T) {
	inBubble(t, registered(nil), func(b *bed) {
		var waits []time.Duration

		for range 5 {
			req := b.method(sipgo.REGISTER)
			b.refuse(req, 500)

			began := time.Now()

			synctest.Wait()

			if s := b.ua.Trunks()[0].Registration; s.State != registration.Failing || s.Status != 500 {
				t.Errorf("%+v", s)
			}

			again := b.method(sipgo.REGISTER)
			waits = append(waits, time.Since(began))
			b.refuse(again, 503, "Retry-After: 1 (maintenance)")
		}

		for i, w := range waits {
			if least := 2 * time.Second << (2 * i); w < min(least, 5*time.Minute) || w > 11*time.Minute {
				t.Errorf("waits %v", waits)
			}
		}
	})
}

func TestRegisterWithoutAnswer(t *testing.T) {
	inBubble(t, registered(nil), func(b *bed) {
		b.method(sipgo.REGISTER)
		time.Sleep(choreLimit + time.Second)

		if s := b.ua.Trunks()[0].Registration; s.State != registration.Failing || s.Status != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestRegisterBulk(t *testing.T) {
	inBubble(t, registered(func(t *Trunk) {
		t.Register.Bulk, t.Proxy, t.Register.Registrar = true, "sip:10.0.0.9", "sip:ims.example"
	}), func(b *bed) {
		req := b.method(sipgo.REGISTER)
		if req.Contact().Address.String() != "sip:10.0.0.1:5060;bnc" || headerValue(req, "Require") != "gin" || headerValue(req, "Proxy-Require") != "gin" ||
			headerValue(req, "Route") != "<sip:10.0.0.9;lr>" || req.Recipient.String() != "sip:ims.example" {
			t.Errorf("REGISTER:\n%s", req)
		}

		b.grant(req, "Contact: <sip:10.0.0.1:5060;bnc>;expires=600")
		synctest.Wait()

		if s := b.ua.Trunks()[0].Registration; s.State != registration.Registered {
			t.Errorf("%+v", s)
		}

		go b.ua.Drain()

		b.grant(b.method(sipgo.REGISTER))
	})
}

// TestProbes: a target that answers 503 is down after a while, and calls go
// to the other one first until it has recovered.
func TestProbes(t *testing.T) {
	inBubble(t, withTargets(func(t *Trunk) { t.Probes.Every = 30 * time.Second }, "sip:10.0.0.9", "sip:10.0.0.9:5062"), func(b *bed) {
		var status atomic.Int32

		b.probed(b.far, &status)

		always := new(atomic.Int32)
		always.Store(404)
		b.probed(b.net.packet("10.0.0.9:5062"), always)

		for _, tt := range []struct {
			status int32
			want   string // states, and the target that is tried first
		}{
			{200, "up/200 up/404 sip:10.0.0.9"},
			{503, "down/503 up/404 sip:10.0.0.9:5062"},
			{483, "up/483 up/404 sip:10.0.0.9"},
			{0, "down/0 up/404 sip:10.0.0.9:5062"},
		} {
			status.Store(tt.status)
			time.Sleep(3 * time.Minute)

			var got []string
			for _, target := range b.ua.Trunks()[0].Targets {
				got = append(got, fmt.Sprintf("%v/%d", target.State, target.Status))
			}

			got = append(got, b.ua.gate.trunks["carrier"].order()[0].URI)
			if text := strings.Join(got, " "); text != tt.want {
				t.Errorf("%d: %s, want %s", tt.status, text, tt.want)
			}
		}
	})
}

// probed answers what arrives with a status, and with silence while that is 0.
func (b *bed) probed(p *memPacket, status *atomic.Int32) {
	done := make(chan struct{})
	b.Cleanup(func() { close(done) })

	go func() {
		for {
			select {
			case d := <-p.queue:
				msg, err := sipgo.ParseMessage(d.data)
				req, ok := msg.(*sipgo.Request)

				if err != nil || !ok || status.Load() == 0 {
					continue
				}

				res := sipgo.NewResponseFromRequest(req, int(status.Load()), "", nil)
				_ = p.write([]byte(res.String()), d.from)
			case <-done:
				return
			}
		}
	}()
}

func TestLimits(t *testing.T) {
	t.Parallel()

	busy := true

	for name, tt := range map[string]struct {
		adapt func(*Config)
		want  []int
	}{
		"calls a second of a trunk": {func(c *Config) { c.Trunks[0].CallsPerSecond = 2 }, []int{100, 100, 503}},
		"calls a second of all":     {func(c *Config) { c.Limits.CallsPerSecond = 1 }, []int{100, 503}},
		"no power left":             {func(c *Config) { c.Limits.Busy = func() bool { return busy } }, []int{503}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, tt.adapt, func(b *bed) {
				for i, want := range tt.want {
					s := newScript(fmt.Sprint("limit", i))
					b.send(s.request("INVITE", offerPCMU))

					res := b.status(want)
					if want == 503 && headerValue(res, "Retry-After") == "" {
						t.Error("503 without Retry-After")
					}

					if want == 503 {
						b.send(s.ackFailure())
					}
				}
			})
		})
	}
}

// TestStorms: a source that sends too much is not read, and its malformed
// messages are answered at a low rate.
func TestStorms(t *testing.T) {
	inBubble(t, func(c *Config) { c.Limits.Messages = 100 }, func(b *bed) {
		for range 500 {
			b.send("OPTIONS sip:x SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKx\nCSeq: 1 OPTIONS\n\n")
			synctest.Wait()
		}

		s := b.ua.Stats()
		if s.Malformed != 200 || s.Throttled != 300 || s.Responses[400] != refusalsOfOne {
			t.Errorf("%d malformed, %d dropped, %d answered", s.Malformed, s.Throttled, s.Responses[400])
		}
	})
}

func TestScannersAreCounted(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		b.far = b.net.packet("192.0.2.66:5060")
		b.send("OPTIONS sip:100@1.1.1.1 SIP/2.0\nUser-Agent: Friendly-Scanner\n\n")
		b.send("OPTIONS sip:100@1.1.1.1 SIP/2.0\nUser-Agent: somebody\n\n")
		synctest.Wait()

		if s := b.ua.Stats(); s.Strangers != 2 || s.Scanners != 1 {
			t.Errorf("%d strangers, %d scanners", s.Strangers, s.Scanners)
		}
	})
}

func TestTrunkCounts(t *testing.T) {
	inBubble(t, withTargets(func(t *Trunk) { t.MaxCalls = 1 }, "sip:10.0.0.9"), func(b *bed) {
		out := b.callFar(ctx, "+12025550199", CallOptions{})
		invite := b.method(sipgo.INVITE)

		if _, err := b.ua.Call(ctx, "carrier", "+12025550199", CallOptions{}); err == nil {
			t.Error("a call beyond the limit")
		}

		b.respond(invite, 100, "", "")
		synctest.Wait()
		time.Sleep(3 * time.Second)
		b.respond(invite, 180, "t1", "")
		b.respond(invite, 200, "t1", answerPCMA)
		b.method(sipgo.ACK)

		d := (<-out).d
		hung := make(chan error, 1)

		go func() { hung <- d.Hangup(ctx, "") }()

		b.send(answerOf(b.method(sipgo.BYE), 200))

		if err := <-hung; err != nil {
			t.Error(err)
		}

		out = b.callFar(ctx, "+12025550199", CallOptions{})
		b.respond(b.method(sipgo.INVITE), 486, "t2", "")
		b.method(sipgo.ACK)
		<-out

		s := newScript("in")
		b.send(s.request("INVITE", offerPCMU))
		b.status(100)

		if err := b.call().Reject(603, ""); err != nil {
			t.Error(err)
		}

		b.status(603)
		b.send(s.ackFailure())
		b.establish(newScript("in2"), offerPCMU)

		got := b.ua.Trunks()[0]
		want := "{3 1 map[busy:1 limited:1]} {2 1 map[declined:1]} [0 0 0 0 0 1 0 0 0 0] 3s 1"

		if text := fmt.Sprint(got.Outbound, got.Inbound, got.PostDialDelay, got.PostDialDelaySum, got.Calls); strings.ReplaceAll(text, "} {", "} {") != want {
			t.Errorf("counted %s, want %s", text, want)
		}
	})
}
