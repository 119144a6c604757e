package call

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"trunkline/media"
	"trunkline/media/dtmf"
	"trunkline/privacy"
	"trunkline/sip"
	"trunkline/storage"
)

// offer is one call that comes in, as its door offers it.
type offer interface {
	door
	// Ring tells the caller that the call is being offered.
	Ring() error
	// Answer accepts the call and returns its audio, which the door closes
	// when the call ends. id is told to the far end.
	Answer(ctx context.Context, id string) (media.Leg, error)
	// Refuse ends a call that was not answered.
	Refuse(r Reason) error
}

// door is one call at its door, whichever way it came.
type door interface {
	// Hangup ends the call and waits until the far end has confirmed it.
	Hangup(ctx context.Context, r Reason) error
	// Done is closed when the call has ended; Cause then says why.
	Done() <-chan struct{}
	Cause() Reason
	// OnHold reports whether the caller asked us not to send audio, and
	// HoldChanged receives when that has changed.
	OnHold() bool
	HoldChanged() <-chan struct{}
}

// keyDoor is a door whose far end tells key presses in the signalling.
type keyDoor interface {
	// Keys receives them, each once.
	Keys() <-chan media.Digit
	// KeyMode says by which ways the trunk's keys are taken.
	KeyMode() dtmf.Mode
}

// IDHeader is the header of a SIP answer that carries the call's id.
const IDHeader = "X-Trunkline-Call-Id"

// sipDoor is a call of the SIP door.
type sipDoor struct{ *sip.Dialog }

func (d sipDoor) Answer(ctx context.Context, id string) (media.Leg, error) {
	leg, err := d.Dialog.Answer(ctx, sip.Header{Name: IDHeader, Value: id})
	if err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}

	return leg, nil
}

// Ring tells the caller 180, unless that was done by Manager.Rings.
func (d sipDoor) Ring() error {
	if d.Ringing() {
		return nil
	}

	return d.Dialog.Ring()
}

func (d sipDoor) Refuse(r Reason) error { return d.Reject(refusal(r), "") }

// refusal is the SIP status that turns a call away.
func refusal(r Reason) int {
	switch r {
	case LineBusy:
		return 486
	case Shutdown, NoRecords:
		return 503
	default:
		return 500
	}
}

func (d sipDoor) Hangup(ctx context.Context, r Reason) error {
	return d.Dialog.Hangup(ctx, strings.ReplaceAll(string(r), "_", " "))
}

func (d sipDoor) Cause() Reason { return reasonOf(d.Dialog.Cause()) }

// reasonOf is the reason for which a dialog ended by itself.
func reasonOf(err error) Reason {
	switch {
	case errors.Is(err, sip.ErrRemoteBye):
		return CallerHangup
	case errors.Is(err, sip.ErrCancelled):
		return CallerCancelled
	case errors.Is(err, sip.ErrNoACK):
		return NoACK
	case errors.Is(err, sip.ErrMedia):
		return NoPort
	case errors.Is(err, sip.ErrStopped):
		return Shutdown
	default:
		return SignallingFailed
	}
}

// Recodes implements coder.
func (d sipDoor) Recodes() bool { return d.Info().Recodes }

// KeyMode implements keyDoor.
func (d sipDoor) KeyMode() dtmf.Mode { return d.Info().Keys }

// record is the call as the SIP door knows it.
func (d sipDoor) record() storage.Call {
	info := d.Info()

	return storage.Call{
		Direction:  storage.Inbound,
		Door:       storage.DoorSIP,
		Trunk:      info.Trunk,
		From:       privacy.Number(info.Caller),
		To:         privacy.Number(info.Called),
		DoorCallID: info.CallID,

		Attestation: string(d.Attestation().Verdict),
	}
}
