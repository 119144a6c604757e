package pipeline_test

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"trunkline/media"
	"trunkline/media/line"
	"trunkline/media/player"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/turn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ms = time.Millisecond

var texts = pipeline.Texts{
	Greeting:   "Hello, how can I help you?",
	Idle:       []string{"Are you still there?", "Please say something."},
	NotHeard:   "Sorry, I did not hear you.",
	Goodbye:    "Thank you and goodbye.",
	HandOff:    "I will put you through.",
	Busy:       "All lines are busy.",
	Apology:    "Sorry, something went wrong.",
	Trouble:    "Please call again later.",
	CapWarning: "Two minutes are left.",
	CapGoodbye: "Our time is over.",
	Filler:     []string{"One moment.", "Just a bit longer."},

	BudgetGoodbye: "I have to go now, goodbye.",
}

// phone is the caller's end: a leg, and the VAD that knows when it is loud.
type phone struct {
	loud   bool
	lossy  bool          // the frames of speech are concealed
	held   time.Duration // by the jitter buffer
	onHold bool
	keys   []media.Digit
	sent   []media.Frame
	at     []time.Time // of sent
}

func (p *phone) Read(f *media.Frame) media.Inbound {
	level := int16(10)
	if p.loud {
		level = 3000
	}
	for i := range f {
		f[i] = level
		level = -level
	}
	if p.loud && p.lossy {
		return media.Inbound{Kind: media.Concealed}
	}

	return media.Inbound{Kind: media.Received, Arrived: time.Now().Add(-p.held)}
}

func (p *phone) Write(f *media.Frame) bool {
	if p.onHold {
		return false
	}
	p.sent = append(p.sent, *f)
	p.at = append(p.at, time.Now())

	return true
}

func (p *phone) Digit() (media.Digit, bool) {
	if len(p.keys) == 0 {
		return media.Digit{}, false
	}
	d := p.keys[0]
	p.keys = p.keys[1:]

	return d, true
}

func (*phone) Voiced(f *media.Frame) bool { return f[0] > 1000 }
func (*phone) Stats() media.LegStats      { return media.LegStats{} }
func (*phone) Close() error               { return nil }

// notes is an Observer that remembers.
type notes struct {
	mu      sync.Mutex
	events  []turn.Event
	actions [][]turn.Action
	state   turn.State
	turns   []pipeline.Turn
}

func (n *notes) Step(e turn.Event, actions []turn.Action, s turn.State) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e)
	n.actions = append(n.actions, actions)
	n.state = s
}

func (*notes) Words(pipeline.Role, string, bool) {}

func (n *notes) Turn(t pipeline.Turn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.turns = append(n.turns, t)
}

// said is what one side's turns are, in order.
func (n *notes) said(r pipeline.Role) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []string
	for _, t := range n.turns {
		if t.Role == r {
			all = append(all, t.Text)
		}
	}

	return all
}

// told is the turns so far.
func (n *notes) told() []pipeline.Turn {
	n.mu.Lock()
	defer n.mu.Unlock()

	return slices.Clone(n.turns)
}

// log is the events so far.
func (n *notes) log() []turn.Event {
	n.mu.Lock()
	defer n.mu.Unlock()

	return slices.Clone(n.events)
}

func (n *notes) did(kind turn.ActionKind) (all []turn.Action) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, step := range n.actions {
		for _, a := range step {
			if a.Kind == kind {
				all = append(all, a)
			}
		}
	}

	return all
}

func (n *notes) is() turn.State {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.state
}

// options are what a test chooses of a call; zero fields take plain values.
type options struct {
	cfg        pipeline.Config
	says       []string // the caller, talkspurt by talkspurt
	recognizer *declared.Recognizer
	replies    []string // by the caller's turns
	model      pipeline.Model
	voice      *declared.Voice
	ears       pipeline.Recognizer  // in place of recognizer
	chorus     pipeline.Synthesizer // in place of voice
	languages  []pipeline.Language
}

// call is one call. Its test ticks it: nothing happens but in tick and run.
type call struct {
	*testing.T
	phone  *phone
	player *player.Player
	conv   *pipeline.Conversation
	line   *line.Line
	notes  *notes
	turn   turn.Config
	model  *overheard
	passed []int // the marks of what was heard to its end
}

// overheard is a model whose requests the test sees.
type overheard struct {
	pipeline.Model
	mu       sync.Mutex
	requests []pipeline.Request
}

func (o *overheard) Generate(ctx context.Context, r pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.requests = append(o.requests, r)

	return o.Model.Generate(ctx, r)
}

// Warm warms the model, if it can be.
func (o *overheard) Warm(ctx context.Context) error {
	if w, ok := o.Model.(pipeline.Warmer); ok {
		return w.Warm(ctx)
	}

	return nil
}

func (o *overheard) asked() []pipeline.Request {
	o.mu.Lock()
	defer o.mu.Unlock()

	return slices.Clone(o.requests)
}

// history is what the latest reply was made from.
func (o *overheard) history() []pipeline.Message {
	all := o.asked()
	if len(all) == 0 {
		return nil
	}

	return all[len(all)-1].History
}

// speech is a text's audio: 300 ms a word, and no two places alike. No sample
// is zero.
func speech(text string) []int16 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	seed := h.Sum32()
	out := make([]int16, len(strings.Fields(text))*2400)
	for i := range out {
		seed = seed*1664525 + 1013904223
		out[i] = 1000 + int16(seed>>16&0x3fff)
	}

	return out
}

// prepared is a call before the answer.
func prepared(t *testing.T, o options) *call {
	t.Helper()
	if o.recognizer == nil {
		o.recognizer = &declared.Recognizer{}
	}
	r := o.recognizer
	if r.Says == nil {
		r.FirstPartial, r.PartialEvery, r.Final = 160*ms, 100*ms, 100*ms
		r.Says = declared.InTurn(o.says...)
	}
	if o.voice == nil {
		o.voice = &declared.Voice{FirstAudio: 150 * ms, Speed: 4}
	}
	if o.voice.Speech == nil {
		o.voice.Speech = speech
	}
	if o.model == nil {
		o.model = &declared.Model{FirstToken: 300 * ms, TokensPerSecond: 50, Reply: declared.Replies(o.replies...)}
	}
	var more []string
	for _, p := range o.cfg.Preface {
		more = append(more, p.Text)
	}
	if o.cfg.Closing != nil {
		more = append(more, o.cfg.Closing(o.cfg.Language).Text)
	}
	lines, err := pipeline.PrepareLines(t.Context(), &declared.Voice{Speech: speech}, texts, more...)
	if err != nil {
		t.Fatal(err)
	}
	c := &call{T: t, phone: &phone{}, notes: &notes{state: turn.Idle, actions: [][]turn.Action{}}, turn: o.cfg.Turn, model: &overheard{Model: o.model}}
	c.player = player.New(player.Options{Notify: func(e player.Event) {
		if e.Kind == player.Passed {
			c.passed = append(c.passed, e.Mark)
		}
		c.conv.Played(e)
	}})
	with := pipeline.Providers{Recognizer: r, Model: c.model, Synthesizer: o.voice, Lines: lines, Languages: o.languages}
	if o.ears != nil {
		with.Recognizer = o.ears
	}
	if o.chorus != nil {
		with.Synthesizer = o.chorus
	}
	c.conv = pipeline.NewConversation(o.cfg, with, c.player, c.notes)
	c.line = line.New(line.Config{Leg: c.phone, Player: c.player, VAD: c.phone, Ear: c.conv})

	return c
}

// converse runs a conversation in virtual time, from the answer to the end of
// the call, and then replays its log.
func converse(t *testing.T, o options, during func(c *call)) {
	t.Helper()
	t.Parallel()
	converseNow(t, o, during)
}

// converseNow is converse for a test that waits for it.
func converseNow(t *testing.T, o options, during func(c *call)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := prepared(t, o)
		defer c.conv.Stop()
		if err := c.conv.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.conv.Start()
		during(c)
		c.conv.Stop()
		c.replay()
		if n := c.conv.Lost(); n > 0 {
			t.Errorf("%d events were lost", n)
		}
	})
}

// replay checks that the call's log, as it is stored, gives the same actions.
func (c *call) replay() {
	c.Helper()
	b, err := json.Marshal(c.notes.events)
	if err != nil {
		c.Fatal(err)
	}
	var events []turn.Event
	if err := json.Unmarshal(b, &events); err != nil {
		c.Fatal(err)
	}
	if d := cmp.Diff(c.notes.actions, turn.Replay(c.turn, events)); d != "" {
		c.Errorf("the log replays to other actions (-logged +replayed):\n%s", d)
	}
	if !slices.IsSortedFunc(events, func(a, b turn.Event) int { return int(a.At - b.At) }) {
		c.Error("the log's times go back")
	}
}

// run lets d pass, tick by tick.
func (c *call) run(d time.Duration) {
	for range d / media.FrameDuration {
		c.line.Tick(time.Now())
		time.Sleep(media.FrameDuration)
	}
}

// speak is the caller's voice for d.
func (c *call) speak(d time.Duration) {
	c.phone.loud = true
	c.run(d)
	c.phone.loud = false
}

// until lets time pass until something is so, at most a minute.
func (c *call) until(what string, so func() bool) {
	c.Helper()
	for range time.Minute / media.FrameDuration {
		if so() {
			return
		}
		c.run(media.FrameDuration)
	}
	c.Fatalf("a minute passed without %s; state %s, turns %q", what, c.notes.is(), c.notes.said(pipeline.Agent))
}

// state lets time pass until the machine is in a state.
func (c *call) state(s turn.State) {
	c.Helper()
	c.until("state "+string(s), func() bool { return c.notes.is() == s })
}

// heard lets time pass until the agent's nth turn is over.
func (c *call) heard(n int) {
	c.Helper()
	c.until("the agent's turns", func() bool { return len(c.notes.said(pipeline.Agent)) >= n })
}

// audible lets time pass until the caller hears the agent.
func (c *call) audible() {
	c.Helper()
	c.until("sound", func() bool { n := len(c.phone.sent); return n > 0 && !silent(&c.phone.sent[n-1]) })
}

// outcome lets time pass until the conversation wants to end.
func (c *call) outcome() pipeline.Outcome {
	c.Helper()
	var out pipeline.Outcome
	c.until("an end", func() bool {
		select {
		case out = <-c.conv.Done():
			return true
		default:
			return false
		}
	})

	return out
}

func (c *call) lastTurn() pipeline.Turn {
	all := c.notes.told()

	return all[len(all)-1]
}

func silent(f *media.Frame) bool { return *f == media.Frame{} }

// same fails when two values differ.
func (c *call) same(what string, want, got any) {
	c.Helper()
	if d := cmp.Diff(want, got); d != "" {
		c.Errorf("%s (-want +got):\n%s", what, d)
	}
}
