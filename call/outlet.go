package call

import (
	"context"
	"time"

	"github.com/google/uuid"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/privacy"
)

// outlet is a door as calls leave by it.
type outlet interface {
	// Dial places a call and returns it when it is answered. progress is told
	// what happens before; it does not wait and may be called from any
	// goroutine, until Dial returns. When ctx ends first the call is cancelled,
	// and one that is answered at that very moment is hung up.
	//
	// A call that waits in the door's own queue leaves it by o.Expires or
	// never: Dial then returns ErrStale, as it does when o.Leave did, and the
	// Gate is asked again. Other errors are *refusedError, or mean that the door
	// failed.
	Dial(ctx context.Context, o Outgoing, progress func(Progress)) (placed, error)
}

// placed is a call of ours that was answered.
type placed interface {
	door
	// Leg is the call's audio, which the door closes when the call ends.
	Leg() media.Leg
}

// Outgoing is a call as a door is to place it.
type Outgoing struct {
	Call     uuid.UUID // told to the far end where it has a place for it
	Attempt  uuid.UUID // zero for the leg of a transfer
	Trunk    string
	To, From privacy.Number // E.164
	Ring     time.Duration  // for doors whose carrier gives up by itself; ctx is the limit in any case
	Cap      time.Duration  // for doors whose carrier hangs up by itself
	Briefing string         // what the callee's telephone is to show of the call; empty: nothing
	// Of a call in somebody's place, for the SIP door, as sip.CallOptions has
	// them; all may be empty.
	Target, Replaces, ReferredBy string
	// Codec is wanted of the callee's end, where the door has a choice; nil: any.
	Codec *g711.Codec

	Expires time.Time // nothing leaves after this; zero: no limit
	// Leave is asked right before each request that would have the callee's
	// telephone ring, as Gate.Leave says; nil: nobody is to be asked. Its error
	// ends the Dial.
	Leave func(ctx context.Context) (left func(), err error)
}

// Progress is what is known of a call that is not answered yet.
type Progress struct {
	Kind       ProgressKind
	CallID     string    // of Sent: the door's own name of the call
	Status     int       // the SIP status that told it; 0 where there is none
	Leg        media.Leg // of EarlyMedia: the audio so far. It becomes the call's
	Signalling signaller // of Sent: where the signalling can be looked at; nil: nowhere
}

// ProgressKind says how far a call has come.
type ProgressKind uint8

// The kinds of Progress, in their usual order. Any may be missing, and Ringing
// may come after EarlyMedia.
const (
	Sent       ProgressKind = iota + 1 // it is on the wire
	Ringing                            // the callee is alerted
	EarlyMedia                         // the far end sends audio: a ringback tone, an announcement
)

// refusedError says why a call was not answered.
type refusedError struct {
	reason Reason
	status int // SIP status; 0 where there is none
	err    error
}

func (e *refusedError) Error() string { return string(e.reason) + ": " + e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }
