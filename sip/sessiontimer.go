package sip

import (
	"fmt"
	"slices"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/sip/session"
)

// SessionTimer says how calls are kept from outliving a far end that has
// vanished (RFC 4028).
type SessionTimer struct {
	Off      bool          // no session of ours expires; far ends that want timers do without
	Interval time.Duration // asked for, in whole seconds; 0 means 30 minutes
	Minimum  time.Duration // less is refused with 422; 0 means 90 s, the least there is
}

func (t SessionTimer) validate() error {
	switch {
	case t.Minimum < session.LowestMinimum || t.Minimum%time.Second != 0:
		return fmt.Errorf("the least session interval %v is no whole number of seconds from 90 (RFC 4028 section 4)", t.Minimum)
	case t.Interval < t.Minimum || t.Interval%time.Second != 0:
		return fmt.Errorf("the session interval %v is no whole number of seconds from the least one, %v", t.Interval, t.Minimum)
	default:
		return nil
	}
}

func (t SessionTimer) policy() session.Policy {
	return session.Policy{Interval: t.Interval, Minimum: t.Minimum}
}

// sessionTimer is the timer of one dialog's session.
type sessionTimer struct {
	SessionTimer

	minimum  time.Duration // the largest Min-SE that the far end told
	interval time.Duration // agreed; 0 when the session does not expire
	until    time.Time     // the session's end, unless it is refreshed
	ours     bool          // we refresh
	alarm    *appointment  // the next refresh, or the end of the wait for theirs
}

const (
	sessionExpires = "Session-Expires"
	minSE          = "Min-SE"
)

// ask adds to a request what the session should be (RFC 4028 section 7.1).
func (t *sessionTimer) ask(req *sipgo.Request) {
	if t.Off {
		return
	}

	wanted := session.Expires{Interval: max(t.Interval, t.minimum)}

	if t.interval != 0 {
		wanted.Interval = max(t.interval, t.minimum)
		wanted.Refresher = session.UAS

		if t.ours {
			wanted.Refresher = session.UAC
		}
	}

	setHeader(req, sessionExpires, wanted.String())

	if least := max(t.minimum, t.Minimum); least > session.LowestMinimum || t.minimum != 0 {
		setHeader(req, minSE, session.Seconds(least))
	}
}

// setHeader replaces a header or adds it.
func setHeader(req *sipgo.Request, name, value string) {
	req.RemoveHeader(name)
	req.AppendHeader(sipgo.NewHeader(name, value))
}

// raise takes the Min-SE of a 422, and reports whether asking again makes
// sense (RFC 4028 section 7.3).
func (t *sessionTimer) raise(res *sipgo.Response) bool {
	least, err := session.ParseMinimum(headerValue(res, minSE))
	if err != nil || least <= t.minimum || t.Off {
		return false
	}

	t.minimum = least

	return true
}

// answered takes what a 2xx to our request says of the session (RFC 4028
// section 7.2). Without the header the session does not expire.
func (t *sessionTimer) answered(d *Dialog, res *sipgo.Response) {
	e, err := session.ParseExpires(expiresOf(res))
	if err != nil || t.Off {
		e = session.Expires{}
	}

	t.start(d, e, e.Refresher != session.UAS)
}

// expiresOf is the value of Session-Expires, or of its short form.
func expiresOf(msg sipgo.Message) string {
	if v := headerValue(msg, sessionExpires); v != "" {
		return v
	}

	return headerValue(msg, "x")
}

// start begins the session's interval anew.
func (t *sessionTimer) start(d *Dialog, e session.Expires, ours bool) {
	d.agenda.cancel(t.alarm)
	t.alarm, t.interval, t.ours = nil, e.Interval, ours
	t.until = time.Now().Add(e.Interval)

	switch {
	case e.Interval == 0:
	case ours:
		t.refresh(d, session.Refresh(e.Interval))
	default:
		t.alarm = d.agenda.after(session.GiveUp(e.Interval), func() {
			d.endWithBye(ErrExpired, "session timer expired")
		})
	}
}

// refresh refreshes the session after a time.
func (t *sessionTimer) refresh(d *Dialog, after time.Duration) {
	t.alarm = d.agenda.after(after, func() {
		d.ua.count.refreshes.Add(1)
		d.change(&change{done: func(err error) { t.refused(d, err) }})
	})
}

// refused tries a refresh that the far end refused again, halfway to the
// session's end, and ends the call shortly before that (RFC 4028 section 10).
func (t *sessionTimer) refused(d *Dialog, err error) {
	if err == nil || d.phase != active {
		return
	}

	left := time.Until(t.until)
	if left <= t.interval-session.GiveUp(t.interval) {
		d.endWithBye(fmt.Errorf("the session could not be refreshed: %w", err), "session timer expired")
		return
	}

	t.refresh(d, left/2)
}

// timing answers what the far end's INVITE or UPDATE says of the session. It
// replies itself, and reports false, when the request must be refused.
func (d *Dialog) timing(tx *serverTx) (session.Expires, bool) {
	asked := session.Request{Supported: supports(tx.req, "timer")}

	if v := expiresOf(tx.req); v != "" {
		e, err := session.ParseExpires(v)
		if err != nil {
			tx.reply(400, "Malformed Session-Expires Header")
			return session.Expires{}, false
		}

		asked.Expires = e
	}

	if v := headerValue(tx.req, minSE); v != "" {
		least, err := session.ParseMinimum(v)
		if err != nil {
			tx.reply(400, "Malformed Min-SE Header")
			return session.Expires{}, false
		}

		asked.Minimum = least
	}

	if d.timer.Off {
		return session.Expires{}, true
	}

	e, ok := d.timer.policy().Reply(asked)
	if !ok {
		tx.reply(422, "", Header{minSE, session.Seconds(d.timer.Minimum)})
	}

	return e, ok
}

// timed adds to a 2xx of ours what was agreed, and starts the interval (RFC
// 4028 section 9).
func (d *Dialog) timed(res *sipgo.Response, e session.Expires) {
	if e.Interval != 0 {
		res.AppendHeader(sipgo.NewHeader(sessionExpires, e.String()))

		if e.Refresher == session.UAC {
			res.AppendHeader(sipgo.NewHeader("Require", "timer"))
		}
	}

	d.timer.start(d, e, e.Refresher == session.UAS)
}

// supports reports whether a message's sender knows an extension.
func supports(msg sipgo.Message, tag string) bool {
	for _, name := range []string{"Supported", "k", "Require"} {
		for _, v := range options(msg, name) {
			if strings.EqualFold(v, tag) {
				return true
			}
		}
	}

	return false
}

// heed takes note of which methods the far end serves.
func (d *Dialog) heed(msg sipgo.Message) {
	if methods := options(msg, "Allow"); len(methods) > 0 {
		d.updates = slices.Contains(methods, "UPDATE")
		d.refers = slices.Contains(methods, "REFER")
	}
}
