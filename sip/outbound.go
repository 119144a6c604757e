package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/sip/sdp"
)

// DialOptions are what a call that we place can be given.
type DialOptions struct {
	User    string   // user part of our From and Contact; empty means the UA's name
	Display string   // display name of our From
	Headers []Header // added to the INVITE
	SRTP    SRTP     // how the audio is protected
	Audio   Audio    // what else is offered for it

	// Provisional is told of each 1xx response but 100, in order. It runs in
	// the dialog's goroutine, so it must return soon and must not call the
	// dialog.
	Provisional func(status int, reason string)
}

// dialing is an INVITE of ours until its final response.
type dialing struct {
	tx          *clientTx
	req         *sipgo.Request
	link        *link
	provisional func(int, string)
	proceeding  bool             // a provisional response has come, so a CANCEL may go out
	unwanted    bool             // the call is over for us
	giveUp      <-chan time.Time // end of the wait for the final response after a CANCEL
}

// Dial places a call to a SIP URI and returns when it is answered. The URI's
// transport parameter chooses the network, udp when there is none; a listener
// of that network must be configured. When ctx ends before the answer the
// call is cancelled. The error is a *StatusError when the far end refused.
func (ua *UA) Dial(ctx context.Context, target string, options DialOptions) (*Dialog, error) {
	d, err := ua.place(ctx, target, options)
	if err != nil {
		return nil, fmt.Errorf("sip: dial %s: %w", target, err)
	}

	select {
	case <-d.established:
		return d, nil
	case <-d.done:
		return nil, fmt.Errorf("sip: dial %s: %w", target, d.cause)
	case <-ctx.Done():
	}

	reason := fmt.Errorf("%w: %w", ErrHungUp, context.Cause(ctx))
	_ = d.do(context.Background(), func() error { d.hangup(reason, ""); return nil }) // an error means that the call is over

	return nil, fmt.Errorf("sip: dial %s: %w", target, context.Cause(ctx))
}

// place sends the INVITE and starts the dialog's goroutine.
func (ua *UA) place(ctx context.Context, target string, options DialOptions) (*Dialog, error) {
	if err := validateHeaders(options.Headers); err != nil {
		return nil, err
	}

	var uri sipgo.Uri
	if err := sipgo.ParseUri(target, &uri); err != nil {
		return nil, fmt.Errorf("not a SIP URI: %w", err)
	}

	if uri.Scheme != "sip" || uri.Host == "" {
		return nil, errors.New("not a URI of the form sip:user@host[:port][;transport=udp|tcp]")
	}

	if ua.draining.Load() {
		return nil, ErrStopped
	}

	to, err := ua.resolve(ctx, &uri)
	if err != nil {
		return nil, err
	}

	ua.gate.enter(to.Addr())

	d, err := ua.launch(ctx, &uri, options)
	if err != nil {
		ua.gate.leave(to.Addr(), time.Now(), time.Time{})
		return nil, err
	}

	return d, nil
}

func (ua *UA) launch(ctx context.Context, uri *sipgo.Uri, options DialOptions) (*Dialog, error) {
	l, err := ua.reach(ctx, uri, "UDP")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}

	req := ua.newInvite(uri, l.sock, options)
	d := newDialog(ua, newInfo(req, l.sock.network(), l.to), l.sock, l.to)
	d.localTag = tagOf(req.From().Params)
	d.srtp, d.audio = options.SRTP, options.Audio

	local, err := d.open()
	if err != nil {
		return nil, err
	}

	d.desc = sdp.MakeOffer(local)
	req.AppendHeader(sipgo.NewHeader("Content-Type", sdpType))
	req.SetBody(d.origin.Body(d.desc))

	tx, err := ua.table.request(ua, req, l)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrUnreachable, err), d.session.Close())
	}

	d.dial = &dialing{tx: tx, req: req, link: l, provisional: options.Provisional}

	if !ua.work.spawn(d.run) {
		tx.Terminate()

		return nil, errors.Join(ErrStopped, d.session.Close())
	}

	return d, nil
}

// newInvite makes an INVITE without its body (RFC 3261 section 8.1.1).
func (ua *UA) newInvite(uri *sipgo.Uri, s socket, options DialOptions) *sipgo.Request {
	user := options.User
	if user == "" {
		user = ua.cfg.UserAgent
	}

	from := &sipgo.FromHeader{
		DisplayName: oneLine.Replace(options.Display),
		Address:     sipgo.Uri{Scheme: "sip", User: user, Host: s.sentBy().Addr().String()},
	}
	from.Params.Add("tag", newTag())

	to := &sipgo.ToHeader{Address: *uri.Clone()}
	to.Address.UriParams = nil
	to.Address.Headers = nil

	recipient := *uri.Clone()
	recipient.Headers = nil

	maxForwards := sipgo.MaxForwardsHeader(70)
	callID := sipgo.CallIDHeader(newCallID())

	req := sipgo.NewRequest(sipgo.INVITE, recipient)
	req.SetTransport(s.network())
	req.AppendHeader(newVia(s, newBranch()))
	req.AppendHeader(&maxForwards)
	req.AppendHeader(from)
	req.AppendHeader(to)
	req.AppendHeader(&callID)
	req.AppendHeader(&sipgo.CSeqHeader{SeqNo: 1, MethodName: sipgo.INVITE})
	req.AppendHeader(contact(s, user))
	req.AppendHeader(sipgo.NewHeader("Allow", allow))
	req.AppendHeader(sipgo.NewHeader("User-Agent", ua.cfg.UserAgent))

	for _, h := range options.Headers {
		req.AppendHeader(sipgo.NewHeader(h.Name, h.Value))
	}

	return req
}

// response takes a response to our INVITE.
func (d *Dialog) response(res *sipgo.Response) {
	p := d.dial

	switch {
	case res.IsProvisional():
		p.proceeding = true

		switch {
		case p.unwanted:
			p.sendCancel(d)
		case res.StatusCode > 100 && p.provisional != nil:
			p.provisional(res.StatusCode, res.Reason)
		}
	case res.IsSuccess():
		d.dial = nil
		d.accepted(p, res)
	default:
		d.dial = nil
		d.settle(nil)
		d.end(&StatusError{Code: res.StatusCode, Reason: res.Reason})
	}
}

// accepted takes a 2xx response to our INVITE: it is acknowledged in any
// case, and hung up when we gave up before it came.
func (d *Dialog) accepted(p *dialing, res *sipgo.Response) {
	state, err := uacState(p.req, res)
	if err != nil {
		d.settle(err)
		d.end(fmt.Errorf("%w: %w", ErrBadAnswer, err))

		return
	}

	d.state = state
	d.ua.register(d.state.id(), d)
	d.acknowledge(p, res)

	if p.unwanted {
		d.sendBye()
		return
	}

	d.phase = active
	d.answer = res

	if err := d.answered(res.Body()); err != nil {
		d.endWithBye(fmt.Errorf("%w: %w", ErrBadAnswer, err), "no usable answer")
	}
}

// acknowledge sends the ACK for a 2xx, now and whenever the 2xx comes again,
// and hangs up the legs that a forking proxy added (RFC 3261 section
// 13.2.2.4).
func (d *Dialog) acknowledge(p *dialing, res *sipgo.Response) {
	ours := tagOf(res.To().Params)
	state := d.state
	forks := make(map[string]bool)

	d.ua.acknowledge(&state, p)

	// The hook runs in the transaction's one pump goroutine.
	p.tx.OnRetransmission(func(again *sipgo.Response) {
		tag := tagOf(again.To().Params)
		if tag == ours {
			d.ua.acknowledge(&state, p)
			return
		}

		fork, err := uacState(p.req, again)
		if err != nil {
			return
		}

		d.ua.acknowledge(&fork, p)

		if !forks[tag] && len(forks) < inboxSize {
			forks[tag] = true

			d.ua.bye(&fork, d.sock, d.peer, nil)
		}
	})
}

// acknowledge sends the ACK of a 2xx response.
func (ua *UA) acknowledge(state *dialogState, p *dialing) {
	ack := state.request(sipgo.ACK, p.req.CSeq().SeqNo)
	hop := state.nextHop()

	l := ua.route(ua.life, &hop, p.link.sock, p.link.to)

	ack.SetTransport(l.sock.network())
	ack.PrependHeader(newVia(l.sock, newBranch()))

	if err := l.WriteMsg(ack); err != nil {
		ua.log.Debug("ACK not sent", slog.Any("error", err))
	}
}

// cancel gives the INVITE up. The final response is still waited for: it may
// be a 2xx that was on its way.
func (p *dialing) cancel(d *Dialog) {
	if p.unwanted {
		return
	}

	p.unwanted = true

	if p.proceeding {
		p.sendCancel(d)
	}
}

// sendCancel sends a CANCEL, once (RFC 3261 section 9.1).
func (p *dialing) sendCancel(d *Dialog) {
	if p.giveUp != nil {
		return
	}

	p.giveUp = time.After(d.ua.cfg.Timers.giveUp())

	req := sipgo.NewRequest(sipgo.CANCEL, *p.req.Recipient.Clone())
	req.SetTransport(p.req.Transport())
	req.AppendHeader(p.req.Via().Clone())

	maxForwards := sipgo.MaxForwardsHeader(70)
	callID := *p.req.CallID()

	req.AppendHeader(&maxForwards)
	req.AppendHeader(cloneFrom(p.req.From()))
	req.AppendHeader(cloneTo(p.req.To()))
	req.AppendHeader(&callID)
	req.AppendHeader(&sipgo.CSeqHeader{SeqNo: p.req.CSeq().SeqNo, MethodName: sipgo.CANCEL})
	req.SetBody(nil)

	d.ua.work.spawn(func() {
		if _, err := d.ua.transact(req, p.link); err != nil {
			d.ua.log.Debug("CANCEL not answered", slog.Any("error", err))
		}
	})
}

// unanswered ends a call whose INVITE got no final response.
func (d *Dialog) unanswered() {
	err := txError(d.dial.tx.Err())
	d.dial = nil
	d.settle(err)
	d.end(err)
}

// giveUp is the end of a wait for the far end.
func (d *Dialog) giveUp() {
	if d.dial != nil {
		d.dial.tx.Terminate()
		d.dial = nil
		d.settle(ErrTimeout)

		return
	}

	d.unacknowledged()
}

// ResponseHeader is the value of a header in the response that answered a
// call that we placed; empty when there is none, and before the answer.
func (d *Dialog) ResponseHeader(name string) string {
	select {
	case <-d.established:
	default:
		return ""
	}

	if d.answer == nil {
		return ""
	}

	return headerValue(d.answer, name)
}
