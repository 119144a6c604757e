package pipeline_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/turn"
)

func TestTimersFireInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		timers := pipeline.NewTimers()
		for name, after := range map[turn.Timer]time.Duration{"c": 3 * time.Second, "b": 2 * time.Second, "a": 2 * time.Second, "moved": time.Minute, "cleared": time.Second} {
			timers.Set(name, begun.Add(after))
		}
		timers.Set("moved", begun.Add(time.Second))
		timers.Clear("cleared")
		timers.Clear("never set")
		var fired []turn.Timer
		for _, at := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second} {
			now := <-timers.Fired()
			if got := now.Sub(begun); got != at {
				t.Errorf("fired after %v, want %v", got, at)
			}
			for name := range timers.Due(now) {
				fired = append(fired, name)
				if name == "a" {
					timers.Set("meanwhile", now)
				}
			}
		}
		if want := []turn.Timer{"moved", "a", "b", "meanwhile", "c"}; !slices.Equal(fired, want) {
			t.Errorf("fired %q, want %q", fired, want)
		}
		timers.Set("d", time.Now().Add(time.Second))
		timers.Stop()
		time.Sleep(time.Minute)
		select {
		case <-timers.Fired():
			t.Error("fired after Stop")
		default:
		}
		if !timers.IsSet("d") || timers.IsSet("c") {
			t.Errorf("is set: d %v, c %v; want d only", timers.IsSet("d"), timers.IsSet("c"))
		}
	})
}
