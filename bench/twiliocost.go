package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/media/clock"
	"trunkline/twilio"
	"trunkline/twilio/carrier"
)

// BareSocket is the least that can carry calls of media streams: it answers
// each webhook with the same TwiML and sends every message with audio back as
// it came. It reads nothing of a message but its kind. The twilio benchmark
// runs it as a process of its own and compares the gateway with it.
//
// It writes its address to out, then runs until ctx ends.
func BareSocket(ctx context.Context, out io.Writer) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("bare socket: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /"+twilioAccount+"/voice", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, `<Response><Connect><Stream url="wss://%s/media"/></Connect></Response>`, twilioHost)
	})
	mux.HandleFunc("GET /media", echoAudio)
	server := http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopped()
	fmt.Fprintln(out, ln.Addr())
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("bare socket: %w", err)
	}

	return nil
}

// echoAudio sends messages with audio back.
func echoAudio(w http.ResponseWriter, r *http.Request) {
	conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		kind, text, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if bytes.HasPrefix(text, []byte(`{"event":"media"`)) && conn.WriteMessage(kind, text) != nil {
			return
		}
	}
}

// StreamLeg is the door of media streams without an agent: each call's leg, with
// its codec and its jitter buffer, sends back what it hears, on the line clock.
// The twilio benchmark runs it as a process of its own and compares it with the
// bare loop. The environment has the account's secret.
//
// It writes its address to out, then runs until ctx ends.
func StreamLeg(ctx context.Context, out io.Writer) error {
	e := echoDoor{clock: clock.New(clock.Options{})}
	if err := e.clock.Start(); err != nil {
		return fmt.Errorf("leg alone: %w", err)
	}
	defer e.clock.Stop()
	door, err := twilio.New(twilio.Config{Listen: "127.0.0.1:0", PublicURL: "https://" + twilioHost, Accounts: []twilio.Account{
		{Name: twilioAccount, Carrier: "twilio", Tokens: []string{os.Getenv(twilioTokenEnv)}},
	}}, e)
	if err != nil {
		return fmt.Errorf("leg alone: %w", err)
	}
	if err := door.Start(ctx); err != nil {
		return fmt.Errorf("leg alone: %w", err)
	}
	fmt.Fprintln(out, door.Addr())
	<-ctx.Done()
	soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopBound)
	defer cancel()

	return door.Stop(soon)
}

// echoDoor answers calls with what they say.
type echoDoor struct{ clock *clock.Clock }

// Incoming implements twilio.Handler.
func (e echoDoor) Incoming(c *twilio.Call) {
	leg, err := c.Answer(context.Background())
	if err != nil {
		return
	}
	remove := e.clock.Add(&echoLeg{leg: leg})
	<-c.Done()
	remove()
}

// echoLeg sends back what its leg hears, with the marks that a player asks for.
type echoLeg struct {
	leg    *twilio.Leg
	frame  media.Frame
	frames uint64
}

// Tick implements clock.Ticker.
func (e *echoLeg) Tick(time.Time) {
	const markEvery = 2 // frames
	e.leg.Read(&e.frame)
	for _, ok := e.leg.Marked(); ok; _, ok = e.leg.Marked() {
		continue
	}
	if e.leg.Write(&e.frame) {
		e.frames++
	}
	if e.frames%markEvery == 0 {
		e.leg.Mark(media.Mark{Generation: 1, Frames: e.frames})
	}
	e.leg.Flush()
}

// Shift implements clock.Shifter.
func (e *echoLeg) Shift(step time.Duration) int { return e.leg.Shift(step) }

// murmur is the owner of a telephone in a quiet room who counts what comes.
type murmur struct {
	line  *carrier.Line
	noise []media.Frame
	at    int
	in    media.Frame
	heard *atomic.Int64 // frames with audio, of all calls
}

// Tick implements clock.Ticker.
func (m *murmur) Tick(time.Time) {
	if m.line.Read(&m.in).Kind == media.Received {
		m.heard.Add(1)
	}
	m.at = (m.at + 1) % len(m.noise)
	m.line.Write(&m.noise[m.at])
}

// streamSubject is a process whose processor time is compared.
type streamSubject struct {
	name    string
	process *process
	far     *carrier.Carrier
	stop    func() error
	profile bool      // it writes one profile, from one SIGUSR1 to the next
	total   []float64 // of each round, processor time in ms per second of one call
	ends    []float64 // of each round, the same of the telephones and their carrier
	heard   []float64 // frames per second of one call
}

// streamCost compares the processor time of calls with that of a bare loop.
func (b *bench) streamCost(ctx context.Context) (err error) {
	rounds, settle, measure := pick(b, 3, 1), pick(b, 3*time.Second, time.Second), pick(b, 6*time.Second, 2*time.Second)
	fmt.Fprintf(b.Out, "\nProcessor time for a second of one call, 50 messages each way, room noise from the caller, the agent speaking; %d rounds of %v in\n"+
		"turn, medians with the least and the greatest. The bare loop reads a WebSocket and writes every message with audio back as it came.\n"+
		"The leg alone sends back what it has decoded and taken out of its jitter buffer, on the line clock and with marks. Target for the\n"+
		"leg: ratio 1.5. Far ends: what the carrier and its telephones, in this process, take for the same call.\n", rounds, measure)
	bare, err := b.streamProcess("bare loop", "--bare-socket", false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	leg, err := b.streamProcess("leg alone", "--stream-leg", true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leg.stop()) }()
	talking, _ := talker()
	s, err := b.startStreams(ctx, "twilio-cost", talking, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	subjects := []*streamSubject{bare, leg, {name: "gateway", process: s.process, far: s.far, profile: b.Profile != ""}}
	t := newTable("calls", "process", "total ms", "least", "greatest", "ratio", "cores", "far ends ms", "frames heard")
	counts := pick(b, []int{50, 200}, []int{10})
	for _, calls := range counts {
		for _, x := range subjects {
			x.total, x.ends, x.heard = nil, nil, nil
		}
		for round := range rounds {
			for _, x := range subjects {
				b.progressf("twilio: %d calls, round %d of %d: %s", calls, round+1, rounds, x.name)
				last := calls == counts[len(counts)-1] && round == rounds-1
				if err := x.run(ctx, calls, settle, measure, last); err != nil {
					return fmt.Errorf("%s: %w", x.name, err)
				}
			}
		}
		for _, x := range subjects {
			least, greatest := spread(x.total)
			ratios := make([]float64, len(x.total))
			for i := range ratios {
				ratios[i] = x.total[i] / bare.total[i]
			}
			t.row(calls, x.name, fmt.Sprintf("%.3f", median(x.total)), fmt.Sprintf("%.3f", least), fmt.Sprintf("%.3f", greatest),
				fmt.Sprintf("%.2f", median(ratios)), fmt.Sprintf("%.2f", median(x.total)*float64(calls)/1000), fmt.Sprintf("%.3f", median(x.ends)), fmt.Sprintf("%.1f/s", median(x.heard)))
		}
	}
	t.write(b.Out)

	return nil
}

// streamProcess starts this program as what the gateway is compared with, and a
// carrier that knows it.
func (b *bench) streamProcess(name, flag string, profile bool) (_ *streamSubject, err error) {
	dir, err := os.MkdirTemp(b.dir, "stream-")
	if err != nil {
		return nil, err
	}
	far := carrier.New(carrier.Options{
		Numbers: []carrier.Number{{Number: twilioNumber, VoiceURL: "https://" + twilioHost + "/" + twilioAccount + "/voice"}},
	})
	if err := far.Start(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			far.Stop()
		}
	}()
	if err := os.Setenv(twilioTokenEnv, far.AuthToken()); err != nil { // the process inherits it
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	args := []string{"bench", flag}
	if profile && b.Profile != "" {
		args = append(args, "--profile", b.Profile)
	}
	p, err := b.startProcess(dir, write, args...)
	write.Close()
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(read)
	if !lines.Scan() {
		return nil, errors.Join(fmt.Errorf("the %s told no address", name), p.stop())
	}
	far.Tunnel(twilioHost, lines.Text())

	return &streamSubject{name: name, process: p, far: far, profile: profile && b.Profile != "", stop: func() error {
		far.Stop()

		return p.stop()
	}}, nil
}

// signal begins or ends the process's profile, if it is to have one.
func (s *streamSubject) signal(wanted bool) error {
	if !s.profile || !wanted {
		return nil
	}

	return s.process.signal(syscall.SIGUSR1)
}

// run measures a process once, and may profile it.
func (s *streamSubject) run(ctx context.Context, calls int, settle, measure time.Duration, profile bool) error {
	var heard atomic.Int64
	noise := roomNoise()
	all := make([]*carrier.Call, 0, calls)
	for i := range calls {
		call, err := s.far.Dial(carrier.Caller{From: fmt.Sprintf("+1304%07d", i), To: twilioNumber, Phone: carrier.Phone{
			Owner: func(l *carrier.Line) clock.Ticker {
				return &murmur{line: l, noise: noise, at: i % len(noise), heard: &heard}
			},
		}})
		if err != nil {
			return err
		}
		all = append(all, call)
		if err := rest(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	if err := rest(ctx, settle); err != nil {
		return err
	}
	w, err := watchOf(s.process.pid(), os.Getpid())
	if err != nil {
		return err
	}
	before := heard.Load()
	if err := errors.Join(s.signal(profile), rest(ctx, measure), s.signal(profile)); err != nil {
		return err
	}
	l, err := w.stop()
	if err != nil {
		return err
	}
	seconds := l.took.Seconds() * float64(calls)
	s.total = append(s.total, l.used[0].total().Seconds()*1000/seconds)
	s.ends = append(s.ends, l.used[1].total().Seconds()*1000/seconds)
	s.heard = append(s.heard, float64(heard.Load()-before)/seconds)
	for _, call := range all {
		_ = call.Line().Hangup(ctx, "") // it does not wait
	}
	for _, call := range all {
		select {
		case <-call.Done():
		case <-time.After(stopBound):
			return errors.New("a call that was hung up did not end")
		}
	}

	return nil
}
