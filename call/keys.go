package call

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"trunkline/media/dtmf"
)

// Errors of SendDigits.
var (
	// ErrNotKeys says that what is to be sent is not 1 to 32 telephone keys.
	ErrNotKeys = errors.New("want 1 to 32 telephone keys: 0-9, *, # or A-D")
)

// How our keys are pressed: long enough for every receiver, with a pause that
// tells two equal ones apart (ITU-T Q.24: 40 ms each).
const (
	keyHold  = 120 * time.Millisecond
	keyPause = 80 * time.Millisecond
	mostKeys = 32
)

// eventLeg is a leg that sends telephone events.
type eventLeg interface {
	// Keying says whether events were agreed on.
	Keying() (events, pressed bool)
	// SendDigit queues a key.
	SendDigit(key byte, hold time.Duration) error
}

// infoDoor is a door that tells keys in the signalling.
type infoDoor interface {
	SendInfoDigit(ctx context.Context, key byte, hold time.Duration) error
}

// SendDigits presses keys on a running call, by telephone events where the far
// end agreed to them, by INFO on a trunk whose setting says so, else as tones
// in the audio, and tells which way it took. The agent's voice waits for tones
// and is not heard under events. It returns when the keys are queued; by INFO,
// when the far end has confirmed each.
func (m *Manager) SendDigits(ctx context.Context, id uuid.UUID, keys string) (by dtmf.Source, err error) {
	if len(keys) == 0 || len(keys) > mostKeys {
		return 0, ErrNotKeys
	}
	for i := range len(keys) {
		if !dtmf.IsKey(keys[i]) {
			return 0, ErrNotKeys
		}
	}
	m.mu.Lock()
	c := m.calls[id]
	m.mu.Unlock()
	if c == nil {
		return 0, ErrNotRunning
	}
	f := c.far.Load()
	if f == nil {
		return 0, ErrNotRunning
	}
	by, err = f.sendDigits(ctx, keys)
	if err != nil {
		return by, fmt.Errorf("send keys by %v: %w", by, err)
	}
	c.log.Info("keys sent", slog.Int("count", len(keys)), slog.String("by", by.String()))

	return by, nil
}

func (f *far) sendDigits(ctx context.Context, keys string) (dtmf.Source, error) {
	events, _ := f.leg.(eventLeg)
	agreed := false
	if events != nil {
		agreed, _ = events.Keying()
	}
	mode := dtmf.Auto
	if d, ok := f.door.(keyDoor); ok {
		mode = d.KeyMode()
	}
	by := mode.Sends(agreed)
	switch by {
	case dtmf.Event:
		return by, eachKey(keys, func(key byte) error { return events.SendDigit(key, keyHold) })
	case dtmf.Info:
		d, ok := f.door.(infoDoor)
		if !ok {
			return by, errors.New("the door knows no INFO")
		}

		return by, eachKey(keys, func(key byte) error { return d.SendInfoDigit(ctx, key, keyHold) })
	default:
		return by, f.line.Press(keys, keyHold, keyPause)
	}
}

func eachKey(keys string, send func(key byte) error) error {
	for i := range len(keys) {
		if err := send(keys[i]); err != nil {
			return fmt.Errorf("key %d of %d: %w", i+1, len(keys), err)
		}
	}

	return nil
}
