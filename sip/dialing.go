package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/sip/reliable"
	"trunkline/sip/sdp"
)

const (
	// maxForks bounds the early dialogs of one INVITE; responses of more
	// forks are counted as progress only.
	maxForks = 8

	// maxRedirects bounds the contacts that are called for one call.
	maxRedirects = 5
)

// dialing is an INVITE of ours until its final response.
type dialing struct {
	tx         *clientTx // nil while the next INVITE is on its way out
	req        *sipgo.Request
	link       *link
	options    DialOptions
	forks      map[string]*fork // by the far end's tag
	proceeding bool             // a provisional response has come, so a CANCEL may go out
	unwanted   bool             // the call is over for us
	giveUp     *appointment     // end of the wait for the final response after a CANCEL
	contacts   []sipgo.Uri      // to be called when this target fails; from 3xx responses
	redirects  int
	ways       []*way       // to be tried when this one fails
	sign       *appointment // end of the wait for a sign of life
	challenges int          // how often it was asked who we are
	lengthened int          // how often a 422 asked for a longer session
}

// fork is an early dialog: one of the far ends that a proxy offered the call
// to (RFC 3261 section 12.1).
type fork struct {
	state    dialogState
	audio    *sdp.Audio        // agreed; nil before a response described it
	desc     *sdp.Description  // our answer in it; nil unless an UPDATE brought an offer
	answered bool              // a reliable response brought the answer to our offer
	reliable reliable.Receiver // orders the reliable responses
}

// response takes a response to our INVITE.
func (d *Dialog) response(res *sipgo.Response) {
	p := d.dial
	d.alive(p)
	d.heardOf(res.StatusCode)

	switch {
	case res.IsProvisional():
		p.proceeding = true

		switch {
		case p.unwanted:
			p.sendCancel(d)
		case res.StatusCode > 100:
			d.progressed(p, res)
		}
	case res.IsSuccess():
		d.agenda.cancel(p.giveUp)
		d.dial = nil
		d.accepted(p, res)
	default:
		d.refused(p, res)
	}
}

// progressed takes a provisional response: it may begin an early dialog, and
// describe what can be heard before the answer.
func (d *Dialog) progressed(p *dialing, res *sipgo.Response) {
	f := d.forked(p, res)

	confirmed, again := d.confirmed(p, f, res)
	if again {
		return
	}

	if body := res.Body(); f != nil && len(body) > 0 && !f.answered {
		// RFC 3261 section 13.2.1: the first description is the answer, later
		// ones repeat it.
		if audio, err := sdp.ParseAnswer(body, d.desc); err != nil {
			d.ua.log.Debug("early media not understood", slog.String("call_id", d.info.CallID), slog.Any("error", err))
		} else if err := d.apply(audio); err == nil {
			f.audio, f.answered = &audio, confirmed
		}
	}

	told := Progress{Status: res.StatusCode, Reason: res.Reason}
	if p.heard() {
		told.Leg = d.session
	}

	for {
		select {
		case d.progress <- told:
			return
		default:
		}

		select {
		case <-d.progress:
		default:
		}
	}
}

// confirmed sends the PRACK of a reliable response (RFC 3262 section 4).
// again is true for one that came before, or too early.
func (d *Dialog) confirmed(p *dialing, f *fork, res *sipgo.Response) (confirmed, again bool) {
	if f == nil || tagOf(f.state.remote.Params) == "" || !slices.Contains(options(res, "Require"), "100rel") {
		return false, false
	}

	rseq, err := reliable.ParseRSeq(headerValue(res, "RSeq"))
	if err != nil || f.reliable.Take(rseq) != reliable.Confirm {
		return false, true
	}

	req := f.state.request(sipgo.PRACK, 0)
	rack := reliable.RAck{RSeq: rseq, CSeq: p.req.CSeq().SeqNo, Method: string(sipgo.INVITE)}
	req.AppendHeader(sipgo.NewHeader("RAck", rack.String()))

	d.ask(&f.state, req, func(res *sipgo.Response, err error) {
		if err := refusal(res, err); err != nil {
			d.ua.log.Debug("PRACK not accepted", slog.String("call_id", d.info.CallID), slog.Any("error", err))
		}
	})

	return true, false
}

// heard reports whether some far end described its early media.
func (p *dialing) heard() bool {
	for _, f := range p.forks {
		if f.audio != nil {
			return true
		}
	}

	return false
}

// forked is the early dialog of a response; nil when there are too many.
func (d *Dialog) forked(p *dialing, res *sipgo.Response) *fork {
	tag := tagOf(res.To().Params)

	f, ok := p.forks[tag]
	if !ok {
		if len(p.forks) == maxForks {
			return nil
		}

		f = &fork{state: uacState(p.req, res)}
		p.forks[tag] = f

		if tag != "" {
			d.known(f.state.id())
		}
	}

	f.state.refresh(res.Contact())

	return f
}

// endProgress closes the channel of progress, once.
func (d *Dialog) endProgress() {
	if !d.progressOver {
		d.progressOver = true
		close(d.progress)
	}
}

// refused takes a final response that is no answer.
func (d *Dialog) refused(p *dialing, res *sipgo.Response) {
	if !p.unwanted && (d.authenticated(p, res) || d.lengthened(p, res) || d.redirected(p, res) || d.declined(p, res)) {
		return
	}

	p.tx = nil // it goes on to confirm the response when that comes again
	d.forgetDialing()
	d.settle(nil)
	d.end(&StatusError{Code: res.StatusCode, Reason: res.Reason})
}

// lengthened asks again for a session of the length that a 422 wants.
func (d *Dialog) lengthened(p *dialing, res *sipgo.Response) bool {
	if status := res.StatusCode; status != 422 || p.lengthened == maxTries || !d.timer.raise(res) {
		return false
	}

	p.lengthened++

	d.reissue(p, nil, nil, d.timer.ask)

	return true
}

// redirected calls the next contact of 3xx responses, if it may.
func (d *Dialog) redirected(p *dialing, res *sipgo.Response) bool {
	if res.StatusCode < 400 && p.options.Redirect != nil {
		for _, uri := range contacts(res) {
			if p.options.Redirect(uri.String()) {
				p.contacts = append(p.contacts, uri)
			}
		}
	}

	// A 6xx speaks for all places where the callee could be (RFC 3261 section 21.6).
	if len(p.contacts) == 0 || p.redirects == maxRedirects || res.StatusCode >= 600 {
		return false
	}

	next := p.contacts[0]
	p.contacts = p.contacts[1:]
	p.redirects++

	d.reissue(p, &next, func(ctx context.Context) (*link, error) { return d.ua.reach(ctx, firstHop(p.req, &next), "") }, nil)

	return true
}

// contacts are the URIs of a 3xx response, best first (RFC 3261 section
// 8.1.3.4).
func contacts(res *sipgo.Response) []sipgo.Uri {
	type contact struct {
		uri sipgo.Uri
		q   float64
	}

	var all []contact

	for _, h := range res.GetHeaders("Contact") {
		c, ok := h.(*sipgo.ContactHeader)
		if !ok || c.Address.Wildcard {
			continue
		}

		q := 1.0
		if v, err := strconv.ParseFloat(c.Params.GetOr("q", "1"), 64); err == nil {
			q = v
		}

		all = append(all, contact{uri: *c.Address.Clone(), q: q})
	}

	slices.SortStableFunc(all, func(a, b contact) int { return cmp.Compare(b.q, a.q) })

	uris := make([]sipgo.Uri, len(all))
	for i, c := range all {
		uris[i] = c.uri
	}

	return uris
}

// firstHop is the URI that a request is sent to: that of the proxy that it
// goes through, or else its target.
func firstHop(req *sipgo.Request, target *sipgo.Uri) *sipgo.Uri {
	if r := req.Route(); r != nil {
		return &r.Address
	}

	return target
}

// reissue sends the INVITE again, as a new request of the same call: to
// another recipient by what find opens, unless recipient is nil, and changed
// by adjust, unless it is nil (RFC 3261 section 8.1.3.5).
func (d *Dialog) reissue(p *dialing, recipient *sipgo.Uri, find func(context.Context) (*link, error), adjust func(*sipgo.Request)) {
	req := p.req.Clone()
	req.CSeq().SeqNo++

	if recipient != nil {
		req.Recipient = *recipient.Clone()
		req.Recipient.Headers = nil

		d.forgetProof(req)
	}

	if adjust != nil {
		adjust(req)
	}

	p.tx, p.proceeding = nil, false
	clear(p.forks)

	started := d.aside(func() func() {
		l, err := p.link, error(nil)
		if recipient != nil {
			l, err = find(d.ua.life)
		}

		left := func() {}
		if err == nil {
			left, err = p.options.leaves(d.ua.life)
		}

		return func() {
			d.reissued(p, req, l, err)
			left()
		}
	})
	if !started {
		d.unsent(ErrStopped)
	}
}

// reissued sends the next INVITE of a call by l.
func (d *Dialog) reissued(p *dialing, req *sipgo.Request, l *link, err error) {
	if p.unwanted || d.dial != p {
		d.forgetDialing()
		d.settle(nil)

		return
	}

	switch {
	case errors.Is(err, ErrNotAdmitted):
		d.unsent(err)
		return
	case err != nil:
		d.failed(p, fmt.Errorf("%w: %w", ErrUnreachable, err))
		return
	}

	d.moved(l)

	req.SetTransport(l.sock.network())
	req.ReplaceHeader(newVia(l.sock, newBranch()))
	req.ReplaceHeader(contact(l.sock, req.Contact().Address.User))

	tx, err := d.ua.table.request(d.ua, req, l)
	if err != nil {
		d.failed(p, fmt.Errorf("%w: %w", ErrUnreachable, err))
		return
	}

	p.tx, p.req, p.link = tx, req, l
	d.expectSign(p)
}

// moved lets the dialog's far end be at another address.
func (d *Dialog) moved(l *link) {
	if l.to.Addr() != d.peer.Addr() {
		d.ua.gate.enter(l.to.Addr())
		d.leaveGate()
	}

	d.sock, d.peer = l.sock, l.to
}

// unsent ends a call whose next INVITE could not be sent.
func (d *Dialog) unsent(err error) {
	d.forgetDialing()
	d.settle(err)
	d.end(err)
}

// accepted takes a 2xx response to our INVITE: it is acknowledged in any
// case, and hung up when we gave up before it came.
func (d *Dialog) accepted(p *dialing, res *sipgo.Response) {
	state := uacState(p.req, res)

	early := p.forks[tagOf(res.To().Params)]
	if early != nil {
		// What the early dialog counted goes on. The routes are the 2xx's (RFC
		// 3261 section 13.2.2.4).
		state.localSeq = max(state.localSeq, early.state.localSeq)
		state.remoteSeq, state.remoteUsed = early.state.remoteSeq, early.state.remoteUsed
	}

	d.state = state
	d.known(d.state.id())
	d.acknowledge(p, res)

	if p.unwanted {
		d.sendBye()
		return
	}

	d.activate()
	d.answer = res
	d.heed(res)
	d.timer.answered(d, res)

	if err := d.settled(early, res.Body()); err != nil {
		d.endWithBye(fmt.Errorf("%w: %w", ErrBadAnswer, err), "no usable answer")
	}
}

// settled puts the answer of a 2xx into force, or the one that came before it.
func (d *Dialog) settled(early *fork, body []byte) error {
	d.endProgress()

	if early != nil && early.audio != nil && (early.answered || len(body) == 0) {
		if early.desc != nil {
			d.desc = *early.desc
		}

		if err := d.apply(*early.audio); err != nil {
			return err
		}

		close(d.established)

		return nil
	}

	return d.answered(body)
}

// acknowledge sends the ACK for a 2xx, now and whenever the 2xx comes again,
// and hangs up the legs that a forking proxy added (RFC 3261 section
// 13.2.2.4).
func (d *Dialog) acknowledge(p *dialing, res *sipgo.Response) {
	ours := tagOf(res.To().Params)
	state, first := d.state, d.state
	ua, req, l := d.ua, p.req, p.link
	others := newAbandoned(ua, req, l)

	// The hook runs in the transaction's one pump goroutine. It is there before
	// the first ACK: another leg's answer may follow at once.
	p.tx.OnRetransmission(func(again *sipgo.Response) {
		if tagOf(again.To().Params) == ours {
			ua.acknowledge(&state, req, l)
		} else {
			others.hangUp(again)
		}
	})

	ua.acknowledge(&first, req, l)
}

// acknowledge sends the ACK of a 2xx response to our INVITE, with the proofs
// that the INVITE bears (RFC 3261 section 13.2.2.4).
func (ua *UA) acknowledge(state *dialogState, invite *sipgo.Request, via *link) {
	ack := state.request(sipgo.ACK, invite.CSeq().SeqNo)
	hop := state.nextHop()

	copyProofs(invite, ack)

	l := ua.route(ua.life, &hop, via.sock, via.to)

	ack.SetTransport(l.sock.network())
	ack.PrependHeader(newVia(l.sock, newBranch()))

	if err := l.WriteMsg(ack); err != nil {
		ua.log.Debug("ACK not sent", slog.Any("error", err))
	}
}

// copyProofs repeats a request's proofs in another one.
func copyProofs(from, to *sipgo.Request) {
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		for _, value := range headerValues(from, name) {
			to.AppendHeader(sipgo.NewHeader(name, value))
		}
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

	p.giveUp = d.agenda.after(d.ua.cfg.Timers.giveUp(), func() {
		d.forgetDialing()
		d.settle(ErrTimeout)
	})

	req, l := cancelOf(p.req), p.link

	d.ua.work.spawn(func() {
		if _, err := d.ua.transact(req, l, nil); err != nil {
			d.ua.log.Debug("CANCEL not answered", slog.Any("error", err))
		}
	})
}

// unanswered ends a call whose INVITE got no final response.
func (d *Dialog) unanswered() {
	d.failed(d.dial, txError(d.dial.tx.Err()))
}

// forgetDialing stops waiting for the final response to our INVITE.
func (d *Dialog) forgetDialing() {
	p := d.dial
	if p == nil {
		return
	}

	d.agenda.cancel(p.giveUp)
	d.agenda.cancel(p.sign)
	d.dial = nil

	if p.tx != nil {
		p.tx.Terminate()
	}
}
