package sip

import (
	"errors"
	"fmt"
	"mime"
	"net/netip"
	"slices"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// allow lists the methods that are served.
const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY"

// knownMethods are counted by name.
var knownMethods = map[string]struct{}{
	"INVITE": {}, "ACK": {}, "CANCEL": {}, "BYE": {}, "OPTIONS": {}, "REGISTER": {}, "INFO": {}, "UPDATE": {},
	"PRACK": {}, "REFER": {}, "NOTIFY": {}, "SUBSCRIBE": {}, "MESSAGE": {}, "PUBLISH": {},
}

// retryAfter is how long a refused caller is asked to wait, in seconds.
const retryAfter = "10"

// receive takes one whole message from an admitted source. It returns the
// response to send to the source when the message is not SIP that can be
// processed; nil otherwise.
func (ua *UA) receive(s socket, src netip.AddrPort, from source, data []byte) []byte {
	msg, f := inspect(data, limits{size: ua.cfg.MaxMessage, headers: ua.cfg.MaxHeaders})
	if f != nil {
		if f.status == 513 {
			ua.count.tooLarge.Add(1)
		} else {
			ua.count.malformed.Add(1)
		}

		if from.trunk == nil {
			return nil
		}

		reply, ok := rawReply(data, src, f)
		if !ok || !ua.admission.refusals.Allow(src.Addr(), time.Now()) {
			return nil
		}

		ua.count.response(f.status)

		return reply
	}

	call := callOf(msg.CallID())
	ua.remember(call, false, src, data)
	ua.export(s, call, false, src, data)

	switch m := msg.(type) {
	case *sipgo.Response:
		m.SetTransport(s.network())
		m.SetSource(src.String())

		if !ua.table.response(m) && !ua.table.late(m) {
			ua.count.unmatched.Add(1)
		}
	case *sipgo.Request:
		m.SetTransport(s.network())
		m.SetSource(src.String())
		ua.request(s, src, from, m, data)
	}

	return nil
}

// request finds the transaction and the dialog of a request, which came as text.
func (ua *UA) request(s socket, src netip.AddrPort, from source, req *sipgo.Request, text []byte) {
	toTag := tagOf(req.To().Params)
	key := serverKey(req, req.Method)
	done := ua.table.again(key)

	if from.trunk == nil && done == nil && ua.dialog(req) == nil && ua.table.find(key) == nil {
		// Someone we called may speak in that call only.
		ua.stranger(src.Addr(), text)
		return
	}

	to := stamp(req.Via(), src)

	if req.Method == sipgo.ACK {
		ua.count.request("ACK")
		ua.ack(req)

		return
	}

	if done != nil {
		done.repeat()
		return
	}

	if tx := ua.table.find(key); tx != nil {
		if err := tx.Receive(req); err != nil {
			ua.count.unmatched.Add(1)
		}

		return
	}

	ua.count.request(string(req.Method))

	tx := &serverTx{ua: ua, key: key, req: req, link: &link{ua: ua, sock: s, to: to}, src: src, from: from, tag: newTag()}

	invite := req.Method == sipgo.INVITE && toTag == ""
	if invite {
		tx.dialog = newInbound(tx)
	}

	if err := ua.table.serve(tx); errors.Is(err, errMerged) {
		tx.reply(482, "")
		return
	} else if err != nil {
		ua.count.overloaded.Add(1)
		return
	}

	if req.Method == sipgo.CANCEL {
		ua.cancel(tx)
		return
	}

	if !ua.acceptable(tx) {
		return
	}

	switch {
	case toTag != "":
		ua.inDialog(tx)
	case req.Method == sipgo.OPTIONS:
		ua.options(tx)
	case invite:
		ua.invite(tx, text)
	case req.Method == sipgo.REFER:
		tx.reply(603, "") // a call begins by INVITE only
	default: // BYE, INFO
		tx.reply(481, "")
	}
}

// ack finds what an ACK confirms: a final response other than 2xx by its
// transaction, a 2xx by its dialog (RFC 3261 section 17.1.1.3, 13.2.2.4).
func (ua *UA) ack(req *sipgo.Request) {
	if tx := ua.table.find(serverKey(req, sipgo.INVITE)); tx != nil && tx.status.Load() >= 300 {
		tx.ack(req)
		return
	}

	if d := ua.dialog(req); d != nil {
		d.post(func() { d.acked(req) })
	}
}

// cancel answers a CANCEL and tells the dialog of its INVITE (RFC 3261
// section 9.2).
func (ua *UA) cancel(tx *serverTx) {
	key := serverKey(tx.req, sipgo.INVITE)

	if answered := ua.table.again(key); answered != nil { // it comes too late
		tx.tag = answered.tag
		tx.reply(200, "")

		return
	}

	invite := ua.table.find(key)
	if invite == nil {
		tx.reply(481, "")
		return
	}

	tx.tag = invite.tag
	tx.reply(200, "")

	if d := invite.dialog; d != nil {
		d.post(func() { d.cancelled(tx.req) })
	}
}

// acceptable makes the checks of RFC 3261 section 8.2 that hold for every
// request, and answers one that fails.
func (ua *UA) acceptable(tx *serverTx) bool {
	req := tx.req

	switch req.Method {
	case sipgo.INVITE, sipgo.BYE, sipgo.OPTIONS, sipgo.INFO, sipgo.UPDATE, sipgo.PRACK, sipgo.REFER, sipgo.NOTIFY:
	default:
		tx.reply(405, "", Header{"Allow", allow})
		return false
	}

	if !strings.EqualFold(req.SipVersion, "SIP/2.0") {
		tx.reply(505, "")
		return false
	}

	switch req.Recipient.Scheme {
	case "", "sip", "sips", "tel":
	default:
		tx.reply(416, "")
		return false
	}

	var unknown []string

	for _, tag := range options(req, "Require") {
		if !slices.Contains(ua.extensions(), strings.ToLower(tag)) {
			unknown = append(unknown, tag)
		}
	}

	if len(unknown) > 0 {
		tx.reply(420, "", Header{"Unsupported", strings.Join(unknown, ", ")})
		return false
	}

	switch req.Method {
	case sipgo.INVITE, sipgo.UPDATE, sipgo.PRACK:
		if !accepts(req, sdpType) {
			tx.reply(406, "", ua.warning(tx.link.sock, 399, "our descriptions are "+sdpType))
			return false
		}

		return understood(tx)
	default:
		return true
	}
}

// accepts reports whether the sender of a request takes a body of the type in
// its response. Without an Accept header it takes session descriptions (RFC
// 3261 section 20.1).
func accepts(req *sipgo.Request, kind string) bool {
	ranges := options(req, "Accept")
	family, _, _ := strings.Cut(kind, "/")

	for _, r := range ranges {
		r, _, _ = strings.Cut(r, ";")

		switch strings.ToLower(strings.TrimSpace(r)) {
		case kind, family + "/*", "*/*":
			return true
		}
	}

	return len(ranges) == 0
}

// extensions are the option tags of what we support.
func (ua *UA) extensions() []string {
	tags := []string{"replaces", "norefersub"}

	if !ua.cfg.Session.Off {
		tags = append(tags, "timer")
	}

	if !ua.cfg.NoReliable {
		tags = append(tags, "100rel")
	}

	return tags
}

// understood checks that a request's body is one that we read as a session
// description.
func understood(tx *serverTx) bool {
	req := tx.req
	if len(req.Body()) == 0 {
		return true
	}

	encoding := headerValue(req, "Content-Encoding")
	if encoding == "" {
		encoding = headerValue(req, "e")
	}

	if encoding != "" && !strings.EqualFold(encoding, "identity") {
		tx.reply(415, "", Header{"Accept-Encoding", "identity"}, Header{"Accept", sdpType})
		return false
	}

	kind := ""
	if ct := req.ContentType(); ct != nil {
		kind, _, _ = mime.ParseMediaType(ct.Value())
	}

	if kind != sdpType {
		tx.reply(415, "", Header{"Accept", sdpType})
		return false
	}

	return true
}

const sdpType = "application/sdp"

// inDialog hands a request to its dialog.
func (ua *UA) inDialog(tx *serverTx) {
	d := ua.dialog(tx.req)
	if d == nil {
		tx.reply(481, "")
		return
	}

	tx.tag = d.localTag

	if !d.post(func() { d.request(tx) }) {
		ua.count.overloaded.Add(1)
		tx.reply(500, "", Header{"Retry-After", "1"})
	}
}

// options answers a question for what we can do (RFC 3261 section 11.2).
func (ua *UA) options(tx *serverTx) {
	if ua.draining.Load() {
		tx.reply(503, "", Header{"Retry-After", retryAfter})
		return
	}

	tx.reply(200, "", ua.capabilities()...)
}

func (ua *UA) capabilities() []Header {
	return []Header{
		{"Allow", allow},
		{"Accept", sdpType},
		{"Accept-Encoding", "identity"},
		{"Supported", strings.Join(ua.extensions(), ", ")},
	}
}

// advertise says in a request of ours what the far end may use.
func (d *Dialog) advertise(req *sipgo.Request) {
	req.AppendHeader(sipgo.NewHeader("Allow", allow))

	if tags := d.ua.extensions(); len(tags) > 0 {
		req.AppendHeader(sipgo.NewHeader("Supported", strings.Join(tags, ", ")))
	}
}

// invite admits a new call and starts its dialog.
func (ua *UA) invite(tx *serverTx, text []byte) {
	d := tx.dialog

	if !ua.proven(tx) {
		return
	}

	if values := headerValues(tx.req, "Replaces"); len(values) > 0 {
		ua.replace(tx, values)
		return
	}

	d.trunk.tally.attempted(true)

	if !ua.admit(tx) {
		d.trunk.tally.failed(true, ClassLimited)
		return
	}

	ua.keepLadder(d)
	ua.remember(d.info.CallID, false, tx.src, text)
	d.known(d.state.id())
	ua.enrol(d)
	d.greet()

	if !ua.work.spawn(d.run) {
		d.vacate()
		ua.strike(d)
		ua.unregister(d.state.id())
		ua.dropLadder(d)
		tx.reply(503, "", Header{"Retry-After", retryAfter})
	}
}

// reserve takes one of limit places; limit 0 means no limit.
func reserve(n interface {
	Add(delta int64) int64
}, limit int64,
) bool {
	if n.Add(1) > limit && limit > 0 {
		n.Add(-1)
		return false
	}

	return true
}

// warning makes the value of a Warning header (RFC 3261 section 20.43).
func (ua *UA) warning(s socket, code int, text string) Header {
	return Header{"Warning", fmt.Sprintf("%d %s %s", code, s.sentBy(), quote(text))}
}
