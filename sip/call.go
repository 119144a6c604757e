package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/media/g711"
	"trunkline/sip/digest"
)

// CallOptions are what a call on a trunk can be given.
type CallOptions struct {
	CallerID string   // the number that we show, "+" and digits; empty means the trunk's
	Display  string   // the name that we show
	Private  bool     // the far end is to withhold who calls (RFC 3323, RFC 3325 section 9.3)
	Headers  []Header // added to the INVITE
	// Diversion and History are values of Diversion (RFC 5806) and
	// History-Info (RFC 7044) headers of a call that is passed on.
	Diversion, History []string

	// Target is a SIP URI to be called in place of the trunk's targets. It must
	// be a place of the trunk's own, as a Referral's may be.
	Target string
	// Codec is offered before the others; nil leaves the configured order.
	Codec *g711.Codec
	// Replaces is the call there whose place ours takes, as a Replaces header
	// names it (RFC 3891).
	Replaces   string
	ReferredBy string // who wanted the call (RFC 3892); value of the header

	Leave func(ctx context.Context) (left func(), err error) // as DialOptions has it
}

// Call places a call to a number on a trunk and returns when its INVITE has
// left; Progress and Answered tell how it goes on. The number is "+" and
// digits (E.164), and written as the trunk wants it; a number without "+" is
// an extension, and stays as it is. The trunk's targets are tried in the order
// of their priority until one takes the call; only those that refuse with 503,
// say nothing or cannot be reached are passed over. ctx bounds only what comes
// before the INVITE.
//
// The error wraps ErrTrunk, ErrNumber, ErrLimit or ErrNotAdmitted when the call
// may not be, and ErrUnreachable when there is no way to a target.
func (ua *UA) Call(ctx context.Context, trunk, number string, options CallOptions) (*Dialog, error) {
	t, ok := ua.gate.trunks[trunk]
	if !ok || len(t.Targets) == 0 && options.Target == "" {
		return nil, fmt.Errorf("sip: call on trunk %q: %w", trunk, ErrTrunk)
	}

	t.tally.attempted(false)

	d, err := ua.callOn(ctx, t, number, &options)
	if err != nil {
		t.tally.failed(false, classOf(err))

		return nil, fmt.Errorf("sip: call on trunk %q: %w", trunk, err)
	}

	return d, nil
}

func (ua *UA) callOn(ctx context.Context, t *trunk, number string, options *CallOptions) (*Dialog, error) {
	if err := dialable(number); err != nil {
		return nil, err
	}

	if options.CallerID != "" {
		if err := dialable(options.CallerID); err != nil {
			return nil, fmt.Errorf("caller ID: %w", err)
		}
	}

	o := t.outgoing(options)

	written := t.Numbers.write(number)
	o.options.Redirect = t.redirects(written)

	uris, err := t.places(written, options.Target)
	if err != nil {
		return nil, err
	}

	ways, err := ua.ways(ctx, t, uris)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}

	o.ways = ways
	o.options.Headers = append(o.options.Headers, ua.sign(t, cmp.Or(options.CallerID, t.Identity.CallerID), number)...)

	if o.leave, err = ua.takePlace(t); err != nil {
		return nil, err
	}

	for len(o.ways) > 0 {
		first := o.ways[0]
		o.ways = o.ways[1:]

		var d *Dialog
		if d, err = ua.place(ctx, o, first); err == nil {
			return d, nil
		}

		if !errors.Is(err, ErrUnreachable) {
			break
		}
	}

	o.leave()

	return nil, err
}

// maxWays bounds the hops that are tried for one call.
const maxWays = 8

// places are the URIs that stand for a number: it at each target, in their
// order, or the one place that was asked for.
func (t *trunk) places(number, target string) ([]*sipgo.Uri, error) {
	if target != "" {
		uri, err := parseTarget(target)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNumber, err)
		}

		if !t.holds(uri) {
			return nil, fmt.Errorf("%w: %s is no place of the trunk's", ErrTrunk, uri.Host)
		}

		return []*sipgo.Uri{uri}, nil
	}

	uris := make([]*sipgo.Uri, 0, len(t.Targets))

	for _, target := range t.order() {
		uri, err := parseTarget(target.URI)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTrunk, err)
		}

		uri.User = number
		uris = append(uris, uri)
	}

	return uris, nil
}

// ways are the ways to some URIs: the hops of each, or of the proxy to it, in
// their order. One whose name leads nowhere is passed over.
func (ua *UA) ways(ctx context.Context, t *trunk, uris []*sipgo.Uri) ([]*way, error) {
	var (
		ways   []*way
		faults []error
	)

	through := t.through()

	for _, uri := range uris {
		first := uri

		if len(through) > 0 {
			first = through[0]
		}

		hops, err := ua.hops(ctx, first, "")
		faults = append(faults, err)

		for _, h := range hops {
			if len(ways) < maxWays {
				ways = append(ways, &way{uri: uri, hop: h})
			}
		}
	}

	if len(ways) > 0 {
		return ways, nil
	}

	return nil, errors.Join(faults...)
}

// order is the targets in the order in which a call tries them: those that
// are down last, by priority, and among equals by chance, weighted.
func (t *trunk) order() []Target {
	type drawn struct {
		Target

		ticket float64
		down   int // 1 for one that is down: it is better than none
	}

	all := make([]drawn, len(t.Targets))
	for i, target := range t.Targets {
		// Exponential draws at the rate of the weight: the first is each
		// target with a chance of weight / sum of weights.
		all[i] = drawn{Target: target, ticket: rand.ExpFloat64() / max(float64(target.Weight), 1e-3)}

		if i < len(t.probers) && t.probers[i].down() {
			all[i].down = 1
		}
	}

	slices.SortStableFunc(all, func(a, b drawn) int {
		return cmp.Or(cmp.Compare(a.down, b.down), cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.ticket, b.ticket))
	})

	targets := make([]Target, len(all))
	for i, d := range all {
		targets[i] = d.Target
	}

	return targets
}

// outgoing is what a call on the trunk says, without its target.
func (t *trunk) outgoing(options *CallOptions) *outgoing {
	from, headers := t.identify(options)
	o := &outgoing{
		trunk: t, from: from,
		options: DialOptions{
			Headers: append(headers, options.Headers...), SRTP: t.SRTP, Audio: t.Audio, Leave: options.Leave, Codec: options.Codec,
		},
	}

	if options.Replaces != "" {
		o.options.Headers = append(o.options.Headers, Header{"Require", "replaces"}, Header{"Replaces", options.Replaces})
	}

	if options.ReferredBy != "" {
		o.options.Headers = append(o.options.Headers, Header{"Referred-By", options.ReferredBy})
	}

	if !t.Account.IsZero() {
		o.auth = digest.NewClient(t.Account)
	}

	o.routes = t.through()

	return o
}

// identify says who calls: in From, which the callee sees, and to a trusted
// trunk in P-Asserted-Identity, which the network believes (RFC 3325).
func (t *trunk) identify(options *CallOptions) (address, []Header) {
	number := t.Numbers.write(cmp.Or(options.CallerID, t.Identity.CallerID))
	from := address{user: cmp.Or(t.Identity.User, number), display: options.Display, host: t.Identity.Host}

	var headers []Header

	if number != "" && t.Trusted {
		asserted := "<tel:" + number + ">"
		if t.Identity.Host != "" {
			asserted = "<sip:" + number + "@" + t.Identity.Host + ">"
		}

		headers = append(headers, Header{"P-Asserted-Identity", asserted})
	}

	if options.Private {
		from = address{user: "anonymous", display: "Anonymous", host: "anonymous.invalid"}
		headers = append(headers, Header{"Privacy", "id"})
	}

	for _, v := range options.Diversion {
		headers = append(headers, Header{"Diversion", v})
	}

	for _, v := range options.History {
		headers = append(headers, Header{"History-Info", v})
	}

	return from, headers
}
