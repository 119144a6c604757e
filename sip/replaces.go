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
// goes on with the same audio, and the far end of before is hung up. A call of
// ours that rings is taken by who answers it so; one that rings here is not
// found (RFC 3891 section 3).
func (d *Dialog) replaced(tx *serverTx, earlyOnly bool) {
	switch {
	case d.phase == over:
		tx.reply(603, "")
		return
	case d.phase == early && d.dial == nil:
		tx.reply(481, "") // it was not placed by us
		return
	case d.phase == early:
		d.pickedUp(tx)
		return
	case earlyOnly:
		tx.reply(486, "")
		return
	case d.unconfirmed != nil || d.changing != "":
		tx.reply(491, "")
		return
	}

	before, sock, peer := d.state, d.sock, d.peer

	desc, offered, ok := d.handOver(tx)
	if !ok {
		return
	}

	d.forgetID(before.id())
	d.take(tx, desc, offered)

	select {
	case d.replacements <- newInfo(tx.req, tx.link.sock.network(), tx.src):
	default:
	}

	bye := before.request(sipgo.BYE, 0)
	hop := before.nextHop()

	d.ua.work.spawn(func() {
		if _, err := d.ua.send(bye, &hop, sock, peer, nil); err != nil {
			d.ua.log.Debug("BYE of a replaced call not answered", slog.Any("error", err))
		}
	})
}

// pickedUp lets the sender of an INVITE answer a call of ours in place of whom
// it rings at, where it is given up (RFC 3891 section 3).
func (d *Dialog) pickedUp(tx *serverTx) {
	desc, offered, ok := d.handOver(tx)
	if !ok {
		return
	}

	p := d.dial
	d.agenda.cancel(p.sign)
	d.dial = nil

	if p.tx != nil {
		d.ua.abandon(p)
	}

	for _, f := range p.forks {
		d.forgetID(f.state.id())
	}

	d.endProgress()
	d.activate()
	d.take(tx, desc, offered)

	if !offered {
		close(d.established)
	}
}

// handOver describes the session to the sender of an INVITE, who is the far end
// from now on. It replies itself, and reports false, when that cannot be: all
// is as before then.
func (d *Dialog) handOver(tx *serverTx) (desc sdp.Description, offered, ok bool) {
	if _, ok := d.timing(tx); !ok {
		return desc, false, false
	}

	sock, peer, holding := d.sock, d.peer, d.holding
	d.sock, d.peer, d.holding = tx.link.sock, tx.src, false

	desc, offered, err := d.welcome(tx.req.Body())
	if err != nil {
		d.refuse(tx, err)

		d.sock, d.peer, d.holding = sock, peer, holding

		return desc, false, false
	}

	if !d.info.Inbound {
		now := time.Now()
		d.ua.gate.enter(d.peer.Addr())
		d.ua.gate.leave(peer.Addr(), now, now.Add(d.ua.cfg.Timers.giveUp()))
	}

	return desc, offered, true
}

// take begins the dialog of an INVITE that the session goes on in, and answers
// it.
func (d *Dialog) take(tx *serverTx, desc sdp.Description, offered bool) {
	d.state = uasState(tx.req, tx.tag)
	d.localTag = tx.tag
	d.known(d.state.id())
	d.heed(tx.req)

	d.origin = sdp.NewOrigin(newSessionID())
	d.confirm(tx, desc, offered, nil)
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

	desc, audio, err := sdp.Answer(offer, d.localTo(offer))
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
