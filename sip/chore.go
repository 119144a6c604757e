package sip

import (
	"context"
	"errors"
	"fmt"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/sip/digest"
)

// A chore is a request that the UA sends by itself, outside of any call:
// REGISTER or OPTIONS. Requests of one chore share its Call-ID and are
// numbered, so that a late one is not taken for a new one.
type chore struct {
	ua     *UA
	trunk  *trunk
	callID string
	tag    string
	seq    uint32
	auth   *digest.Client
}

func newChore(ua *UA, t *trunk) *chore {
	c := &chore{ua: ua, trunk: t, callID: newCallID(), tag: newTag()}
	if !t.Account.IsZero() {
		c.auth = digest.NewClient(t.Account)
	}

	return c
}

// chore bounds on how long an answer is waited for.
const choreLimit = 8 * time.Second

// send sends a request to a URI, by the trunk's proxy if it has one, and to
// one hop after another until one answers. change completes the request for
// the socket that it leaves by. The hop that answered is returned too.
func (c *chore) send(ctx context.Context, method sipgo.RequestMethod, target, who *sipgo.Uri, change func(*sipgo.Request, socket)) (*sipgo.Response, *link, error) {
	first := target
	if c.trunk.proxy != nil {
		first = c.trunk.proxy
	}

	hops, err := c.ua.hops(ctx, first, "")
	if err != nil {
		return nil, nil, err
	}

	var faults []error

	for _, h := range hops {
		l, err := c.ua.open(ctx, h)
		if err != nil {
			faults = append(faults, err)
			continue
		}

		res, err := c.sendBy(ctx, method, target, who, l, change)
		if err == nil {
			c.ua.penalties.Works(h)
			return res, l, nil
		}

		if ctx.Err() != nil || errors.Is(err, ErrStopped) {
			return nil, nil, err
		}

		c.ua.penalties.Fail(h, time.Now(), 0)
		faults = append(faults, err)
	}

	return nil, nil, errors.Join(faults...)
}

// sendBy sends the request by one link, and again with proof when it is
// challenged.
func (c *chore) sendBy(ctx context.Context, method sipgo.RequestMethod, target, who *sipgo.Uri, l *link, change func(*sipgo.Request, socket)) (*sipgo.Response, error) {
	c.ua.gate.enter(l.to.Addr())

	defer func() {
		now := time.Now()
		c.ua.gate.leave(l.to.Addr(), now, now.Add(c.ua.cfg.Timers.giveUp()))
	}()

	for try := 0; ; try++ {
		req := c.request(method, target, who, l.sock)
		change(req, l.sock)
		req.AppendHeader(sipgo.NewHeader("User-Agent", c.ua.cfg.UserAgent))
		req.SetBody(nil)
		authorize(c.auth, req)

		bounded, cancel := context.WithTimeout(ctx, choreLimit)
		res, err := c.ua.exchange(bounded, req, l)

		cancel()

		if err != nil || !isChallenge(res) || try == maxChallenges || challenged(c.auth, res) != nil {
			return res, err
		}
	}
}

// request makes a request outside of a dialog (RFC 3261 section 8.1.1).
func (c *chore) request(method sipgo.RequestMethod, target, who *sipgo.Uri, s socket) *sipgo.Request {
	c.seq++

	from := &sipgo.FromHeader{Address: *who.Clone()}
	if from.Address.Host == "" {
		from.Address.Host = s.sentBy().Addr().String()
	}

	from.Params.Add("tag", c.tag)

	to := &sipgo.ToHeader{Address: *target.Clone()}
	to.Address.UriParams = nil

	maxForwards := sipgo.MaxForwardsHeader(70)
	callID := sipgo.CallIDHeader(c.callID)

	req := sipgo.NewRequest(method, *target.Clone())
	req.SetTransport(s.network())
	req.AppendHeader(newVia(s, newBranch()))

	if c.trunk.proxy != nil {
		req.AppendHeader(&sipgo.RouteHeader{Address: *c.trunk.proxy.Clone()})
	}

	req.AppendHeader(&maxForwards)
	req.AppendHeader(from)
	req.AppendHeader(to)
	req.AppendHeader(&callID)
	req.AppendHeader(&sipgo.CSeqHeader{SeqNo: c.seq, MethodName: method})

	return req
}

// exchange sends req and waits for its final response, of whatever status.
// The error wraps ErrTimeout when none came in time, or is ErrStopped.
func (ua *UA) exchange(ctx context.Context, req *sipgo.Request, l *link) (*sipgo.Response, error) {
	tx, err := ua.table.request(ua, req, l)
	if err != nil {
		return nil, err
	}

	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
		case <-tx.Done():
			return nil, fmt.Errorf("sip: %s: %w", req.Method, txError(tx.Err()))
		case <-ctx.Done():
			tx.Terminate()

			return nil, fmt.Errorf("sip: %s: %w", req.Method, ErrTimeout)
		}
	}
}
