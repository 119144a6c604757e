package bench

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"trunkline/call"
	"trunkline/media/clock"
	"trunkline/media/rtp"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/route"
	"trunkline/sip"
	"trunkline/storage"
)

// dialPause is between the orders of one caller.
const dialPause = 10 * time.Millisecond

// dial measures what trunkline adds between the decision about a call and its
// INVITE.
func (b *bench) dial(ctx context.Context) error {
	fmt.Fprint(b.Out, "\nIn the benchmark's own process and in real time, over loopback UDP: calls placed by call.Manager, whose gate allows them at once, on\n"+
		"a trunk that refuses them with 486. From the moment at which the gate has decided to the arrival of the INVITE at the trunk's socket:\n"+
		"the call's record, its audio ports, the offer and the message. The whole order adds routing before the gate.\n"+
		"Bare: before each order its caller sends a datagram to the same socket, which is what the machine itself adds.\n"+
		"Target: 5 ms p99.\n")
	t := newTable("orders at once", "calls", "p50 ms", "p95 ms", "p99 ms", "max ms", "bare p50 ms", "p99 ms", "whole order p50 ms", "p99 ms")
	for _, callers := range []int{1, 10, 50} {
		r, err := newDialRig()
		if err != nil {
			return err
		}
		sent, whole, err := r.run(ctx, callers, pick(b, 1000, 100))
		if err := errors.Join(err, r.stop()); err != nil {
			return err
		}
		t.row(callers, len(sent), sent.fine(0.5), sent.fine(0.95), sent.fine(0.99), sent.fine(1), r.bare.fine(0.5), r.bare.fine(0.99), whole.fine(0.5), whole.fine(0.99))
	}
	t.write(b.Out)

	return nil
}

// dialRig is a Manager, its door, and the trunk's socket.
type dialRig struct {
	clock   *clock.Clock
	ua      *sip.UA
	manager *call.Manager
	trunk   net.PacketConn
	served  sync.WaitGroup

	mu      sync.Mutex
	decided map[string]time.Time // by the call's id
	sent    sample
	bare    sample        // of datagrams that are no calls
	arrived chan struct{} // one for each INVITE
}

func newDialRig() (*dialRig, error) {
	r := &dialRig{clock: clock.New(clock.Options{}), decided: make(map[string]time.Time), arrived: make(chan struct{}, 1<<16)}
	var err error
	if r.trunk, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil { //nolint:noctx // it is bound at once
		return nil, err
	}
	routes, err := route.New(route.Config{
		Home: "US", Allow: []string{"+1555010"},
		Outbound: []route.Outbound{{Name: "all", Door: "sip", Trunk: "trunk", CallerIDs: []string{"+15550100999"}, Agent: "desk"}},
	})
	if err != nil {
		return nil, err
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	pool, err := rtp.NewPool(loopback, 20000, 21999)
	if err != nil {
		return nil, err
	}
	metrics, err := call.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	r.manager, err = call.NewManager(call.Config{
		Agents: map[string]*call.Agent{"desk": {Name: "desk", Providers: pipeline.Providers{
			Recognizer: &declared.Recognizer{}, Model: &declared.Model{}, Synthesizer: &declared.Voice{},
		}}},
		Routes: routes, Gate: r,
		Limits: call.Limits{Cap: time.Minute, NoMedia: time.Minute, MaxCalls: 500},
		Clock:  r.clock, Journal: noJournal{}, Metrics: metrics, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	r.ua, err = sip.New(sip.Config{
		Listen: []sip.Listen{{Network: "udp", Addr: "127.0.0.1:0"}},
		Trunks: []sip.Trunk{{
			Name: "trunk", Sources: []netip.Prefix{netip.PrefixFrom(loopback, 32)}, Targets: []sip.Target{{URI: "sip:" + r.trunk.LocalAddr().String()}},
		}},
		Media: sip.RTP(pool, rtp.Options{}),
	}, r.manager)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(r.clock.Start(), r.ua.Start()); err != nil {
		return nil, err
	}
	r.manager.PlaceBySIP(r.ua)
	r.served.Go(r.serve)

	return r, nil
}

// noJournal keeps no records.
type noJournal struct{}

func (noJournal) Begin(storage.Call)  {}
func (noJournal) Update(storage.Call) {}
func (noJournal) Turn(storage.Turn)   {}
func (noJournal) Event(storage.Event) {}

// Admit implements call.Gate.
func (r *dialRig) Admit(_ context.Context, a call.Attempt) (call.Admission, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.decided[a.Call.String()] = now

	return call.Admission{Decision: uuid.New(), Attempt: uuid.New(), Allowed: true, Expires: now.Add(time.Minute)}, nil
}

// Leave implements call.Gate.
func (r *dialRig) Leave(context.Context, call.Attempt, call.Admission) (func(), error) {
	return func() {}, nil
}

// Watch implements call.Gate.
func (r *dialRig) Watch(call.Attempt, func()) (forget func()) { return func() {} }

// serve refuses every INVITE with 486.
func (r *dialRig) serve() {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := r.trunk.ReadFrom(buf)
		now := time.Now()
		if err != nil {
			return // it was closed
		}
		if r.tookBare(buf[:n], now) || !bytes.HasPrefix(buf[:n], []byte("INVITE ")) {
			continue
		}
		var busy bytes.Buffer
		busy.WriteString("SIP/2.0 486 Busy Here\r\n")
		id := ""
		for line := range bytes.SplitSeq(buf[:n], []byte("\r\n")) {
			name, value, _ := bytes.Cut(line, []byte(":"))
			switch string(name) {
			case "Via", "From", "Call-ID", "CSeq":
				fmt.Fprintf(&busy, "%s\r\n", line)
			case "To":
				fmt.Fprintf(&busy, "%s;tag=busy\r\n", line)
			case call.IDHeader:
				id = string(bytes.TrimSpace(value))
			}
		}
		busy.WriteString("Content-Length: 0\r\n\r\n")
		_, _ = r.trunk.WriteTo(busy.Bytes(), from) // one that is lost is sent again
		r.mu.Lock()
		if at, known := r.decided[id]; known {
			delete(r.decided, id) // a retransmission does not count
			r.sent = append(r.sent, now.Sub(at))
			r.arrived <- struct{}{}
		}
		r.mu.Unlock()
	}
}

// sendBare sends the time to the trunk's socket.
func (r *dialRig) sendBare(conn net.Conn) error {
	_, err := conn.Write(fmt.Appendf(nil, "BARE %d", time.Now().UnixNano()))

	return err
}

// tookBare notes how long a datagram of sendBare took; false for any other.
func (r *dialRig) tookBare(data []byte, now time.Time) bool {
	var at int64
	if _, err := fmt.Sscanf(string(data[:min(len(data), 32)]), "BARE %d", &at); err != nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bare = append(r.bare, time.Duration(now.UnixNano()-at))

	return true
}

// run places calls, so many orders at once, and returns the time from the
// decision to the INVITE and that of the whole order.
func (r *dialRig) run(ctx context.Context, callers, calls int) (sent, whole sample, err error) {
	var work sync.WaitGroup
	var mu sync.Mutex
	for range callers {
		work.Go(func() {
			conn, failed := net.Dial("udp", r.trunk.LocalAddr().String()) //nolint:noctx // it is bound at once
			if failed != nil {
				mu.Lock()
				defer mu.Unlock()
				err = cmp.Or(err, failed)

				return
			}
			defer conn.Close()
			for range max(1, calls/callers) {
				unsent := r.sendBare(conn)
				began := time.Now()
				_, failed := r.manager.Place(ctx, call.Order{To: "+15550100123", Purpose: "bench"})
				mu.Lock()
				err = cmp.Or(err, failed, unsent)
				whole = append(whole, time.Since(began))
				mu.Unlock()
				time.Sleep(dialPause * time.Duration(callers))
			}
		})
	}
	work.Wait()
	for range whole {
		select {
		case <-r.arrived:
		case <-time.After(5 * time.Second):
			return nil, nil, errors.Join(err, errors.New("INVITEs are missing"))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()

	return r.sent, whole, err
}

func (r *dialRig) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := errors.Join(r.manager.Stop(ctx), r.ua.Stop(ctx), r.trunk.Close())
	r.served.Wait()
	r.clock.Stop()

	return err
}
