package rest

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"time"

	openapi "github.com/twilio/twilio-go/rest/api/v2010"
)

// Waits between the requests of a hang-up.
const (
	firstWait   = 500 * time.Millisecond
	longestWait = time.Minute
)

// terminal are the statuses that a call does not leave.
var terminal = []string{"completed", "busy", "failed", "no-answer", "canceled"}

// Terminal reports whether a call with this status is over.
func Terminal(status string) bool { return slices.Contains(terminal, status) }

// ending is a call that is to be over.
type ending struct {
	seen chan struct{} // closed when it was seen to be over, or given up
	told chan struct{} // closed when somebody else saw it
}

// End hangs a call up, whatever state it is in, and goes on until it is seen
// to be over: by the API's answer, or by Ended. Requests are repeated with
// growing waits, at most Options.EndWithin; then the metric unended_total
// rises, and the call's time limit is what ends it. The channel is closed when
// all that is done. End may be called twice.
func (c *Client) End(sid string) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.ending[sid]; e != nil {
		return e.seen
	}
	e := &ending{seen: make(chan struct{}), told: make(chan struct{})}
	if c.ctx.Err() != nil {
		close(e.seen)

		return e.seen
	}
	c.ending[sid] = e
	c.o.Metrics.ending.Inc()
	c.work.Go(func() {
		defer c.o.Metrics.ending.Dec()
		defer close(e.seen)
		if c.repeat(sid, e) {
			c.mu.Lock()
			delete(c.ending, sid)
			c.mu.Unlock()
		}
	})

	return e.seen
}

// Ended tells that a call was seen to be over, by a status callback. A hang-up
// of it then makes no further requests.
func (c *Client) Ended(sid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.ending[sid]; e != nil {
		select {
		case <-e.told:
		default:
			close(e.told)
		}
	}
}

// repeat hangs up until the call is over, and reports whether it is.
func (c *Client) repeat(sid string, e *ending) bool {
	limit := time.NewTimer(c.o.EndWithin)
	defer limit.Stop()
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		status, err := c.complete(sid)
		switch {
		case err == nil && Terminal(status):
			return true
		case kindOfError(err) == NotFound && err != nil:
			return true
		case err != nil:
			c.o.Log.Warn("Twilio did not take a hang-up; it is repeated", slog.String("sid", sid), slog.Duration("in", wait), slog.Any("error", err))
		}
		t := time.NewTimer(wait)
		select {
		case <-e.told:
			t.Stop()

			return true
		case <-t.C:
		case <-limit.C:
			t.Stop()
			c.o.Metrics.unended.Inc()
			c.o.Log.Error("a call was not seen to be over: end it in Twilio's console if it still runs",
				slog.String("sid", sid), slog.Duration("tried_for", c.o.EndWithin))

			return false
		case <-c.ctx.Done():
			t.Stop()

			return false
		}
	}
}

// complete asks for the call's end and returns its status after that.
func (c *Client) complete(sid string) (string, error) {
	p := &openapi.UpdateCallParams{}
	p.SetStatus("completed")
	call, err := c.api(c.ctx).UpdateCall(sid, p)
	if err == nil {
		return deref(call.Status), nil
	}
	if e := fromAPI(err); e.Kind != NotRunning {
		return "", e
	}

	return c.status(c.ctx, sid)
}

func (c *Client) status(ctx context.Context, sid string) (string, error) {
	s, err := c.Fetch(ctx, sid)

	return s.Status, err
}

// State is a call as Twilio's API shows it.
type State struct {
	Status   string        // queued, ringing, in-progress, or one that is Terminal
	Queue    time.Duration // that it waited in Twilio's queue
	Duration time.Duration // of a call that is over
}

// Fetch reads a call.
func (c *Client) Fetch(ctx context.Context, sid string) (State, error) {
	call, err := c.api(ctx).FetchCall(sid, nil)
	if err != nil {
		return State{}, fromAPI(err)
	}
	queue, _ := strconv.Atoi(deref(call.QueueTime)) // milliseconds; absent of a call that did not wait
	took, _ := strconv.Atoi(deref(call.Duration))   // seconds; absent until the end

	return State{
		Status: deref(call.Status), Queue: time.Duration(queue) * time.Millisecond, Duration: time.Duration(took) * time.Second,
	}, nil
}

// queueNoise is a time in Twilio's queue that means nothing.
const queueNoise = 250 * time.Millisecond

// Audit reads a call that has left and raises the alarm when it had to wait
// in Twilio's queue: our pace is then faster than Twilio's.
func (c *Client) Audit(sid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return
	}
	c.work.Go(func() {
		s, err := c.Fetch(c.ctx, sid)
		if err == nil && s.Queue > queueNoise {
			c.o.Metrics.queued.Inc()
			c.o.Log.Warn("a call waited in Twilio's queue: lower calls_per_second, or see who else places calls by this account",
				slog.String("sid", sid), slog.Duration("waited", s.Queue))
		}
	})
}

func deref(s *string) string {
	if s == nil {
		return ""
	}

	return *s
}
