package sip

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/media/g711"
)

// place begins a call to the scripted far end.
func (b *bed) place(options DialOptions) (*Dialog, *sipgo.Request) {
	b.Helper()

	d, err := b.ua.Place(ctx, "sip:desk@10.0.0.9", options)
	if err != nil {
		b.Fatal(err)
	}

	return d, b.method("INVITE")
}

// progress is the next progress of the call.
func (b *bed) progress(d *Dialog, status int) Progress {
	b.Helper()

	select {
	case p, ok := <-d.Progress():
		if !ok || p.Status != status {
			b.Fatalf("progress %+v (open %v), want %d", p, ok, status)
		}

		return p
	case <-time.After(time.Minute):
		b.Fatalf("no progress, want %d", status)
		return Progress{}
	}
}

func TestEarlyMedia(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		d, invite := b.place(DialOptions{})
		b.respond(invite, 180, "t1", "")

		if p := b.progress(d, 180); p.Leg != nil {
			t.Error("a 180 without a description opened the audio")
		}

		b.respond(invite, 183, "t1", answerPCMA)

		early := b.progress(d, 183)
		if early.Leg == nil {
			t.Fatal("a 183 with a description opened no audio")
		}

		if a := b.media.last(t).latest(t); a.Remote.Port() != 4100 {
			t.Errorf("early audio %+v", a)
		}

		b.respond(invite, 180, "t1", "")

		if p := b.progress(d, 180); p.Leg != early.Leg {
			t.Error("a 180 after the 183 took the audio away")
		}

		if d.Leg() != nil {
			t.Error("Leg tells the audio before the answer")
		}

		b.respond(invite, 200, "t1", answerPCMA)
		b.method("ACK")

		leg, err := d.Answered(ctx)
		if err != nil || leg != early.Leg {
			t.Errorf("Answered = %v, %v; want the early leg", leg, err)
		}

		if _, open := <-d.Progress(); open {
			t.Error("Progress still open after the answer")
		}
	})
}

// TestEarlyMediaThenBareAnswer takes a 200 without a description after a 183
// that had one.
func TestEarlyMediaThenBareAnswer(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		d, invite := b.place(DialOptions{})
		b.respond(invite, 183, "t1", answerPCMA)
		b.respond(invite, 200, "t1", "")
		b.method("ACK")

		if _, err := d.Answered(ctx); err != nil {
			t.Fatal(err)
		}

		wantCodec(t, b.media.last(t).latest(t), g711.PCMA, 8)
	})
}

// TestAnswerWithoutAContact, or a tag, can be hung up all the same.
func TestAnswerWithoutAContact(t *testing.T) {
	for name, c := range map[string]struct{ contact, want string }{
		"none":           {"", "sip:desk@10.0.0.9"},
		"any":            {"*", "sip:desk@10.0.0.9"},
		"a number":       {"<tel:+12025550123>", "sip:desk@10.0.0.9"},
		"with headers":   {"<sip:a%20b@10.0.0.9:5060;x=y;z?Subject=hello>", "sip:a%20b@10.0.0.9:5060;x=y;z"},
		"a name":         {`"Desk, the" <sip:10.0.0.9>;expires=60`, "sip:10.0.0.9"},
		"without angles": {"sip:desk@10.0.0.9:5060;q=0.5", "sip:desk@10.0.0.9:5060"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(b *bed) {
				d, invite := b.place(DialOptions{})
				res := b.response(invite, 200, "t1", answerPCMA)
				res.RemoveHeader("Contact")

				if name == "none" {
					res.To().Params.Remove("tag")
				}

				if c.contact != "" {
					res.AppendHeader(sipgo.NewHeader("Contact", c.contact))
				}

				b.send(res.String())

				if ack := b.method("ACK"); ack.Recipient.String() != c.want {
					t.Errorf("ACK %s, want %s", &ack.Recipient, c.want)
				}

				if _, err := d.Answered(ctx); err != nil {
					t.Fatal(err)
				}

				hung := later(func() error { return d.Hangup(ctx, "done") })
				bye := b.method("BYE")
				b.send(answerOf(bye, 200))

				if err := <-hung; err != nil || bye.Recipient.String() != c.want {
					t.Errorf("BYE %s: %v", &bye.Recipient, err)
				}
			})
		})
	}
}

// TestForks has a proxy ring two desks: the one that answers is kept, whatever
// the other one described, and a second answer is hung up.
func TestForks(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		d, invite := b.place(DialOptions{})
		b.respond(invite, 183, "t1", answerPCMA)
		b.respond(invite, 183, "t2", strings.Replace(answerPCMA, "4100", "4200", 1))
		b.progress(d, 183)
		b.progress(d, 183)

		if a := b.media.last(t).latest(t); a.Remote.Port() != 4200 {
			t.Errorf("early audio with %s, want the latest fork's", a.Remote)
		}

		b.respond(invite, 200, "t1", "") // described in its 183
		b.method("ACK")

		if _, err := d.Answered(ctx); err != nil {
			t.Fatal(err)
		}

		if a := b.media.last(t).latest(t); a.Remote.Port() != 4100 {
			t.Errorf("audio with %s, want that of the fork that answered", a.Remote)
		}

		b.respond(invite, 200, "t2", answerPCMA)
		b.method("ACK")

		bye := b.method("BYE")
		if tag := tagOf(bye.To().Params); tag != "t2" {
			t.Errorf("BYE to %q", tag)
		}

		b.send(answerOf(bye, 200))

		if n := len(b.media.sessions); n != 1 {
			t.Errorf("%d audio sessions for one call", n)
		}
	})
}

// TestManyForks bounds what a proxy can make us keep, and loses no progress
// that came last.
func TestManyForks(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		d, invite := b.place(DialOptions{})

		for i := range 40 {
			b.respond(invite, 180+i%4, fmt.Sprint("t", i), "")
			synctest.Wait()
		}

		if n := b.ua.Stats().Dialogs; n > maxForks {
			t.Errorf("%d early dialogs kept", n)
		}

		if n := len(d.Progress()); n != progressWaiting {
			t.Errorf("%d progresses wait", n)
		}

		b.respond(invite, 200, "t39", answerPCMA)
		b.method("ACK")

		if _, err := d.Answered(ctx); err != nil {
			t.Error(err)
		}
	})
}

func (b *bed) redirect(invite *sipgo.Request, contacts ...string) {
	b.Helper()

	res := sipgo.NewResponseFromRequest(invite, 302, "Moved", nil)
	res.To().Params.Add("tag", "t302")

	for _, c := range contacts {
		res.AppendHeader(sipgo.NewHeader("Contact", c))
	}

	b.send(res.String())
	b.method("ACK")
}

func TestRedirect(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		var asked []string

		d, invite := b.place(DialOptions{Redirect: func(contact string) bool {
			asked = append(asked, contact)
			return strings.HasSuffix(contact, "@10.0.0.9")
		}})
		b.redirect(invite, "<sip:second@10.0.0.9>;q=0.2", "<sip:first@10.0.0.9>;q=0.7", "<sip:thief@192.0.2.66>")

		first := b.method("INVITE")
		if first.Recipient.User != "first" || first.CallID().Value() != invite.CallID().Value() ||
			first.CSeq().SeqNo != invite.CSeq().SeqNo+1 || tagOf(first.From().Params) != tagOf(invite.From().Params) ||
			first.Via().Params.GetOr("branch", "") == invite.Via().Params.GetOr("branch", "") {
			t.Errorf("the next INVITE:\n%s", first)
		}

		if len(asked) != 3 {
			t.Errorf("asked for %q", asked)
		}

		b.respond(first, 486, "t1", "")
		b.method("ACK")

		second := b.method("INVITE")
		if second.Recipient.User != "second" {
			t.Errorf("then called %s", second.Recipient.User)
		}

		b.respond(second, 200, "t2", answerPCMA)

		if ack := b.method("ACK"); ack.CSeq().SeqNo != second.CSeq().SeqNo {
			t.Errorf("ACK:\n%s", ack)
		}

		if _, err := d.Answered(ctx); err != nil {
			t.Fatal(err)
		}

		go func() { _ = d.Hangup(ctx, "") }()

		bye := b.method("BYE")
		if bye.CSeq().SeqNo <= second.CSeq().SeqNo {
			t.Errorf("BYE:\n%s", bye)
		}

		b.send(answerOf(bye, 200))
	})
}

func TestRedirectsAreBounded(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		d, invite := b.place(DialOptions{Redirect: func(string) bool { return true }})
		for range maxRedirects {
			b.redirect(invite, "<sip:again@10.0.0.9>")
			invite = b.method("INVITE")
		}

		b.redirect(invite, "<sip:again@10.0.0.9>")

		var status *StatusError
		if _, err := d.Answered(ctx); !errors.As(err, &status) || status.Code != 302 {
			t.Errorf("Answered = %v", err)
		}

		b.silence(time.Minute)
	})
}

func TestRedirectRefused(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		d, invite := b.place(DialOptions{})
		b.redirect(invite, "<sip:thief@192.0.2.66>")

		var status *StatusError
		if _, err := d.Answered(ctx); !errors.As(err, &status) || status.Code != 302 {
			t.Errorf("Answered = %v", err)
		}
	})
}

// TestRedirectToElsewhere lets the new far end in, and gives up the old one's
// leave.
func TestRedirectToElsewhere(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		elsewhere := b.net.packet("198.51.100.7:5060")
		d, invite := b.place(DialOptions{Redirect: func(string) bool { return true }})
		b.redirect(invite, "<sip:desk@198.51.100.7>")

		first := b.far
		b.far = elsewhere
		next := b.method("INVITE")
		b.respond(next, 200, "t2", answerPCMA)
		b.method("ACK")

		if _, err := d.Answered(ctx); err != nil {
			t.Fatal(err)
		}

		go func() { _ = d.Hangup(ctx, "") }()

		b.send(answerOf(b.method("BYE"), 200))
		<-d.Done()
		time.Sleep(time.Minute)

		b.ua.gate.mu.Lock()
		defer b.ua.gate.mu.Unlock()

		for addr, v := range b.ua.gate.dialed {
			if v.calls != 0 {
				t.Errorf("%s has %d calls left", addr, v.calls)
			}
		}

		first.Close()
	})
}

// TestRedirectCrossesCancel hangs up while the next INVITE is on its way out.
func TestRedirectCrossesCancel(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		d, invite := b.place(DialOptions{Redirect: func(string) bool { return true }})

		res := sipgo.NewResponseFromRequest(invite, 302, "Moved", nil)
		res.To().Params.Add("tag", "t302")
		res.AppendHeader(sipgo.NewHeader("Contact", "<sip:again@10.0.0.9;transport=tcp>")) // nobody listens

		b.send(res.String())

		giveUp, cancel := context.WithCancel(ctx)
		cancel()

		if _, err := d.Answered(giveUp); err == nil {
			t.Error("answered")
		}

		b.method("ACK")
		<-d.Done()
	})
}
