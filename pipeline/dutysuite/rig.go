package dutysuite

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

	"trunkline/media"
	"trunkline/media/line"
	"trunkline/media/player"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
)

const ms = time.Millisecond

// Conversation is one that is held to its duties.
type Conversation interface {
	line.Ear

	Prepare(ctx context.Context) error
	Listen()
	Start()
	Stop()
	Done() <-chan pipeline.Outcome
	Finish(l turn.Line, reason string)
	Resume(l turn.Line)
	Played(e player.Event)
	Lost() uint64
}

// Setup is what a test wants of a conversation.
type Setup struct {
	Config   pipeline.Config
	Lines    *pipeline.Lines
	Player   *player.Player
	Observer pipeline.Observer
	Says     []string // the caller, talkspurt by talkspurt
	Replies  []Reply  // of the model, one after the other; the last one stays
}

// Reply is what the model does when it is asked.
type Reply struct {
	Text   string
	Call   bool // of the tool Pay, after the text
	Silent bool // nothing ever comes
}

// Held is a conversation as Setup wants it, in the bubble of the test.
type Held struct {
	Conversation Conversation
	Told         func() string // all that the model was told in words
	Close        func()        // after the conversation's Stop; nil: there is nothing to close
}

// New makes a conversation.
type New func(t *testing.T, s *Setup) Held

// Texts are the agent's lines.
var Texts = pipeline.Texts{
	Greeting: "Hello, how can I help you?", Idle: []string{"Are you still there?", "Please say something."},
	NotHeard: "Sorry, I did not hear you.", Goodbye: "Thank you and goodbye.", HandOff: "I will put you through.",
	Apology: "Sorry, something went wrong.", Trouble: "Please call again later.", NotReached: "Nobody is there.",
	Filler: []string{"One moment."},
}

// Voice speaks 100 ms a word, and no two texts alike.
type Voice struct{}

// Synthesize implements pipeline.Synthesizer.
func (Voice) Synthesize(_ context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		h := fnv.New32a()
		_, _ = h.Write([]byte(text))
		seed := h.Sum32()
		out := make([]int16, len(strings.Fields(text))*800)
		for i := range out {
			seed = seed*1664525 + 1013904223
			out[i] = 1000 + int16(seed>>16&0xfff)
		}
		yield(pipeline.Speech{Samples: out}, nil)
	}
}

// phone is the caller's end: a leg, and the VAD that knows when it is loud.
type phone struct {
	loud bool
	keys []media.Digit
}

func (p *phone) Read(f *media.Frame) media.Inbound {
	for i := range f {
		f[i] = 8
		if p.loud { // a voice of 200 Hz
			f[i] = int16(12000 - i%40*600)
		}
	}

	return media.Inbound{Kind: media.Received, Arrived: time.Now()}
}

func (*phone) Write(*media.Frame) bool { return true }

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
	n.events, n.actions, n.state = append(n.events, e), append(n.actions, actions), s
}

func (*notes) Words(pipeline.Role, string, bool) {}

func (n *notes) Turn(t pipeline.Turn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.turns = append(n.turns, t)
}

// said is what one side said, turn by turn, as it was heard.
func (n *notes) said(r pipeline.Role) (all []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range n.turns {
		if t.Role == r {
			all = append(all, t.Heard)
		}
	}

	return all
}

// finals are the caller's words as they were understood, talkspurt by talkspurt.
func (n *notes) finals() (all []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.events {
		if e.Kind == turn.Final && e.Text != "" {
			all = append(all, e.Text)
		}
	}

	return all
}

// rig is one call. Its test ticks it: nothing happens but in run.
type rig struct {
	*testing.T
	held   Held
	phone  *phone
	line   *line.Line
	player *player.Player
	notes  *notes
	passed []int // marks of what was heard to its end
}

// inBubble runs a call in virtual time, and replays its log.
func inBubble(t *testing.T, open New, s Setup, test func(r *rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, phone: &phone{}, notes: &notes{state: turn.Idle}}
		r.player = player.New(player.Options{Notify: func(e player.Event) {
			if e.Kind == player.Passed {
				r.passed = append(r.passed, e.Mark)
			}
			r.held.Conversation.Played(e)
		}})
		more := []string{truth}
		for _, p := range s.Config.Preface {
			more = append(more, p.Text)
		}
		if s.Config.Closing != nil {
			more = append(more, s.Config.Closing("").Text)
		}
		var err error
		if s.Lines, err = pipeline.PrepareLines(t.Context(), Voice{}, Texts, more...); err != nil {
			t.Fatal(err)
		}
		s.Player, s.Observer = r.player, r.notes
		r.held = open(t, &s)
		if r.held.Close != nil {
			defer r.held.Close()
		}
		r.line = line.New(line.Config{Leg: r.phone, Player: r.player, VAD: r.phone, Ear: r.held.Conversation})
		conv := r.held.Conversation
		defer conv.Stop()
		if err := conv.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		test(r)
		conv.Stop()
		r.replays(s.Config.Turn)
		if n := conv.Lost(); n > 0 {
			t.Errorf("%d events were lost", n)
		}
	})
}

// replays checks that the call's log, as it is stored, gives the same actions.
func (r *rig) replays(cfg turn.Config) {
	r.Helper()
	b, err := json.Marshal(r.notes.events)
	if err != nil {
		r.Fatal(err)
	}
	var events []turn.Event
	if err := json.Unmarshal(b, &events); err != nil {
		r.Fatal(err)
	}
	want, err := json.Marshal(r.notes.actions)
	if err != nil {
		r.Fatal(err)
	}
	got, err := json.Marshal(turn.Replay(cfg, events))
	if err != nil {
		r.Fatal(err)
	}
	if string(want) != string(got) {
		r.Error("the log replays to other actions")
	}
}

// run lets d pass, tick by tick.
func (r *rig) run(d time.Duration) {
	for range d / media.FrameDuration {
		r.line.Tick(time.Now())
		time.Sleep(media.FrameDuration)
	}
}

// speak is the caller's voice for d.
func (r *rig) speak(d time.Duration) {
	r.phone.loud = true
	r.run(d)
	r.phone.loud = false
}

// press presses keys one after another.
func (r *rig) press(keys string) {
	for i := range keys {
		r.phone.keys = append(r.phone.keys, media.Digit{Key: keys[i]})
		r.run(200 * ms)
	}
}

// until lets time pass until something is so, at most a minute.
func (r *rig) until(what string, so func() bool) {
	r.Helper()
	for range time.Minute / media.FrameDuration {
		if so() {
			return
		}
		r.run(media.FrameDuration)
	}
	r.Fatalf("a minute passed without %s; the agent said %q, the caller %q", what, r.notes.said(pipeline.Agent), r.notes.said(pipeline.Caller))
}

// agentSaid lets time pass until the agent has said something to its end, or
// was cut off in it.
func (r *rig) agentSaid(n int) {
	r.Helper()
	r.until("the agent's turns", func() bool { return len(r.notes.said(pipeline.Agent)) >= n })
}

// speaking lets time pass until the agent is heard.
func (r *rig) speaking() {
	r.Helper()
	r.until("the agent's voice", func() bool {
		r.notes.mu.Lock()
		defer r.notes.mu.Unlock()

		return r.notes.state == turn.Speaking
	})
}

// outcome lets time pass until the conversation wants to end.
func (r *rig) outcome() (out pipeline.Outcome) {
	r.Helper()
	r.until("an end", func() bool {
		select {
		case out = <-r.held.Conversation.Done():
			return true
		default:
			return false
		}
	})

	return out
}

// same fails when two lists differ.
func (r *rig) same(what string, want, got []string) {
	r.Helper()
	if !slices.Equal(want, got) {
		r.Errorf("%s: %q, want %q", what, got, want)
	}
}
