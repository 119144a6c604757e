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
	if !d.state.order(tx.req.CSeq().SeqNo) {
		tx.reply(500, "Out Of Order")
		return
	}

	switch tx.req.Method {
	case sipgo.BYE:
		d.byeReceived(tx)
	case sipgo.OPTIONS:
		d.ua.options(tx)
	case sipgo.INVITE:
		d.reinvite(tx)
	case sipgo.INFO:
		d.infoReceived(tx)
	}
}

// byeReceived ends the call because the far end hung up. A BYE for a call
// that is over already crossed ours.
func (d *Dialog) byeReceived(tx *serverTx) {
	tx.reply(200, "")

	if d.phase == early {
		if d.invite == nil {
			return
		}

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
		tx.reply(500, "", Header{"Retry-After", strconv.Itoa(rand.IntN(11))})
		return
	case d.unconfirmed != nil:
		// Our offer may be out, or our answer unconfirmed.
		tx.reply(491, "")
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

// renegotiate answers a new offer, or offers the session as it is once more.
func (d *Dialog) renegotiate(offer *sdp.Offer) (sdp.Description, error) {
	if offer == nil {
		return d.desc.Again(), nil
	}

	desc, audio, err := sdp.Answer(offer, d.local())
	if err != nil {
		return desc, err //nolint:wrapcheck // refuse looks at its type
	}

	return desc, d.apply(audio)
}
