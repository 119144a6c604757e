package call

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"trunkline/storage"
	"trunkline/twilio"
	"trunkline/twilio/rest"
)

func TestTwilioReasons(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]Reason{
		twilio.ErrHungUp: CallerHangup, twilio.ErrCancelled: CallerCancelled, twilio.ErrNoStream: NoStream, &twilio.ElsewhereError{Node: "b"}: AnsweredElsewhere,
		fmt.Errorf("%w: EOF", twilio.ErrStreamLost): StreamLost, twilio.ErrUndecided: NotPrepared, twilio.ErrStopped: Shutdown,
		errors.New("something else"): SignallingFailed,
	} {
		if got := twilioReason(err); got != want {
			t.Errorf("%v is %s, want %s", err, got, want)
		}
	}
	for _, r := range []Reason{NoStream, StreamLost} {
		if r.Fault() != storage.FaultCarrier || r.Plain() == string(r) {
			t.Errorf("%s: fault %s, %s", r, r.Fault(), r.Plain())
		}
	}
}

func TestTwilioRefusals(t *testing.T) {
	t.Parallel()
	failed := errors.New("out of order")
	for name, tt := range map[string]struct {
		err    error
		reason Reason // empty: the error itself
	}{
		"busy":            {twilioRefusal(&twilio.NotAnsweredError{Status: twilio.Busy}), Busy},
		"nobody":          {twilioRefusal(&twilio.NotAnsweredError{Status: twilio.NoAnswer}), NoAnswer},
		"failed":          {twilioRefusal(&twilio.NotAnsweredError{Status: twilio.Failed, Reason: "13224"}), Unreachable},
		"no stream":       {twilioRefusal(twilio.ErrNoStream), Unreachable},
		"cancelled":       {twilioRefusal(twilio.ErrCancelled), NoAnswer},
		"stopped":         {twilioRefusal(twilio.ErrStopped), Shutdown},
		"another":         {twilioRefusal(failed), ""},
		"no such number":  {apiRefusal(&rest.Error{Kind: rest.BadNumber, Status: 400}), NoSuchNumber},
		"the API is away": {apiRefusal(&rest.Error{Kind: rest.Unavailable}), Unreachable},
		"in the API":      {apiRefusal(failed), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var refused *refusedError
			switch {
			case !errors.As(tt.err, &refused):
				if tt.reason != "" || !errors.Is(tt.err, failed) {
					t.Errorf("%v, want %s", tt.err, tt.reason)
				}
			case refused.reason != tt.reason:
				t.Errorf("%s, want %s", refused.reason, tt.reason)
			}
		})
	}
	if err := apiRefusal(rest.ErrStale); !errors.Is(err, ErrStale) {
		t.Errorf("a stale call is %v", err)
	}
	if _, err := (twilioOutlet{}).Dial(context.Background(), Outgoing{Trunk: "nobody"}, func(Progress) {}); err == nil {
		t.Error("an account that is not there places a call")
	}
}
