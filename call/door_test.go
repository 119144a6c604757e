package call

import (
	"errors"
	"fmt"
	"testing"

	"trunkline/sip"
)

func TestADialogsEndHasAReason(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]Reason{
		sip.ErrRemoteBye: CallerHangup,
		sip.ErrCancelled: CallerCancelled,
		sip.ErrNoACK:     NoACK,
		sip.ErrMedia:     NoPort,
		sip.ErrStopped:   Shutdown,
		sip.ErrBadAnswer: SignallingFailed,
		errors.New("?"):  SignallingFailed,
	} {
		if got := reasonOf(fmt.Errorf("wrapped: %w", err)); got != want {
			t.Errorf("%v: got %s, want %s", err, got, want)
		}
	}
}

func TestRefusalsAreToldByStatus(t *testing.T) {
	t.Parallel()
	for r, want := range map[Reason]int{LineBusy: 486, Shutdown: 503, NoRecords: 503, NotPrepared: 500} {
		if got := refusal(r); got != want {
			t.Errorf("%s: %d, want %d", r, got, want)
		}
	}
}
