package talkspurt

import (
	"testing"
	"time"
)

func TestListener(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	// What happens at which moment: the caller speaks (s) or is done (d), the
	// agent begins (+) or ends (-), 100 ms before it is known; a dot is a frame.
	for _, tt := range []struct {
		story    string // 100 ms a sign
		answered bool
		replied  time.Duration
		talking  bool
		quiet    time.Duration
	}{
		{story: "s..d.", quiet: 0},
		{story: "s..d.+", answered: true, replied: 400 * ms, talking: true},
		{story: "s..d.+.-", answered: true, replied: 400 * ms, quiet: 600 * ms},
		{story: "s+..d.-", quiet: 500 * ms},                                    // it gives way
		{story: "s+..d....", answered: true, replied: 400 * ms, talking: true}, // it goes on
		{story: "s+..d.-.+", answered: true, replied: 700 * ms, talking: true, quiet: 500 * ms},
		{story: "s..d.+.-s..", quiet: 600 * ms},
		{story: "s..d.d+", answered: true, replied: 500 * ms, talking: true},
	} {
		l := Listener{Over: true}
		for i, sign := range tt.story {
			now, edge := time.Duration(i)*100*ms, None
			switch sign {
			case 's':
				l.Speak()
			case 'd':
				l.Done(now)
			case '+':
				edge = Onset
			case '-':
				edge = Offset
			}
			l.Hear(edge, 100*ms, now)
		}
		if l.Answered != tt.answered || tt.answered && l.Replied != tt.replied || l.Talking != tt.talking || l.Quiet != tt.quiet {
			t.Errorf("%s: %+v, want %+v", tt.story, l, tt)
		}
	}
}
