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
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/media/clock"
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
	mux.HandleFunc("POST /", func(w http.ResponseWriter, _ *http.Request) {
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
	total   []float64 // of each round, processor time in ms per second of one call
	heard   []float64 // frames per second of one call
}

// streamCost compares the processor time of calls with that of a bare loop.
func (b *bench) streamCost(ctx context.Context) (err error) {
	rounds, settle, measure := pick(b, 3, 1), pick(b, 3*time.Second, time.Second), pick(b, 6*time.Second, 2*time.Second)
	fmt.Fprintf(b.Out, "\nProcessor time for a second of one call, 50 messages each way, room noise from the caller, the agent speaking; %d rounds of %v in\n"+
		"turn, medians with the least and the greatest. The bare loop reads a WebSocket and writes every message with audio back as it came.\n"+
		"Target: ratio 1.5.\n", rounds, measure)
	bare, err := b.bareSocket()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bare.stop()) }()
	talking, _ := talker()
	s, err := b.startStreams(ctx, "twilio-cost", talking, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	subjects := []*streamSubject{bare, {name: "gateway", process: s.process, far: s.far}}
	t := newTable("calls", "process", "total ms", "least", "greatest", "ratio", "cores", "frames heard")
	for _, calls := range pick(b, []int{50, 200}, []int{10}) {
		for _, x := range subjects {
			x.total, x.heard = nil, nil
		}
		for round := range rounds {
			for _, x := range subjects {
				b.progressf("twilio: %d calls, round %d of %d: %s", calls, round+1, rounds, x.name)
				if err := x.run(ctx, calls, settle, measure); err != nil {
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
				fmt.Sprintf("%.2f", median(ratios)), fmt.Sprintf("%.2f", median(x.total)*float64(calls)/1000), fmt.Sprintf("%.1f/s", median(x.heard)))
		}
	}
	t.write(b.Out)

	return nil
}

// bareSocket starts the bare loop and a carrier that knows it.
func (b *bench) bareSocket() (*streamSubject, error) {
	dir, err := os.MkdirTemp(b.dir, "bare-socket-")
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	p, err := b.startProcess(dir, write, "bench", "--bare-socket")
	write.Close()
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(read)
	if !lines.Scan() {
		return nil, errors.Join(errors.New("the bare socket told no address"), p.stop())
	}
	far := carrier.New(carrier.Options{
		Numbers: []carrier.Number{{Number: twilioNumber, VoiceURL: "https://" + twilioHost + "/"}},
		Tunnel:  map[string]string{twilioHost: lines.Text()},
	})
	if err := far.Start(); err != nil {
		return nil, errors.Join(err, p.stop())
	}

	return &streamSubject{name: "bare loop", process: p, far: far, stop: func() error {
		far.Stop()

		return p.stop()
	}}, nil
}

// run measures a process once.
func (s *streamSubject) run(ctx context.Context, calls int, settle, measure time.Duration) error {
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
	w, err := watchOf(s.process.pid())
	if err != nil {
		return err
	}
	before := heard.Load()
	if err := rest(ctx, measure); err != nil {
		return err
	}
	l, err := w.stop()
	if err != nil {
		return err
	}
	seconds := l.took.Seconds() * float64(calls)
	s.total = append(s.total, l.used[0].total().Seconds()*1000/seconds)
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
