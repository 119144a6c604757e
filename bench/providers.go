package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"trunkline/engine"
	"trunkline/media"
	"trunkline/pipeline"
)

// quietLog is for servers whose clients leave in mid-stream.
func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }

// errNothingCame says that a stand-in's answer was empty.
var errNothingCame = errors.New("nothing came")

// startVendors starts the stand-ins and trusts their certificate.
func (b *bench) startVendors() (*process, *places, error) {
	dir, err := os.MkdirTemp(b.dir, "vendors-")
	if err != nil {
		return nil, nil, err
	}
	// This process reads it once, before its first connection to a vendor.
	certificate := filepath.Join(b.dir, "vendors.pem")
	if _, err := os.Stat(certificate); err != nil {
		if err := errors.Join(selfSigned(certificate), os.Setenv("SSL_CERT_FILE", certificate)); err != nil {
			return nil, nil, err
		}
	}
	from, to := io.Pipe()
	p, err := b.startProcess(dir, to, "bench", "--vendors", certificate)
	if err != nil {
		return nil, nil, err
	}
	go func() { // a process that ends says nothing more
		<-p.done
		_ = to.Close() // it cannot fail
	}()
	at := &places{}
	if err := json.NewDecoder(from).Decode(at); err != nil {
		return nil, nil, errors.Join(err, p.stop())
	}

	return p, at, nil
}

// client is a provider that is being measured.
type client struct {
	*vendor

	hear  pipeline.Recognizer
	think pipeline.Model
	speak pipeline.Synthesizer
	any   any // whichever it is
}

func (v *vendor) client(url string) (*client, error) {
	c := &client{vendor: v}
	var err error
	switch {
	case v.hears != nil:
		c.hear, err = v.hears(url)
		c.any = c.hear
	case v.thinks != nil:
		c.think = v.thinks(url)
		c.any = c.think
	case v.speaks != nil:
		c.speak = v.speaks(url)
		c.any = c.speak
	default:
		c.any = v.session(url)
	}

	return c, err
}

func (c *client) close() {
	if x, ok := c.any.(io.Closer); ok {
		_ = x.Close() // the measurement is over
	}
}

// once uses the provider for one turn, and tells how much later its first byte
// came than its stand-in declares. stream is the call's, of a recogniser.
func (c *client) once(ctx context.Context, stream pipeline.Recognition, echo *echoLine, n int) (lag, error) {
	switch {
	case c.hear != nil:
		w := startWatch(echo, time.Duration(len(spurt))*media.FrameDuration+vendorFinal)
		took, err := engine.LastWords(ctx, stream, n, spurt)

		return w.against(took - vendorFinal), err
	case c.think != nil:
		w := startWatch(echo, vendorToken)
		took, err := firstDelta(ctx, c.think)

		return w.against(took - vendorToken), err
	case c.speak != nil:
		w := startWatch(echo, vendorAudio)
		took, err := firstAudio(ctx, c.speak)

		return w.against(took - vendorAudio), err
	default:
		w := startWatch(echo, 0)
		took, err := c.vendorSession(ctx)

		return w.against(took), err
	}
}

// vendorSession opens a speech-to-speech session.
func (c *client) vendorSession(ctx context.Context) (time.Duration, error) {
	p, ok := c.any.(interface {
		Probe(ctx context.Context) (time.Duration, error)
	})
	if !ok {
		return 0, errNothingCame
	}

	return p.Probe(ctx)
}

func firstDelta(ctx context.Context, m pipeline.Model) (took time.Duration, err error) {
	began := time.Now()
	for d, err := range m.Generate(ctx, pipeline.Request{
		CallID: "bench", Turn: 1, System: "Be brief.", History: []pipeline.Message{{Role: pipeline.Caller, Text: question}},
	}) {
		if err != nil {
			return 0, err
		}
		if took == 0 && d.Text != "" {
			took = time.Since(began)
		}
	}
	if took == 0 {
		return 0, errNothingCame
	}

	return took, nil
}

func firstAudio(ctx context.Context, s pipeline.Synthesizer) (took time.Duration, err error) {
	began := time.Now()
	for sp, err := range s.Synthesize(ctx, sentences[0]) {
		if err != nil {
			return 0, err
		}
		if took == 0 && len(sp.Samples) > 0 {
			took = time.Since(began)
		}
	}
	if took == 0 {
		return 0, errNothingCame
	}

	return took, nil
}

// spurt is the talkspurt that is measured: half a second of a sawtooth.
var spurt = func() []media.Frame {
	frames := make([]media.Frame, 25)
	for i := range frames {
		for k := range frames[i] {
			frames[i][k] = int16(k%40*600 - 12000)
		}
	}

	return frames
}()

// manyCalls is how many calls at once the target is for.
const manyCalls = 200

// spread of calls over time: each begins a turn once a period.
const vendorPeriod = 1500 * time.Millisecond

// stopwatch is a bare timer, and a bare echo, that run beside what is measured:
// how late they are tells what waiting for a processor costs at the same moment.
type stopwatch struct {
	began time.Time
	late  chan time.Duration
	echo  <-chan time.Duration // nil: none is asked
}

// startWatch starts a timer of the time that is declared, and asks the echo, which
// may be nil.
func startWatch(echo *echoLine, declared time.Duration) *stopwatch {
	w := &stopwatch{began: time.Now(), late: make(chan time.Duration, 1)}
	if echo != nil {
		w.echo = echo.ask(declared)
	}
	time.AfterFunc(declared, func() { w.late <- time.Since(w.began) - declared })

	return w
}

// lag is how much later than declared something came.
type lag struct {
	added, timer, echo time.Duration
}

// against compares with the timer and the echo, for which it waits.
func (w *stopwatch) against(added time.Duration) lag {
	l := lag{added: max(0, added), timer: <-w.late}
	if w.echo != nil {
		l.echo = <-w.echo // none when the echo is gone: nothing is subtracted then
	}

	return l
}

// carried is what one provider's calls took.
type carried struct {
	mu     sync.Mutex
	added  sample
	timer  sample // how late the bare timers were
	echo   sample // and the bare echoes
	beyond sample // the bare echoes, or timers where there are none
	failed []error
	used   time.Duration // processor time of this process
}

func (c *carried) note(l lag, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.failed = append(c.failed, err)

		return
	}
	c.added, c.timer, c.echo = append(c.added, l.added), append(c.timer, l.timer), append(c.echo, l.echo)
	c.beyond = append(c.beyond, max(0, l.added-cmp.Or(l.echo, l.timer)))
}

// carry is carry, profiled when there are many calls.
func (b *bench) carry(ctx context.Context, c *client, echo string, calls, turns int) (out *carried, err error) {
	if calls < pick(b, manyCalls, 1) {
		return carry(ctx, c, echo, calls, turns)
	}
	err = b.profiledSelf("providers-"+strings.ReplaceAll(c.name, " ", "-"), func() (err error) {
		out, err = carry(ctx, c, echo, calls, turns)

		return err
	})

	return out, err
}

// carry holds calls at once with a provider, each of some turns.
func carry(ctx context.Context, c *client, echo string, calls, turns int) (*carried, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if w, ok := c.any.(pipeline.Warmer); ok {
		if err := w.Warm(ctx); err != nil {
			return nil, err
		}
	}
	out := &carried{}
	before, err := ownTime()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	var all sync.WaitGroup
	for i := range calls {
		all.Go(func() {
			at := time.Duration(i) * vendorPeriod / time.Duration(calls)
			time.Sleep(at)
			bare, err := dialEcho(ctx, echo)
			if err != nil {
				out.note(lag{}, err)

				return
			}
			defer bare.conn.Close()
			var stream pipeline.Recognition
			if c.hear != nil {
				if stream, err = c.hear.Open(ctx); err != nil {
					out.note(lag{}, err)

					return
				}
				defer func() { _ = stream.Close() }() // the call is over
			}
			for n := range turns + 1 { // the first one opens connections: it is not counted
				took, err := c.once(ctx, stream, bare, n+1)
				if n > 0 || err != nil {
					out.note(took, err)
				}
				time.Sleep(time.Until(began.Add(at + time.Duration(n+1)*vendorPeriod)))
			}
		})
	}
	all.Wait()
	after, err := ownTime()
	out.used = after - before

	return out, err
}

// ownTime is this process's processor time, to the microsecond.
func ownTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("processor time: %w", err)
	}

	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// providers measures what the rooms that talk to vendors add.
func (b *bench) providers(ctx context.Context) (err error) {
	p, at, err := b.startVendors()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	fmt.Fprintf(b.Out, "\nEach provider against a stand-in for its vendor in another process of this machine (TLS, but Google), which declares: last words %v after\n"+
		"the end of speech, first token after %v, first audio after %v. Added: how much later the first byte came, of turns on warm connections;\n"+
		"for openai-realtime, how long a session takes to open. It is time of the wall and holds the stand-in's own share and what other work on this\n"+
		"machine costs. Beside it, turn by turn, ran a bare timer of the declared time, and a bare echo: a TCP connection to the stand-ins' process, which\n"+
		"sends eight octets back after the declared time. How late they were is the machine's; beyond the echo is what the provider's protocol, its stand-in and trunkline add\n"+
		"to that. Cores are those of this process and of the stand-ins', and own is this process's processor time for each turn. Calls begin a turn each %v. Target: 5 ms at p99.\n", vendorFinal, vendorToken, vendorAudio, vendorPeriod)
	t := newTable("provider", "calls", "turns", "added p50 ms", "p99 ms", "timer p50 ms", "p99 ms", "echo p50 ms", "p99 ms", "beyond the echo p50 ms", "p99 ms",
		"own ms/turn", "cores: own", "stand-ins", "idle", "failed")
	var notes []string
	for _, v := range vendors() {
		for _, calls := range pick(b, []int{1, 50, manyCalls}, []int{10}) {
			b.progressf("providers: %s, %d calls", v.name, calls)
			c, err := v.client(at.Near[v.name])
			if err != nil {
				return err
			}
			turns := pick(b, 3, 1)
			w, err := watchOf(p.pid())
			if err != nil {
				return err
			}
			m, err := b.carry(ctx, c, at.Echo, calls, turns)
			c.close()
			if err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
			l, err := w.stop()
			if err != nil {
				return err
			}
			own := "–" // what measures would be most of it
			if calls > 1 {
				own = fmt.Sprintf("%.2f", m.used.Seconds()*1000/float64(calls*(turns+1)))
			}
			t.row(v.name, calls, len(m.added), m.added.fine(0.5), m.added.fine(0.99), m.timer.fine(0.5), m.timer.fine(0.99), m.echo.fine(0.5), m.echo.fine(0.99),
				m.beyond.fine(0.5), m.beyond.fine(0.99), own, l.cores(m.used), l.cores(l.used[0].total()), l.cores(l.idle), len(m.failed))
			if len(m.failed) > 0 {
				notes = append(notes, fmt.Sprintf("%s, %s: %v", v.name, callsAtOnce(calls), m.failed[0]))
			}
			runtime.GC() // of what the next one is not charged
		}
	}
	t.write(b.Out)
	if err := b.warmth(ctx, at); err != nil {
		return err
	}
	printNotes(b.Out, notes)

	return nil
}

// warmth measures what a connection that is open before the first turn saves.
func (b *bench) warmth(ctx context.Context, at *places) error {
	fmt.Fprintf(b.Out, "\nThe first turn of a call at a distance: each flight to the vendor takes %v more. Cold: the first turn opens its connection. Warm: it was opened\n"+
		"while the phone rang. Of recognisers with the opening of their stream, and of openai-realtime the opening of its session, which happen while\n"+
		"the phone rings in any case. Time over what is declared, median of %d.\n", vendorTrip, pick(b, 5, 2))
	t := newTable("provider", "cold ms", "warm ms", "saved ms", "saved flights")
	for _, v := range vendors() {
		b.progressf("providers: %s, cold and warm", v.name)
		var took [2]sample
		for i := range took {
			for range pick(b, 5, 2) {
				d, err := v.first(ctx, at.Far[v.name], i == 1)
				if err != nil {
					return fmt.Errorf("%s: %w", v.name, err)
				}
				took[i] = append(took[i], d)
			}
		}
		cold, _ := took[0].quantile(0.5)
		warm, _ := took[1].quantile(0.5)
		t.row(v.name, milliseconds(cold), milliseconds(warm), milliseconds(cold-warm), int(math.Round((cold-warm).Seconds()/vendorTrip.Seconds())))
	}
	t.write(b.Out)

	return nil
}

// first is the first turn of a provider that was not used before.
func (v *vendor) first(ctx context.Context, url string, warm bool) (time.Duration, error) {
	c, err := v.client(url)
	if err != nil {
		return 0, err
	}
	defer c.close()
	if w, ok := c.any.(pipeline.Warmer); ok && warm {
		if err := w.Warm(ctx); err != nil {
			return 0, err
		}
	}
	if c.hear == nil {
		l, err := c.once(ctx, nil, nil, 1)

		return l.added, err
	}
	began := time.Now()
	stream, err := c.hear.Open(ctx)
	if err != nil {
		return 0, err
	}
	took := time.Since(began)
	l, err := c.once(ctx, stream, nil, 1)

	return took + l.added, errors.Join(err, stream.Close())
}
