package call

import (
	"cmp"
	"context"
	"errors"
	"time"

	"trunkline/media"
	"trunkline/privacy"
	"trunkline/sip"
	"trunkline/storage"
)

// SIPDial places a call to a number by a trunk and returns when it is
// answered, as sip.UA's methods do.
type SIPDial func(ctx context.Context, trunk string, number privacy.Number, o sip.DialOptions) (*sip.Dialog, error)

// PlaceBySIP lets calls leave by the SIP door.
func (m *Manager) PlaceBySIP(dial SIPDial) { m.setOutlet(storage.DoorSIP, sipOutlet{dial}) }

// sipOutlet is the SIP door as calls leave by it.
type sipOutlet struct{ dial SIPDial }

// Dial implements outlet.
func (s sipOutlet) Dial(ctx context.Context, o Outgoing, progress func(Progress)) (placed, error) {
	if !o.Expires.IsZero() && !time.Now().Before(o.Expires) {
		return nil, errStale
	}
	progress(Progress{Kind: Sent})
	d, err := s.dial(ctx, o.Trunk, o.To, sip.DialOptions{
		User:    string(o.From),
		Headers: []sip.Header{{Name: IDHeader, Value: o.Call.String()}},
		Provisional: func(status int, _ string) {
			if status == 180 || status == 183 {
				progress(Progress{Kind: Ringing, Status: status})
			}
		},
	})
	if err != nil {
		return nil, sipRefusal(cmp.Or(context.Cause(ctx), err))
	}

	return sipPlaced{sipDoor{d}}, nil
}

// sipPlaced is a call that left by the SIP door.
type sipPlaced struct{ sipDoor }

// Leg implements placed.
func (d sipPlaced) Leg() media.Leg { return d.Dialog.Leg() }

// sipRefusal says why a call of ours was not answered (RFC 3261 section 21,
// RFC 8197 for 607, RFC 8688 for 608).
func sipRefusal(err error) error {
	var status *sip.StatusError
	switch {
	case errors.As(err, &status):
		return &refusedError{reason: refusedBy(status.Code), status: status.Code, err: err}
	case errors.Is(err, sip.ErrTimeout), errors.Is(err, sip.ErrUnreachable):
		return &refusedError{reason: Unreachable, err: err}
	case errors.Is(err, sip.ErrMedia):
		return &refusedError{reason: NoPort, err: err}
	case errors.Is(err, sip.ErrStopped):
		return &refusedError{reason: Shutdown, err: err}
	default:
		return err
	}
}

// refusedBy is the reason that a final status tells.
func refusedBy(status int) Reason {
	switch status {
	case 486, 600:
		return Busy
	case 408, 480, 487:
		return NoAnswer
	case 403, 433, 603, 607, 608:
		return Rejected
	case 404, 410, 484, 485, 604:
		return NoSuchNumber
	default:
		return Unreachable
	}
}
