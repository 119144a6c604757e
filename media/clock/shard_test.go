package clock

import (
	"testing"
	"time"
)

type idle struct{ ticks int }

func (i *idle) Tick(time.Time) { i.ticks++ }

func TestStepAllocatesNothing(t *testing.T) {
	s := newShard(0)
	var calls [40]idle
	for i := range calls {
		s.add(&entry{ticker: &calls[i]})
	}
	batch := make([]*entry, 0, len(calls))
	k := int64(0)
	if got := testing.AllocsPerRun(100, func() {
		k, _ = s.occupied(k)
		s.tick(k, time.Now(), batch)
		k++
	}); got != 0 {
		t.Errorf("a step allocates %v times, want none", got)
	}
	if calls[0].ticks < 10 {
		t.Errorf("%d ticks in 100 steps", calls[0].ticks)
	}
}
