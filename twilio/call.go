package twilio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"trunkline/stir"
	"trunkline/twilio/framing"
)

// Why a call is over.
var (
	ErrHungUp      = errors.New("twilio: the far end hung up")
	ErrCancelled   = errors.New("twilio: the caller gave up before the answer")
	ErrNotAnswered = errors.New("twilio: the call was not answered") // a *NotAnsweredError where the carrier says why
	ErrNoStream    = errors.New("twilio: the carrier did not open the audio socket in time")
	ErrStreamLost  = errors.New("twilio: the audio socket broke off")
	ErrUndecided   = errors.New("twilio: nobody took the call within the carrier's patience")
	ErrStopped     = errors.New("twilio: the door was stopped")
	ErrEnded       = errors.New("twilio: we ended the call")
)

// ElsewhereError says that a call of which we got no audio is another node's.
type ElsewhereError struct{ Node string }

// Error implements error.
func (e *ElsewhereError) Error() string { return "twilio: the call went on at node " + e.Node }

// NotAnsweredError is how the carrier says that a call ended unanswered.
type NotAnsweredError struct {
	Status Status // busy, no-answer or failed
	Reason string // the carrier's code, if it tells one
}

// Error implements error.
func (e *NotAnsweredError) Error() string {
	return strings.TrimSpace("twilio: the call was not answered: " + string(e.Status) + " " + e.Reason)
}

// Unwrap makes it an ErrNotAnswered.
func (e *NotAnsweredError) Unwrap() error { return ErrNotAnswered }

// Info is what the carrier says of a call.
type Info struct {
	Account     string       // name in the configuration
	Carrier     string       // dialect
	ID          string       // the carrier's name of the call
	From, To    string       // as the carrier writes them, E.164 as a rule
	Attestation stir.Verdict // what the carriers say of the caller's number
}

// Call is one call at the door. Its methods may be called from any goroutine.
type Call struct {
	server  *Server
	account *account
	key     string // our name of it, in the URLs that the carrier is given
	token   string
	info    Info
	ours    bool      // we place it
	came    time.Time // when we got it

	decided  chan struct{} // closed when answer is good
	legs     chan *Leg     // gets the one leg
	named    chan string   // gets the carrier's name of a call of ours
	machine  chan string   // what answered, when the carrier has found out
	statuses chan Status
	done     chan struct{}
	finished chan struct{} // closed when the carrier has confirmed the end

	mu       sync.Mutex
	answer   instructions
	leg      *Leg
	away     *transfer // that runs; nil: none does
	progress progress
	cause    error // good once done is closed
	hungUp   bool  // by us
	taken    bool  // finished is closed
}

func newCall(s *Server, a *account, info Info) *Call {
	c := &Call{
		server: s, account: a, key: uuid.NewString(), info: info, came: time.Now(),
		decided: make(chan struct{}), legs: make(chan *Leg, 1), named: make(chan string, 1), machine: make(chan string, 1), statuses: make(chan Status, 8),
		done: make(chan struct{}), finished: make(chan struct{}),
	}
	c.progress.number = -1
	c.token = s.tokens.issue(c)

	return c
}

// Info is what the carrier says of the call.
func (c *Call) Info() Info {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.info
}

// Recorder records the call at the carrier; nil when that is not wanted.
func (c *Call) Recorder() Recorder { return c.account.Recorder }

// Done is closed when the call has ended, or its audio.
func (c *Call) Done() <-chan struct{} { return c.done }

// Cause says why; nil before the end.
func (c *Call) Cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.cause
}

// Answer has the carrier open a socket and returns the audio when that is
// there. The leg is closed when the call ends.
func (c *Call) Answer(ctx context.Context) (*Leg, error) {
	answer, err := c.account.words.stream(c.streaming())
	if err != nil {
		return nil, err
	}
	if !c.decide(answer) {
		return nil, c.refused()
	}

	return c.audio(ctx)
}

// audio waits for the stream.
func (c *Call) audio(ctx context.Context) (*Leg, error) {
	timer := time.NewTimer(c.server.cfg.Start)
	defer timer.Stop()
	seeking, cancel := context.WithCancel(ctx)
	defer cancel()
	c.server.work.Go(func() { c.seek(seeking) })
	select {
	case leg := <-c.legs:
		return leg, nil
	case <-c.done:
	case <-timer.C:
		if c.end(ErrNoStream) {
			c.server.counts.noStream.Add(1)
		}
	case <-ctx.Done():
		c.end(fmt.Errorf("%w: %w", ErrNoStream, context.Cause(ctx)))
	}

	return nil, c.Cause()
}

// streaming is what the carrier has to know to open the socket.
func (c *Call) streaming() *streaming {
	return &streaming{
		socket: c.account.url("media", true), status: c.account.url("stream", false), after: c.account.url("action", false),
		call: c.info.ID, token: c.token,
	}
}

// Refuse turns the call away: as busy, or to where the account's fallback says.
// It fails when the call was answered before.
func (c *Call) Refuse() error {
	answer, err := c.account.refusal()
	if err != nil {
		return err
	}
	if !c.decide(answer) {
		return c.refused()
	}
	c.end(ErrEnded)
	c.finish() // the answer ends the call, or sends it elsewhere

	return nil
}

func (c *Call) refused() error {
	if err := c.Cause(); err != nil {
		return err
	}

	return errors.New("twilio: the call was decided about before")
}

// decide sets what the carrier is answered, once.
func (c *Call) decide(a instructions) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.decided:
		return false
	default:
	}
	if c.cause != nil {
		return false
	}
	c.answer = a
	close(c.decided)

	return true
}

// Hangup ends the call and waits until the carrier has confirmed that, or ctx
// ends.
func (c *Call) Hangup(ctx context.Context) error {
	c.mu.Lock()
	c.hungUp = true
	leg := c.leg
	c.mu.Unlock()
	if leg != nil {
		_ = leg.Close() // always nil
	}
	c.end(ErrEnded)
	select {
	case <-c.finished:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("twilio: hang up: %w", context.Cause(ctx))
	}
}

// end says that the call is over and closes its audio. What the carrier still
// has to do is attend's.
func (c *Call) end(cause error) (first bool) {
	c.mu.Lock()
	if c.cause != nil {
		c.mu.Unlock()

		return false
	}
	c.cause = cause
	leg, token := c.leg, c.token
	c.mu.Unlock()
	c.server.tokens.revoke(token)
	close(c.done)
	if leg != nil {
		leg.end(framing.CloseNormal)
	}

	return true
}

// finish takes note that the carrier has ended the call.
func (c *Call) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.confirm()
}

// confirm is finish for who holds the lock.
func (c *Call) confirm() {
	if !c.taken {
		c.taken = true
		close(c.finished)
	}
}

// attend sees to it that the carrier ends a call that is over: what the socket's
// end does not do the carrier's API does, until that is confirmed. Then it
// forgets the call.
func (c *Call) attend() {
	defer c.server.forget(c)
	select {
	case <-c.done:
	case <-c.server.stopping.Done():
		c.end(ErrStopped)
	}
	if c.await(c.patience()) || c.account.API == nil || c.Info().ID == "" || c.isElsewhere() {
		return
	}
	select {
	case <-c.account.API.End(c.Info().ID):
		c.finish()
	case <-c.finished:
	case <-c.server.stopping.Done():
	}
}

// patience is how long the carrier has to end a call that is over here. One of
// ours that was given up rings on until its API is asked, and a caller who
// talks to somebody else goes on talking.
func (c *Call) patience() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ours && c.leg == nil || c.away != nil && !c.away.done {
		return 0
	}

	return c.server.cfg.Confirm
}

// await waits until the carrier has ended the call, for a time.
func (c *Call) await(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c.finished:
		return true
	case <-timer.C:
	case <-c.server.stopping.Done():
	}

	return false
}

// attach gives the call its audio; it reports false when the call is over.
func (c *Call) attach(leg *Leg) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil || c.leg != nil && (c.away == nil || c.away.back == nil) {
		return false
	}
	if c.away != nil {
		c.away.part()
	}
	c.leg, c.away = leg, nil
	c.legs <- leg

	return true
}

// streamOver takes note of how a stream ended that was the call's.
func (c *Call) streamOver(leg *Leg) {
	switch {
	case c.parts(leg):
		return
	case errors.Is(leg.why, errStopped):
		c.end(ErrHungUp)
	default:
		c.end(fmt.Errorf("%w: %w", ErrStreamLost, leg.why))
	}
	if !c.account.words.asksAfter { // the call ends with its stream
		c.finish()
	}
}

// told takes a status callback.
func (c *Call) told(number int, s Status, reason string) {
	c.mu.Lock()
	further := c.progress.step(number, s)
	streamed, talked := c.leg != nil, c.away != nil && c.away.done && c.away.back == nil
	c.mu.Unlock()
	if !further {
		c.server.counts.stale.Add(1)

		return
	}
	select {
	case c.statuses <- s:
	default: // nobody asks
	}
	if !s.Final() {
		return
	}
	c.finish()
	if c.account.API != nil {
		c.account.API.Ended(c.Info().ID)
	}
	switch {
	case talked: // Transfer tells
	case streamed:
		c.end(ErrHungUp)
	case s == Completed || s == Canceled:
		c.end(ErrCancelled)
	default:
		c.end(&NotAnsweredError{s, reason})
	}
}

// after is what the carrier does when the stream is over.
func (c *Call) after() (instructions, error) {
	c.mu.Lock()
	wanted := c.hungUp || c.cause == nil || errors.Is(c.cause, ErrHungUp)
	c.mu.Unlock()
	c.end(ErrHungUp)
	if wanted {
		a, err := c.account.words.hangup()
		c.finish()

		return a, err
	}

	c.finish() // it goes where the fallback says

	return c.account.words.fallback(&c.account.Fallback)
}

// bind says which of the carrier's calls this is. It reports false when that
// is another one than was said before.
func (c *Call) bind(id string) bool {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.info.ID == "" && id != "" {
		c.info.ID = id
		c.server.ids[c.account.Name+"/"+id] = c
		c.named <- id
	}

	return c.info.ID == id
}
