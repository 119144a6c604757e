package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"trunkline/config"
	"trunkline/media"
	"trunkline/media/clock"
	"trunkline/pipeline/tts/flite"
	"trunkline/sip"
)

// mediaAgent says its greeting and then nothing for an hour.
func mediaAgent(greeting string) config.Agent {
	a := turnAgent()
	a.Greeting = greeting

	return a
}

// talker is an agent that talks, by the offline voice, for longer than a
// measurement takes. Without that voice it says a tone, and echoes is false:
// a tone has no echo that could be told from another one.
func talker() (a config.Agent, echoes bool) {
	a = mediaAgent(strings.Repeat(strings.Join(sentences, " ")+" ", 5))
	const voice = "kal16"
	if _, err := flite.New(flite.Options{Voice: voice}); err != nil {
		return a, false
	}
	a.Voice = config.Voice{Engine: "offline", Name: voice}

	return a, true
}

// subject is one of the processes that the media benchmark compares.
type subject struct {
	name   string
	open   func(ctx context.Context, calls int, echoes bool) (*peers, error)
	echoes bool

	// cost of each round in processor time per second of one call
	user, system, total []float64
	gaps                sample
	memory              []float64 // KiB of the process per call, beyond what it had before its first one
	rate                [2]float64
}

// media compares the processor time of the gateway's media path with that of
// a bare loop.
func (b *bench) media(ctx context.Context) error {
	subjects := []*subject{{name: "bare loop", open: b.openBare}}
	talking, echoes := talker()
	agents := []struct {
		name, log string
		agent     config.Agent
		echoes    bool
	}{
		{"gateway, agent silent", "media-silent", mediaAgent("Hello."), false},
		{"gateway, agent speaking", "media-speaking", talking, false},
		{"gateway, agent speaking, echo", "media-echo", talking, true},
	}
	for _, a := range agents {
		if a.echoes && !echoes {
			fmt.Fprint(b.Out, "\nNot measured with echo: it takes the offline voice.\n")

			continue
		}
		g, err := b.startGateway(ctx, a.log, a.agent)
		if err != nil {
			return err
		}
		defer func() {
			if err := g.stop(); err != nil { // it had too much to do: that is a result
				fmt.Fprintf(b.Out, "\n%s did not end well: %v\n", a.name, err)
			}
		}()
		subjects = append(subjects, &subject{name: a.name, open: b.openGateway(g), echoes: a.echoes})
	}

	return b.compareMedia(ctx, subjects)
}

func (b *bench) compareMedia(ctx context.Context, subjects []*subject) error {
	settle, measure, rounds := pick(b, 3*time.Second, time.Second), pick(b, 6*time.Second, 2*time.Second), pick(b, 3, 1)
	fmt.Fprintf(b.Out, "\nProcessor time for a second of one call, 50 packets each way, room noise from the caller; %d rounds of %v in turn, medians\n"+
		"with the least and the greatest. The bare loop has one socket and one reading goroutine per call and one absolute 20 ms\n"+
		"ticker that sends, and nothing else; ratio is the median of the rounds' own. The other ends are the same for all; with echo\n"+
		"they send back what they hear, 120 ms later and 12 dB softer. Gap error: by how much the spacing of two packets of a call,\n"+
		"stamped by the kernel as they leave, misses 20 ms. Memory is that of the whole process.\n"+
		"Target: ratio 1.3, with echo 2.5; gap error p99 5 ms.\n", rounds, measure)
	t := newTable("calls", "process", "user ms", "system ms", "total ms", "least", "greatest", "ratio", "cores",
		"gap error p50 ms", "p99 ms", "max ms", "KiB per call", "packets in", "packets out")
	sizes := pick(b, []int{500, 1000}, []int{20})
	for n, calls := range sizes {
		for _, s := range subjects {
			*s = subject{name: s.name, open: s.open, echoes: s.echoes}
		}
		for round := range rounds {
			for _, s := range subjects {
				b.progressf("media: %d calls, round %d of %d: %s", calls, round+1, rounds, s.name)
				if err := s.run(ctx, calls, settle, measure, b.Profile != "" && round == 0 && n == len(sizes)-1); err != nil {
					return err
				}
			}
		}
		for _, s := range subjects {
			s.row(t, calls, subjects[0])
		}
	}
	t.write(b.Out)
	fmt.Fprint(b.Out, "\nPackets are those that the other ends sent and got per second of one call, in the last round.\n")

	return nil
}

// row prints what the rounds came to, next to the bare loop's.
func (s *subject) row(t *table, calls int, bare *subject) {
	least, greatest := spread(s.total)
	ratios := make([]float64, len(s.total))
	for i := range ratios {
		ratios[i] = s.total[i] / bare.total[i]
	}
	t.row(calls, s.name, fmt.Sprintf("%.3f", median(s.user)), fmt.Sprintf("%.3f", median(s.system)), fmt.Sprintf("%.3f", median(s.total)),
		fmt.Sprintf("%.3f", least), fmt.Sprintf("%.3f", greatest),
		fmt.Sprintf("%.2f", median(ratios)), fmt.Sprintf("%.2f", median(s.total)*float64(calls)/1000),
		s.gaps.fine(0.5), s.gaps.fine(0.99), s.gaps.fine(1), fmt.Sprintf("%.0f", median(s.memory)),
		fmt.Sprintf("%.1f/s", s.rate[0]), fmt.Sprintf("%.1f/s", s.rate[1]))
}

// run measures a process once.
func (s *subject) run(ctx context.Context, calls int, settle, measure time.Duration, profile bool) (err error) {
	p, err := s.open(ctx, calls, s.echoes)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := rest(ctx, settle); err != nil {
		return err
	}
	if profile && p.profiled {
		if err := p.process.signal(syscall.SIGUSR1); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.process.signal(syscall.SIGUSR1)) }()
	}
	p.spacing(int(measure / media.FrameDuration))
	w, err := watchOf(p.process.pid())
	if err != nil {
		return err
	}
	in, out := p.packets()
	if err := rest(ctx, measure); err != nil {
		return err
	}
	l, err := w.stop()
	if err != nil {
		return err
	}
	in2, out2 := p.packets()
	s.gaps = append(s.gaps, p.spacing(0)...)
	memory, err := residentOf(p.process.pid())
	if err != nil {
		return err
	}
	seconds := l.took.Seconds() * float64(calls)
	s.user = append(s.user, l.used[0].user.Seconds()*1000/seconds)
	s.system = append(s.system, l.used[0].system.Seconds()*1000/seconds)
	s.total = append(s.total, l.used[0].total().Seconds()*1000/seconds)
	s.memory = append(s.memory, float64(memory-p.before)/1024/float64(calls))
	s.rate = [2]float64{float64(out2-out) / seconds, float64(in2-in) / seconds}

	return nil
}

// rest waits.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// peers are the other ends of the calls of one process.
type peers struct {
	process  *process
	before   int64 // octets of the process's memory without calls
	profiled bool
	clock    *clock.Clock
	noise    []media.Frame
	echoes   bool

	mu      sync.Mutex
	ends    []*farEnd
	closers []func() error // in the order of the opens
}

// newPeers makes the ends' clock.
func newPeers(echoes bool) (*peers, error) {
	p := &peers{clock: clock.New(clock.Options{}), noise: roomNoise(), echoes: echoes}

	return p, p.clock.Start()
}

// end makes an end of a call, not yet on the clock.
func (p *peers) end() (*farEnd, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e, err := newFarEnd(p.noise, len(p.ends), p.echoes)
	if err != nil {
		return nil, err
	}
	p.ends = append(p.ends, e)

	return e, nil
}

// Open implements sip.Media.
func (p *peers) Open() (sip.MediaSession, error) { return p.end() }

// packets is how many came and were sent.
func (p *peers) packets() (in, out uint64) {
	for _, e := range p.ends {
		in += e.in.Load()
		out += e.out.Load()
	}

	return in, out
}

// spacing is the gap errors since it was last called. From now on there is
// room for so many of each call.
func (p *peers) spacing(room int) sample {
	var all sample
	for _, e := range p.ends {
		all = append(all, e.spacing(room)...)
	}

	return all
}

func (p *peers) close() error {
	p.clock.Stop()
	var errs []error
	for i := range p.closers {
		errs = append(errs, p.closers[len(p.closers)-1-i]())
	}
	for _, e := range p.ends {
		errs = append(errs, unix.Close(e.fd))
	}

	return errors.Join(errs...)
}

// roomNoise is a second of white noise at -60 dBov, below what the gateway
// takes for speech.
func roomNoise() []media.Frame {
	const amplitude = 32768 * 0.001 // -60 dBov
	random := rand.New(rand.NewPCG(1, 2))
	frames := make([]media.Frame, 50)
	for i := range frames {
		for k := range frames[i] {
			frames[i][k] = int16(math.Round(amplitude * random.NormFloat64()))
		}
	}

	return frames
}

// openGateway places calls to a gateway.
func (b *bench) openGateway(g *gateway) func(context.Context, int, bool) (*peers, error) {
	var idle int64
	return func(ctx context.Context, calls int, echoes bool) (*peers, error) {
		p, err := newPeers(echoes)
		if err != nil {
			return nil, err
		}
		if idle == 0 {
			if idle, err = residentOf(g.pid()); err != nil {
				return nil, errors.Join(err, p.close())
			}
		}
		p.process, p.before, p.profiled = g.process, idle, b.Profile != ""
		if err := p.dial(ctx, g.target, calls); err != nil {
			return nil, errors.Join(err, p.close())
		}

		return p, nil
	}
}

// dialAtOnce is how many calls are being set up at the same time.
const dialAtOnce = 20

// dial places the calls.
func (p *peers) dial(ctx context.Context, target string, calls int) error {
	ua, err := sip.New(sip.Config{
		Listen: []sip.Listen{{Network: "udp", Addr: "127.0.0.1:0"}},
		Media:  p,
	}, nil)
	if err != nil {
		return err
	}
	if err := ua.Start(); err != nil {
		return err
	}
	p.closers = append(p.closers, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), stopBound)
		defer cancel()

		return ua.Stop(ctx)
	})
	var mu sync.Mutex
	var errs []error
	var dialing sync.WaitGroup
	free := make(chan struct{}, dialAtOnce)
	for range calls {
		free <- struct{}{}
		dialing.Go(func() {
			defer func() { <-free }()
			d, err := ua.Dial(ctx, target, sip.DialOptions{User: "bench"})
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)

				return
			}
			p.clock.Add(d.Leg().(*farEnd)) //nolint:errcheck,forcetypeassert // as Open made it
		})
	}
	dialing.Wait()
	if len(errs) > 0 {
		return fmt.Errorf("%d of %d calls could not be placed, the first one: %w", len(errs), calls, errs[0])
	}

	return nil
}

// openBare starts the bare loop.
func (b *bench) openBare(_ context.Context, calls int, echoes bool) (*peers, error) {
	dir, err := os.MkdirTemp(b.dir, "bare-")
	if err != nil {
		return nil, err
	}
	p, err := newPeers(echoes)
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	defer read.Close()
	p.process, err = b.startProcess(dir, write, "bench", "--bare", strconv.Itoa(calls))
	write.Close()
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.closers = append(p.closers, p.process.stop)
	if p.before, err = residentOf(p.process.pid()); err != nil {
		return nil, errors.Join(err, p.close())
	}
	if err := p.connect(read, calls); err != nil {
		return nil, errors.Join(err, p.close())
	}

	return p, nil
}

// connect joins an end to each of the bare loop's ports.
func (p *peers) connect(ports io.Reader, calls int) error {
	lines := bufio.NewScanner(ports)
	for range calls {
		if !lines.Scan() {
			return fmt.Errorf("the bare loop told only %d of %d ports: see its log %s", len(p.ends), calls, p.process.log)
		}
		number, err := strconv.ParseUint(lines.Text(), 10, 16)
		if err != nil {
			return fmt.Errorf("the bare loop's port: %w", err)
		}
		e, err := p.end()
		if err != nil {
			return err
		}
		e.send(netip.AddrPortFrom(localhost, uint16(number)))
		p.clock.Add(e)
	}

	return nil
}
