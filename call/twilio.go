package call

import (
	"context"
	"errors"
	"time"

	"trunkline/media"
	"trunkline/privacy"
	"trunkline/storage"
	"trunkline/twilio"
	"trunkline/twilio/rest"
)

// Twilio is the Manager as the twilio door hands calls to it.
func (m *Manager) Twilio() twilio.Handler { return twilioCalls{m} }

type twilioCalls struct{ *Manager }

// Incoming implements twilio.Handler. It returns when the call is over.
func (m twilioCalls) Incoming(c *twilio.Call) {
	d := twilioDoor{c}
	m.take(d, d.record())
}

// twilioDoor is a call of the twilio door.
type twilioDoor struct{ *twilio.Call }

// Ring implements offer. The caller hears ringing while the carrier waits for
// our answer.
func (twilioDoor) Ring() error { return nil }

// Answer implements offer. These carriers have no place for our id.
func (d twilioDoor) Answer(ctx context.Context, _ string) (media.Leg, error) {
	leg, err := d.Call.Answer(ctx)
	if err != nil {
		return nil, err
	}

	return leg, nil
}

func (d twilioDoor) Refuse(Reason) error { return d.Call.Refuse() }

func (d twilioDoor) Hangup(ctx context.Context, _ Reason) error { return d.Call.Hangup(ctx) }

func (d twilioDoor) Cause() Reason { return twilioReason(d.Call.Cause()) }

// OnHold implements door: these carriers tell of no hold, but a caller who was
// sent to a person is not heard either.
func (d twilioDoor) OnHold() bool               { return d.Away() }
func (twilioDoor) HoldChanged() <-chan struct{} { return nil }

// Transfer implements referrer. The stream ends with it, and a caller who was
// not put through comes back over a new one.
func (d twilioDoor) Transfer(ctx context.Context, r referral) error {
	leg, err := d.Call.Transfer(ctx, twilio.Transfer{
		To: r.To, Ring: max(r.Ring, rest.ShortestRing), Limit: max(r.limit, time.Second), Briefing: r.words, Language: r.language,
		Accept: r.Accept, Decide: r.Decide, Joined: r.joined,
	})
	var told *twilio.NotAnsweredError
	switch {
	case leg == nil:
		return err
	case errors.Is(err, twilio.ErrDeclined):
		err = errors.New("declined")
	case errors.As(err, &told) && told.Status == twilio.Busy:
		err = errors.New("busy")
	case errors.As(err, &told) && told.Status == twilio.NoAnswer:
		err = errors.New("nobody answered")
	}

	return &returnedError{leg, err}
}

// RecordsAtCarrier implements carrierRecorder.
func (d twilioDoor) RecordsAtCarrier() bool { return d.Recorder() != nil }

// RecordAtCarrier implements carrierRecorder.
func (d twilioDoor) RecordAtCarrier(ctx context.Context, s recordingStep) error {
	r, id := d.Recorder(), d.Info().ID
	switch s {
	case beginRecording:
		return r.StartRecording(ctx, id)
	case pauseRecording:
		return r.PauseRecording(ctx, id)
	case resumeRecording:
		return r.ResumeRecording(ctx, id)
	case stopRecording:
		return r.StopRecording(ctx, id)
	default:
		return nil
	}
}

// twilioReason is the reason for which a call of the twilio door ended by
// itself.
func twilioReason(err error) Reason {
	var elsewhere *twilio.ElsewhereError
	switch {
	case errors.As(err, &elsewhere):
		return AnsweredElsewhere
	case errors.Is(err, twilio.ErrHungUp):
		return CallerHangup
	case errors.Is(err, twilio.ErrCancelled):
		return CallerCancelled
	case errors.Is(err, twilio.ErrNoStream):
		return NoStream
	case errors.Is(err, twilio.ErrStreamLost):
		return StreamLost
	case errors.Is(err, twilio.ErrUndecided):
		return NotPrepared
	case errors.Is(err, twilio.ErrStopped):
		return Shutdown
	default:
		return SignallingFailed
	}
}

// FellBack records a call whose caller got the carrier's fallback, and of which
// this node knows nothing else.
func (m *Manager) FellBack(info twilio.Info) {
	c := newCall(m, &Agent{}, twilioRecord(info))
	c.rec.State = storage.Ringing
	m.cfg.Journal.Begin(c.rec)
	c.close(FellBack)
}

// record is the call as the twilio door knows it.
func (d twilioDoor) record() storage.Call { return twilioRecord(d.Info()) }

func twilioRecord(info twilio.Info) storage.Call {
	return storage.Call{
		Direction:   storage.Inbound,
		Door:        storage.DoorTwilio,
		Trunk:       info.Account,
		From:        privacy.Number(info.From),
		To:          privacy.Number(info.To),
		DoorCallID:  info.ID,
		Attestation: string(info.Attestation),
	}
}
