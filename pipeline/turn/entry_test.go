package turn

import (
	"testing"
	"time"
)

// TestCollect has the agent ask for 4 to 6 keys that # ends.
func TestCollect(t *testing.T) {
	t.Parallel()
	args := map[string]string{"min": "4", "max": "6", "terminator": "#", "erase": "*", "first": "5s", "between": "3s"}
	s := time.Second
	type press struct {
		keys string
		at   time.Duration
	}
	for _, tt := range []struct {
		name    string
		args    map[string]string
		press   []press
		want    string        // the caller's turn; empty: none
		at      time.Duration // when it is taken, after the question
		prompts time.Duration // when the caller is prompted; 0: never
	}{
		{"as many as may be", args, []press{{"123456", s}}, "123456", s, 0},
		{"ended by its terminator", args, []press{{"1234", s}, {"#", 2 * s}}, "1234", 2 * s, 0},
		{"ended by a pause", args, []press{{"1234", s}}, "1234", 4 * s, 0},
		{"slowly, yet in time", args, []press{{"12", s}, {"34", 3500 * time.Millisecond}, {"#", 6 * s}}, "1234", 6 * s, 0},
		{"begun anew", args, []press{{"99", s}, {"*", s}, {"1234#", 2 * s}}, "1234", 2 * s, 0},
		{"nothing", args, nil, "", 0, 5 * s},
		{"the terminator alone, then keys", args, []press{{"#", s}, {"1234#", 2 * s}}, "1234", 2 * s, 0},
		{"keys that nobody asked for", nil, []press{{"1234", s}}, "1234", 3 * s, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &clockwork{m: New(Config{}), timers: map[Timer]time.Duration{}}
			c.step(Event{Kind: Answered})
			c.step(Event{Kind: AudioFinished, Utterance: 1})
			c.step(Event{Kind: KeyPressed, Text: "0"})
			c.until(c.now + 5*s) // the key is the caller's first turn
			asked := Event{Kind: ReplyDone, Utterance: c.reply, Spoken: true}
			if tt.args != nil {
				asked.Act, asked.Args = ActCollect, tt.args
			}
			c.step(asked)
			c.step(Event{Kind: AudioStarted, Utterance: c.reply})
			c.step(Event{Kind: AudioFinished, Utterance: c.reply})
			from := c.now
			c.text, c.prompted = "", 0
			for _, p := range tt.press {
				c.until(from + p.at)
				for _, k := range p.keys {
					c.step(Event{Kind: KeyPressed, Text: string(k)})
				}
			}
			c.until(from + 7*s)
			if c.text != tt.want {
				t.Errorf("the caller's turn is %q, want %q", c.text, tt.want)
			}
			if tt.want != "" && c.took-from != tt.at {
				t.Errorf("taken after %v, want %v", c.took-from, tt.at)
			}
			if prompts := c.prompted; tt.prompts != 0 && prompts-from != tt.prompts {
				t.Errorf("prompted after %v, want %v", prompts-from, tt.prompts)
			}
		})
	}
}

// clockwork runs a machine's timers.
type clockwork struct {
	m        *Machine
	now      time.Duration
	timers   map[Timer]time.Duration
	reply    int           // the latest reply's utterance
	text     string        // of the caller's latest turn
	took     time.Duration // when it was taken
	prompted time.Duration // when the latest prompt was said
}

func (c *clockwork) step(e Event) {
	e.At = c.now
	for _, a := range c.m.Step(e) {
		switch a.Kind {
		case SetTimer:
			c.timers[a.Timer] = c.now + a.After
		case StopTimer:
			delete(c.timers, a.Timer)
		case StartReply:
			c.reply, c.text, c.took = a.Utterance, a.Text, c.now
		case Speak:
			if a.Line == IdlePrompt {
				c.prompted = c.now
			}
		}
	}
}

// until lets time pass.
func (c *clockwork) until(at time.Duration) {
	for {
		var next Timer
		for name, due := range c.timers {
			if due <= at && (next == "" || due < c.timers[next]) {
				next = name
			}
		}
		if next == "" {
			c.now = at

			return
		}
		c.now = c.timers[next]
		delete(c.timers, next)
		c.step(Event{Kind: TimerFired, Timer: next})
	}
}
