package sip

import (
	"math/rand/v2"
	"strconv"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/sip/sdp"
)

// request takes a request that the far end sent in the dialog. Its method is
// one that is served.
func (d *Dialog) request(tx *serverTx) {
	if !d.stateOf(tx.req).order(tx.req.CSeq().SeqNo) {
		tx.reply(500, "Out Of Order")
		return
	}

	d.heed(tx.req)

	switch tx.req.Method {
	case sipgo.BYE:
		d.byeReceived(tx)
	case sipgo.OPTIONS:
		d.optionsReceived(tx)
	case sipgo.INVITE:
		d.reinvite(tx)
	case sipgo.INFO:
		d.infoReceived(tx)
	case sipgo.UPDATE:
		d.updateReceived(tx)
	case sipgo.PRACK:
		d.prackReceived(tx)
	case sipgo.REFER:
		d.referReceived(tx)
	case sipgo.NOTIFY:
		d.notifyReceived(tx)
	}
}

// optionsReceived tells a far end that asks whether the call is up, as many do
// every minute. One that lasts while we drain is.
func (d *Dialog) optionsReceived(tx *serverTx) {
	if d.phase == over {
		tx.reply(481, "")
		return
	}

	tx.reply(200, "", d.ua.capabilities()...)
}

// stateOf is the state of the dialog that a request of the far end is in: an
// early one while our INVITE is not answered.
func (d *Dialog) stateOf(req *sipgo.Request) *dialogState {
	if f := d.forkOf(req); f != nil {
		return &f.state
	}

	return &d.state
}

// forkOf is the early dialog of a request of the far end; nil when there is
// none.
func (d *Dialog) forkOf(req *sipgo.Request) *fork {
	if d.dial == nil {
		return nil
	}

	return d.dial.forks[tagOf(req.From().Params)]
}

// byeReceived ends the call because the far end hung up. A BYE for a call
// that is over already crossed ours.
func (d *Dialog) byeReceived(tx *serverTx) {
	if d.phase == early && d.invite == nil {
		tx.reply(200, "")
		return
	}

	d.vacate() // the far end may call again as soon as it has the 200
	tx.reply(200, "")

	if d.phase == early {
		d.invite.reply(487, "")
	}

	d.stopResending()
	d.owesBye = false
	d.settleIfQuiet()
	d.end(withReason(ErrRemoteBye, tx.req))
}

// settleIfQuiet tells those who hung up that the far end did too, when no BYE
// of ours is on its way.
func (d *Dialog) settleIfQuiet() {
	if !d.byeSent {
		d.settle(nil)
	}
}

// reinvite changes the running session (RFC 3261 section 14.2). Whatever is
// wrong with the request, the session goes on as it was.
func (d *Dialog) reinvite(tx *serverTx) {
	switch {
	case d.phase == over:
		tx.reply(481, "")
		return
	case d.phase == early:
		tx.reply(500, "", Header{"Retry-After", soon()})
		return
	case d.unconfirmed != nil || d.changing == sipgo.INVITE:
		// Our offer may be out, or our answer unconfirmed.
		tx.reply(491, "")
		return
	}

	if _, ok := d.timing(tx); !ok {
		return
	}

	var offer *sdp.Offer

	if body := tx.req.Body(); len(body) > 0 {
		var err error
		if offer, err = sdp.ParseOffer(body); err != nil {
			d.refuse(tx, err)
			return
		}
	}

	desc, err := d.renegotiate(offer)
	if err != nil {
		d.refuse(tx, err)
		return
	}

	d.state.refresh(tx.req.Contact())
	d.confirm(tx, desc, offer == nil, nil)
}

// renegotiate answers a new offer, or offers the session once more: with all our
// codecs, for the answer may be another party's than before (RFC 3261 section
// 14.2).
func (d *Dialog) renegotiate(offer *sdp.Offer) (sdp.Description, error) {
	if offer == nil {
		return d.desc.Again(d.holding).Offering(d.local().Preferring(d.codec.Load())...), nil
	}

	desc, audio, err := sdp.Answer(offer, d.localTo(offer))
	if err != nil {
		return desc, err //nolint:wrapcheck // refuse looks at its type
	}

	return desc, d.apply(audio)
}

// soon is a Retry-After of 0 to 10 s (RFC 3261 section 14.2, RFC 3311 section
// 5.2).
func soon() string { return strconv.Itoa(rand.IntN(11)) }

// updateReceived takes the far end's UPDATE, which refreshes the session or
// changes it, before the answer too (RFC 3311 section 5.2).
func (d *Dialog) updateReceived(tx *serverTx) {
	f := d.forkOf(tx.req)
	body := tx.req.Body()

	switch {
	case d.phase == over:
		tx.reply(481, "")
		return
	case len(body) == 0:
	case d.unconfirmed != nil && d.unconfirmed.offered, d.changing == sipgo.INVITE, d.dial != nil && (f == nil || !f.answered),
		d.describing() && d.reliable.offer:
		// An offer of ours is out.
		tx.reply(491, "")
		return
	case d.phase == early && d.dial == nil && (!d.described || d.describing()):
		// Their offer of before is not answered.
		tx.reply(500, "", Header{"Retry-After", soon()})
		return
	}

	if _, ok := d.timing(tx); !ok {
		return
	}

	d.stateOf(tx.req).refresh(tx.req.Contact())

	if len(body) == 0 {
		d.updated(tx, nil)
		return
	}

	if err := d.answerOffer(tx, body); err != nil {
		d.refuse(tx, err)
	}
}

// answerOffer answers an offer in a PRACK or UPDATE with a 2xx.
func (d *Dialog) answerOffer(tx *serverTx, body []byte) error {
	offer, err := sdp.ParseOffer(body)
	if err != nil {
		return err //nolint:wrapcheck // refuse looks at its type
	}

	desc, audio, err := sdp.Answer(offer, d.localTo(offer))
	if err != nil {
		return err //nolint:wrapcheck // refuse looks at its type
	}

	if err := d.apply(audio); err != nil {
		return err
	}

	if f := d.forkOf(tx.req); f != nil {
		f.audio, f.desc = &audio, &desc
	} else {
		d.desc = desc
	}

	d.updated(tx, d.origin.Body(desc))

	return nil
}

// updated answers a PRACK or UPDATE with a 2xx.
func (d *Dialog) updated(tx *serverTx, body []byte) {
	res := tx.response(200, "", body)

	if len(body) > 0 {
		res.AppendHeader(sipgo.NewHeader("Content-Type", sdpType))
	}

	if tx.req.Method == sipgo.UPDATE {
		res.AppendHeader(contact(d.sock, ""))

		for _, h := range d.ua.capabilities() {
			res.AppendHeader(sipgo.NewHeader(h.Name, h.Value))
		}

		if timing, ok := d.timing(tx); ok && d.phase == active {
			d.timed(res, timing)
		}
	}

	tx.respond(res)
}
