package bench

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/media/echo"
	"trunkline/media/echo/scene"
	"trunkline/media/vad"
)

// echoDelays and echoLosses are the echoes that are measured.
var (
	echoDelays = []time.Duration{50 * time.Millisecond, 120 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond}
	echoLosses = []float64{6, 12, 20, 30}
)

// hearing is one way to treat a call's echo. Process changes near.
type hearing interface {
	process(near, far *media.Frame) (echo bool)
	close()
}

// hearer makes a hearing for a call whose echo comes after delay.
type hearer struct {
	name string
	make func(delay time.Duration) hearing
}

// ownCanceller is media/echo's; filter leaves out its suppressor.
type ownCanceller struct {
	*echo.Canceller

	filter bool
}

func (o ownCanceller) process(near, far *media.Frame) bool {
	v := o.Process(near, far, media.Received)
	if o.filter && v.Active {
		o.Unsuppressed(near)
	}

	return v.Echo
}

func (o ownCanceller) close() {}

// hearers are what is compared: ours, and SpeexDSP where it is built in.
func hearers() []hearer {
	return append([]hearer{
		{"own", func(time.Duration) hearing { return ownCanceller{echo.New(), false} }},
		{"own, filter alone", func(time.Duration) hearing { return ownCanceller{echo.New(), true} }},
	}, rivals()...)
}

// echo measures the echo canceller on made-up calls.
func (b *bench) echo(ctx context.Context) error {
	fmt.Fprint(b.Out, "\nMade-up calls (media/echo/scene): recorded speech, paths that ring for 20 ms, noise at -78 dBov, both directions through µ-law. Ours has to\n"+
		"find the delay; SpeexDSP 1.2.1 (tail 64 ms) is told it. All levels in dB.\n")
	if len(rivals()) == 0 {
		fmt.Fprint(b.Out, "SpeexDSP is not built in: go build -tags offline,speexdsp with Debian's libspeexdsp-dev.\n")
	}
	for _, part := range []func(context.Context) error{b.echoSingle, b.echoDouble, b.echoChange, b.echoBargein, b.echoCost} {
		if err := part(ctx); err != nil {
			return err
		}
	}

	return nil
}

// echoSingle is single talk: how much is left of the echo, when.
func (b *bench) echoSingle(ctx context.Context) error {
	b.progressf("echo: single talk")
	fmt.Fprint(b.Out, "\nSingle talk. ERLE from one second after the agent's first sound with an echo to the fifth, and after that. Residue: what is left then, in dBov.\n"+
		"Bound: what a filter that knows the path would leave, for the line's noise and G.711's.\n")
	t := newTable("delay, return loss", "echo dBov", "canceller", "ERLE 1–5 s", "5–20 s", "residue dBov", "bound")
	length := pick(b, 20*time.Second, 8*time.Second)
	for _, delay := range echoDelays {
		for _, erl := range echoLosses {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			calls, err := echoCalls(pick(b, 4, 1), scene.Setup{Length: length, Delay: delay, ERL: erl}, nil)
			if err != nil {
				return err
			}
			var bound scene.Meter
			for _, s := range calls {
				x := s.Received()
				for i := 0; i+media.FrameSamples <= len(x); i += media.FrameSamples {
					var f media.Frame
					for j := range f {
						f[j] = int16(x[i+j] - s.Echo[i+j])
					}
					bound.Add(s.Echo[i:], &f)
				}
			}
			for k, h := range hearers() {
				var soon, later scene.Meter
				for _, s := range calls {
					from := echoBegins(s)
					play(s, h, func(i int, out *media.Frame, _ bool) {
						switch {
						case i < from+scene.Samples(time.Second):
						case i < from+scene.Samples(5*time.Second):
							soon.Add(s.Echo[i:], out)
						default:
							later.Add(s.Echo[i:], out)
						}
					})
				}
				name, level := "", ""
				if k == 0 {
					name, level = fmt.Sprintf("%d ms, %.0f dB", delay.Milliseconds(), erl), decibel(later.Before())
				}
				t.row(name, level, h.name, decibel(soon.ERLE()), decibel(later.ERLE()), decibel(later.Residual()), decibel(bound.ERLE()))
			}
		}
	}
	t.write(b.Out)

	return nil
}

// echoDouble is double talk: what becomes of the caller's speech, and of the
// filter.
func (b *bench) echoDouble(ctx context.Context) error {
	b.progressf("echo: double talk")
	fmt.Fprint(b.Out, "\nDouble talk from the 8th to the 14th second, the caller at -20 dBov, delay 250 ms. SDR: the caller's speech over all that is wrong with it\n"+
		"(against what the canceller makes of the caller alone); before: without a canceller.\n")
	t := newTable("return loss", "canceller", "SDR before", "SDR", "ERLE after it")
	for _, erl := range echoLosses {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		const from, to = 8 * time.Second, 14 * time.Second
		calls, err := echoCalls(pick(b, 6, 1), scene.Setup{Length: 20 * time.Second, Delay: 250 * time.Millisecond, ERL: erl},
			func(s *scene.Scene) error { return s.Talk(from, to) })
		if err != nil {
			return err
		}
		for k, h := range hearers() {
			var before, talk scene.Distortion
			var after scene.Meter
			for _, s := range calls {
				alone := *s
				alone.Echo, alone.Far = make([]float32, len(s.Far)), make([]float32, len(s.Far))
				var want []float32
				play(&alone, h, func(_ int, out *media.Frame, _ bool) {
					for _, v := range out {
						want = append(want, float32(v))
					}
				})
				x := s.Received()
				play(s, h, func(i int, out *media.Frame, _ bool) {
					switch {
					case i >= scene.Samples(to):
						after.Add(s.Echo[i:], out)
					case i >= scene.Samples(from):
						raw := scene.Frame(x, i)
						before.Add(s.Near[i:], &raw)
						talk.Add(want[i:], out)
					}
				})
			}
			name := ""
			if k == 0 {
				name = fmt.Sprintf("%.0f dB", erl)
			}
			t.row(name, h.name, decibel(before.SDR()), decibel(talk.SDR()), decibel(after.ERLE()))
		}
	}
	t.write(b.Out)

	return nil
}

// echoChange is a path that changes under speech.
func (b *bench) echoChange(ctx context.Context) error {
	b.progressf("echo: path changes")
	fmt.Fprint(b.Out, "\nThe path changes at the 10th second, delay 250 ms before. Seconds until the ERLE of every further half second is 15 dB: median and greatest of\n"+
		"the calls; a dash: not within 12 s. SpeexDSP is not told of another delay.\n")
	t := newTable("change", "return loss", "canceller", "median s", "greatest s")
	const at = 10 * time.Second
	for _, c := range []struct {
		name  string
		path  uint64
		later time.Duration
		erl   float64
	}{
		{"40 ms later", 0, 40 * time.Millisecond, 0},
		{"140 ms later", 0, 140 * time.Millisecond, 0},
		{"6 dB louder", 0, 0, -6},
		{"another path", 77, 0, 0},
		{"another path, 140 ms later, 6 dB louder", 77, 140 * time.Millisecond, -6},
	} {
		for _, erl := range []float64{12, 20} {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			calls, err := echoCalls(pick(b, 12, 2), scene.Setup{Length: 22 * time.Second, Delay: 250 * time.Millisecond, ERL: erl},
				func(s *scene.Scene) error {
					s.Change(at, s.Seed+c.path, s.Delay+c.later, erl+c.erl)

					return nil
				})
			if err != nil {
				return err
			}
			for _, h := range hearers() {
				if h.name == "own, filter alone" {
					continue
				}
				var took []float64
				for _, s := range calls {
					took = append(took, settled(s, h, at))
				}
				slices.Sort(took)
				t.row(c.name, fmt.Sprintf("%.0f dB", erl), h.name, secondsOr(took[len(took)/2]), secondsOr(took[len(took)-1]))
			}
		}
	}
	t.write(b.Out)

	return nil
}

// never is how long a filter is waited for, in seconds.
const never = 12.0

// settled is how many seconds after the change the last half second with an
// ERLE below 15 dB ends.
func settled(s *scene.Scene, h hearer, at time.Duration) float64 {
	halves := make([]scene.Meter, len(s.Far)/scene.Samples(500*time.Millisecond)+1)
	play(s, h, func(i int, out *media.Frame, _ bool) {
		halves[i/scene.Samples(500*time.Millisecond)].Add(s.Echo[i:], out)
	})
	first, last := int(at/(500*time.Millisecond)), 0
	for n := first; n < len(halves); n++ {
		if m := &halves[n]; m.Before() > -70 && m.ERLE() < 15 {
			last = n - first + 1
		}
	}

	return float64(last) / 2
}

// echoBargein counts self-interruptions and interruptions that are kept.
func (b *bench) echoBargein(ctx context.Context) error {
	minutes := pick(b, 96, 4)
	fmt.Fprintf(b.Out, "\nBarge-in, %d minutes of the agent's speech in calls of a minute per row, all delays and return losses in turn, the caller at -23 dBov every 4 to\n"+
		"6 s in the second of two runs. Kept: heard within 100 ms of when it is heard on a line without an echo; by the call's own gate of voice activity.\n", minutes)
	t := newTable("far end", "canceller", "self-interruptions", "interruptions", "kept", "later p50 ms", "p95 ms")
	for _, end := range []struct {
		name    string
		speaker func(float32) float32
	}{{"linear", nil}, {"loudspeaker clips at a quarter", scene.Clipping(0.25)}, {"loudspeaker clips at a tenth", scene.Clipping(0.1)}} {
		for _, h := range hearers() {
			if h.name == "own, filter alone" || h.name == "SpeexDSP" {
				continue
			}
			b.progressf("echo: barge-in, %s, %s", end.name, h.name)
			m, err := bargeins(ctx, h, minutes, end.speaker)
			if err != nil {
				return err
			}
			t.row(end.name, h.name, m.self, m.said, fmt.Sprintf("%.1f %%", 100*float64(m.kept)/float64(max(m.said, 1))), m.late.ms(0.5), m.late.ms(0.95))
		}
	}
	t.write(b.Out)

	return nil
}

// bargeinCounts are what echoBargein counts.
type bargeinCounts struct {
	self, said, kept int
	late             sample
}

func bargeins(ctx context.Context, h hearer, minutes int, speaker func(float32) float32) (*bargeinCounts, error) {
	m := &bargeinCounts{}
	var mu sync.Mutex
	var all sync.WaitGroup
	errs := make(chan error, minutes)
	free := make(chan struct{}, 2)
	for n := range minutes {
		all.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			if ctx.Err() != nil {
				return
			}
			c, err := bargeinCall(n, h, speaker)
			if err != nil {
				errs <- err

				return
			}
			mu.Lock()
			defer mu.Unlock()
			m.self += c.self
			m.said += c.said
			m.kept += c.kept
			m.late = append(m.late, c.late...)
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		return nil, err
	default:
		return m, context.Cause(ctx)
	}
}

// bargeinCall is call number n: a minute with the agent alone, and the same
// with a caller who interrupts.
func bargeinCall(n int, h hearer, speaker func(float32) float32) (*bargeinCounts, error) {
	m := &bargeinCounts{}
	s, err := scene.New(scene.Setup{
		Seed: uint64(1000 + n), Length: time.Minute, Delay: echoDelays[n%4], ERL: echoLosses[n/4%4], Loudspeaker: speaker,
	})
	if err != nil {
		return nil, err
	}
	alone, err := onsets(s, h)
	if err != nil {
		return nil, err
	}
	m.self = len(alone)
	when, err := s.Interrupt(-23)
	if err != nil {
		return nil, err
	}
	clean := *s
	clean.Echo = make([]float32, len(s.Echo))
	want, err := onsets(&clean, hearer{make: func(time.Duration) hearing { return untreated{} }})
	if err != nil {
		return nil, err
	}
	got, err := onsets(s, h)
	if err != nil {
		return nil, err
	}
	for _, p := range when {
		w, g := firstOnset(want, p), firstOnset(got, p)
		if w < 0 {
			continue // too soft to be heard at all
		}
		m.said++
		if g < 0 {
			continue
		}
		late := media.Samples(g - w).Duration()
		m.late = append(m.late, late)
		if late <= 100*time.Millisecond {
			m.kept++
		}
	}

	return m, nil
}

// untreated leaves the echo as it is.
type untreated struct{}

func (untreated) process(_, _ *media.Frame) bool { return false }
func (untreated) close()                         {}

// onsets are the samples at which the call's gate hears speech begin.
func onsets(s *scene.Scene, h hearer) (at []int, err error) {
	d, err := vad.New()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSkipped, err)
	}
	gate := vad.NewGate(vad.FastGate())
	play(s, h, func(i int, out *media.Frame, echo bool) {
		if gate.Step(d.Voiced(out) && !echo, vad.Level(out)) == vad.Onset {
			at = append(at, i)
		}
	})

	return at, nil
}

// firstOnset is the first within 1.5 s from p on, -1 for none.
func firstOnset(onsets []int, p int) int {
	for _, o := range onsets {
		if o >= p-media.FrameSamples && o < p+scene.Samples(1500*time.Millisecond) {
			return o
		}
	}

	return -1
}

// echoCost is the processor time of a frame.
func (b *bench) echoCost(ctx context.Context) error {
	b.progressf("echo: processor time")
	fmt.Fprint(b.Out, "\nProcessor time of this process for a frame of 20 ms, the least of 5 rounds in turn, the agent speaking four fifths of the time.\n")
	quiet, err := scene.New(scene.Setup{Seed: 1, Length: 20 * time.Second})
	if err != nil {
		return err
	}
	clear(quiet.Echo)
	echoes, err := scene.New(scene.Setup{Seed: 1, Length: 20 * time.Second, Delay: 120 * time.Millisecond, ERL: 12})
	if err != nil {
		return err
	}
	both := *quiet
	if err := both.Talk(0, both.Length); err != nil {
		return err
	}
	type cost struct {
		what  string
		s     *scene.Scene
		h     hearer
		least time.Duration
	}
	own := hearers()[0]
	costs := []*cost{{what: "own: the agent alone, no echo", s: quiet, h: own}, {what: "own: both speak, no echo", s: &both, h: own}, {what: "own: echo", s: echoes, h: own}}
	for _, r := range rivals() {
		costs = append(costs, &cost{what: r.name + ": echo", s: echoes, h: r})
	}
	rounds := pick(b, 40, 4)
	for range 5 {
		for _, c := range costs {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			d, err := frameCost(c.s, c.h, rounds)
			if err != nil {
				return err
			}
			if c.least == 0 || d < c.least {
				c.least = d
			}
		}
	}
	t := newTable("one frame", "µs")
	for _, c := range costs {
		t.row(c.what, fmt.Sprintf("%.2f", float64(c.least.Nanoseconds())/1000))
	}
	t.write(b.Out)

	return nil
}

// frameCost plays a call some times over and returns the time of a frame.
func frameCost(s *scene.Scene, h hearer, rounds int) (time.Duration, error) {
	type pair struct{ near, far media.Frame }
	var frames []pair
	s.Each(func(_ int, near, far *media.Frame) { frames = append(frames, pair{*near, *far}) })
	c := h.make(s.Delay)
	defer c.close()
	w, err := watchOf(os.Getpid())
	if err != nil {
		return 0, err
	}
	for range rounds {
		for i := range frames {
			near := frames[i].near
			c.process(&near, &frames[i].far)
		}
	}
	l, err := w.stop()
	if err != nil {
		return 0, err
	}

	return l.used[0].total() / time.Duration(rounds*len(frames)), nil
}

// echoCalls are n calls with different seeds, each changed by with.
func echoCalls(n int, setup scene.Setup, with func(*scene.Scene) error) (calls []*scene.Scene, err error) {
	for seed := range n {
		setup.Seed = uint64(seed)
		s, err := scene.New(setup)
		if err != nil {
			return nil, err
		}
		if with != nil {
			if err := with(s); err != nil {
				return nil, err
			}
		}
		calls = append(calls, s)
	}

	return calls, nil
}

// echoBegins is the first sample of a frame with an echo above -50 dBov.
func echoBegins(s *scene.Scene) int {
	for i := 0; i+media.FrameSamples <= len(s.Echo); i += media.FrameSamples {
		if scene.Energy(s.Echo[i:i+media.FrameSamples]) > 100*100*media.FrameSamples {
			return i
		}
	}

	return 0
}

// play hands a call to a new hearing, and what becomes of each frame to see.
func play(s *scene.Scene, h hearer, see func(i int, out *media.Frame, echo bool)) {
	c := h.make(s.Delay)
	defer c.close()
	s.Each(func(i int, near, far *media.Frame) {
		echo := c.process(near, far)
		see(i, near, echo)
	})
}

func decibel(v float64) string { return fmt.Sprintf("%.0f", v) }

func secondsOr(v float64) string {
	if v >= never {
		return "–"
	}

	return fmt.Sprintf("%.1f", v)
}
