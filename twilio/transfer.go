package twilio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/twilio/twilio-go/twiml"

	"trunkline/twilio/framing"
	"trunkline/twilio/rest"
)

// Transfer is whom the carrier is to call in the agent's place.
type Transfer struct {
	To    string        // a number in E.164, or "sip:…"
	Ring  time.Duration // at least rest.ShortestRing
	Limit time.Duration // of the two's talk; 0: Twilio's own
	// Briefing is said to the person before the two are joined, in Language
	// (BCP 47); empty: nothing.
	Briefing, Language string
	// Accept is the key by which the person takes the call, and Decide how long
	// they may take to press it; 0: the answer is enough.
	Accept byte
	Decide time.Duration
	Joined func() // the two talk from here; called at most once
}

// ErrNoTransfer is for an account that has no API by which calls could be
// transferred.
var ErrNoTransfer = errors.New("twilio: the account's carrier does not transfer calls for us; use bridge")

// ErrDeclined says that a person who had answered did not take the call.
var ErrDeclined = errors.New("twilio: the person called declined")

// transfer is a Transfer that runs. The call's audio is over meanwhile.
type transfer struct {
	Transfer

	left   *Leg          // the audio that it began with
	parted chan struct{} // closed when that is over
	result chan error    // gets what became of it, once: nil when the two have talked
	done   bool          // result has it
	joined bool
	taken  bool          // the person pressed the key
	back   *instructions // that lead the caller back, for when the carrier asks again
}

// Transfer has the carrier call somebody and join the caller to them, and
// returns when that is over. The stream ends with it: a caller who comes back
// comes over a new one, whose leg is returned with the reason. When the carrier
// does not begin, the old leg is still good: neither is returned but an error.
// nil and nil: the two have talked, and the carrier ends the call. When ctx
// ends the transfer goes on until the call is hung up.
func (c *Call) Transfer(ctx context.Context, t Transfer) (back *Leg, err error) {
	if c.account.API == nil {
		return nil, ErrNoTransfer
	}
	x, err := c.leaveFor(&t)
	if err != nil {
		return nil, err
	}
	if err := c.begin(ctx, x); err != nil {
		return nil, c.stay(x, err)
	}
	select {
	case why := <-x.result:
		if why == nil {
			return nil, nil //nolint:nilnil // as documented: there is no audio any more
		}
		leg, err := c.audio(ctx)
		if err != nil {
			return nil, err
		}

		return leg, why
	case <-c.done:
		return nil, c.Cause()
	case <-ctx.Done():
		return nil, fmt.Errorf("twilio: transfer: %w", context.Cause(ctx))
	}
}

// leaveFor says that the end of the stream is not the end of the call.
func (c *Call) leaveFor(t *Transfer) (*transfer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.cause != nil:
		return nil, c.cause
	case c.leg == nil || c.away != nil:
		return nil, errors.New("twilio: only a call with audio can be transferred")
	}
	c.away = &transfer{Transfer: *t, left: c.leg, parted: make(chan struct{}), result: make(chan error, 1)}

	return c.away, nil
}

// begin asks the carrier. An answer that does not come is told by the stream,
// which ends when the carrier has begun.
func (c *Call) begin(ctx context.Context, x *transfer) error {
	address := func(what string) string { return c.account.url(what, false) + "?call=" + c.key }
	to := rest.Transfer{To: x.To, Ring: x.Ring, Limit: x.Limit, Action: address("transferred"), Status: address("person")}
	if x.Briefing != "" || x.Accept != 0 {
		to.Briefing = address("briefing")
	}
	err := c.account.API.Transfer(ctx, c.Info().ID, to)
	var failed *rest.Error
	if err == nil || !errors.As(err, &failed) || failed.Kind != rest.Unknown {
		return err
	}
	timer := time.NewTimer(c.server.cfg.Confirm)
	defer timer.Stop()
	select {
	case <-x.parted:
		return nil
	case <-c.done:
	case <-timer.C:
	}

	return err
}

// stay takes a transfer back that the carrier did not begin. Why may be that
// the call is over.
func (c *Call) stay(x *transfer, why error) error {
	c.mu.Lock()
	c.away = nil
	over := c.cause
	c.mu.Unlock()
	select {
	case <-x.parted:
		c.end(ErrHungUp)
	default:
	}
	if over != nil {
		return over
	}

	return why
}

// Away says whether the caller was sent to somebody else and has not come back.
func (c *Call) Away() bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.away != nil
}

// parts says that a stream is over, and reports whether that is so because of
// a transfer. The caller may be back by a new stream already.
func (c *Call) parts(leg *Leg) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away != nil && c.away.left == leg {
		c.away.part()

		return true
	}

	return c.leg != leg && c.leg != nil
}

// part says that the audio which a transfer began with is over. The call's lock
// is held.
func (t *transfer) part() {
	select {
	case <-t.parted:
	default:
		close(t.parted)
	}
}

// transferred is asked when a transfer is over: what comes next.
func (s *Server) transferred(w http.ResponseWriter, in *request) {
	c := s.call(in)
	if c == nil {
		s.answer(w, in.account.words.hangup)

		return
	}
	s.answer(w, func() (instructions, error) {
		return c.returns(statusOf(strings.ToLower(in.values.Get("DialCallStatus"))), in.values.Get("DialBridged"), in.values.Get("ErrorCode"))
	})
}

// returns ends a transfer. A caller who has not talked to anybody comes back
// over a new stream. bridged is whether the carrier has joined the two, in its
// word; empty where it does not tell.
func (c *Call) returns(how Status, bridged, code string) (instructions, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.away
	switch {
	case x == nil || c.cause != nil || x.done && x.back == nil:
		return c.account.words.hangup()
	case x.done:
		return *x.back, nil
	}
	x.done = true
	c.server.work.Go(func() { x.left.end(framing.CloseNormal) }) // it is over, as a rule
	if bridged == "true" || bridged == "" && x.joined {
		x.result <- nil
		c.confirm()

		return c.account.words.hangup()
	}
	c.token = c.server.tokens.issue(c)
	back, err := c.account.words.stream(c.streaming())
	if err != nil {
		return back, err
	}
	x.back = &back
	if how == Completed {
		x.result <- ErrDeclined
	} else {
		x.result <- &NotAnsweredError{how, code}
	}

	return back, nil
}

// person is a callback about the call to the person of a transfer.
func (s *Server) person(w http.ResponseWriter, in *request) {
	words := &in.account.words
	if c := s.call(in); c != nil && statusOf(strings.ToLower(in.values.Get(words.status))) == InProgress {
		c.joins(false)
	}
	w.WriteHeader(http.StatusNoContent)
}

// joins takes note that the two talk: the person has answered and, where a
// key is asked for, pressed it. It reports false when there is no transfer.
func (c *Call) joins(pressed bool) bool {
	c.mu.Lock()
	x := c.away
	if x == nil || x.done {
		c.mu.Unlock()

		return false
	}
	x.taken = x.taken || pressed
	now := !x.joined && (x.Accept == 0 || x.taken)
	x.joined = x.joined || now
	c.mu.Unlock()
	if now && x.Joined != nil {
		x.Joined()
	}

	return true
}

// briefing is asked for what the person of a transfer hears first.
func (s *Server) briefing(w http.ResponseWriter, in *request) {
	c := s.call(in)
	var x *transfer
	if c != nil {
		c.mu.Lock()
		x = c.away
		c.mu.Unlock()
	}
	if x == nil {
		s.answer(w, in.account.words.hangup)

		return
	}
	s.answer(w, func() (instructions, error) { return x.brief(c.account.url("accept", false) + "?call=" + c.key) })
}

// brief tells the person, and asks for the key where one is needed.
func (t *Transfer) brief(accept string) (instructions, error) {
	var say []twiml.Element
	if t.Briefing != "" {
		say = append(say, &twiml.VoiceSay{Message: t.Briefing, Language: t.Language})
	}
	if t.Accept == 0 {
		return voice(say...)
	}
	end := "#" // ends the input without a key: as good as none
	if t.Accept == '#' {
		end = "*"
	}

	return voice(&twiml.VoiceGather{
		NumDigits: "1", FinishOnKey: end, Timeout: strconv.Itoa(int(t.Decide.Round(time.Second) / time.Second)), Action: accept, Method: "POST", InnerElements: say,
	}, &twiml.VoiceHangup{})
}

// accept is asked what comes of the key that the person of a transfer pressed.
func (s *Server) accept(w http.ResponseWriter, in *request) {
	c := s.call(in)
	s.answer(w, func() (instructions, error) {
		if c != nil && c.accepts(in.values.Get("Digits")) && c.joins(true) {
			return voice()
		}

		return in.account.words.hangup()
	})
}

// accepts says whether a key is the one that takes the call.
func (c *Call) accepts(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.away != nil && c.away.Accept != 0 && key == string(rune(c.away.Accept))
}
