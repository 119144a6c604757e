package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/media"
	"trunkline/sip/reliable"
	"trunkline/sip/sdp"
)

// provisionals are the responses before the answer to an INVITE of the far
// end. Reliable ones are sent one after another, each again until its PRACK
// comes (RFC 3262 section 3).
type provisionals struct {
	count    *reliable.Sender
	res      *sipgo.Response // unconfirmed
	offer    bool            // which carries an offer of ours
	answer   bool            // which carries a description of ours, offer or answer
	interval time.Duration
	resend   *appointment
	giveUp   *appointment
	waiting  []func() // what is to be sent once it is confirmed
}

// Ring tells the caller that the call is being offered: 180. It may be called
// several times until the call is answered.
func (d *Dialog) Ring() error {
	err := d.do(context.Background(), func() error {
		if d.invite == nil || d.phase != early {
			return ErrState
		}

		d.provide(180, nil)

		return nil
	})

	return d.explain("ring", err)
}

// Ringing reports whether the caller was told 180 before the Handler had the
// call, by the word of a Ringer.
func (d *Dialog) Ringing() bool { return d.ringing }

// EarlyMedia lets the caller hear us, and us the caller, before the call is
// answered: 183 with our description. It returns the audio as soon as it can
// flow, which Answer then returns too. The response is a reliable one when the
// caller knows those (RFC 3262); only such a caller may leave the offer to us,
// and for another one without an offer the error wraps ErrState.
func (d *Dialog) EarlyMedia(ctx context.Context) (media.Leg, error) {
	audible := make(chan struct{})

	err := d.do(ctx, func() error {
		if d.invite == nil || d.phase != early || d.described || d.offer == nil && !d.confirms() {
			return ErrState
		}

		if err := d.open(); err != nil {
			return err
		}

		desc, err := d.describe(d.offer)
		if err != nil {
			return err
		}

		d.desc, d.described = desc, true
		d.audible = audible
		d.provide(183, &desc)

		if d.offer != nil {
			close(audible)
		}

		return nil
	})
	if err != nil {
		return nil, d.explain("early media", err)
	}

	select {
	case <-audible:
		return d.session, nil
	case <-d.done:
		return nil, d.explain("early media", errGone)
	case <-ctx.Done():
		return nil, d.explain("early media", context.Cause(ctx))
	}
}

// confirms reports whether the caller confirms provisional responses.
func (d *Dialog) confirms() bool {
	return !d.ua.cfg.NoReliable && supports(d.invite.req, "100rel")
}

// provide sends a provisional response, with our description if there is one:
// a reliable one when the caller wants that, and when there is a description
// that must not be lost.
func (d *Dialog) provide(status int, desc *sdp.Description) {
	res := d.invite.response(status, "", nil)
	res.AppendHeader(contact(d.sock, ""))

	if desc != nil {
		res.AppendHeader(sipgo.NewHeader("Content-Type", sdpType))
		res.SetBody(d.origin.Body(*desc))
	}

	if !d.confirms() || desc == nil && !requires(d.invite.req, "100rel") {
		d.invite.respond(res)
		return
	}

	d.sendReliable(res, desc != nil)
}

// sendReliable sends a response now, or when the one before is confirmed.
func (d *Dialog) sendReliable(res *sipgo.Response, described bool) {
	p := &d.reliable

	if p.count == nil {
		// RFC 3262 section 3: the first number is 1 to 2^31-1.
		p.count = reliable.NewSender(1+rand.Uint32N(1<<31-1), d.invite.req.CSeq().SeqNo)
	}

	n, ok := p.count.Number()
	if !ok {
		if len(p.waiting) < inboxSize {
			p.waiting = append(p.waiting, func() { d.sendReliable(res, described) })
		}

		return
	}

	res.AppendHeader(sipgo.NewHeader("Require", "100rel"))
	res.AppendHeader(sipgo.NewHeader("RSeq", fmt.Sprint(n)))

	timers := d.ua.cfg.Timers
	p.res, p.answer, p.offer = res, described, described && d.offer == nil
	p.interval = timers.T1
	p.resend = d.agenda.after(p.interval, d.resendReliable)
	p.giveUp = d.agenda.after(timers.giveUp(), func() {
		d.invite.reply(504, "")
		d.end(ErrNoPRACK)
	})

	d.invite.respond(res)
}

// resendReliable sends the unconfirmed response again.
func (d *Dialog) resendReliable() {
	p := &d.reliable
	p.interval *= 2
	p.resend = d.agenda.after(p.interval, d.resendReliable)

	d.ua.count.retransmitted.Add(1)

	if err := d.invite.link.WriteMsg(p.res); err != nil {
		d.ua.log.Debug("provisional response not sent again", slog.Any("error", err))
	}
}

// restReliable ends the repetition of the unconfirmed response, and what waits
// for it: the final response has left. Its PRACK is still taken (RFC 3262
// section 3).
func (d *Dialog) restReliable() {
	d.agenda.cancel(d.reliable.resend)
	d.agenda.cancel(d.reliable.giveUp)

	d.reliable.waiting = nil
}

// stopReliable forgets the unconfirmed response too.
func (d *Dialog) stopReliable() {
	d.restReliable()
	d.reliable.res = nil
}

// describing reports whether a description of ours is unconfirmed: then a 2xx
// must wait (RFC 3262 section 3).
func (d *Dialog) describing() bool { return d.reliable.res != nil && d.reliable.answer }

// prackReceived takes the far end's PRACK.
func (d *Dialog) prackReceived(tx *serverTx) {
	rack, err := reliable.ParseRAck(headerValue(tx.req, "RAck"))
	if err != nil {
		tx.reply(400, "Malformed RAck Header")
		return
	}

	p := &d.reliable
	if d.phase == over || p.res == nil || !p.count.Confirm(rack) {
		tx.reply(481, "")
		return
	}

	waiting := p.waiting
	offered := p.offer
	d.stopReliable()

	if err := d.prackBody(tx, offered); err != nil {
		d.refuse(tx, err)

		if offered {
			d.refuse(d.invite, err)
			d.end(fmt.Errorf("%w: %w", ErrBadAnswer, err))
		}

		return
	}

	for _, f := range waiting {
		f()
	}
}

// prackBody takes the description in a PRACK: the answer to our offer, or an
// offer, which is answered at once. It answers the PRACK unless it returns an
// error.
func (d *Dialog) prackBody(tx *serverTx, offered bool) error {
	body := tx.req.Body()

	switch {
	case offered && len(body) == 0:
		return errors.New("the PRACK brings no answer to our offer")
	case offered:
		audio, err := sdp.ParseAnswer(body, d.desc)
		if err != nil {
			return err
		}

		if err := d.apply(audio); err != nil {
			return err
		}

		close(d.audible)
		tx.reply(200, "")

		return nil
	case len(body) == 0:
		tx.reply(200, "")
		return nil
	default:
		return d.answerOffer(tx, body)
	}
}

// requires reports whether a request demands an extension.
func requires(req *sipgo.Request, tag string) bool {
	for _, v := range options(req, "Require") {
		if strings.EqualFold(v, tag) {
			return true
		}
	}

	return false
}
