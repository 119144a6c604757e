package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/media"
	"trunkline/sip/digest"
	"trunkline/sip/sdp"
)

// newInbound makes the dialog of an INVITE without a To tag.
func newInbound(tx *serverTx) *Dialog {
	info := newInfo(tx.req, tx.link.sock.network(), tx.src)
	info.Inbound = true

	if tx.from.trunk != nil {
		info.Trunk, info.Keys, info.Recodes = tx.from.trunk.Name, tx.from.trunk.Keys, tx.from.trunk.Recodes
		info.telling(tx.req, tx.from.trunk)
	}

	d := newDialog(tx.ua, info, tx.link.sock, tx.src)
	d.invite = tx
	d.trunk = tx.from.trunk
	d.localTag = tx.tag

	if tx.from.trunk != nil {
		d.srtp, d.audio = tx.from.trunk.SRTP, tx.from.trunk.Audio

		if account := tx.from.trunk.Account; !account.IsZero() {
			d.auth = digest.NewClient(account)
		}
	}

	d.state = uasState(tx.req, tx.tag)

	return d
}

// greet answers the INVITE provisionally, or refuses it for what it offers. It
// runs in the goroutine that read the INVITE, before the dialog has its own.
func (d *Dialog) greet() {
	d.ringing = d.ua.ringer != nil && !d.vouching() && d.ua.ringer.Rings(&d.info)
	if !d.ringing {
		d.invite.reply(100, "")
	}

	if d.examine() && d.ringing {
		d.provide(180, nil)
	}
}

// examine looks at what the INVITE offers, and ends a call that cannot be had.
func (d *Dialog) examine() bool {
	if body := d.invite.req.Body(); len(body) > 0 {
		offer, err := sdp.ParseOffer(body)
		if err == nil {
			_, _, err = sdp.Answer(offer, d.localTo(offer))
		}

		if err != nil {
			d.refuse(d.invite, err)
			d.end(fmt.Errorf("%w: %w", ErrRejected, err))

			return false
		}

		d.offer = offer
	}

	if _, ok := d.timing(d.invite); !ok {
		d.end(fmt.Errorf("%w: its session timer", ErrRejected))
		return false
	}

	d.heed(d.invite.req)

	return true
}

// incoming hands the call to the application.
func (d *Dialog) incoming() {
	started := d.ua.handler != nil && d.ua.handlers.spawn(func() {
		if d.attest() {
			d.ua.handler.Incoming(d)
		}

		_ = d.do(context.Background(), d.abandoned) // an error means that the call is over
	})
	if !started {
		_ = d.abandoned() // never fails
	}
}

// abandoned rejects a call that its Handler left unanswered.
func (d *Dialog) abandoned() error {
	if d.phase == early {
		d.invite.reply(480, "")
		d.end(fmt.Errorf("%w: left unanswered", ErrRejected))
	}

	return nil
}

// refuse answers an INVITE whose description cannot be used: 400 when it is
// malformed, 488 with a Warning when it offers nothing for us.
func (d *Dialog) refuse(tx *serverTx, err error) {
	var na *sdp.NotAcceptableError

	switch {
	case errors.As(err, &na):
		tx.reply(488, "", d.ua.warning(d.sock, na.Warning, na.Reason))
	case errors.Is(err, sdp.ErrMalformed):
		tx.reply(400, "Malformed Session Description", d.ua.warning(d.sock, 399, err.Error()))
	default:
		d.ua.log.Error("session description not applied", slog.String("call_id", d.info.CallID), slog.Any("error", err))
		tx.reply(500, "")
	}
}

// Answer accepts the call: 200 with our description, sent again until the
// ACK comes. The extra headers go into that response. Answer returns the
// call's audio as soon as it can flow: at once, or for an INVITE without an
// offer when the ACK has brought the answer to ours. When the ACK does not
// come in time the call ends with ErrNoACK. ctx bounds only the wait: when it
// ends after the 200 has left, the call goes on and may still be hung up. The
// leg belongs to the dialog, which closes it at the call's end.
func (d *Dialog) Answer(ctx context.Context, extra ...Header) (media.Leg, error) {
	if err := validateHeaders(extra); err != nil {
		return nil, err
	}

	if err := d.do(ctx, func() error { return d.accept(extra) }); err != nil {
		return nil, d.explain("answer", err)
	}

	select {
	case <-d.established:
		return d.session, nil
	case <-d.done:
		return nil, d.explain("answer", errGone)
	case <-ctx.Done():
		return nil, d.explain("answer", context.Cause(ctx))
	}
}

// explain names the operation, and the call's end when that is the reason.
func (d *Dialog) explain(operation string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errGone) || errors.Is(err, ErrState):
		if cause := d.Cause(); cause != nil {
			return fmt.Errorf("sip: %s: %w", operation, cause)
		}
	}

	return fmt.Errorf("sip: %s: %w", operation, err)
}

// accept sends the 200.
func (d *Dialog) accept(extra []Header) error {
	if d.invite == nil || d.phase != early {
		return ErrState
	}

	if d.describing() {
		d.reliable.waiting = append(d.reliable.waiting, func() { _ = d.accept(extra) }) // Answer sees how the call ends
		return nil
	}

	d.restReliable()

	if d.described {
		d.activate()
		d.confirm(d.invite, d.desc, false, extra)
		close(d.established)

		return nil
	}

	err := d.open()
	if err != nil {
		d.invite.reply(503, "", Header{"Retry-After", retryAfter})
		d.end(err)

		return err
	}

	desc, err := d.describe(d.offer)
	if err != nil {
		d.invite.reply(500, "")
		d.end(err)

		return err
	}

	d.activate()
	d.confirm(d.invite, desc, d.offer == nil, extra)

	if d.offer != nil {
		close(d.established)
	}

	return nil
}

// describe answers the offer and puts the agreement into force, or makes an
// offer of ours when there is none.
func (d *Dialog) describe(offer *sdp.Offer) (sdp.Description, error) {
	if offer == nil {
		return sdp.MakeOffer(d.local()), nil
	}

	desc, audio, err := sdp.Answer(offer, d.localTo(offer))
	if err != nil {
		return desc, fmt.Errorf("%w: %w", ErrBadAnswer, err)
	}

	return desc, d.apply(audio)
}

// Reject refuses the call with a status from 300 to 699. An empty reason
// means the status's usual phrase.
func (d *Dialog) Reject(status int, reason string, extra ...Header) error {
	if status < 300 || status > 699 {
		return fmt.Errorf("sip: reject: %d is not a status that refuses", status)
	}

	if err := validateHeaders(extra); err != nil {
		return err
	}

	err := d.do(context.Background(), func() error {
		if d.invite == nil || d.phase != early {
			return ErrState
		}

		d.invite.reply(status, oneLine.Replace(reason), extra...)
		d.end(fmt.Errorf("%w: %d %s", ErrRejected, status, reason))

		return nil
	})

	return d.explain("reject", err)
}

// cancelled ends a call whose caller gave up. After the answer a CANCEL has
// no effect (RFC 3261 section 9.2).
func (d *Dialog) cancelled(req *sipgo.Request) {
	if d.phase != early {
		return
	}

	d.invite.reply(487, "")
	d.end(withReason(ErrCancelled, req))
}

// withReason adds what the far end's Reason header tells (RFC 3326).
func withReason(cause error, req *sipgo.Request) error {
	if reason := headerValue(req, "Reason"); reason != "" {
		return fmt.Errorf("%w: %s", cause, reason)
	}

	return cause
}

// unconfirmed is a 2xx of ours that is sent again until its ACK comes
// (RFC 3261 section 13.3.1.4).
type unconfirmed struct {
	tx       *serverTx
	res      *sipgo.Response
	offered  bool // the response carries an offer, so the ACK must carry the answer
	interval time.Duration
	resend   *appointment
	giveUp   *appointment
}

// confirm sends the 2xx that accepts an INVITE, and expects its ACK.
func (d *Dialog) confirm(tx *serverTx, desc sdp.Description, offered bool, extra []Header) {
	d.desc = desc

	timing, ok := d.timing(tx)
	if !ok {
		return
	}

	res := tx.response(200, "", d.origin.Body(desc))
	res.AppendHeader(contact(d.sock, ""))
	d.timed(res, timing)

	for _, h := range append(d.ua.capabilities(), extra...) {
		res.AppendHeader(sipgo.NewHeader(h.Name, h.Value))
	}

	res.AppendHeader(sipgo.NewHeader("Content-Type", sdpType))

	timers := d.ua.cfg.Timers
	d.unconfirmed = &unconfirmed{
		tx: tx, res: res, offered: offered, interval: timers.T1,
		resend: d.agenda.after(timers.T1, d.resend), giveUp: d.agenda.after(timers.giveUp(), d.unacknowledged),
	}

	tx.respond(res)
}

// resend sends the unconfirmed 2xx again.
func (d *Dialog) resend() {
	u := d.unconfirmed
	u.interval = min(2*u.interval, d.ua.cfg.Timers.T2)
	u.resend = d.agenda.after(u.interval, d.resend)

	d.ua.count.retransmitted.Add(1)

	// Past sipgo's transaction, which a TCP connection or Timer L may have
	// ended already.
	if err := u.tx.link.WriteMsg(u.res); err != nil {
		d.ua.log.Debug("2xx not sent again", slog.Any("error", err))
	}
}

// stopResending forgets the unconfirmed 2xx.
func (d *Dialog) stopResending() {
	if u := d.unconfirmed; u != nil {
		d.agenda.cancel(u.resend)
		d.agenda.cancel(u.giveUp)

		d.unconfirmed = nil
	}
}

// unacknowledged ends a call whose ACK did not come.
func (d *Dialog) unacknowledged() {
	d.stopResending()

	if d.owesBye {
		d.sendBye()
		return
	}

	d.ua.count.noACKs.Add(1)
	d.endWithBye(ErrNoACK, "no ACK")
}

// acked takes an ACK, whichever INVITE of the dialog it is for.
func (d *Dialog) acked(ack *sipgo.Request) {
	u := d.unconfirmed
	if u == nil || ack.CSeq().SeqNo != u.tx.req.CSeq().SeqNo {
		return
	}

	d.stopResending()

	if d.owesBye {
		d.sendBye()
		return
	}

	if d.phase == active && u.offered {
		if err := d.answered(ack.Body()); err != nil {
			d.endWithBye(fmt.Errorf("%w: %w", ErrBadAnswer, err), "no usable answer in the ACK")
		}
	}

	d.nextChange()
}

// answered takes the answer to an offer of ours.
func (d *Dialog) answered(body []byte) error {
	if len(body) == 0 {
		return errors.New("there is none")
	}

	audio, err := sdp.ParseAnswer(body, d.desc)
	if err != nil {
		return err //nolint:wrapcheck // callers wrap it
	}

	if err := d.apply(audio); err != nil {
		return err
	}

	select {
	case <-d.established:
	default:
		close(d.established)
	}

	return nil
}
