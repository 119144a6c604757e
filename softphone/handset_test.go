package softphone

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"trunkline/media"
	"trunkline/sip"
)

// simLeg is a leg whose far end speaks at given frames. What it sends arrives
// the jitter buffer's delay before it is read.
type simLeg struct {
	talks   func(frame int) bool // is the agent speaking?
	kind    func(frame int) media.Kind
	sent    []bool // did the caller's frame carry audio?
	keys    string
	n       int
	voice   media.Frame
	in, out atomic.Uint64 // packets
}

const jitterDelay = 40 * time.Millisecond

func newSimLeg(spans ...span) *simLeg {
	l := &simLeg{
		talks: func(n int) bool {
			return slices.ContainsFunc(spans, func(s span) bool { return n >= s.from && n < s.to })
		},
		kind: func(int) media.Kind { return media.Received },
	}
	copy(l.voice[:], tone(1))

	return l
}

func (l *simLeg) Read(f *media.Frame) media.Inbound {
	n := l.n
	l.n++
	clear(f[:])
	in := media.Inbound{Kind: l.kind(n)}
	if in.Kind != media.Quiet && l.talks(n) {
		*f = l.voice
	}
	if in.Kind == media.Received {
		l.in.Add(1)
		in.Arrived = time.Now().Add(-jitterDelay)
	}

	return in
}

func (l *simLeg) Write(f *media.Frame) bool {
	l.out.Add(1)
	l.sent = append(l.sent, *f != media.Frame{})

	return true
}

func (l *simLeg) Digit() (media.Digit, bool) { return media.Digit{}, false }
func (l *simLeg) Stats() media.LegStats {
	return media.LegStats{PacketsIn: l.in.Load(), PacketsOut: l.out.Load()}
}
func (l *simLeg) Close() error { return nil }

func (l *simLeg) SendDigit(key byte, d time.Duration) error {
	if d != keyHold {
		return fmt.Errorf("held for %v", d)
	}
	l.keys += string(key)

	return nil
}

// nothingComes is a leg whose far end sends nothing.
func nothingComes() *simLeg {
	l := newSimLeg()
	l.kind = func(int) media.Kind { return media.Quiet }

	return l
}

// noKeys is a leg that sends no telephone events.
type noKeys struct{ media.Leg }

// simDialog ends when hungUp is closed.
type simDialog struct {
	hungUp chan struct{}
	cause  error
}

func (d *simDialog) Done() <-chan struct{} { return d.hungUp }
func (d *simDialog) Cause() error          { return d.cause }

// simulate holds a call in virtual time and reports it as Station.call does.
func simulate(t *testing.T, leg media.Leg, c Config, d *simDialog) (*Report, *Error) {
	t.Helper()
	c.setDefaults()
	c.Target = "sip:agent@192.0.2.1"
	plan := c.plan()
	h := newHandset(leg, nil, plan, patience{gap: c.Gap, silence: c.Silence, hangup: c.HangupAfter})
	report := &Report{AnsweredAt: time.Now()}
	ctx, cancel := context.WithCancel(t.Context())
	ticking := make(chan struct{})
	go func() {
		defer close(ticking)
		ticker := time.NewTicker(frame)
		defer ticker.Stop()
		for h.Tick(time.Now()); ; {
			select {
			case now := <-ticker.C:
				h.Tick(now)
			case <-ctx.Done():
				return
			}
		}
	}()
	end := converse(ctx, &c, d, h)
	cancel()
	<-ticking
	h.stop()
	for len(h.events) > 0 {
		c.Notify(<-h.events)
	}
	end.at = time.Now()
	stats := leg.Stats()
	report.fill(plan, h, &stats, &end)

	return report, end.failure
}

func value(v *float64) float64 {
	if v == nil {
		return -1
	}

	return *v
}

func TestCallInVirtualTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// Greeting in frames 20-99. "hello" in turn: speech in 134-183, reply
		// from 213. "stop" 50 frames into it: the reply ends with frame 272.
		// Its answer is in 310-399. After 5 s of quiet we hang up.
		leg := newSimLeg(span{20, 100}, span{213, 273}, span{310, 400})
		var events []string
		begun := time.Now()
		c := Config{
			Plan:        []Step{{Clip: clip("hello", 5, 50, 10)}, {Clip: clip("stop", 0, 20, 5), When: AfterAgentStarts(50 * frame)}},
			HangupAfter: 5 * time.Second,
			Notify: func(e Event) {
				events = append(events, fmt.Sprintf("%d %v %s", e.At.Sub(begun).Milliseconds(), e.Kind, e.Said))
			},
		}
		report, failure := simulate(t, leg, c, &simDialog{})
		if failure != nil {
			t.Fatal(failure)
		}
		want := []string{
			"360 agent started ", "1940 agent stopped ",
			"2540 clip started hello", "3820 clip ended hello",
			"4220 agent started ", "5220 clip started stop", "5220 interrupted stop", "5400 agent stopped ", "5700 clip ended stop",
			"6160 agent started ", "7940 agent stopped ",
		}
		got := slices.Clone(events)
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if value(report.GreetingMS) != 360 {
			t.Errorf("greeting after %v ms", value(report.GreetingMS))
		}
		type row struct {
			Step                     int
			Said                     string
			From, To, Agent, Respond float64
			Interrupted              bool
			Yield                    float64
		}
		var rows []row
		for _, t := range report.Turns {
			rows = append(rows, row{
				t.Step, t.Said, value(t.CallerStartMS), value(t.CallerEndMS), value(t.AgentStartMS), value(t.ResponseMS),
				t.Interrupted, value(t.YieldMS),
			})
		}
		if diff := cmp.Diff([]row{
			{1, "hello", 2640, 3620, 4220, 600, false, -1},
			{2, "stop", 5220, 5600, 6160, 560, true, 180},
		}, rows); diff != "" {
			t.Errorf("turns (-want +got):\n%s", diff)
		}
		if report.Response != (Summary{2, 560, 560, 600, 600}) || report.Yield != (Summary{1, 180, 180, 180, 180}) {
			t.Errorf("response %+v, yield %+v", report.Response, report.Yield)
		}
		if report.EndedBy != byCaller || report.EndCause != "the plan was done" || report.Media.Verdict != bothWays || report.Warnings != nil {
			t.Errorf("report = %+v", report)
		}
		for n, audio := range leg.sent {
			if want := n >= 132 && n < 182 || n >= 261 && n < 281; audio != want {
				t.Fatalf("frame %d: audio %v", n, audio)
			}
		}
	})
}

// A lost packet at the edge of the agent's speech does not move the edge.
func TestConcealedFrames(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		leg := newSimLeg(span{20, 100})
		leg.kind = func(n int) media.Kind {
			switch {
			case n < 10:
				return media.Quiet
			case n == 50, n == 51, n == 99:
				return media.Concealed
			default:
				return media.Received
			}
		}
		report, failure := simulate(t, leg, Config{}, &simDialog{})
		if failure != nil {
			t.Fatal(failure)
		}
		first, last := report.Agent[0].First.Sub(report.AnsweredAt), report.Agent[0].Last.Sub(report.AnsweredAt)
		if len(report.Agent) != 1 || first != 360*time.Millisecond || last != 1940*time.Millisecond {
			t.Errorf("agent spoke from %v to %v, %d times", first, last, len(report.Agent))
		}
	})
}

func TestEndings(t *testing.T) {
	t.Parallel()
	hello := Step{Clip: clip("hello", 0, 50, 0)}
	for _, test := range []struct {
		name     string
		leg      *simLeg
		config   Config
		hangup   time.Duration // of the far end; 0 for never
		cause    error
		after    time.Duration
		by       string
		kind     Kind
		fails    bool
		warnings []string
	}{
		{
			name: "nothing comes", leg: nothingComes(), config: Config{Plan: []Step{hello}},
			after: 10 * time.Second, by: byCaller, kind: NoMedia, fails: true,
			warnings: []string{"audio: one way: nothing came from the agent", "the call ended before step 1 (hello)"},
		},
		{
			name: "only silence comes", leg: newSimLeg(), config: Config{Plan: []Step{hello}},
			after: 31 * time.Second, by: byCaller,
			warnings: []string{
				"the agent said nothing for 15s after its answer", "the agent said nothing for 15s after step 1 (hello)",
				"step 1 (hello): the agent did not reply", "audio: one way: the agent sent only silence",
			},
		},
		{
			name: "the longest call", leg: newSimLeg(span{20, 1 << 30}), config: Config{Plan: []Step{hello}},
			after: 35 * time.Minute, by: byCaller, warnings: []string{"the call ended before step 1 (hello)"},
		},
		{
			name: "the agent hangs up", leg: newSimLeg(span{20, 100}), config: Config{Plan: []Step{hello}},
			hangup: 3 * time.Second, cause: fmt.Errorf("%w: bye", sip.ErrRemoteBye), after: 3 * time.Second, by: byAgent,
			warnings: []string{"step 1 (hello): the agent did not reply", "the call ended during step 1 (hello)"},
		},
		{
			name: "the call breaks off", leg: newSimLeg(span{20, 100}),
			hangup: time.Second, cause: sip.ErrTimeout, after: time.Second, by: byAgent, kind: Failed, fails: true,
		},
		{
			name: "the station stops", leg: newSimLeg(span{20, 100}),
			hangup: time.Second, cause: sip.ErrStopped, after: time.Second, by: byCaller, kind: Aborted, fails: true,
		},
		{
			name: "the agent cannot be interrupted", leg: newSimLeg(span{20, 250}, span{300, 350}),
			config: Config{Plan: []Step{{Clip: hello.Clip, When: AfterAgentStarts(time.Second)}}},
			after:  10 * time.Second, by: byCaller,
			warnings: []string{"step 1 (hello): the agent went on for 3.58s when it was interrupted"},
		},
		{
			name: "the agent is too short to be interrupted", leg: newSimLeg(span{20, 50}, span{160, 200}),
			config: Config{Plan: []Step{{Clip: hello.Clip, When: AfterAgentStarts(time.Second)}}},
			after:  7 * time.Second, by: byCaller,
			warnings: []string{"step 1 (hello): the agent had stopped speaking before it could be interrupted"},
		},
		{
			name: "the agent cuts in", leg: newSimLeg(span{20, 50}, span{100, 200}, span{250, 300}),
			config: Config{Plan: []Step{hello}},
			after:  9 * time.Second, by: byCaller,
			warnings: []string{"step 1 (hello): the agent began to speak before the caller had finished"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := &simDialog{hungUp: make(chan struct{}), cause: test.cause}
				if test.hangup > 0 {
					time.AfterFunc(test.hangup, func() { close(d.hungUp) })
				}
				report, failure := simulate(t, test.leg, test.config, d)
				if after := report.EndedAt.Sub(report.AnsweredAt); after != test.after && (test.kind == NoMedia || (after-test.after).Abs() > time.Second) {
					t.Errorf("ended after %v, want %v", after, test.after)
				}
				if report.EndedBy != test.by {
					t.Errorf("ended by %s (%s)", report.EndedBy, report.EndCause)
				}
				if (failure != nil) != test.fails || failure != nil && failure.Kind != test.kind {
					t.Errorf("failure = %#v", failure)
				}
				if diff := cmp.Diff(test.warnings, report.Warnings); diff != "" {
					t.Errorf("warnings (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestAborted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("Ctrl-C")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		c := Config{Target: "sip:agent@192.0.2.1"}
		c.setDefaults()
		end := converse(ctx, &c, &simDialog{}, newHandset(newSimLeg(), nil, nil, patience{}))
		if end.by != byCaller || end.failure == nil || end.failure.Kind != Aborted || !errors.Is(end.failure, why) {
			t.Errorf("ending = %+v", end)
		}
	})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		leg := newSimLeg(span{20, 50}, span{120, 150})
		var told []string
		report, failure := simulate(t, leg, Config{Digits: "12*#", Notify: func(e Event) {
			if e.Said != "" {
				told = append(told, e.Kind.String()+" "+e.Said)
			}
		}}, &simDialog{})
		if failure != nil || leg.keys != "12*#" || len(report.Turns) != 1 || report.Turns[0].Said != "12*#" || report.Turns[0].CallerEndMS != nil {
			t.Errorf("%v, keys %q, turns %+v", failure, leg.keys, report.Turns)
		}
		if diff := cmp.Diff([]string{"digits sent 12*#"}, told); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		report, _ := simulate(t, noKeys{newSimLeg(span{20, 50}, span{120, 150})}, Config{Digits: "1"}, &simDialog{})
		if len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "key 1 was not sent: the leg sends no telephone events") {
			t.Errorf("warnings = %q", report.Warnings)
		}
	})
}

// A softphone that is kept from its ticks says so.
func TestHeldUp(t *testing.T) {
	t.Parallel()
	h := newHandset(newSimLeg(), nil, nil, patience{})
	now := time.Now()
	for _, wait := range []time.Duration{frame, frame, frame + 80*time.Millisecond, 0, frame} {
		now = now.Add(wait)
		h.Tick(now)
	}
	var report Report
	report.fill(nil, h, &media.LegStats{}, &ending{})
	if report.HeldUpMS != 80 || !slices.ContainsFunc(report.Warnings, func(w string) bool { return strings.Contains(w, "held up for 80ms") }) {
		t.Errorf("held up %v ms, warnings %q", report.HeldUpMS, report.Warnings)
	}
}

func TestTickDoesNotAllocate(t *testing.T) {
	leg := newSimLeg(span{20, 1 << 30})
	leg.sent = make([]bool, 0, 10000)
	h := newHandset(leg, nil, []Step{{Clip: clip("long", 0, 5000, 0), When: At(0)}}, patience{gap: time.Second, silence: time.Minute, hangup: time.Minute})
	now := time.Now()
	for range 100 { // beyond the events of the beginning
		h.Tick(now)
	}
	if got := testing.AllocsPerRun(1000, func() { h.Tick(now) }); got != 0 {
		t.Errorf("%v allocations per tick", got)
	}
}

func BenchmarkTick(b *testing.B) {
	leg := newSimLeg(span{20, 1 << 30})
	leg.sent = make([]bool, 0, 1<<20)
	h := newHandset(leg, nil, []Step{{Clip: clip("long", 0, 50, 0), When: At(0)}}, patience{gap: time.Second, silence: time.Minute, hangup: time.Minute})
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		leg.sent = leg.sent[:0]
		h.Tick(now)
	}
}
