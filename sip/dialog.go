package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/ice"
	"trunkline/media/srtp"
	"trunkline/sip/digest"
	"trunkline/sip/ladder"
	"trunkline/sip/sdp"
	"trunkline/stir"
)

// inboxSize bounds what waits for a dialog's goroutine. A far end has one
// request outstanding, the application a few commands.
const inboxSize = 16

// phase is how far a call has come.
type phase uint8

const (
	early  phase = iota // no final response to the INVITE yet
	active              // answered
	over                // ended; what remains is to finish the signalling
)

// A Dialog is one call. Its methods may be called from any goroutine.
type Dialog struct {
	ua       *UA
	info     Info
	localTag string
	trunk    *trunk         // nil for a call that Dial placed
	placed   time.Time      // outbound: when the first INVITE left
	auth     *digest.Client // proves who we are to those who ask; nil when we have no account there
	leave    func()         // gives the call's place back; nil when it takes none

	inbox        chan func()
	mu           sync.Mutex
	closed       bool          // nothing is taken from the inbox any more
	established  chan struct{} // closed when audio can flow; session and answer are set before
	done         chan struct{} // closed when the call has ended
	gone         chan struct{} // closed when the signalling has too
	cause        error         // valid once done is closed
	held         atomic.Bool
	codec        atomic.Pointer[g711.Codec] // agreed; nil for none yet
	holds        chan struct{}
	keys         chan media.Digit // told by INFO
	referrals    chan *Referral
	replacements chan Info
	progress     chan Progress // outbound: closed at the answer or the end

	// What follows belongs to run's goroutine.

	phase   phase
	state   dialogState
	sock    socket         // of the INVITE
	peer    netip.AddrPort // where the INVITE came from or went to
	session MediaSession   // nil until opened
	origin  *sdp.Origin
	desc    sdp.Description // our latest description
	srtp    SRTP
	audio   Audio
	codecs  []g711.Codec    // of our descriptions, most preferred first
	masters []srtp.Key      // our keys, once they are needed
	ice     ice.Credentials // ours of the checks, once they are needed
	web     sdp.Web         // what was agreed on last with a browser

	invite   *serverTx       // inbound: the initial INVITE
	ringing  bool            // inbound: 180 was sent before the Handler had the call
	attested stir.Result     // inbound: set before the Handler has the call
	offer    *sdp.Offer      // inbound: its offer, nil for a late offer
	dial     *dialing        // outbound: the INVITE until its final response
	answer   *sipgo.Response // outbound: the 2xx response

	progressOver bool // progress is closed

	unconfirmed *unconfirmed // our 2xx that wants an ACK
	byeSent     bool         // and is not answered yet
	owesBye     bool         // a BYE is to be sent as soon as it may be
	byeReason   string
	hangups     []chan error // told when the BYE is done

	described bool          // inbound: the INVITE's offer is answered, or ours made, before the 2xx
	audible   chan struct{} // inbound: closed when early audio can flow
	reliable  provisionals  // inbound

	timer    sessionTimer
	changes  []*change           // of the session, by us; the first may be out
	changing sipgo.RequestMethod // of the request that is out for it; none is while empty
	retry    *appointment        // to ask for it again
	holding  bool                // we asked the far end to send nothing
	updates  bool                // the far end serves UPDATE
	refers   bool                // and REFER

	referral *referring // our REFER whose outcome is open
	wish     *Referral  // theirs

	ladder ladder.Ring

	agenda agenda
	beside int           // goroutines of aside that have yet to return
	back   chan func()   // what they leave for this one to do
	left   chan struct{} // closed when our latest request has left; nil before the first
	ids    []dialogID    // under which the UA knows us
}

func newDialog(ua *UA, info Info, s socket, peer netip.AddrPort) *Dialog {
	return &Dialog{
		ua:           ua,
		info:         info,
		inbox:        make(chan func(), inboxSize),
		established:  make(chan struct{}),
		done:         make(chan struct{}),
		gone:         make(chan struct{}),
		holds:        make(chan struct{}, 1),
		keys:         make(chan media.Digit, keysWaiting),
		referrals:    make(chan *Referral, 1),
		replacements: make(chan Info, 4),
		progress:     make(chan Progress, progressWaiting),
		back:         make(chan func()),
		sock:         s,
		peer:         peer,
		origin:       sdp.NewOrigin(newSessionID()),
		timer:        sessionTimer{SessionTimer: ua.cfg.Session},
		codecs:       ua.cfg.Codecs,
	}
}

// Info describes the call.
func (d *Dialog) Info() Info { return d.info }

// Done is closed when the call has ended, however that came about. Cause
// then tells why; the call's audio is closed.
func (d *Dialog) Done() <-chan struct{} { return d.done }

// Cause is why the call ended: an error that wraps one of the sentinels or
// is a *StatusError. It is nil while the call lasts.
func (d *Dialog) Cause() error {
	select {
	case <-d.done:
		return d.cause
	default:
		return nil
	}
}

// OnHold reports whether the call is on hold: the far end asked us not to send
// audio, or we asked it.
func (d *Dialog) OnHold() bool { return d.held.Load() }

// HoldChanged receives when OnHold has changed. Changes in quick succession
// are told once.
func (d *Dialog) HoldChanged() <-chan struct{} { return d.holds }

// Hangup ends the call: by BYE, by CANCEL for a call that we placed and that
// is not answered yet, by 480 for an inbound one. The reason is told to the
// far end (RFC 3326) unless it is empty. Hangup returns when the far end has
// confirmed the end. The call is over for us at once, and Done closed, even
// when the confirmation never comes; then the error wraps ErrTimeout or
// ErrUnreachable, or is the context's.
func (d *Dialog) Hangup(ctx context.Context, reason string) error {
	result := make(chan error, 1)

	err := d.do(ctx, func() error {
		d.hangups = append(d.hangups, result)
		d.hangup(fmt.Errorf("%w: %s", ErrHungUp, reason), reason)

		return nil
	})
	if err != nil {
		if errors.Is(err, errGone) {
			return nil
		}

		return err
	}

	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return fmt.Errorf("sip: hang up: %w", context.Cause(ctx))
	}
}

// errGone says that the dialog's goroutine has ended.
var errGone = errors.New("the call is over")

// do runs f in the dialog's goroutine and returns its error.
func (d *Dialog) do(ctx context.Context, f func() error) error {
	result := make(chan error, 1)

	select {
	case d.inbox <- func() { result <- f() }:
	case <-d.gone:
		return errGone
	case <-ctx.Done():
		return fmt.Errorf("sip: %w", context.Cause(ctx))
	}

	select {
	case err := <-result:
		return err
	case <-d.gone:
		select {
		case err := <-result: // f was the last that was done
			return err
		default:
			return errGone
		}
	case <-ctx.Done():
		return fmt.Errorf("sip: %w", context.Cause(ctx))
	}
}

// post puts f into the inbox for a message from the network, and never waits.
// It reports false when the dialog is gone or its inbox is full.
func (d *Dialog) post(f func()) bool {
	d.mu.Lock()
	defer d.mu.Unlock()

	if d.closed {
		return false
	}

	select {
	case d.inbox <- f:
		return true
	default:
		return false
	}
}

// run owns the dialog until nothing is left to do.
func (d *Dialog) run() {
	stopping, cut := d.ua.stopping, d.ua.life.Done()

	if d.invite != nil && d.phase == early {
		d.incoming()
	}

	for !d.finished() {
		var (
			responses  <-chan *sipgo.Response
			terminated <-chan struct{}
		)

		if p := d.dial; p != nil && p.tx != nil {
			responses, terminated = p.tx.Responses(), p.tx.Done()
		}

		select {
		case f := <-d.inbox:
			f()
		case f := <-d.back:
			d.beside--

			f()
		case now := <-d.agenda.c():
			d.agenda.due(now)
		case res := <-responses:
			d.response(res)
		case <-terminated:
			d.unanswered()
		case <-stopping:
			stopping = nil

			d.hangup(ErrStopped, "")
			d.endSubscriptions(ErrStopped)
		case <-cut:
			cut = nil

			d.cutOff()
		}
	}

	d.release()
}

// aside runs work, which may wait for the network, beside the dialog's
// goroutine, and then what work returns in that goroutine. The dialog is not
// released before. It reports false when the UA starts nothing any more.
func (d *Dialog) aside(work func() (then func())) bool {
	started := d.ua.work.spawn(func() { d.back <- work() })
	if started {
		d.beside++
	}

	return started
}

// ask sends a request of the dialog and calls then, in the dialog's
// goroutine, with its final response, of whatever status, or an error.
// Requests leave in the order in which they are asked for, which is that of
// their numbers.
func (d *Dialog) ask(state *dialogState, req *sipgo.Request, then func(*sipgo.Response, error)) {
	hop, s, peer := state.nextHop(), d.sock, d.peer
	before, left := d.left, make(chan struct{})
	d.left = left

	started := d.aside(func() func() {
		sent := sync.OnceFunc(func() { close(left) })
		defer sent()

		if before != nil {
			<-before
		}

		res, err := d.ua.send(req, &hop, s, peer, sent)

		return func() {
			if res != nil {
				// The answer to a challenge took a number of its own.
				state.localSeq = max(state.localSeq, res.CSeq().SeqNo)
			}

			then(res, err)
		}
	})
	if !started {
		close(left)
		then(nil, ErrStopped)
	}
}

// known makes the dialog known under one more id to the far end's requests.
func (d *Dialog) known(id dialogID) {
	if !slices.Contains(d.ids, id) {
		d.ids = append(d.ids, id)
		d.ua.register(id, d)
	}
}

// cutOff stops waiting for the far end.
func (d *Dialog) cutOff() {
	d.stopResending()
	d.hangup(ErrStopped, "")
	d.endSubscriptions(ErrStopped)

	d.owesBye = false

	d.forgetDialing()
}

// finished reports whether the goroutine has nothing left to wait for.
func (d *Dialog) finished() bool {
	return d.phase == over && d.unconfirmed == nil && d.dial == nil && d.beside == 0 && d.referral == nil && d.wish == nil
}

// release forgets the dialog. Requests that are still queued are answered as
// those that come later: 481.
func (d *Dialog) release() {
	for _, id := range d.ids {
		d.ua.unregister(id)
	}

	d.ua.strike(d)
	d.ua.dropLadder(d)
	d.agenda.clear()

	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()

	for {
		select {
		case f := <-d.inbox:
			f()
			continue
		default:
		}

		break
	}

	if !d.info.Inbound {
		d.leaveGate()
	}

	d.settle(nil)
	close(d.gone)
}

// leaveGate ends the far end's leave to talk to us, but for what comes late.
func (d *Dialog) leaveGate() {
	now := time.Now()
	d.ua.gate.leave(d.peer.Addr(), now, now.Add(d.ua.cfg.Timers.giveUp()))
}

// end ends the call, once: later causes change nothing.
func (d *Dialog) end(cause error) {
	if d.phase == over {
		return
	}

	d.tally(cause)
	d.phase = over
	d.cause = cause
	d.vacate()
	d.endProgress()
	d.stopReliable()
	d.agenda.cancel(d.timer.alarm)
	d.dropChanges(cause)
	d.outlive(cause)

	if d.session != nil {
		if err := d.session.Close(); err != nil {
			d.ua.log.Warn("closing a call's audio", slog.String("call_id", d.info.CallID), slog.Any("error", err))
		}
	}

	close(d.done)
}

// vacate gives the call's places among those of the UA and its trunk back,
// once.
func (d *Dialog) vacate() {
	if d.leave != nil {
		d.leave()
		d.leave = nil
	}
}

// settle tells those who hung up how that went.
func (d *Dialog) settle(err error) {
	for _, c := range d.hangups {
		c <- err
	}

	d.hangups = nil
}

// hangup ends the call from our side.
func (d *Dialog) hangup(cause error, reason string) {
	switch {
	case d.phase == over:
	case d.phase == active:
		d.endWithBye(cause, reason)
	case d.invite != nil:
		d.invite.reply(480, "", reasonHeader(reason)...)
		d.end(cause)
	default:
		d.dial.cancel(d)
		d.end(cause)
	}
}

// endWithBye ends an answered call. RFC 3261 section 15 forbids a callee's BYE
// before the ACK or its time-out.
func (d *Dialog) endWithBye(cause error, reason string) {
	d.end(cause)

	d.byeReason = reason
	if d.unconfirmed != nil {
		d.owesBye = true
		return
	}

	d.sendBye()
}

func reasonHeader(reason string) []Header {
	if reason == "" {
		return nil
	}

	return []Header{{"Reason", "Q.850;cause=16;text=" + quote(reason)}}
}

// sendBye sends a BYE, and tells those who hung up how that went.
func (d *Dialog) sendBye() {
	d.owesBye = false
	d.byeSent = true

	req := d.state.request(sipgo.BYE, 0)
	for _, h := range reasonHeader(d.byeReason) {
		req.AppendHeader(sipgo.NewHeader(h.Name, h.Value))
	}

	d.ask(&d.state, req, func(_ *sipgo.Response, err error) {
		d.byeSent = false
		d.settle(err)
	})
}

// hold records what the latest offer/answer says about holding.
func (d *Dialog) hold(a sdp.Audio) {
	held := !a.Send || d.holding
	if d.held.Swap(held) == held {
		return
	}

	select {
	case d.holds <- struct{}{}:
	default:
	}
}

// apply puts an agreement into force.
func (d *Dialog) apply(a sdp.Audio) error {
	a.Peer = d.peer.Addr()

	if err := d.session.Apply(a); err != nil {
		return fmt.Errorf("%w: %w", ErrBadAnswer, err)
	}

	d.codec.Store(&a.Codec)
	if d.web = a.Web; d.web != (sdp.Web{}) {
		d.ice = d.web.Ours
	}

	d.hold(a)

	return nil
}

// open opens the call's audio, once.
func (d *Dialog) open() error {
	if d.session == nil {
		session, err := d.ua.cfg.Media.Open()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMedia, err)
		}

		d.session = session
	}

	return nil
}

// local is what our descriptions are made from. The port is 0 while no audio
// is open.
func (d *Dialog) local() sdp.Local {
	var port uint16
	if d.session != nil {
		port = d.session.Local().Port()
	}

	local := sdp.Local{
		Addr: netip.AddrPortFrom(d.sock.sentBy().Addr(), port), Codecs: d.codecs,
		Noise: d.audio.ComfortNoise, Mux: d.audio.Mux, Ptime: d.audio.Ptime, Hold: d.holding,
	}

	if d.browsers() {
		if d.ice == (ice.Credentials{}) {
			d.ice = ice.NewCredentials()
		}

		local.Fingerprint, local.ICE, local.Role = d.ua.cfg.Fingerprint, d.ice, d.web.Role
		local.WebOnly = d.srtp.Keying == KeyingDTLS
	}

	switch {
	case d.srtp.PlainSignalling || d.sock.network() == "TLS" || d.sock.network() == "WSS":
		local.Security, local.Keys = d.srtp.Security, d.ourKeys()
	case d.srtp.Security == sdp.SecurityRequired:
		local.Security = sdp.SecurityRequired // and no keys: all is refused
	}

	return local
}

// localTo is local for an answer: a browser that begins its checks anew is
// given other credentials (RFC 8839 section 4.4.3).
func (d *Dialog) localTo(offer *sdp.Offer) sdp.Local {
	local := d.local()

	theirs := offer.Credentials()
	if before := d.web.Theirs; before != (ice.Credentials{}) && theirs != before {
		local.ICE = ice.NewCredentials()
	}

	return local
}

// browsers reports whether the call may have ICE and DTLS.
func (d *Dialog) browsers() bool {
	if d.ua.cfg.Fingerprint.IsZero() {
		return false
	}

	overWebSocket := d.sock.network() == "WS" || d.sock.network() == "WSS"

	return d.srtp.Keying == KeyingDTLS || d.srtp.Keying == KeyingAuto && overWebSocket
}

// ourKeys are the keys of this call, the same to its end: new ones would
// interrupt the audio at every session refresh.
func (d *Dialog) ourKeys() []srtp.Key {
	if d.masters == nil && d.srtp.Security != sdp.SecurityOff {
		for _, suite := range srtp.Suites() {
			d.masters = append(d.masters, srtp.NewKey(suite))
		}
	}

	return d.masters
}

// Leg is the call's audio; nil until the call is answered.
func (d *Dialog) Leg() media.Leg {
	select {
	case <-d.established:
		return d.session
	default:
		return nil
	}
}
