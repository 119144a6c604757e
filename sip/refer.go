package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"mime"
	"strconv"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/sip/transfer"
)

const (
	fragmentType = "message/sipfrag"

	// referralLimit bounds how long a REFER's outcome is waited for, and
	// reported, when nobody says how long.
	referralLimit = 3 * time.Minute
)

// ReferOptions are what a transfer can be given.
type ReferOptions struct {
	// Replaces is our call with the target, when there is one already: the far
	// end then takes our place in it (attended transfer). The target may be
	// empty then, and is where that call is.
	Replaces   *Dialog
	ReferredBy string         // URI of who transfers the call (RFC 3892); empty tells nothing
	Progress   func(Progress) // told of the far end's reports; runs in the dialog's goroutine, so it must return soon
}

// referring is a REFER of ours until its outcome is known.
type referring struct {
	seq      uint32 // of the REFER, which reports may name
	progress func(Progress)
	result   chan error
	expiry   *appointment
}

// ErrUntold says that a far end took a transfer on but never told how it went.
var ErrUntold = errors.New("the far end did not tell how the transfer went")

// Refer asks the far end to call target, a SIP URI, instead of us, and returns
// when it has told how that went. The error is nil when the target answered,
// or when the far end took the transfer on and reports nothing (RFC 4488); a
// *StatusError when the far end refused, or the target did; and wraps
// ErrUntold when we ended the call or the reports ended before. A far end that
// hangs up first may still tell for 32 s. The call goes on
// meanwhile and afterwards: hang it up when the transfer has worked. target
// must not come from a caller.
func (d *Dialog) Refer(ctx context.Context, target string, o ReferOptions) error {
	to := transfer.ReferTo{URI: target}

	if o.Replaces != nil {
		if err := o.Replaces.joins(ctx, &to); err != nil {
			return d.explain("refer", err)
		}
	}

	if _, err := transfer.ParseReferTo(to.String()); err != nil {
		return d.explain("refer", err)
	}

	if err := validateHeaders([]Header{{"Referred-By", o.ReferredBy}}); err != nil {
		return err
	}

	result := make(chan error, 1)

	if err := d.do(ctx, func() error { return d.refer(to, o, result) }); err != nil {
		return d.explain("refer", err)
	}

	select {
	case err := <-result:
		return d.explain("refer", err)
	case <-ctx.Done():
		_ = d.do(context.Background(), func() error { d.referred(nil); return nil }) // an error means that the call is over

		return d.explain("refer", context.Cause(ctx))
	}
}

// joins says how somebody can take our place in this call.
func (d *Dialog) joins(ctx context.Context, to *transfer.ReferTo) error {
	return d.do(ctx, func() error {
		if d.phase != active {
			return ErrState
		}

		if to.URI == "" {
			target := d.state.target.Clone()
			target.Headers = nil
			to.URI = target.String()
		}

		id := d.state.id()
		to.Replaces = transfer.Replaces{CallID: id.callID, ToTag: id.remoteTag, FromTag: id.localTag}.String()

		return nil
	})
}

// refer sends the REFER.
func (d *Dialog) refer(to transfer.ReferTo, o ReferOptions, result chan error) error {
	if d.phase != active || d.referral != nil {
		return ErrState
	}

	req := d.state.request(sipgo.REFER, 0)
	req.AppendHeader(contact(d.sock, ""))
	req.AppendHeader(sipgo.NewHeader("Refer-To", to.String()))
	d.advertise(req)

	if o.ReferredBy != "" {
		req.AppendHeader(sipgo.NewHeader("Referred-By", "<"+o.ReferredBy+">"))
	}

	r := &referring{seq: req.CSeq().SeqNo, progress: o.Progress, result: result}
	d.referral = r // a report may come before the response (RFC 3515 section 2.4.4)
	d.expect(r, referralLimit)

	d.ask(&d.state, req, func(res *sipgo.Response, err error) {
		switch err := refusal(res, err); {
		case d.referral != r:
		case err != nil:
			d.referred(err)
		case strings.EqualFold(strings.TrimSpace(headerValue(res, "Refer-Sub")), "false"):
			d.referred(nil)
		}
	})

	return nil
}

// expect waits for the next report.
func (d *Dialog) expect(r *referring, wait time.Duration) {
	d.agenda.cancel(r.expiry)
	r.expiry = d.agenda.after(wait, func() {
		if d.phase == over {
			d.referred(fmt.Errorf("%w: %w", ErrUntold, d.cause))
		} else {
			d.referred(ErrUntold)
		}
	})
}

// outlive says what the call's end means for the subscriptions that REFERs
// made in its dialog. Each is a usage of its own (RFC 5057 section 4.1): a far
// end that hangs up may still tell how our transfer went, and is told how its
// own goes. An end of our making ends both.
func (d *Dialog) outlive(cause error) {
	if !errors.Is(cause, ErrRemoteBye) {
		d.endSubscriptions(cause)
		return
	}

	if r := d.referral; r != nil {
		d.expect(r, d.ua.cfg.Timers.giveUp())
	}
}

// endSubscriptions ends what REFERs began: ours is not waited for any more, and
// theirs gets its last report.
func (d *Dialog) endSubscriptions(cause error) {
	d.referred(fmt.Errorf("%w: %w", ErrUntold, cause))

	if d.wish != nil {
		d.tell(d.wish, 487, "")
	}
}

// referred ends the wait for a transfer's outcome.
func (d *Dialog) referred(err error) {
	if r := d.referral; r != nil {
		d.agenda.cancel(r.expiry)
		d.referral = nil
		r.result <- err
	}
}

// notifyReceived takes a report of a transfer that we asked for.
func (d *Dialog) notifyReceived(tx *serverTx) {
	event, params, _ := strings.Cut(headerValue(tx.req, "Event"), ";")
	if event == "" {
		event, params, _ = strings.Cut(headerValue(tx.req, "o"), ";")
	}

	r := d.referral

	switch id := paramOf(params, "id"); {
	case !strings.EqualFold(strings.TrimSpace(event), "refer"):
		tx.reply(489, "", Header{"Allow-Events", "refer"})
		return
	case r == nil || id != "" && id != strconv.FormatUint(uint64(r.seq), 10):
		tx.reply(481, "")
		return
	}

	state, err := transfer.ParseState(headerValue(tx.req, "Subscription-State"))
	if err != nil {
		tx.reply(400, "Malformed Subscription-State Header")
		return
	}

	status, reason, ok := d.report(tx)
	if !ok {
		return
	}

	tx.reply(200, "")

	if status != 0 && r.progress != nil {
		r.progress(Progress{Status: status, Reason: reason})
	}

	switch {
	case status >= 300:
		d.referred(&StatusError{Code: status, Reason: reason})
	case status >= 200:
		d.referred(nil)
	case state.Terminated:
		d.referred(fmt.Errorf("%w: its reports ended: %s", ErrUntold, state.Reason))
	case state.Expires != 0:
		d.expect(r, state.Expires)
	}
}

// report reads the body of a report: status 0 for none, which only the last
// one may be. It answers itself what cannot be read.
func (d *Dialog) report(tx *serverTx) (status int, reason string, ok bool) {
	body := tx.req.Body()
	if len(body) == 0 {
		return 0, "", true
	}

	kind := ""
	if ct := tx.req.ContentType(); ct != nil {
		kind, _, _ = mime.ParseMediaType(ct.Value())
	}

	if kind != fragmentType {
		tx.reply(415, "", Header{"Accept", fragmentType})
		return 0, "", false
	}

	status, reason, err := transfer.ParseFragment(body)
	if err != nil {
		tx.reply(400, "Malformed Report")
		return 0, "", false
	}

	return status, reason, true
}

// paramOf is a parameter of a header's value.
func paramOf(params, name string) string {
	for param := range strings.SplitSeq(params, ";") {
		if n, value, _ := strings.Cut(param, "="); strings.EqualFold(strings.TrimSpace(n), name) {
			return strings.TrimSpace(value)
		}
	}

	return ""
}

// A Referral is the far end's wish that we call somebody instead of it.
type Referral struct {
	Target     string // the URI to call, as the far end wrote it
	Trunk      string // whose call wishes it
	User       string // its user part, or the number of a tel URI
	Own        bool   // the URI is a place of the trunk's, where CallOptions.Target may send a call
	Replaces   string // value of that call's Replaces header; empty for a blind transfer
	ReferredBy string // value of Referred-By (RFC 3892); empty when there is none

	// Report tells the far end how the call to the target goes: a status from
	// 100 to 699. One from 200 is the last, and there must be one, also when the
	// far end has hung up meanwhile. Reports after the last, or after we have
	// ended the call, are dropped.
	Report func(status int, reason string)

	event  string // of the reports
	silent bool   // no reports are wanted (RFC 4488)
	expiry *appointment
}

// Referrals receives the far end's wishes to be transferred, on trunks that
// allow them. Each must be reported on to its end.
func (d *Dialog) Referrals() <-chan *Referral { return d.referrals }

// reportOn is a Referral's Report.
func (d *Dialog) reportOn(r *Referral) func(int, string) {
	return func(status int, reason string) {
		_ = d.do(context.Background(), func() error { // an error means that the call is over
			d.tell(r, status, reason)
			return nil
		})
	}
}

// wanted is the place that a REFER names.
func (d *Dialog) wanted(to transfer.ReferTo) *Referral {
	r := &Referral{Target: to.URI, Replaces: to.Replaces, Trunk: d.trunk.Name}
	r.Report = d.reportOn(r)

	if number, ok := strings.CutPrefix(strings.ToLower(to.URI), "tel:"); ok {
		r.User, _, _ = strings.Cut(number, ";")
		return r
	}

	if uri, err := parseTarget(to.URI); err == nil {
		r.User, r.Own = userOf(uri), d.trunk.holds(uri)
	}

	return r
}

// mayRefer reports whether the trunk's policy lets the far end have the place
// called. One that is in a call already (Replaces) can be reached by its own
// URI alone, which must lie in the trunk.
func (d *Dialog) mayRefer(r *Referral) bool {
	return d.trunk.Transfer(r.User) && (r.Own || r.Replaces == "")
}

// referReceived takes the far end's REFER.
func (d *Dialog) referReceived(tx *serverTx) {
	switch {
	case d.phase == over:
		tx.reply(481, "")
		return
	case d.trunk == nil || d.trunk.Transfer == nil || d.phase != active:
		tx.reply(603, "")
		return
	}

	to := append(headerValues(tx.req, "Refer-To"), headerValues(tx.req, "r")...)
	if len(to) != 1 {
		// RFC 3515 section 2.4.2.
		tx.reply(400, "One Refer-To Header Is Needed")
		return
	}

	referTo, err := transfer.ParseReferTo(to[0])
	if err != nil {
		tx.reply(400, "Malformed Refer-To Header")
		return
	}

	if d.wish != nil {
		tx.reply(500, "", Header{"Retry-After", soon()})
		return
	}

	r := d.wanted(referTo)
	if !d.mayRefer(r) {
		tx.reply(603, "")
		return
	}

	r.ReferredBy = cmp.Or(headerValue(tx.req, "Referred-By"), headerValue(tx.req, "b"))
	r.event = fmt.Sprintf("refer;id=%d", tx.req.CSeq().SeqNo)
	r.silent = strings.EqualFold(strings.TrimSpace(headerValue(tx.req, "Refer-Sub")), "false")

	select {
	case d.referrals <- r:
	default:
		tx.reply(500, "", Header{"Retry-After", soon()})
		return
	}

	res := tx.response(202, "", nil)
	res.AppendHeader(contact(d.sock, ""))

	if r.silent {
		res.AppendHeader(sipgo.NewHeader("Refer-Sub", "false"))
	}

	tx.respond(res)

	d.wish = r
	r.expiry = d.agenda.after(referralLimit, func() { d.tell(r, 408, "") })

	d.tell(r, 100, "")
}

// tell sends a report.
func (d *Dialog) tell(r *Referral, status int, reason string) {
	if d.wish != r {
		return
	}

	if reason = oneLine.Replace(reason); reason == "" {
		reason = phrase(status)
	}

	state := "active;expires=" + strconv.Itoa(int(time.Until(r.expiry.at).Seconds()))

	if status >= 200 {
		state = "terminated;reason=noresource"
		d.agenda.cancel(r.expiry)
		d.wish = nil
	}

	if r.silent {
		return
	}

	req := d.state.request(sipgo.NOTIFY, 0)
	req.AppendHeader(contact(d.sock, ""))
	req.AppendHeader(sipgo.NewHeader("Event", r.event))
	req.AppendHeader(sipgo.NewHeader("Subscription-State", state))
	req.AppendHeader(sipgo.NewHeader("Content-Type", fragmentType))
	req.SetBody(transfer.Fragment(status, reason))

	d.ask(&d.state, req, func(res *sipgo.Response, err error) {
		if refusal(res, err) != nil && d.wish == r {
			// RFC 6665 section 4.2.2: a far end that refuses reports gets no more.
			r.silent = true
		}
	})
}
