package softphone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"trunkline/media"
	"trunkline/media/clock"
	"trunkline/media/record"
	"trunkline/sip"
	"trunkline/softphone/talkspurt"
)

// CallIDHeader names the call in the gateway's records; the gateway's 200 OK
// brings it.
const CallIDHeader = "X-Trunkline-Call-Id"

// Config is one call.
type Config struct {
	Target  string       // sip:user@host[:port][;transport=udp|tcp]
	From    string       // user part of our address; empty means "softphone"
	Headers []sip.Header // added to the INVITE
	SRTP    sip.SRTP     // how the audio is protected
	Audio   sip.Audio    // what else is offered for it
	Digits  string       // keys pressed in turn before the plan begins
	Plan    []Step       // what the caller does; none means to listen
	Record  string       // path of a two-channel WAV, caller left and agent right; empty records nothing

	Gap         time.Duration // quiet of the agent that gives the turn to the caller; 0 means 600 ms
	Silence     time.Duration // wait for an agent that does not reply, before the plan goes on; 0 means 15 s
	HangupAfter time.Duration // quiet after the reply to the last step, before we hang up; 0 means 3 s

	AnswerTimeout time.Duration // from the INVITE to the answer; 0 means 30 s
	MediaTimeout  time.Duration // from the answer to the first packet; 0 means 10 s
	MaxDuration   time.Duration // from the answer to our BYE at the latest; 0 means 35 min

	// Notify is told what happens, in order, in the goroutine of Place, which
	// waits for it. It may be nil.
	Notify func(Event)
	Log    *slog.Logger // nil means nobody
}

func (c *Config) validate() error {
	if _, err := parseTarget(c.Target); err != nil {
		return err
	}
	for _, d := range []time.Duration{c.Gap, c.Silence, c.HangupAfter, c.AnswerTimeout, c.MediaTimeout, c.MaxDuration} {
		if d < 0 {
			return fmt.Errorf("softphone: the time %v is negative", d)
		}
	}

	return checkPlan(c.plan())
}

// plan is the whole plan.
func (c *Config) plan() []Step {
	if c.Digits == "" {
		return c.Plan
	}

	return append([]Step{{Digits: c.Digits}}, c.Plan...)
}

func (c *Config) setDefaults() {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.Gap, talkspurt.ReplyPause},
		{&c.Silence, 15 * time.Second},
		{&c.HangupAfter, 3 * time.Second},
		{&c.AnswerTimeout, 30 * time.Second},
		{&c.MediaTimeout, 10 * time.Second},
		{&c.MaxDuration, 35 * time.Minute},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.From == "" {
		c.From = "softphone"
	}
	if c.Notify == nil {
		c.Notify = func(Event) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// byeLimit bounds the wait for the answer to our BYE: 64*T1 of RFC 3261.
const byeLimit = 32 * time.Second

var (
	errNoAnswer = errors.New("no answer in time")
	errEnding   = errors.New("the softphone has ended the call")
)

// Place makes a call, does what the plan says and returns when the call is
// over. The error is an *Error. When the call was answered, there is a Report
// even beside an error; otherwise it is nil. When ctx ends, the call is
// cancelled or hung up.
func (s *Station) Place(ctx context.Context, c Config) (*Report, error) {
	if err := c.validate(); err != nil {
		return nil, usage(err)
	}
	c.setDefaults()
	// A file that cannot be written should not cost the callee a call.
	var recorder *record.Recorder
	if c.Record != "" {
		var err error
		if recorder, err = record.Create(c.Record, record.Options{}); err != nil {
			return nil, usage(fmt.Errorf("softphone: %w", err))
		}
	}
	report, failure := s.call(ctx, &c, recorder)
	if recorder != nil {
		err := recorder.Close()
		if report != nil {
			report.recorded(c.Record, recorder.Dropped(), err)
		}
	}
	if failure != nil {
		return report, failure
	}

	return report, nil
}

// call makes the call.
func (s *Station) call(ctx context.Context, c *Config, recorder *record.Recorder) (*Report, *Error) {
	dialog, failure := s.dial(ctx, c)
	if failure != nil {
		return nil, failure
	}
	report := &Report{CallID: dialog.Info().CallID, TrunklineCallID: dialog.ResponseHeader(CallIDHeader), Target: c.Target}

	return report, play(ctx, s.clock, c, dialog, recorder, report)
}

// A Line is an answered call, whichever way it came about.
type Line interface {
	// Leg is the call's audio.
	Leg() media.Leg
	// Done is closed when the far end, or a fault, has ended the call.
	Done() <-chan struct{}
	// Cause says why: sip.ErrRemoteBye when the far end hung up.
	Cause() error
	// Hangup ends the call.
	Hangup(ctx context.Context, reason string) error
}

// Play does on an answered call what Place does on one that it made, by a
// clock that runs. Target, From, Headers, Record and what else is of the call's
// beginning mean nothing.
func Play(ctx context.Context, ticks *clock.Clock, c Config, line Line) (*Report, error) {
	if err := checkPlan(c.plan()); err != nil {
		return nil, usage(err)
	}
	c.setDefaults()
	report := &Report{}
	if failure := play(ctx, ticks, &c, line, nil, report); failure != nil {
		return report, failure
	}

	return report, nil
}

// play holds an answered call and fills its report.
func play(ctx context.Context, ticks *clock.Clock, c *Config, line Line, recorder *record.Recorder, report *Report) *Error {
	report.AnsweredAt = time.Now()
	c.Notify(Event{Kind: Answered, At: report.AnsweredAt})
	plan := c.plan()
	h := newHandset(line.Leg(), recorder, plan, patience{gap: c.Gap, silence: c.Silence, hangup: c.HangupAfter})
	remove := ticks.Add(h)
	end := converse(ctx, c, line, h)
	remove()
	h.stop()
	for len(h.events) > 0 {
		c.Notify(<-h.events)
	}
	end.at = time.Now()
	stats := h.leg.Stats()
	if end.by == byCaller {
		hangup, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), byeLimit, errEnding)
		if err := line.Hangup(hangup, ""); err != nil {
			h.notes = append(h.notes, fmt.Sprintf("the far end did not confirm our BYE: %v", err))
		}
		cancel()
	}
	c.Notify(Event{Kind: Ended, At: end.at, Text: end.cause})
	report.fill(plan, h, &stats, &end)

	return end.failure
}

// dial calls and waits for the answer.
func (s *Station) dial(ctx context.Context, c *Config) (*sip.Dialog, *Error) {
	dialing, cancel := context.WithTimeoutCause(ctx, c.AnswerTimeout, errNoAnswer)
	defer cancel()
	d, err := s.ua.Place(dialing, c.Target, sip.DialOptions{
		User: c.From, Headers: c.Headers, SRTP: c.SRTP, Audio: c.Audio,
	})
	if err != nil {
		return nil, dialFailure(dialing, c.Target, err)
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		for p := range d.Progress() {
			c.Notify(Event{Kind: Ringing, At: time.Now(), Text: fmt.Sprintf("%d %s", p.Status, p.Reason)})
		}
	}()
	_, err = d.Answered(dialing)
	<-told
	if err != nil {
		return nil, dialFailure(dialing, c.Target, err)
	}

	return d, nil
}

// Who ended a call.
const (
	byCaller = "caller"
	byAgent  = "agent"
)

// ending is how a call ended.
type ending struct {
	by      string
	cause   string
	at      time.Time
	failure *Error
}

// ended is a Line as far as converse needs it.
type ended interface {
	Done() <-chan struct{}
	Cause() error
}

// converse waits until the call is to end or has ended.
func converse(ctx context.Context, c *Config, line ended, h *handset) ending {
	silence := time.NewTimer(c.MediaTimeout)
	defer silence.Stop()
	longest := time.NewTimer(c.MaxDuration)
	defer longest.Stop()
	for {
		select {
		case e := <-h.events:
			c.Notify(e)
		case <-h.finished:
			return ending{by: byCaller, cause: "the plan was done"}
		case <-line.Done():
			return farEnd(line.Cause())
		case <-longest.C:
			return ending{by: byCaller, cause: fmt.Sprintf("the call had lasted %v", c.MaxDuration)}
		case <-silence.C:
			stats := h.leg.Stats()
			if stats.PacketsIn > 0 || stats.OnHold {
				continue
			}
			cause := fmt.Sprintf("no RTP came from %s in %v: check the firewall and the address in the far end's SDP", stats.Remote, c.MediaTimeout)

			return ending{by: byCaller, cause: cause, failure: &Error{Kind: NoMedia, Cause: c.Target + ": " + cause}}
		case <-ctx.Done():
			cause := context.Cause(ctx)

			return ending{by: byCaller, cause: cause.Error(), failure: &Error{
				Kind: Aborted, Cause: fmt.Sprintf("%s: hung up: %v", c.Target, cause), Err: cause,
			}}
		}
	}
}

// farEnd tells why a dialog ended without us.
func farEnd(cause error) ending {
	e := ending{by: byAgent, cause: cause.Error()}
	if !errors.Is(cause, sip.ErrRemoteBye) {
		e.failure = &Error{Cause: "the call broke off: " + e.cause, Err: cause}
		if errors.Is(cause, sip.ErrStopped) {
			e.by, e.failure.Kind = byCaller, Aborted
		}
	}

	return e
}
