package call

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"trunkline/media"
	"trunkline/media/clock"
	"trunkline/media/g711"
	"trunkline/media/record"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/turn"
	"trunkline/route"
	"trunkline/storage"
	"trunkline/testdata"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var texts = pipeline.Texts{
	Greeting:   "Hello, how can I help you?",
	Idle:       []string{"Are you still there?", "Please say something."},
	Goodbye:    "Thank you and goodbye.",
	Busy:       "All lines are busy.",
	Apology:    "Sorry, something went wrong.",
	Filler:     []string{"One moment."},
	NotReached: "Nobody is there. What else can I do?",
	Message:    "Please call us back at your convenience.",
	CapWarning: "Two minutes are left.",
	CapGoodbye: "Our time is over.",
}

// options are what a test chooses; zero fields take plain values.
type options struct {
	doors      func(caller, person *fakeDoor) // changes those of a transfer
	limits     Limits
	turn       turn.Config
	recogniser pipeline.Recognizer
	model      pipeline.Model
	voice      pipeline.Synthesizer
	recordings string
	watch      Watcher
	budget     pipeline.Money
}

// rig is a Manager with one door, whose caller the test plays.
type rig struct {
	*testing.T
	manager  *Manager
	clock    *clock.Clock
	journal  *fakeJournal
	registry *prometheus.Registry
	gate     *fakeGate
	door     *fakeDoor
	leg      *fakeLeg
	log      *logged
	over     chan struct{} // closed when the call's life is over

	recordings *folder // nil: calls are not recorded
}

// routes have all calls answered by the reception, and leave by the carrier.
func routes(t *testing.T) *route.Table {
	t.Helper()
	table, err := route.New(route.Config{
		Home: "US", Countries: []string{"US"}, Allow: []string{"+1555010"},
		Trunks: map[string]string{"carrier": "reception"},
		Outbound: []route.Outbound{
			{Name: "all", Door: "sip", Trunk: "carrier", CallerIDs: []string{"+15550100999"}, Agent: "reception"},
			{Name: "other", Prefixes: []string{"+1212"}, Door: "twilio", Trunk: "us", CallerIDs: []string{"+15550100999"}, Agent: "reception"},
		},
		Refers: []route.Refer{
			{Name: "boss", Trunk: "carrier", Users: []string{"20*", "+15550100555"}, Ring: 20 * time.Second},
			{Name: "archive", Trunk: "carrier", Users: []string{"3000"}, Ring: 20 * time.Second, Record: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}

	return table
}

// inBubble runs a test in virtual time. It is parallel to the others.
func inBubble(t *testing.T, o options, test func(r *rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, o)
		defer r.clock.Stop()
		test(r)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := r.manager.Stop(ctx); err != nil {
			t.Error(err)
		}
		if n := r.clock.Stats().Tickers; n != 0 {
			t.Errorf("%d lines are still on the clock", n)
		}
	})
}

func newRig(t *testing.T, o options) *rig {
	t.Helper()
	l := o.limits
	if l.Cap == 0 {
		l.Cap, l.WarnBefore = 10*time.Minute, time.Minute
	}
	if l.NoMedia == 0 {
		l.NoMedia = 30 * time.Second
	}
	if l.MaxCalls == 0 {
		l.MaxCalls = 10
	}
	if o.recogniser == nil {
		o.recogniser = &declared.Recognizer{Final: 100 * time.Millisecond}
	}
	if o.model == nil {
		o.model = &declared.Model{FirstToken: 200 * time.Millisecond, TokensPerSecond: 50}
	}
	if o.voice == nil {
		o.voice = &declared.Voice{FirstAudio: 100 * time.Millisecond, Speed: 4}
	}
	lines, err := pipeline.PrepareLines(t.Context(), &declared.Voice{}, texts)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		T: t, journal: &fakeJournal{}, registry: prometheus.NewRegistry(),
		clock: clock.New(clock.Options{Shards: 1}), log: &logged{},
	}
	metrics, err := NewMetrics(r.registry)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.clock.Start(); err != nil {
		t.Fatal(err)
	}
	r.gate = &fakeGate{journal: r.journal}
	var recordings Recordings
	if o.recordings != "" {
		r.recordings = &folder{dir: o.recordings}
		recordings = r.recordings
	}
	agent := &Agent{
		Name:         "reception",
		Conversation: pipeline.Config{Turn: o.turn, Budget: o.budget},
		Providers:    pipeline.Providers{Recognizer: o.recogniser, Model: o.model, Synthesizer: o.voice, Lines: lines},
	}
	r.manager, err = NewManager(Config{
		Agents: map[string]*Agent{"reception": agent}, Routes: routes(t), Gate: r.gate,
		Limits: l, Clock: r.clock, Journal: r.journal, Metrics: metrics,
		Log: slog.New(slog.NewTextHandler(r.log, nil)), Recordings: recordings, Watch: o.watch,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.leg = &fakeLeg{}
	r.door = newFakeDoor(r.leg)

	return r
}

// providers are those of the agent; a test may change them before it offers a
// call.
func (r *rig) providers() *pipeline.Providers { return &r.manager.cfg.Agents["reception"].Providers }

// offer has a call come in.
func (r *rig) offer() {
	r.over = r.offerAt(r.door)
}

func (r *rig) offerAt(d offer) (over chan struct{}) {
	over = make(chan struct{})
	go func() {
		defer close(over)
		r.manager.take(d, storage.Call{
			Direction: storage.Inbound, Door: storage.DoorSIP, Trunk: "carrier",
			From: "+15550100123", To: "+15550100999", DoorCallID: "a@b",
		})
	}()

	return over
}

// talk offers a call and waits until it is answered.
func (r *rig) talk() {
	r.Helper()
	r.offer()
	r.until("an answer", func() bool { return r.leg.stats().PacketsOut > 0 })
}

// until lets time pass until something is so, at most an hour.
func (r *rig) until(what string, so func() bool) {
	r.Helper()
	for range time.Hour / media.FrameDuration {
		if so() {
			return
		}
		time.Sleep(media.FrameDuration)
	}
	r.Fatalf("an hour passed without %s\n%s", what, r.log)
}

// agentTurns lets time pass until the agent's nth turn is over.
func (r *rig) agentTurns(n int) {
	r.Helper()
	r.until("the agent's turns", func() bool { return len(r.journal.said(storage.Agent)) >= n })
}

// end waits until the call's life is over and returns its record.
func (r *rig) end() storage.Call {
	r.Helper()
	<-r.over
	r.same("state of the record", storage.Ended, r.journal.last().State)

	return r.journal.last()
}

// same fails when two values differ.
func (r *rig) same(what string, want, got any) {
	r.Helper()
	if d := cmp.Diff(want, got); d != "" {
		r.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// ended checks why and by whom a call ended.
func (r *rig) ended(c storage.Call, reason Reason, fault storage.Fault) {
	r.Helper()
	r.same("end", []string{string(reason), string(fault)}, []string{c.EndReason, string(c.Fault)})
}

// replays checks that the recorded events give the recorded actions.
func (r *rig) replays(cfg turn.Config) {
	r.Helper()
	var events []turn.Event
	var actions [][]turn.Action
	for i, e := range r.journal.events() {
		if e.Seq != i {
			r.Errorf("event %d has number %d", i, e.Seq)
		}
		var step StepData
		if err := json.Unmarshal(e.Data, &step); err != nil {
			r.Fatal(err)
		}
		events, actions = append(events, step.Event), append(actions, step.Actions)
	}
	if len(events) == 0 {
		r.Fatal("no events were recorded")
	}
	r.same("actions, recorded and replayed", actions, turn.Replay(cfg, events))
}

// fakeDoor is a call whose far end the test is. Its hooks come before what it
// does, and may hang.
type fakeDoor struct {
	leg                        media.Leg
	onRing, onAnswer, onHangup func(ctx context.Context) error
	onRefuse                   func() error
	unconfirmed                bool // the far end never confirms a hang-up
	mu                         sync.Mutex
	log                        []string
	done                       chan struct{}
	cause                      Reason
	held                       bool
	holds                      chan struct{}
	codec                      *g711.Codec // nil: none is agreed
	recodes                    bool
}

// Codec implements coder.
func (d *fakeDoor) Codec() (g711.Codec, bool) {
	if d.codec == nil {
		return 0, false
	}

	return *d.codec, true
}

// Recodes implements coder.
func (d *fakeDoor) Recodes() bool { return d.recodes }

// Recode implements coder.
func (d *fakeDoor) Recode(_ context.Context, codec g711.Codec) error {
	d.note("recode " + codec.String())

	return nil
}

func newFakeDoor(l media.Leg) *fakeDoor {
	return &fakeDoor{leg: l, done: make(chan struct{}), holds: make(chan struct{}, 1)}
}

func (d *fakeDoor) note(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log = append(d.log, what)
}

// did is what was asked of the door, in order.
func (d *fakeDoor) did() []string {
	d.mu.Lock()
	defer d.mu.Unlock()

	return slices.Clone(d.log)
}

// end ends the call at the door, once.
func (d *fakeDoor) end(cause Reason) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cause != "" {
		return
	}
	d.cause = cause
	_ = d.leg.Close()
	close(d.done)
}

func (d *fakeDoor) hold(on bool) {
	d.mu.Lock()
	d.held = on
	d.mu.Unlock()
	d.holds <- struct{}{}
}

func hook(ctx context.Context, f func(context.Context) error) error {
	if f == nil {
		return nil
	}

	return f(ctx)
}

func (d *fakeDoor) Ring() error {
	d.note("ring")

	return hook(context.Background(), d.onRing)
}

func (d *fakeDoor) Answer(ctx context.Context, id string) (media.Leg, error) {
	d.note("answer")
	if id == "" {
		return nil, context.Canceled
	}

	return d.leg, hook(ctx, d.onAnswer)
}

func (d *fakeDoor) Refuse(r Reason) error {
	d.note("refuse " + string(r))
	if d.onRefuse != nil {
		return d.onRefuse()
	}
	d.end(SignallingFailed)

	return nil
}

func (d *fakeDoor) Hangup(ctx context.Context, r Reason) error {
	d.note("hang up " + string(r))
	if err := hook(ctx, d.onHangup); err != nil {
		return err
	}
	d.end(SignallingFailed)
	if d.unconfirmed {
		<-ctx.Done()

		return ctx.Err()
	}

	return nil
}

func (d *fakeDoor) Done() <-chan struct{} { return d.done }

func (d *fakeDoor) Cause() Reason {
	d.mu.Lock()
	defer d.mu.Unlock()

	return d.cause
}

func (d *fakeDoor) OnHold() bool {
	d.mu.Lock()
	defer d.mu.Unlock()

	return d.held
}

func (d *fakeDoor) HoldChanged() <-chan struct{} { return d.holds }

// fakeLeg is the caller's telephone: it plays what the test says, and quiet
// packets else.
type fakeLeg struct {
	mu     sync.Mutex
	clip   []int16
	keys   []media.Digit
	dead   bool // sends nothing
	closed int
	st     media.LegStats
	loud   []time.Time // when the agent was heard
}

func (l *fakeLeg) Read(f *media.Frame) media.Inbound {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(f[:])
	if l.dead || l.closed > 0 {
		return media.Inbound{}
	}
	l.clip = l.clip[copy(f[:], l.clip):]
	l.st.PacketsIn++
	l.st.LastPacket = time.Now()

	return media.Inbound{Kind: media.Received, Arrived: l.st.LastPacket}
}

func (l *fakeLeg) Write(f *media.Frame) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed > 0 {
		return false
	}
	l.st.PacketsOut++
	if *f != (media.Frame{}) {
		l.loud = append(l.loud, time.Now())
	}

	return true
}

func (l *fakeLeg) Digit() (d media.Digit, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.keys) > 0 {
		d, ok, l.keys = l.keys[0], true, l.keys[1:]
	}

	return d, ok
}

func (l *fakeLeg) Stats() media.LegStats {
	st := l.stats()
	st.Codec, st.Local, st.Remote = "PCMU", "127.0.0.1:16384", "127.0.0.1:4000"
	st.MOSIn, st.MOSOut, st.RTT = 4.38, 4.1, 30*time.Millisecond

	return st
}

func (l *fakeLeg) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed++

	return nil
}

func (l *fakeLeg) stats() media.LegStats {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.st
}

// say has the caller speak from now on.
func (l *fakeLeg) say(samples []int16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clip = append(l.clip, samples...)
}

func (l *fakeLeg) die(dead bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = dead
}

func (l *fakeLeg) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.closed > 0
}

// audible is when the agent was heard last.
func (l *fakeLeg) audible() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.loud) == 0 {
		return time.Time{}
	}

	return l.loud[len(l.loud)-1]
}

// yes is a caller's recorded "yes please".
var yes = sync.OnceValue(func() []int16 { return recorded("yes-please") })

func recorded(name string) []int16 {
	f, err := testdata.Files.Open("audio/" + name + ".wav")
	if err != nil {
		return nil
	}
	defer f.Close()
	a, err := record.DecodeWAV(f)
	if err != nil {
		return nil
	}

	return a.Samples[0]
}

// fakeJournal remembers the rows in their order.
type fakeJournal struct {
	mu   sync.Mutex
	rows []any // storage.Call, storage.Turn, storage.Event
	kind []string
}

func (j *fakeJournal) add(kind string, row any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rows, j.kind = append(j.rows, row), append(j.kind, kind)
}

func (j *fakeJournal) Begin(c storage.Call)  { j.add("begin", c) }
func (j *fakeJournal) Update(c storage.Call) { j.add("update "+string(c.State), c) }
func (j *fakeJournal) Turn(t storage.Turn)   { j.add("turn", t) }
func (j *fakeJournal) Event(e storage.Event) { j.add("event", e) }

// order is the kinds of rows, equal neighbours as one.
func (j *fakeJournal) order() []string {
	j.mu.Lock()
	defer j.mu.Unlock()

	return slices.Compact(slices.Clone(j.kind))
}

func rowsOf[T any](j *fakeJournal) (all []T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range j.rows {
		if row, ok := r.(T); ok {
			all = append(all, row)
		}
	}

	return all
}

func (j *fakeJournal) last() storage.Call {
	all := rowsOf[storage.Call](j)
	if len(all) == 0 {
		return storage.Call{}
	}

	return all[len(all)-1]
}

func (j *fakeJournal) events() []storage.Event { return rowsOf[storage.Event](j) }
func (j *fakeJournal) turns() []storage.Turn   { return rowsOf[storage.Turn](j) }

func (j *fakeJournal) said(r storage.Role) (all []string) {
	for _, t := range j.turns() {
		if t.Role == r {
			all = append(all, string(t.Text))
		}
	}

	return all
}

// logged is the log as text.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.b.String()
}

// slowToOpen is a recogniser that lets the phone ring.
type slowToOpen struct {
	pipeline.Recognizer
	wait time.Duration
}

func (s slowToOpen) Open(ctx context.Context) (pipeline.Recognition, error) {
	time.Sleep(s.wait)

	return s.Recognizer.Open(ctx)
}

// folder is a directory of recordings.
type folder struct {
	dir     string
	mu      sync.Mutex
	silence []record.Stretch
	destroy string
	suspect []media.Samples // all that was told
}

func (f *folder) Begin(id uuid.UUID) (*record.Recorder, string, error) {
	path := filepath.Join(f.dir, id.String()+".wav")
	r, err := record.Create(path, record.Options{})

	return r, path, err
}

func (f *folder) Finish(r *record.Recorder) error { return r.Close() }

func (f *folder) Silence(_ *record.Recorder, stretches ...record.Stretch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.silence = append(f.silence, stretches...)

	return nil
}

func (f *folder) Suspect(_ *record.Recorder, from media.Samples) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.suspect = append(f.suspect, from)

	return nil
}

func (f *folder) Destroy(_ *record.Recorder, why string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.destroy = why

	return nil
}
