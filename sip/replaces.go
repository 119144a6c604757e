package sip

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/sip/sdp"
	"trunkline/sip/transfer"
)

// replace takes an INVITE that is to take the place of a call of ours (RFC
// 3891 section 3). A call of another trunk's is not found.
func (ua *UA) replace(tx *serverTx, values []string) {
	r, err := transfer.ParseReplaces(values[0])
	if err != nil || len(values) > 1 || len(tx.req.GetHeaders("Join")) > 0 {
		tx.reply(400, "Malformed Replaces Header")
		return
	}

	ua.mu.Lock()
	d := ua.dialogs[dialogID{callID: r.CallID, localTag: r.ToTag, remoteTag: r.FromTag}]
	ua.mu.Unlock()

	if d == nil || d.info.Trunk != tx.from.trunk.Name {
		tx.reply(481, "")
		return
	}

	if !d.post(func() { d.replaced(tx, r.EarlyOnly) }) {
		tx.reply(500, "", Header{"Retry-After", soon()})
	}
}

// replaced lets the sender of an INVITE take the far end's place: the call
// goes on with the same audio, and the far end of before is hung up.
func (d *Dialog) replaced(tx *serverTx, earlyOnly bool) {
	switch {
	case d.phase == over:
		tx.reply(603, "")
		return
	case d.phase == early:
		// One that was not placed by us cannot be taken over; one that was is
		// still somebody's to answer.
		tx.reply(481, "")
		return
	case earlyOnly:
		tx.reply(486, "")
		return
	case d.unconfirmed != nil || d.changing != "":
		tx.reply(491, "")
		return
	}

	if _, ok := d.timing(tx); !ok {
		return
	}

	before, sock, peer, holding := d.state, d.sock, d.peer, d.holding
	d.sock, d.peer, d.holding = tx.link.sock, tx.src, false

	desc, offered, err := d.welcome(tx.req.Body())
	if err != nil {
		d.refuse(tx, err)

		d.sock, d.peer, d.holding = sock, peer, holding

		return
	}

	if !d.info.Inbound {
		now := time.Now()
		d.ua.gate.enter(d.peer.Addr())
		d.ua.gate.leave(peer.Addr(), now, now.Add(d.ua.cfg.Timers.giveUp()))
	}

	d.forgetID(before.id())

	d.state = uasState(tx.req, tx.tag)
	d.localTag = tx.tag
	d.known(d.state.id())
	d.heed(tx.req)

	d.origin = sdp.NewOrigin(newSessionID())
	d.confirm(tx, desc, offered, nil)

	select {
	case d.replacements <- newInfo(tx.req, tx.link.sock.network(), tx.src):
	default:
	}

	bye := before.request(sipgo.BYE, 0)
	hop := before.nextHop()

	d.ua.work.spawn(func() {
		if _, err := d.ua.send(bye, &hop, sock, peer); err != nil {
			d.ua.log.Debug("BYE of a replaced call not answered", slog.Any("error", err))
		}
	})
}

// welcome describes the running session to another far end.
func (d *Dialog) welcome(body []byte) (desc sdp.Description, offered bool, err error) {
	if len(body) == 0 {
		return sdp.MakeOffer(d.local()), true, nil
	}

	offer, err := sdp.ParseOffer(body)
	if err != nil {
		return desc, false, fmt.Errorf("the new far end's offer: %w", err)
	}

	desc, audio, err := sdp.Answer(offer, d.local())
	if err != nil {
		return desc, false, fmt.Errorf("the new far end's offer: %w", err)
	}

	return desc, false, d.apply(audio)
}

// Replaced receives who took the far end's place, as that INVITE described
// itself. Info tells the far end that the call began with.
func (d *Dialog) Replaced() <-chan Info { return d.replacements }

// forgetID lets requests of a dialog of before be answered as those of none.
func (d *Dialog) forgetID(id dialogID) {
	d.ua.unregister(id)
	d.ids = slices.DeleteFunc(d.ids, func(x dialogID) bool { return x == id })
}
