package sip

import (
	"log/slog"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// abandoned is an INVITE that we gave up without waiting for its end, because
// the call goes on without it. Where it went somebody may still ring, or
// answer: they are told that it is over, so that nobody is left with a silent
// call.
type abandoned struct {
	ua   *UA
	key  string
	req  *sipgo.Request
	link *link

	forget *time.Timer

	mu        sync.Mutex
	cancelled bool
	answers   map[string]bool // far ends that were hung up, by their tags
}

// abandon gives up what p sent last.
func (ua *UA) abandon(p *dialing) {
	a := newAbandoned(ua, p.req, p.link)
	a.key, _ = sipgo.ClientTxKeyMake(p.req) // it was made when the request left

	ua.table.abandon(a, ua.cfg.Timers.giveUp())
	p.tx.Terminate()

	if p.proceeding {
		ua.work.spawn(a.cancel)
	}
}

func newAbandoned(ua *UA, req *sipgo.Request, l *link) *abandoned {
	return &abandoned{ua: ua, req: req, link: l, answers: make(map[string]bool)}
}

// response ends what a late response tells of.
func (a *abandoned) response(res *sipgo.Response) {
	switch {
	case res.IsProvisional():
		a.cancel()
	case res.IsSuccess():
		a.hangUp(res)
	default:
		if err := a.link.WriteMsg(ackOfRefusal(a.req, res)); err != nil {
			a.ua.log.Debug("ACK not sent", slog.Any("error", err))
		}
	}
}

// cancel sends the CANCEL, once.
func (a *abandoned) cancel() {
	a.mu.Lock()
	first := !a.cancelled
	a.cancelled = true
	a.mu.Unlock()

	if !first {
		return
	}

	if _, err := a.ua.transact(cancelOf(a.req), a.link, nil); err != nil {
		a.ua.log.Debug("CANCEL not answered", slog.Any("error", err))
	}
}

// hangUp acknowledges an answer, whenever it comes, and ends the dialog that
// it began, once.
func (a *abandoned) hangUp(res *sipgo.Response) {
	state := uacState(a.req, res)
	a.ua.acknowledge(&state, a.req, a.link)

	tag := tagOf(res.To().Params)

	a.mu.Lock()
	again := a.answers[tag] || len(a.answers) == maxForks
	a.answers[tag] = a.answers[tag] || !again
	a.mu.Unlock()

	if again {
		return
	}

	bye, hop := state.request(sipgo.BYE, 0), state.nextHop()

	a.ua.work.spawn(func() {
		if _, err := a.ua.send(bye, &hop, a.link.sock, a.link.to, nil); err != nil {
			a.ua.log.Debug("BYE of an answer that nobody wants not answered", slog.Any("error", err))
		}
	})
}

// abandon has the responses to an INVITE come to a, for a while.
func (t *transactions) abandon(a *abandoned, while time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()

	if t.closed {
		return
	}

	t.abandoned[a.key] = a
	a.forget = time.AfterFunc(while, func() {
		t.mu.Lock()
		defer t.mu.Unlock()

		delete(t.abandoned, a.key)
	})
}

// late hands a response to the INVITE that was given up, and reports whether
// there is one.
func (t *transactions) late(res *sipgo.Response) bool {
	key, err := sipgo.ClientTxKeyMake(res)
	if err != nil {
		return false
	}

	t.mu.Lock()
	a := t.abandoned[key]
	t.mu.Unlock()

	return a != nil && a.ua.work.spawn(func() { a.response(res) })
}

// cancelOf makes the CANCEL of an INVITE of ours (RFC 3261 section 9.1).
func cancelOf(invite *sipgo.Request) *sipgo.Request {
	req := sipgo.NewRequest(sipgo.CANCEL, *invite.Recipient.Clone())
	req.SetTransport(invite.Transport())
	req.AppendHeader(invite.Via().Clone())
	sipgo.CopyHeaders("Route", invite, req)

	maxForwards := sipgo.MaxForwardsHeader(70)
	callID := *invite.CallID()

	req.AppendHeader(&maxForwards)
	req.AppendHeader(cloneFrom(invite.From()))
	req.AppendHeader(cloneTo(invite.To()))
	req.AppendHeader(&callID)
	req.AppendHeader(&sipgo.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sipgo.CANCEL})
	req.SetBody(nil)

	return req
}

// ackOfRefusal makes the ACK of a response that refused our INVITE (RFC 3261
// section 17.1.1.3).
func ackOfRefusal(invite *sipgo.Request, res *sipgo.Response) *sipgo.Request {
	ack := cancelOf(invite)
	ack.Method = sipgo.ACK
	ack.ReplaceHeader(cloneTo(res.To()))
	ack.ReplaceHeader(&sipgo.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sipgo.ACK})

	return ack
}
