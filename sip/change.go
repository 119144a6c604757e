package sip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/media/g711"
	"trunkline/sip/sdp"
)

// maxTries bounds how often one change is asked for: glare, an interval that
// is too small and a far end that is busy each cost one.
const maxTries = 6

// longestRetry bounds the wait that a far end asks for with Retry-After.
const longestRetry = 30 * time.Second

// change is a request of ours that changes the running session or refreshes
// it. One at a time is out (RFC 3261 section 14.1).
type change struct {
	// offer is what to offer, asked for whenever the request is sent, since
	// the far end may have changed the session meanwhile. Nil refreshes the
	// session as it is.
	offer func() sdp.Description
	done  func(error)
	tries int
}

// Hold puts the call on hold, or takes it off: the far end is asked to send
// nothing, and may still be sent to. It returns when the far end has agreed.
// The error is a *StatusError when it refused, and wraps ErrState unless the
// call is answered; the session is then as before.
func (d *Dialog) Hold(ctx context.Context, on bool) error {
	return d.propose(ctx, "hold", func(ended func(error)) *change {
		before := d.holding
		d.holding = on

		return &change{
			offer: func() sdp.Description { return d.desc.Again(d.holding) },
			done: func(err error) {
				if err != nil {
					d.holding = before
				}

				ended(err)
			},
		}
	})
}

// Recode asks the far end to go on with another codec. It returns when that has
// agreed; the error is as that of Hold, and the session is as before then.
func (d *Dialog) Recode(ctx context.Context, codec g711.Codec) error {
	return d.propose(ctx, "recode", func(ended func(error)) *change {
		return &change{
			offer: func() sdp.Description { return d.desc.Again(d.holding).Offering(codec) },
			done:  ended,
		}
	})
}

// propose asks the far end for a change of the running session, and waits
// until ended is told how that went. Its error says what was asked for.
func (d *Dialog) propose(ctx context.Context, what string, with func(ended func(error)) *change) error {
	result := make(chan error, 1)

	err := d.do(ctx, func() error {
		if d.phase != active {
			return ErrState
		}

		d.change(with(func(err error) { result <- err }))

		return nil
	})
	if err != nil {
		return d.explain(what, err)
	}

	select {
	case err = <-result:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}

	return d.explain(what, err)
}

// Codec is the codec that was agreed on last; false when none is yet.
func (d *Dialog) Codec() (g711.Codec, bool) {
	if c := d.codec.Load(); c != nil {
		return *c, true
	}

	return 0, false
}

// change queues a change of the session.
func (d *Dialog) change(c *change) {
	d.changes = append(d.changes, c)
	d.nextChange()
}

// nextChange sends the first change that waits, when nothing else is open.
func (d *Dialog) nextChange() {
	if d.phase != active || len(d.changes) == 0 || d.changing != "" || d.retry != nil || d.unconfirmed != nil {
		return
	}

	c := d.changes[0]
	c.tries++

	d.changing = sipgo.INVITE
	if c.offer == nil && d.updates {
		d.changing = sipgo.UPDATE // RFC 4028 section 7.4 prefers it without an offer
	}

	req := d.state.request(d.changing, 0)
	req.AppendHeader(contact(d.sock, ""))
	d.advertise(req)
	d.timer.ask(req)

	desc := d.desc

	if d.changing == sipgo.INVITE {
		if c.offer != nil {
			desc = c.offer()
		}

		req.AppendHeader(sipgo.NewHeader("Content-Type", sdpType))
		req.SetBody(d.origin.Body(desc))
	}

	d.ask(&d.state, req, func(res *sipgo.Response, err error) {
		method := d.changing
		d.changing = ""

		if d.phase == over {
			return // end has told those who wait
		}

		if again, wait := d.changed(method, desc, res, err); again && c.tries < maxTries {
			d.retry = d.agenda.after(wait, func() {
				d.retry = nil
				d.nextChange()
			})

			return
		}

		if d.phase == over {
			return
		}

		d.changes = d.changes[1:]
		c.done(refusal(res, err))
		d.nextChange()
	})
}

// refusal is the error of a response that is no 2xx.
func refusal(res *sipgo.Response, err error) error {
	if err == nil && !res.IsSuccess() {
		err = &StatusError{Code: res.StatusCode, Reason: res.Reason}
	}

	return err
}

// changed takes the outcome of a change that offered desc. It reports whether
// to ask again, and when.
func (d *Dialog) changed(method sipgo.RequestMethod, desc sdp.Description, res *sipgo.Response, err error) (bool, time.Duration) {
	if err != nil {
		d.endWithBye(fmt.Errorf("the session could not be refreshed: %w", err), "no answer to "+string(method))
		return false, 0
	}

	switch status := res.StatusCode; {
	case status == 408 || status == 481:
		// RFC 3261 section 12.2.1.2: the far end has lost the dialog.
		d.endWithBye(&StatusError{Code: res.StatusCode, Reason: res.Reason}, res.Reason)
		return false, 0
	case res.IsSuccess():
		d.heed(res)
		d.state.refresh(res.Contact())
		d.timer.answered(d, res)

		if method == sipgo.INVITE {
			d.desc = desc
			if err := d.answered(res.Body()); err != nil {
				d.endWithBye(fmt.Errorf("%w: %w", ErrBadAnswer, err), "no usable answer")
			}
		}

		return false, 0
	case status == 491:
		return true, d.glare()
	case status == 422:
		return d.timer.raise(res), 0
	case status == 500 || status == 503:
		if wait := headerValue(res, "Retry-After"); wait != "" {
			return true, min(seconds(wait), longestRetry)
		}
	}

	if method == sipgo.UPDATE {
		// It serves no UPDATE, or none without an offer, whatever it says of that.
		d.updates = false
		return true, 0
	}

	return false, 0
}

// glare is how long to wait after a 491: another time for the side that made
// the Call-ID (RFC 3261 section 14.1).
func (d *Dialog) glare() time.Duration {
	const unit = 10 * time.Millisecond

	if d.info.Inbound || d.state.callID != d.info.CallID { // another far end has taken the place of the first
		return time.Duration(rand.IntN(201)) * unit
	}

	return time.Duration(210+rand.IntN(191)) * unit
}

// dropChanges tells those who wait for a change that there will be none.
func (d *Dialog) dropChanges(cause error) {
	d.agenda.cancel(d.retry)

	for _, c := range d.changes {
		c.done(cause)
	}

	d.changes = nil
}
