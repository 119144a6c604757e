package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptrace"
	"time"

	openapi "github.com/twilio/twilio-go/rest/api/v2010"
)

// Bounds of a call's times at Twilio, in whole seconds.
const (
	// ShortestRing is 15 s: a telemarketing call must ring that long or four
	// times before it is given up (16 CFR 310.4(b)(4)(ii)).
	ShortestRing = 15 * time.Second
	longestRing  = 600 * time.Second
	longestCap   = 24 * time.Hour
)

// tries bounds the requests for one call.
const tries = 3

// Call is a call to be placed.
type Call struct {
	To, From string        // E.164
	Document string        // TwiML of what is to happen after the answer; or
	Voice    string        // the URL of a webhook that is asked for it
	Fallback string        // asked when that webhook fails; empty: Twilio hangs up
	Status   string        // URL of the status callbacks, which is to tell the attempt
	AMD      string        // URL for the verdict of answering machine detection; empty: none
	Ring     time.Duration // at least ShortestRing
	Cap      time.Duration // from the answer; Twilio hangs up then
	Expires  time.Time     // it does not leave after this; zero: no limit
	// Told is the call's SID as a webhook told it, which may be sooner than
	// the answer to the request. It is filled at most once; nil: nobody tells.
	Told <-chan string
	// Leave is asked right before each request; nil: nobody is to be asked. left
	// is called when the request has left. Its error ends the Create, as it is.
	Leave func(ctx context.Context) (left func(), err error)
}

func (o *Call) validate() error {
	switch {
	case o.Ring < ShortestRing || o.Ring > longestRing:
		return fmt.Errorf("twilio: a call must ring for %s to %s; was %s", ShortestRing, longestRing, o.Ring)
	case o.Cap < time.Second || o.Cap > longestCap:
		return fmt.Errorf("twilio: a call must have a limit of 1s to %s; was %s", longestCap, o.Cap)
	case (o.Voice == "") == (o.Document == ""):
		return errors.New("twilio: a call needs TwiML, or else the URL of a voice webhook")
	case len([]rune(o.Document)) > longestDocument:
		return fmt.Errorf("twilio: the TwiML has %d characters; Twilio takes %d", len([]rune(o.Document)), longestDocument)
	}

	return nil
}

// Create places a call and returns its SID once Twilio has taken it, which
// does not mean that it rings yet. When ctx ends before, the call is not
// placed, or is ended if it was. The error is an *Error, ErrStale, the cause
// of ctx's end, or says what is wrong with o.
//
// No call is placed twice: a request that was not answered is followed by a
// look at the account's list, and made again only when the list shows no such
// call. When the list cannot be read the error is of the Kind Unknown; the
// call may then come all the same, and its webhooks have to send it away.
func (c *Client) Create(ctx context.Context, o Call) (sid string, err error) {
	if err := o.validate(); err != nil {
		return "", err
	}
	type outcome struct {
		sid string
		err error
	}
	done := make(chan outcome, 1)
	// The request is not cut off with ctx: what it did must be known.
	c.work.Go(func() {
		release := c.alone(ctx, o.From+o.To)
		sid, err := c.create(ctx, &o)
		release()
		if err == nil && ctx.Err() != nil {
			c.o.Log.Info("a call was placed that nobody wants any more; it is ended", slog.String("sid", sid))
			c.End(sid)
			sid, err = "", context.Cause(ctx)
		}
		done <- outcome{sid, err}
	})
	select {
	case r := <-done:
		return r.sid, r.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// alone waits until no other call between the same numbers is being placed:
// one could be taken for the other in the account's list. A wait that ctx
// ends is followed by no request.
func (c *Client) alone(ctx context.Context, pair string) (release func()) {
	for {
		c.mu.Lock()
		busy := c.placing[pair]
		if busy == nil {
			mine := make(chan struct{})
			c.placing[pair] = mine
			c.mu.Unlock()

			return func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				delete(c.placing, pair)
				close(mine)
			}
		}
		c.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return func() {}
		}
	}
}

// create makes requests until one is answered.
func (c *Client) create(ctx context.Context, o *Call) (string, error) {
	var last error
	first := time.Now() // of the requests
	for try := range tries {
		c.o.Metrics.waiting.Inc()
		err := c.pace.wait(ctx, o.Expires)
		c.o.Metrics.waiting.Dec()
		if err != nil {
			return "", err
		}
		if try == 0 {
			first = time.Now()
		}
		left := func() {}
		if o.Leave != nil {
			if left, err = o.Leave(ctx); err != nil {
				return "", err
			}
		}
		sid, err := c.request(o, left)
		left()
		if err == nil {
			return sid, nil
		}
		last = err
		switch kindOfError(err) {
		case Unknown:
			sid, err := c.lookUp(o, first)
			if sid != "" || err != nil {
				return sid, err
			}
		case Unavailable, Overloaded:
			if err := sleep(ctx, time.Second<<try); err != nil {
				return "", err
			}
		default:
			return "", err
		}
	}

	return "", last
}

// request asks for the call once, and tells when the request has left.
func (c *Client) request(o *Call, left func()) (string, error) {
	p := &openapi.CreateCallParams{}
	p.SetTo(o.To).SetFrom(o.From)
	if o.Document != "" {
		p.SetTwiml(o.Document)
	} else {
		p.SetUrl(o.Voice)
	}
	p.SetTimeout(seconds(o.Ring)).SetTimeLimit(seconds(o.Cap))
	if o.Fallback != "" {
		p.SetFallbackUrl(o.Fallback)
	}
	if o.Status != "" {
		p.SetStatusCallback(o.Status).SetStatusCallbackEvent([]string{"initiated", "ringing", "answered", "completed"})
	}
	if o.AMD != "" {
		p.SetMachineDetection("Enable").SetAsyncAmd("true").SetAsyncAmdStatusCallback(o.AMD)
	}
	ctx := httptrace.WithClientTrace(c.ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { left() }})
	call, err := c.api(ctx).CreateCall(p)
	if err != nil {
		return "", fromAPI(err)
	}
	if call.Sid == nil || *call.Sid == "" {
		return "", &Error{Kind: Unknown, err: errors.New("the answer names no call")}
	}
	c.claim(*call.Sid)

	return *call.Sid, nil
}

// seconds rounds up: a limit is not to fall short of what was promised.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// lookUp finds a call whose request was not answered. Neither a SID nor an
// error means that there is none.
func (c *Client) lookUp(o *Call, first time.Time) (string, error) {
	var unread error
	for _, wait := range c.o.Lookups {
		t := time.NewTimer(wait)
		select {
		case sid := <-o.Told:
			t.Stop()
			c.claim(sid)
			c.o.Metrics.lost.WithLabelValues("found").Inc()

			return sid, nil
		case <-t.C:
		case <-c.ctx.Done():
			t.Stop()

			return "", context.Cause(c.ctx)
		}
		var sid string
		if sid, unread = c.find(o, first); sid != "" {
			c.o.Metrics.lost.WithLabelValues("found").Inc()

			return sid, nil
		}
	}
	if unread != nil {
		c.o.Metrics.lost.WithLabelValues("unreadable").Inc()

		return "", &Error{Kind: Unknown, err: unread}
	}
	c.o.Metrics.lost.WithLabelValues("none").Inc()

	return "", nil
}

// find looks for the call in the account's list. It does not ask by StartTime,
// which a call in Twilio's queue does not have yet.
func (c *Client) find(o *Call, first time.Time) (string, error) {
	p := &openapi.ListCallParams{}
	p.SetTo(o.To).SetFrom(o.From).SetPageSize(50)
	list, err := c.api(c.ctx).PageCall(p, "", "")
	if err != nil {
		return "", fromAPI(err)
	}
	// The list's times are whole seconds, by Twilio's clock, which we know to
	// the second.
	since := first.Add(c.Clock()).Add(-2 * time.Second)
	for _, call := range list.Calls {
		if call.Sid == nil || call.DateCreated == nil || call.Direction == nil || *call.Direction != "outbound-api" {
			continue
		}
		created, err := time.Parse(time.RFC1123Z, *call.DateCreated)
		if err == nil && !created.Before(since) && c.claim(*call.Sid) {
			return *call.Sid, nil
		}
	}

	return "", nil
}

// claimsKept is how long a claimed call is remembered: longer than any
// request for one takes.
const claimsKept = 10 * time.Minute

// claim marks a call as an attempt's; false when it is another's.
func (c *Client) claim(sid string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, taken := c.claimed[sid]; taken {
		return false
	}
	now := time.Now()
	for old, since := range c.claimed {
		if now.Sub(since) > claimsKept {
			delete(c.claimed, old)
		}
	}
	c.claimed[sid] = now

	return true
}
