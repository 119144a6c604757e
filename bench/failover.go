package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"trunkline/engine"
	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/breaker"
	"trunkline/pipeline/failover"
)

// early is a patience that the stand-ins' declared times exceed.
const early = 60 * time.Millisecond

// takeover is how one stage goes over to the next provider.
type takeover struct {
	stage, way  string
	first, then string        // vendors
	declared    time.Duration // of the second one, from the failure's detection to its first byte
	use         func(ctx context.Context) error
}

// told collects the news of a call.
type told struct {
	declared time.Duration // of the one that takes over

	mu    sync.Mutex
	watch *stopwatch // since the latest failure was found
	took  time.Duration
}

func (t *told) news(n pipeline.News) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch n.Kind {
	case pipeline.Failed:
		t.watch = startWatch(nil, t.declared)
	case pipeline.TookOver:
		t.took = n.Took
	}
}

func (t *told) is() (watch *stopwatch, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()

	return t.watch, t.took
}

// option is a provider of a list whose breaker never opens: each call shall try
// it.
func option[T any](name string, p T, patience time.Duration) failover.Option[T] {
	return failover.Option[T]{
		Name: name, Provider: p, FirstByte: patience, Breaker: breaker.New(breaker.Config{Failures: 1 << 30}),
	}
}

// failover measures the time from a failure's detection to the next provider's
// first byte.
func (b *bench) failover(ctx context.Context) (err error) {
	p, at, err := b.startVendors()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	fmt.Fprintf(b.Out, "\nFrom the detection of a failure to the first byte of the next provider, less what its stand-in declares (see providers). Refused: HTTP 503.\n"+
		"Too slow: nothing came within %v. Lost: no last words came for a talkspurt of %v; the next recogniser is opened, hears the talkspurt again,\n"+
		"fifteen times as fast, and gives the last words. Time of the wall. Beyond a timer: by how much it was later than a bare timer of the declared\n"+
		"time that was started at the failure; how late other timers of this process were stands beside it,\n"+
		"and the processor time of this process for each, the refused attempt and its connections included. Target: 50 ms.\n",
		early, time.Duration(len(spurt))*media.FrameDuration)
	cases, stop, err := takeovers(at)
	if err != nil {
		return err
	}
	defer stop()
	t := newTable("stage", "failure", "from", "to", "at once", "take-overs", "own p50 ms", "p99 ms", "max ms", "beyond a timer p50 ms", "p99 ms", "timer late p99 ms", "processor ms each", "failed")
	for i := range cases {
		c := &cases[i]
		for _, calls := range []int{1, pick(b, 200, 10)} {
			b.progressf("failover: %s, %s, %d at once", c.stage, c.way, calls)
			stop := lateness()
			var m *carried
			measure := func() error {
				m = c.run(ctx, calls, pick(b, 3, 1))

				return nil
			}
			if calls == 1 {
				err = measure()
			} else {
				err = b.profiledSelf("failover-"+strings.ReplaceAll(c.stage+" "+c.way, " ", "-"), measure)
			}
			late := stop()
			if err != nil {
				return err
			}
			t.row(c.stage, c.way, c.first, c.then, calls, len(m.added), m.added.fine(0.5), m.added.fine(0.99), m.added.fine(1), m.beyond.fine(0.5), m.beyond.fine(0.99), late.fine(0.99),
				fmt.Sprintf("%.2f", m.used.Seconds()*1000/float64(max(1, len(m.added)))), len(m.failed))
		}
	}
	t.write(b.Out)

	return nil
}

// errNoTakeover says that the first provider did its work after all.
var errNoTakeover = errors.New("nobody took over")

// run has calls fail over, spread over time.
func (c *takeover) run(ctx context.Context, calls, turns int) *carried {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	out := &carried{}
	before, err := ownTime()
	if err != nil {
		out.note(lag{}, err)
	}
	var all sync.WaitGroup
	for i := range calls {
		all.Go(func() {
			time.Sleep(time.Duration(i) * vendorPeriod / time.Duration(calls))
			for range turns {
				news := &told{declared: c.declared}
				err := c.use(pipeline.WithNews(ctx, news.news))
				over := time.Now()
				watch, took := news.is()
				switch {
				case err != nil:
					out.note(lag{}, err)
				case took == 0:
					out.note(lag{}, errNoTakeover)
				case c.way == "lost":
					out.note(watch.against(over.Sub(watch.began)-c.declared), nil)
				default:
					out.note(watch.against(took-c.declared), nil)
				}
				time.Sleep(vendorPeriod / 2)
			}
		})
	}
	all.Wait()
	after, err := ownTime()
	out.used = after - before
	if err != nil {
		out.note(lag{}, err)
	}

	return out
}

// takeovers are those that are measured.
func takeovers(at *places) (all []takeover, stop func(), err error) {
	var opened []*client
	stop = func() {
		for _, c := range opened {
			c.close()
		}
	}
	byName := map[string]*vendor{}
	known := vendors()
	for i := range known {
		byName[known[i].name] = &known[i]
	}
	open := func(name string, where map[string]string) *client {
		c, e := byName[name].client(where[name])
		err = errors.Join(err, e)
		opened = append(opened, c)

		return c
	}
	const whole = 2 * time.Second
	for _, way := range []string{"refused", "too slow"} {
		where, patience := at.Near, early
		if way == "refused" {
			where, patience = at.Down, whole
		}
		m := failover.NewModel(nil, option("openai", open("openai", where).think, patience), option("anthropic", open("anthropic", at.Near).think, whole))
		v := failover.NewSynthesizer(nil, option("elevenlabs", open("elevenlabs", where).speak, patience), option("aura", open("aura", at.Near).speak, whole))
		all = append(all,
			takeover{"model", way, "openai", "anthropic", vendorToken, func(ctx context.Context) error { _, err := firstDelta(ctx, m); return err }},
			takeover{"voice", way, "elevenlabs", "aura", vendorAudio, func(ctx context.Context) error { _, err := firstAudio(ctx, v); return err }})
	}
	down := failover.NewRecognizer(nil, option("deepgram", open("deepgram", at.Down).hear, whole), option("assemblyai", open("assemblyai", at.Near).hear, whole))
	lost := failover.NewRecognizer(nil, option("deepgram", open("deepgram", at.Near).hear, early), option("assemblyai", open("assemblyai", at.Near).hear, whole))
	all = append(all,
		takeover{"recogniser", "refused", "deepgram", "assemblyai", 0, func(ctx context.Context) error {
			s, err := down.Open(ctx)
			if err != nil {
				return err
			}

			return s.Close()
		}},
		takeover{"recogniser", "lost", "deepgram", "assemblyai", vendorFinal, func(ctx context.Context) error {
			s, err := lost.Open(ctx)
			if err != nil {
				return err
			}
			_, err = engine.LastWords(ctx, s, 1, spurt)

			return errors.Join(err, s.Close())
		}})

	return all, stop, err
}

// lateness is how late the timers of this process are, until stop.
func lateness() (stop func() sample) {
	quit, done := make(chan struct{}), make(chan sample, 1)
	go func() {
		var late sample
		const nap = 10 * time.Millisecond
		for {
			began := time.Now()
			time.Sleep(nap)
			late = append(late, time.Since(began)-nap)
			select {
			case <-quit:
				done <- late

				return
			default:
			}
		}
	}()

	return func() sample {
		close(quit)

		return <-done
	}
}
