package pipelinetest

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"trunkline/media"
	"trunkline/media/line"
	"trunkline/media/player"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
)

// Conversation is what holds a Call.
type Conversation interface {
	line.Ear

	Stop()
	Done() <-chan pipeline.Outcome
	Played(e player.Event)
	Lost() uint64
}

// Call is one call. Its test ticks it: nothing happens but in Run, and in what
// lets time pass by it.
type Call struct {
	*testing.T

	Phone  *Phone
	Player *player.Player
	Notes  *Notes
	Passed []int // the marks of what was heard to its end

	conv Conversation
	line *line.Line
}

// New makes a call that has no conversation yet.
func New(t *testing.T) *Call {
	t.Helper()
	c := &Call{T: t, Phone: &Phone{}, Notes: &Notes{state: turn.Idle}}
	c.Player = player.New(player.Options{Notify: func(e player.Event) {
		if e.Kind == player.Passed {
			c.Passed = append(c.Passed, e.Mark)
		}
		c.conv.Played(e)
	}})

	return c
}

// Connect gives the call its conversation, which was made with its Player and
// its Notes.
func (c *Call) Connect(conv Conversation) {
	c.conv = conv
	c.line = line.New(line.Config{Leg: c.Phone, Player: c.Player, VAD: c.Phone, Ear: conv})
}

// End stops the conversation, and checks that it lost nothing and that its log,
// as it is stored, replays to the same actions.
func (c *Call) End(cfg turn.Config) {
	c.Helper()
	c.conv.Stop()
	if n := c.conv.Lost(); n > 0 {
		c.Errorf("%d events were lost", n)
	}
	b, err := json.Marshal(c.Notes.events)
	if err != nil {
		c.Fatal(err)
	}
	var events []turn.Event
	if err := json.Unmarshal(b, &events); err != nil {
		c.Fatal(err)
	}
	if d := cmp.Diff(c.Notes.actions, turn.Replay(cfg, events), cmpopts.EquateEmpty()); d != "" {
		c.Errorf("the log replays to other actions (-logged +replayed):\n%s", d)
	}
	if !slices.IsSortedFunc(events, func(a, b turn.Event) int { return int(a.At - b.At) }) {
		c.Error("the log's times go back")
	}
}

// Run lets d pass, tick by tick.
func (c *Call) Run(d time.Duration) {
	for range d / media.FrameDuration {
		c.line.Tick(time.Now())
		time.Sleep(media.FrameDuration)
	}
}

// Speak is the caller's voice for d.
func (c *Call) Speak(d time.Duration) {
	c.Phone.Loud = true
	c.Run(d)
	c.Phone.Loud = false
}

// Press presses keys, one every 200 ms.
func (c *Call) Press(keys string) {
	for i := range keys {
		c.Phone.Keys = append(c.Phone.Keys, media.Digit{Key: keys[i]})
		c.Run(200 * time.Millisecond)
	}
}

// Until lets time pass until something is so, at most a minute.
func (c *Call) Until(what string, so func() bool) {
	c.Helper()
	for range time.Minute / media.FrameDuration {
		if so() {
			return
		}
		c.Run(media.FrameDuration)
	}
	c.Fatalf("a minute passed without %s; state %s, the agent said %q, the caller %q",
		what, c.Notes.State(), c.Notes.Said(pipeline.Agent), c.Notes.Said(pipeline.Caller))
}

// Await lets time pass until the machine is in a state.
func (c *Call) Await(s turn.State) {
	c.Helper()
	c.Until("state "+string(s), func() bool { return c.Notes.State() == s })
}

// AgentSaid lets time pass until n turns of the agent are over.
func (c *Call) AgentSaid(n int) {
	c.Helper()
	c.Until("the agent's turns", func() bool { return len(c.Notes.Said(pipeline.Agent)) >= n })
}

// Outcome lets time pass until the conversation wants to end.
func (c *Call) Outcome() (out pipeline.Outcome) {
	c.Helper()
	c.Until("an end", func() bool {
		select {
		case out = <-c.conv.Done():
			return true
		default:
			return false
		}
	})

	return out
}

// Same fails when two values differ.
func (c *Call) Same(what string, want, got any) {
	c.Helper()
	if d := cmp.Diff(want, got); d != "" {
		c.Errorf("%s (-want +got):\n%s", what, d)
	}
}
