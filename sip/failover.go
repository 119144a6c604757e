package sip

import (
	"context"
	"errors"
	"log/slog"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// signLimit is how long a next hop may say nothing to an INVITE, not even
// 100, while there is another one to try. Without it a dead hop would cost
// the caller the 32 s of a transaction.
const signLimit = 4 * time.Second

// expectSign watches for a sign of life from where the INVITE went.
func (d *Dialog) expectSign(p *dialing) {
	d.agenda.cancel(p.sign)

	if len(p.ways) == 0 {
		return
	}

	p.sign = d.agenda.after(signLimit, func() {
		if p.tx != nil && !p.unwanted {
			d.ua.abandon(p) // it may ring there all the same
			d.failed(p, ErrTimeout)
		}
	})
}

// alive notes that a hop answers.
func (d *Dialog) alive(p *dialing) {
	d.agenda.cancel(p.sign)
	d.ua.penalties.Works(p.link.hop)
}

// declined tries the next way when this one refuses for now (RFC 3263
// section 4.3).
func (d *Dialog) declined(p *dialing, res *sipgo.Response) bool {
	if res.StatusCode != sipgo.StatusServiceUnavailable {
		return false
	}

	d.ua.penalties.Fail(p.link.hop, time.Now(), seconds(headerValue(res, "Retry-After")))

	return d.goElsewhere(p, &StatusError{Code: res.StatusCode, Reason: res.Reason})
}

// failed tries the next way after one that led nowhere, or ends the call.
func (d *Dialog) failed(p *dialing, err error) {
	if !errors.Is(err, ErrStopped) && p.link.hop.Addr.IsValid() {
		d.ua.penalties.Fail(p.link.hop, time.Now(), 0)
	}

	if errors.Is(err, ErrStopped) || p.unwanted || !d.goElsewhere(p, err) {
		d.unsent(err)
	}
}

// goElsewhere sends the INVITE by the next way; false when there is none.
func (d *Dialog) goElsewhere(p *dialing, why error) bool {
	if len(p.ways) == 0 {
		return false
	}

	w := p.ways[0]
	p.ways = p.ways[1:]

	d.ua.log.Info("call tried elsewhere", slog.String("trunk", d.info.Trunk), slog.String("call_id", d.info.CallID), slog.Any("because", why))
	d.reissue(p, w.uri, func(ctx context.Context) (*link, error) { return d.ua.open(ctx, w.hop) }, nil)

	return true
}
