package sip

import (
	"net/netip"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/sip/hep"
	"trunkline/sip/ladder"
)

// Ladder is the call's messages so far, with secrets masked: its first ones
// and its latest, at times since began.
func (d *Dialog) Ladder(began time.Time) ladder.Record { return d.ladder.Record(began) }

// keepLadder has the messages of a call kept from now on.
func (ua *UA) keepLadder(d *Dialog) {
	ua.mu.Lock()
	defer ua.mu.Unlock()

	ua.ladders[d.info.CallID] = &d.ladder
}

// dropLadder ends what keepLadder began.
func (ua *UA) dropLadder(d *Dialog) {
	ua.mu.Lock()
	defer ua.mu.Unlock()

	if ua.ladders[d.info.CallID] == &d.ladder {
		delete(ua.ladders, d.info.CallID)
	}
}

// callOf is the Call-ID of a message, empty when it has none.
func callOf(h *sipgo.CallIDHeader) string {
	if h == nil {
		return ""
	}

	return h.Value()
}

// remember adds a message to the ladder of its call, by Call-ID; one of no call
// is nobody's.
func (ua *UA) remember(call string, out bool, peer netip.AddrPort, data []byte) {
	ua.mu.Lock()
	r := ua.ladders[call]
	ua.mu.Unlock()

	if r != nil {
		r.Add(time.Now(), out, peer, data)
	}
}

// export hands out a copy of a message that was sent or received by s.
func (ua *UA) export(s socket, call string, out bool, peer netip.AddrPort, data []byte) {
	if ua.cfg.Exporter == nil {
		return
	}

	m := hep.Message{At: time.Now(), Network: s.network(), From: peer, To: s.sentBy(), CallID: call, Text: data}
	if out {
		m.From, m.To = m.To, m.From
	}

	ua.cfg.Exporter.Export(m)
}
