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

	"trunkline/config"
	"trunkline/media"
	"trunkline/media/clock"
	"trunkline/media/g711"
	"trunkline/media/rtp"
	"trunkline/sip"
)

// mediaAgent says its greeting and then nothing for an hour.
func mediaAgent(greeting string) config.Agent {
	a := turnAgent()
	a.Greeting = greeting

	return a
}

// subject is one of the processes that the media benchmark compares.
type subject struct {
	name string
	open func(ctx context.Context, calls int) (*peers, error)

	// cost of each run in processor time per second of one call
	user, system, total []float64
}

// media compares the processor time of the gateway's media path with that of
// a bare loop.
func (b *bench) media(ctx context.Context) error {
	silent, err := b.startGateway(ctx, "media-silent", mediaAgent("Hello."))
	if err != nil {
		return err
	}
	speaking, err := b.startGateway(ctx, "media-speaking", mediaAgent(strings.Repeat("We are open on every day. ", 40)))
	if err != nil {
		return stopAfter(silent, err)
	}
	err = b.compareMedia(ctx, silent, speaking)

	return errors.Join(err, silent.stop(), speaking.stop())
}

func (b *bench) compareMedia(ctx context.Context, silent, speaking *gateway) error {
	settle, measure, rounds := pick(b, 3*time.Second, time.Second), pick(b, 8*time.Second, 2*time.Second), pick(b, 5, 1)
	fmt.Fprintf(b.Out, "\nProcessor time for a second of one call, 50 packets each way, room noise from the caller; %d rounds of %v in turn, medians\n"+
		"with the least and the greatest. The bare loop has one socket and one reading goroutine per call and one absolute 20 ms\n"+
		"ticker that sends, and nothing else. The other ends are the same for all. Target: ratio 1.5.\n", rounds, measure)
	t := newTable("calls", "process", "user ms", "system ms", "total ms", "least", "greatest", "ratio", "cores", "packets in", "packets out")
	sizes := pick(b, []int{200, 500}, []int{20})
	for n, calls := range sizes {
		subjects := []*subject{
			{name: "bare loop", open: b.openBare},
			{name: "gateway, agent silent", open: b.openGateway(silent)},
			{name: "gateway, agent speaking", open: b.openGateway(speaking)},
		}
		rates := make([][2]float64, len(subjects))
		for round := range rounds {
			for i, s := range subjects {
				b.progressf("media: %d calls, round %d of %d: %s", calls, round+1, rounds, s.name)
				rate, err := s.run(ctx, calls, settle, measure, b.Profile != "" && round == 0 && n == len(sizes)-1)
				if err != nil {
					return err
				}
				rates[i] = rate
			}
		}
		for i, s := range subjects {
			least, greatest := spread(s.total)
			total := median(s.total)
			t.row(calls, s.name, fmt.Sprintf("%.3f", median(s.user)), fmt.Sprintf("%.3f", median(s.system)), fmt.Sprintf("%.3f", total),
				fmt.Sprintf("%.3f", least), fmt.Sprintf("%.3f", greatest),
				fmt.Sprintf("%.2f", total/median(subjects[0].total)), fmt.Sprintf("%.2f", total*float64(calls)/1000),
				fmt.Sprintf("%.1f/s", rates[i][0]), fmt.Sprintf("%.1f/s", rates[i][1]))
		}
	}
	t.write(b.Out)
	fmt.Fprint(b.Out, "\nPackets are those that the other ends sent and got per second of one call, in the last round.\n")

	return nil
}

// run measures a process once and returns the packets per second of one call
// that it was sent and that it sent.
func (s *subject) run(ctx context.Context, calls int, settle, measure time.Duration, profile bool) (rate [2]float64, err error) {
	p, err := s.open(ctx, calls)
	if err != nil {
		return rate, fmt.Errorf("%s: %w", s.name, err)
	}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := rest(ctx, settle); err != nil {
		return rate, err
	}
	profile = profile && p.profiled
	if profile {
		if err := p.process.signal(syscall.SIGUSR1); err != nil {
			return rate, err
		}
	}
	w, err := watchOf(p.process.pid())
	if err != nil {
		return rate, err
	}
	in, out := p.packets()
	if err := rest(ctx, measure); err != nil {
		return rate, err
	}
	l, err := w.stop()
	if err != nil {
		return rate, err
	}
	in2, out2 := p.packets()
	if profile {
		if err := p.process.signal(syscall.SIGUSR1); err != nil {
			return rate, err
		}
	}
	seconds := l.took.Seconds() * float64(calls)
	s.user = append(s.user, l.used[0].user.Seconds()*1000/seconds)
	s.system = append(s.system, l.used[0].system.Seconds()*1000/seconds)
	s.total = append(s.total, l.used[0].total().Seconds()*1000/seconds)

	return [2]float64{float64(out2-out) / seconds, float64(in2-in) / seconds}, nil
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
	profiled bool
	clock    *clock.Clock
	ends     []*peer
	closers  []func() error // in the order of the opens
}

// peer sends room noise and takes what comes.
type peer struct {
	leg   media.Leg
	noise []media.Frame
	next  int
	in    media.Frame
}

// Tick implements clock.Ticker.
func (p *peer) Tick(time.Time) {
	p.leg.Read(&p.in)
	p.leg.Write(&p.noise[p.next])
	p.next = (p.next + 1) % len(p.noise)
}

// packets is how many came and were sent.
func (p *peers) packets() (in, out uint64) {
	for _, e := range p.ends {
		s := e.leg.Stats()
		in += s.PacketsIn
		out += s.PacketsOut
	}

	return in, out
}

func (p *peers) close() error {
	p.clock.Stop()
	var errs []error
	for i := range p.closers {
		errs = append(errs, p.closers[len(p.closers)-1-i]())
	}

	return errors.Join(errs...)
}

// add puts an end of a call on the clock.
func (p *peers) add(leg media.Leg, noise []media.Frame) {
	e := &peer{leg: leg, noise: noise, next: len(p.ends) % len(noise)}
	p.ends = append(p.ends, e)
	p.clock.Add(e)
}

// newPeers makes the ends' clock.
func newPeers() (*peers, error) {
	p := &peers{clock: clock.New(clock.Options{})}

	return p, p.clock.Start()
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
func (b *bench) openGateway(g *gateway) func(context.Context, int) (*peers, error) {
	return func(ctx context.Context, calls int) (*peers, error) {
		p, err := newPeers()
		if err != nil {
			return nil, err
		}
		p.process, p.profiled = g.process, b.Profile != ""
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
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	pool, err := rtp.NewPool(loopback, callersLow, callersTop)
	if err != nil {
		return err
	}
	ua, err := sip.New(sip.Config{
		Listen: []sip.Listen{{Network: "udp", Addr: "127.0.0.1:0"}},
		Media:  sip.RTP(pool, rtp.Options{}),
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
	noise := roomNoise()
	var mu sync.Mutex
	var errs []error
	var dialing sync.WaitGroup
	free := make(chan struct{}, dialAtOnce)
	for range calls {
		free <- struct{}{}
		dialing.Go(func() {
			defer func() { <-free }()
			d, err := ua.Dial(ctx, target, sip.DialOptions{User: "bench"})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)

				return
			}
			p.add(d.Leg(), noise)
		})
	}
	dialing.Wait()
	if len(errs) > 0 {
		return fmt.Errorf("%d of %d calls could not be placed, the first one: %w", len(errs), calls, errs[0])
	}

	return nil
}

// openBare starts the bare loop.
func (b *bench) openBare(_ context.Context, calls int) (*peers, error) {
	dir, err := os.MkdirTemp(b.dir, "bare-")
	if err != nil {
		return nil, err
	}
	p, err := newPeers()
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
	if err := p.connect(read, calls); err != nil {
		return nil, errors.Join(err, p.close())
	}

	return p, nil
}

// connect joins an RTP session to each of the bare loop's ports.
func (p *peers) connect(ports io.Reader, calls int) error {
	loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	pool, err := rtp.NewPool(loopback, callersLow, callersTop)
	if err != nil {
		return err
	}
	noise := roomNoise()
	lines := bufio.NewScanner(ports)
	for range calls {
		if !lines.Scan() {
			return fmt.Errorf("the bare loop told only %d of %d ports: see its log %s", len(p.ends), calls, p.process.log)
		}
		number, err := strconv.ParseUint(lines.Text(), 10, 16)
		if err != nil {
			return fmt.Errorf("the bare loop's port: %w", err)
		}
		port, err := pool.Open()
		if err != nil {
			return err
		}
		s := rtp.NewSession(port, rtp.Options{})
		p.closers = append(p.closers, s.Close)
		if err := s.Apply(rtp.Params{
			Remote: netip.AddrPortFrom(loopback, uint16(number)), Codec: g711.PCMU,
			Ptime: media.FrameDuration, Send: true, Receive: true,
		}); err != nil {
			return err
		}
		p.add(s, noise)
	}

	return nil
}
