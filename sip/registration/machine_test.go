package registration

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestLife(t *testing.T) {
	t.Parallel()

	m := New(time.Hour)
	if s := m.First(0.5); s != (Step{Wait: 500 * time.Millisecond, Expires: time.Hour}) || m.State() != Trying {
		t.Error("first:", s, m.State())
	}

	for _, tt := range []struct {
		name   string
		answer Answer
		want   Step
		state  State
	}{
		{"too brief", Answer{Status: 423, MinExpires: 2 * time.Hour}, Step{0, 2 * time.Hour}, Trying},
		{"granted less", Answer{Status: 200, Granted: 100 * time.Second}, Step{75 * time.Second, 2 * time.Hour}, Registered},
		{"busy", Answer{Status: 500}, Step{2 * time.Second, 2 * time.Hour}, Failing},
		{"busy again", Answer{Status: 500}, Step{4 * time.Second, 2 * time.Hour}, Failing},
		{"asked to wait", Answer{Status: 503, RetryAfter: time.Minute}, Step{time.Minute, 2 * time.Hour}, Failing},
		{"not our binding", Answer{Status: 200}, Step{16 * time.Second, 2 * time.Hour}, Failing},
		{"granted", Answer{Status: 200, Granted: 2 * time.Hour}, Step{90 * time.Minute, 2 * time.Hour}, Registered},
		{"refused", Answer{Status: 403}, Step{150 * time.Second, 2 * time.Hour}, Failing},
		{"refused again", Answer{Status: 403}, Step{5 * time.Minute, 2 * time.Hour}, Failing},
		{"absurd", Answer{Status: 423, MinExpires: 1000 * time.Hour}, Step{8 * time.Second, 2 * time.Hour}, Failing},
	} {
		if got := m.Answered(tt.answer, 0); got != tt.want || m.State() != tt.state {
			t.Errorf("%s: %v %v, want %v %v", tt.name, got, m.State(), tt.want, tt.state)
		}
	}

	if m.Remove() || m.State() != Removed {
		t.Error("a binding that is not there is to be removed")
	}
}

func TestLostConnection(t *testing.T) {
	t.Parallel()

	m := New(time.Hour)
	next := m.Answered(Answer{Status: 200, Granted: time.Hour}, 0)

	if got := m.Lost(time.Second, next, 0.5); got != next || m.State() != Registered {
		t.Errorf("after one that was closed at once: %v in state %v", got, m.State())
	}

	if got := m.Lost(time.Hour, next, 0.5); got != (Step{Wait: 500 * time.Millisecond, Expires: time.Hour}) || m.State() != Trying {
		t.Errorf("after a kept one: %v in state %v", got, m.State())
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()

	m := New(time.Hour)
	m.Answered(Answer{Status: 200, Granted: time.Hour}, 0)

	if !m.Remove() {
		t.Error("a binding is left behind")
	}
}

// TestNoStorm: whatever the registrar answers, a second REGISTER at once
// follows a 423 only, and no wait is longer than what was asked for or the
// bounds.
func TestNoStorm(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		m := New(time.Duration(rapid.IntRange(0, 7200).Draw(t, "expires")) * time.Second)
		soon := 0

		for range rapid.IntRange(1, 30).Draw(t, "answers") {
			chance := rapid.Float64Range(0, 0.999).Draw(t, "chance")

			var s Step
			if rapid.Bool().Draw(t, "silence") {
				s = m.Failed(chance)
			} else {
				s = m.Answered(Answer{
					Status:     rapid.SampledFrom([]int{200, 401, 403, 408, 423, 480, 500, 503, 603}).Draw(t, "status"),
					Granted:    time.Duration(rapid.IntRange(0, 7200).Draw(t, "granted")) * time.Second,
					MinExpires: time.Duration(rapid.IntRange(0, 90000).Draw(t, "min")) * time.Second,
					RetryAfter: time.Duration(rapid.IntRange(0, 7200).Draw(t, "after")) * time.Second,
				}, chance)
			}

			if soon++; s.Wait > 0 {
				soon = 0
			}

			if soon > 1 || s.Wait < 0 || s.Wait > 24*time.Hour || s.Wait > 0 && s.Wait < 700*time.Millisecond || s.Expires < leastLifetime {
				t.Fatalf("%d requests at once, then %v", soon, s)
			}
		}
	})
}
