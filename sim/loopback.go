package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"trunkline/call"
	"trunkline/media/clock"
	"trunkline/media/rtp"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
	"trunkline/route"
	"trunkline/sip"
	"trunkline/storage"
)

// RTP ports of sip mode, below the kernel's own choice for other sockets.
const lowPort, topPort = 28000, 32767

// spokenWord is the time in which an agent says a word, about: over SIP the
// caller hears no words, only how long the agent has been speaking.
const spokenWord = 320 * time.Millisecond

// stopBound is how long a gateway or a caller may take to be quiet.
const stopBound = 10 * time.Second

// Loopback is a Gateway in this process: each run gets a SIP door and a call
// manager of its own on loopback, as its agent is its own. Calls are real, but
// no record of them is kept.
type Loopback struct {
	phone
}

// phone is what the callers of sip mode share.
type phone struct {
	address netip.Addr
	pool    *rtp.Pool
	clock   *clock.Clock
}

// NewLoopback makes a Loopback. Stop must be called in the end.
func NewLoopback() (*Loopback, error) {
	l := &Loopback{}
	if err := l.start(netip.AddrFrom4([4]byte{127, 0, 0, 1})); err != nil {
		return nil, err
	}

	return l, nil
}

func (p *phone) start(address netip.Addr) error {
	pool, err := rtp.NewPool(address, lowPort, topPort)
	if err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	p.address, p.pool, p.clock = address, pool, clock.New(clock.Options{})

	return p.clock.Start()
}

// Stop releases everything. No call may run.
func (p *phone) Stop() { p.clock.Stop() }

// door is the gateway of one run.
type door struct {
	ua    *sip.UA
	calls *call.Manager
	clock *clock.Clock
}

// call implements Gateway.
func (l *Loopback) call(ctx context.Context, r *run) (_ *Trace, err error) {
	w := &watch{recorder: &recorder{fillers: r.agent.Texts.Filler}, ended: make(chan struct{})}
	d, err := l.open(r, w)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	h := r.handset(w.recorder, w.heard)
	w.sounding = h.sound
	target := fmt.Sprintf("sip:sim@%s", d.ua.Addr("udp"))
	if err := l.dial(ctx, target, r, h); err != nil {
		return nil, err
	}
	select {
	case <-w.ended:
	case <-time.After(stopBound):
		return nil, errors.New("the gateway did not end the call")
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	end, target := w.outcome()

	t := w.finish(h.steps, h.voice, end, target)
	t.Tools = r.tools.traces(w.since)

	return t, nil
}

// open starts the run's gateway.
func (l *Loopback) open(r *run, w *watch) (*door, error) {
	metrics, err := call.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	d := &door{clock: clock.New(clock.Options{Shards: 1})}
	routes, err := route.New(route.Config{Trunks: map[string]string{trunkName: r.agent.Name}})
	if err != nil {
		return nil, err
	}
	d.calls, err = call.NewManager(call.Config{
		Agents: map[string]*call.Agent{r.agent.Name: {
			Name: r.agent.Name, Conversation: r.agent.Conversation, Providers: r.agent.Providers, Converse: r.converse(),
		}},
		Routes: routes,
		Limits: call.Limits{
			Cap: cmp.Or(r.agent.Cap, longest), WarnBefore: r.agent.WarnBefore, NoMedia: 10 * time.Second, MaxCalls: 1,
		},
		Clock: d.clock, Journal: noJournal{}, Metrics: metrics, Log: slog.New(slog.DiscardHandler), Watch: w.live, Played: true,
	})
	if err != nil {
		return nil, err
	}
	d.ua, err = sip.New(sip.Config{
		Listen: []sip.Listen{{Network: "udp", Addr: netip.AddrPortFrom(l.address, 0).String()}},
		Trunks: []sip.Trunk{{Name: trunkName, Sources: []netip.Prefix{netip.PrefixFrom(l.address, l.address.BitLen())}}},
		Media:  sip.RTP(l.pool, rtp.Options{}),
	}, d.calls)
	if err != nil {
		return nil, err
	}
	if err := d.clock.Start(); err != nil {
		return nil, err
	}
	if err := d.ua.Start(); err != nil {
		d.clock.Stop()

		return nil, err
	}

	return d, nil
}

// trunkName is the only trunk of a run's gateway.
const trunkName = "sim"

func (d *door) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopBound)
	defer cancel()
	err := errors.Join(d.calls.Stop(ctx), d.ua.Stop(ctx))
	d.clock.Stop()

	return err
}

// noJournal keeps no records.
type noJournal struct{}

func (noJournal) Begin(storage.Call)  {}
func (noJournal) Update(storage.Call) {}
func (noJournal) Turn(storage.Turn)   {}
func (noJournal) Event(storage.Event) {}

// watch takes what the gateway tells of the call to the recorder.
type watch struct {
	*recorder

	sounding func() time.Duration // how much of the agent was heard so far
	ended    chan struct{}

	mu     sync.Mutex
	text   string        // of the agent's utterance
	before time.Duration // how much of the agent was heard before it
	end    string
	target string
}

// live implements call.Watcher.
func (w *watch) live(l call.Live) {
	switch l.Kind {
	case call.LiveStep:
		w.Step(l.Event, l.Actions, "")
		w.step(l)
	case call.LiveWords:
		if l.Role == pipeline.Agent && !l.Final {
			w.mu.Lock()
			w.text = l.Text
			w.mu.Unlock()
		}
	case call.LiveTurn:
		w.turn(TurnTrace{
			Role: pipeline.Role(l.Turn.Role), Text: string(l.Turn.Text), Heard: string(l.Turn.HeardText),
			Interrupted: l.Turn.Interrupted, Began: w.since(l.Turn.StartedAt), Ended: w.since(l.Turn.EndedAt),
			Latency: l.Turn.Latency.Total,
		})
	case call.LiveEnded:
		w.mu.Lock()
		w.end = l.Ended.EndReason
		w.mu.Unlock()
		close(w.ended)
	}
}

func (w *watch) step(l call.Live) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch l.Event.Kind {
	case turn.AudioStarted:
		w.before = w.sounding()
	case turn.ReplyDone:
		w.target = l.Event.Args["target"]
	}
}

// heard estimates which words of the agent's utterance have come.
func (w *watch) heard() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	words := strings.Fields(w.text)
	n := int((w.sounding() - w.before) / spokenWord)

	return strings.Join(words[:min(max(n, 0), len(words))], " ")
}

func (w *watch) outcome() (end, target string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end == turn.EndHandOff {
		target = w.target
	}

	return w.end, target
}
