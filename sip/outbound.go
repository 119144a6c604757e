package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/sip/digest"
	"trunkline/sip/locate"
	"trunkline/sip/sdp"
)

// DialOptions are what a call that we place can be given.
type DialOptions struct {
	User    string   // user part of our From and Contact; empty means the UA's name
	Display string   // display name of our From
	Headers []Header // added to the INVITE
	SRTP    SRTP     // how the audio is protected
	Audio   Audio    // what else is offered for it
	// Codec is offered before the others; nil leaves the configured order.
	Codec *g711.Codec

	// Redirect says whether a 3xx response's contact may be called instead.
	// At most 5 are, for one call; nil follows none.
	Redirect func(contact string) bool

	// Leave is asked right before each INVITE of the call leaves: the first one,
	// and those that follow a hop's failure, a redirection or a challenge. left is
	// called once it has left, or will not. On an error it does not leave, and the
	// call is over with ErrNotAdmitted. Nil lets all leave.
	Leave func(ctx context.Context) (left func(), err error)
}

// leaves asks whether an INVITE may leave now. left is never nil.
func (o *DialOptions) leaves(ctx context.Context) (left func(), err error) {
	if o.Leave == nil {
		return func() {}, nil
	}

	left, err = o.Leave(ctx)
	if err != nil {
		return func() {}, fmt.Errorf("%w: %w", ErrNotAdmitted, err)
	}

	return left, nil
}

// Progress is what a response before the answer tells.
type Progress struct {
	Status int // 101 to 199
	Reason string
	Leg    media.Leg // what can be heard already; nil until a response described it
}

// progressWaiting bounds the progress that nobody has taken. Of more, the
// oldest is forgotten: the latest says how the call stands.
const progressWaiting = 16

// Dial places a call as Place does, and returns when it is answered.
func (ua *UA) Dial(ctx context.Context, target string, options DialOptions) (*Dialog, error) {
	d, err := ua.Place(ctx, target, options)
	if err != nil {
		return nil, err
	}

	if _, err := d.Answered(ctx); err != nil {
		return nil, err
	}

	return d, nil
}

// Place begins a call to a SIP URI and returns when the INVITE has left. The
// URI's transport parameter chooses the network, udp when there is none; a
// listener of that network must be configured. Progress and Answered tell how
// the call goes on; ctx bounds only what comes before the INVITE.
func (ua *UA) Place(ctx context.Context, target string, options DialOptions) (*Dialog, error) {
	uri, err := parseTarget(target)
	if err != nil {
		return nil, fmt.Errorf("sip: dial %s: %w", target, err)
	}

	o := &outgoing{from: address{user: options.User, display: options.Display}, options: options}

	d, err := ua.placeBy(ctx, o, uri)
	if err != nil {
		return nil, fmt.Errorf("sip: dial %s: %w", target, err)
	}

	return d, nil
}

// outgoing is a call that we place: what its INVITE says beside the target.
type outgoing struct {
	from    address
	options DialOptions
	routes  []*sipgo.Uri

	trunk *trunk         // nil for a call on none
	auth  *digest.Client // nil: challenges are refusals
	leave func()         // gives the call's place back; may be nil
	ways  []*way         // to be tried when the first fails
}

// way is one of the ways that a call may take.
type way struct {
	uri *sipgo.Uri // the Request-URI
	hop locate.Hop // where the request is sent
}

// address is a From.
type address struct {
	user, display string
	host          string // empty means our own
}

// Progress receives what responses tell of a call that we placed, but 100
// Trying, in order. It is closed when the call is answered or over.
func (d *Dialog) Progress() <-chan Progress { return d.progress }

// Answered waits until a call that we placed is answered and returns its
// audio, which is the leg that Progress told if it did. When ctx ends before,
// the call is cancelled. The error is a *StatusError when the far end refused.
func (d *Dialog) Answered(ctx context.Context) (media.Leg, error) {
	select {
	case <-d.established:
		return d.session, nil
	case <-d.done:
		return nil, fmt.Errorf("sip: dial %s: %w", d.info.RequestURI, d.cause)
	case <-ctx.Done():
	}

	reason := fmt.Errorf("%w: %w", ErrHungUp, context.Cause(ctx))
	_ = d.do(context.Background(), func() error { d.hangup(reason, ""); return nil }) // an error means that the call is over

	return nil, fmt.Errorf("sip: dial %s: %w", d.info.RequestURI, context.Cause(ctx))
}

// placeBy places a call by the first of a URI's hops that can be reached.
func (ua *UA) placeBy(ctx context.Context, o *outgoing, uri *sipgo.Uri) (*Dialog, error) {
	hops, err := ua.hops(ctx, uri, "")
	if err != nil {
		return nil, err
	}

	for _, h := range hops {
		d, failed := ua.place(ctx, o, &way{uri: uri, hop: h})
		if !errors.Is(failed, ErrUnreachable) {
			return d, failed
		}

		err = errors.Join(err, failed)
	}

	return nil, err
}

// place sends the INVITE and starts the dialog's goroutine.
func (ua *UA) place(ctx context.Context, o *outgoing, w *way) (*Dialog, error) {
	if err := validateHeaders(o.options.Headers); err != nil {
		return nil, err
	}

	if ua.draining.Load() {
		return nil, ErrStopped
	}

	l, err := ua.open(ctx, w.hop)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}

	ua.gate.enter(l.to.Addr())

	d, err := ua.launch(ctx, o, w, l)
	if err != nil {
		ua.gate.leave(l.to.Addr(), time.Now(), time.Time{})
		return nil, err
	}

	return d, nil
}

func (ua *UA) launch(ctx context.Context, o *outgoing, w *way, l *link) (*Dialog, error) {
	req := ua.newInvite(o, w.uri, l.sock)
	info := newInfo(req, l.sock.network(), l.to)

	if o.trunk != nil {
		info.Trunk, info.Keys, info.Recodes = o.trunk.Name, o.trunk.Keys, o.trunk.Recodes
	}

	d := newDialog(ua, info, l.sock, l.to)
	d.localTag = tagOf(req.From().Params)
	d.srtp, d.audio = o.options.SRTP, o.options.Audio
	d.auth, d.leave = o.auth, o.leave
	d.trunk, d.placed = o.trunk, time.Now()
	d.codecs = d.local().Preferring(o.options.Codec)

	d.advertise(req)
	d.timer.ask(req)

	if err := d.open(); err != nil {
		return nil, err
	}

	d.desc = sdp.MakeOffer(d.local())
	req.AppendHeader(sipgo.NewHeader("Content-Type", sdpType))
	req.SetBody(d.origin.Body(d.desc))

	if r := ua.roomier(ctx, req, w, l); r != nil {
		l = r
		d.sock, d.info.Network = l.sock, l.sock.network()
		req.SetTransport(d.info.Network)
		req.ReplaceHeader(newVia(l.sock, req.Via().Params.GetOr("branch", newBranch())))
		req.ReplaceHeader(contact(l.sock, req.Contact().Address.User))
	}

	left, err := o.options.leaves(ctx)
	if err != nil {
		return nil, errors.Join(err, d.session.Close())
	}

	ua.keepLadder(d)

	tx, err := ua.table.request(ua, req, l)

	left()

	if err != nil {
		ua.dropLadder(d)

		return nil, errors.Join(fmt.Errorf("%w: %w", ErrUnreachable, err), d.session.Close())
	}

	d.dial = &dialing{tx: tx, req: req, link: l, options: o.options, ways: o.ways, forks: make(map[string]*fork)}
	d.expectSign(d.dial)
	ua.enrol(d)

	if !ua.work.spawn(d.run) {
		ua.strike(d)
		ua.dropLadder(d)
		tx.Terminate()

		return nil, errors.Join(ErrStopped, d.session.Close())
	}

	return d, nil
}

// newInvite makes an INVITE without its body (RFC 3261 section 8.1.1).
func (ua *UA) newInvite(o *outgoing, uri *sipgo.Uri, s socket) *sipgo.Request {
	user, host := cmp.Or(o.from.user, ua.cfg.UserAgent), cmp.Or(o.from.host, s.sentBy().Addr().String())
	from := &sipgo.FromHeader{
		DisplayName: oneLine.Replace(o.from.display),
		Address:     sipgo.Uri{Scheme: "sip", User: user, Host: host},
	}
	from.Params.Add("tag", newTag())

	to := &sipgo.ToHeader{Address: *uri.Clone()}
	to.Address.UriParams = nil
	to.Address.Headers = nil

	recipient := *uri.Clone()
	recipient.Headers = nil

	maxForwards := sipgo.MaxForwardsHeader(70)
	callID := sipgo.CallIDHeader(newCallID())

	req := sipgo.NewRequest(sipgo.INVITE, recipient)
	req.SetTransport(s.network())
	req.AppendHeader(newVia(s, newBranch()))

	for _, r := range o.routes {
		req.AppendHeader(&sipgo.RouteHeader{Address: *r.Clone()})
	}

	req.AppendHeader(&maxForwards)
	req.AppendHeader(from)
	req.AppendHeader(to)
	req.AppendHeader(&callID)
	req.AppendHeader(&sipgo.CSeqHeader{SeqNo: 1, MethodName: sipgo.INVITE})
	req.AppendHeader(contact(s, user))
	req.AppendHeader(sipgo.NewHeader("User-Agent", ua.cfg.UserAgent))

	for _, h := range o.options.Headers {
		req.AppendHeader(sipgo.NewHeader(h.Name, h.Value))
	}

	return req
}

// ResponseHeader is the value of a header in the response that answered a
// call that we placed; empty when there is none, and before the answer.
func (d *Dialog) ResponseHeader(name string) string {
	select {
	case <-d.established:
	default:
		return ""
	}

	if d.answer == nil {
		return ""
	}

	return headerValue(d.answer, name)
}
