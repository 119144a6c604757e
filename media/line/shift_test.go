package line_test

import (
	"testing"
	"time"

	"trunkline/media/clock"
	"trunkline/media/line"
	"trunkline/media/player"
)

// shiftingLeg is a leg that wants its ticks later.
type shiftingLeg struct {
	leg

	step time.Duration
}

func (l *shiftingLeg) Shift(step time.Duration) int {
	l.step = step
	return 1
}

// The clock asks the line, and the line asks its leg, if it minds.
func TestTicksFollowTheLeg(t *testing.T) {
	t.Parallel()
	var _ clock.Shifter = &line.Line{}
	still, wishing := &leg{}, &shiftingLeg{}
	parts := line.Config{Leg: still, Player: player.New(player.Options{}), VAD: &party{}, Ear: &party{}}
	if by := line.New(parts).Shift(time.Millisecond); by != 0 {
		t.Errorf("a leg that does not mind moves the ticks by %d", by)
	}
	parts.Leg = wishing
	if by := line.New(parts).Shift(2 * time.Millisecond); by != 1 || wishing.step != 2*time.Millisecond {
		t.Errorf("the leg was asked for steps of %v, the line answers %d", wishing.step, by)
	}
}
