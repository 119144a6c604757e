package call

import (
	"context"
	"errors"
	"time"

	"trunkline/media"
	"trunkline/storage"
	"trunkline/twilio"
	"trunkline/twilio/rest"
)

// A TwilioAPI places an account's calls, as *rest.Client does.
type TwilioAPI interface {
	Create(ctx context.Context, o rest.Call) (sid string, err error)
	// End hangs a call up, repeatedly if need be.
	End(sid string) <-chan struct{}
	// Audit looks whether a call had to wait at the carrier.
	Audit(sid string)
}

// twilioGrace is how long after a call's cap the carrier ends it by itself:
// long enough for the goodbye that the agent says at the cap.
const twilioGrace = 15 * time.Second

// PlaceByTwilio lets calls leave by the twilio door: each by the API of the
// account that its trunk names.
func (m *Manager) PlaceByTwilio(door *twilio.Server, apis map[string]TwilioAPI) {
	m.setOutlet(storage.DoorTwilio, twilioOutlet{door, apis})
}

// twilioOutlet is the twilio door as calls leave by it.
type twilioOutlet struct {
	door *twilio.Server
	apis map[string]TwilioAPI
}

// Dial implements outlet.
func (t twilioOutlet) Dial(ctx context.Context, o Outgoing, progress func(Progress)) (placed, error) {
	api := t.apis[o.Trunk]
	if api == nil {
		return nil, errors.New("no account of this name places calls (twilio.accounts)")
	}
	c, urls, err := t.door.Outgoing(o.Trunk, string(o.To), string(o.From))
	if err != nil {
		return nil, &refusedError{reason: Shutdown, err: err}
	}
	sid, err := api.Create(ctx, rest.Call{
		To: string(o.To), From: string(o.From), Voice: urls.Voice, Fallback: urls.Fallback, Status: urls.Status, AMD: urls.AMD,
		Ring: o.Ring, Cap: o.Cap + twilioGrace, Expires: o.Expires, Told: c.Named(), Leave: o.Leave,
	})
	if err != nil {
		c.NotPlaced(err)

		return nil, apiRefusal(err)
	}
	c.Placed(sid)
	progress(Progress{Kind: Sent, CallID: sid})
	leg, err := c.Audio(ctx, func(s twilio.Status) {
		if s == twilio.Ringing {
			progress(Progress{Kind: Ringing})
		}
	})
	if ctx.Err() != nil && err != nil {
		api.End(sid) // at once: the door itself would wait for the carrier first

		return nil, context.Cause(ctx)
	}
	api.Audit(sid)
	if err != nil {
		return nil, twilioRefusal(err)
	}

	return twilioPlaced{twilioDoor{c}, leg}, nil
}

// twilioPlaced is a call that left by the twilio door.
type twilioPlaced struct {
	twilioDoor

	leg *twilio.Leg
}

// Leg implements placed.
func (d twilioPlaced) Leg() media.Leg { return d.leg }

// apiRefusal says why the API did not place a call.
func apiRefusal(err error) error {
	var api *rest.Error
	switch {
	case errors.Is(err, rest.ErrStale):
		return ErrStale
	case !errors.As(err, &api):
		return err
	case api.Kind == rest.BadNumber:
		return &refusedError{reason: NoSuchNumber, status: api.Status, err: err}
	default:
		return &refusedError{reason: Unreachable, status: api.Status, err: err}
	}
}

// twilioRefusal says why a call that was placed was not answered.
func twilioRefusal(err error) error {
	var told *twilio.NotAnsweredError
	switch {
	case errors.As(err, &told) && told.Status == twilio.Busy:
		return &refusedError{reason: Busy, err: err}
	case errors.As(err, &told) && told.Status == twilio.NoAnswer:
		return &refusedError{reason: NoAnswer, err: err}
	case errors.As(err, &told), errors.Is(err, twilio.ErrNoStream):
		return &refusedError{reason: Unreachable, err: err}
	case errors.Is(err, twilio.ErrCancelled), errors.Is(err, twilio.ErrHungUp):
		return &refusedError{reason: NoAnswer, err: err}
	case errors.Is(err, twilio.ErrStopped):
		return &refusedError{reason: Shutdown, err: err}
	default:
		return err
	}
}
