package sim

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/turn"
	"trunkline/softphone/talkspurt"
)

// Trace is what happened in one run. Its times count from the answer.
type Trace struct {
	Steps    []StepTrace   `json:"steps"`
	Voice    []Interval    `json:"agent_voice"` // the agent's talkspurts, as they came to the caller
	Turns    []TurnTrace   `json:"turns"`
	Verdicts []Verdict     `json:"verdicts,omitempty"`
	Cuts     []Cut         `json:"cuts,omitempty"`
	Tools    []ToolTrace   `json:"tools,omitempty"`
	Notes    []Entry       `json:"notes,omitempty"`  // what the caller could not do as written
	End      string        `json:"end"`              // reason
	Target   string        `json:"target,omitempty"` // of a hand-off
	Length   time.Duration `json:"length_ns"`
}

// Interval is a stretch of time.
type Interval struct {
	From time.Duration `json:"from_ns"`
	To   time.Duration `json:"to_ns"`
}

// StepTrace is a step that was begun. Sound is empty for a step without one,
// and ends with the last packet.
type StepTrace struct {
	Began time.Duration `json:"began_ns"`
	Ended time.Duration `json:"ended_ns"`
	Sound Interval      `json:"sound"`
	Heard bool          `json:"heard"` // there was sound
}

// TurnTrace is one side's turn, by the gateway's account.
type TurnTrace struct {
	Role        pipeline.Role `json:"role"`
	Text        string        `json:"text"`
	Heard       string        `json:"heard"`
	Interrupted bool          `json:"interrupted"`
	Began       time.Duration `json:"began_ns"`
	Ended       time.Duration `json:"ended_ns"`
	Latency     time.Duration `json:"latency_ns,omitempty"` // of a reply, by the gateway's ledger
}

// Verdict is how the gateway judged sound over the agent's voice.
type Verdict struct {
	At      time.Duration `json:"at_ns"`
	Verdict string        `json:"verdict"`
	Reasons []string      `json:"reasons,omitempty"`
}

// Cut is an utterance that was cut off, by the caller's own account: what was
// said in full and which of its words reached the caller.
type Cut struct {
	Text    string        `json:"text"`
	Account string        `json:"account"` // what the gateway says was heard
	Words   int           `json:"words"`   // what was heard
	At      time.Duration `json:"at_ns"`
}

// ToolTrace is a tool that was called.
type ToolTrace struct {
	At   time.Duration  `json:"at_ns"`
	Name string         `json:"name"`
	Args map[string]any `json:"args,omitempty"`
}

// Entry is a line of the timeline.
type Entry struct {
	At   time.Duration `json:"at_ns"`
	What string        `json:"what"`
}

// recorder makes a Trace. The conversation's goroutine and the caller's call it.
type recorder struct {
	fillers  []string                  // the agent's
	answered atomic.Pointer[time.Time] // nil: not yet

	mu       sync.Mutex
	trace    Trace
	speaking int // the utterance that is heard
}

// answer notes the answer, from which times count.
func (r *recorder) answer(at time.Time) { r.answered.Store(&at) }

func (r *recorder) since(at time.Time) time.Duration {
	from := r.answered.Load()
	if from == nil || at.IsZero() {
		return 0
	}

	return at.Sub(*from)
}

// Step implements pipeline.Observer.
func (r *recorder) Step(e turn.Event, actions []turn.Action, _ turn.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Kind == turn.AudioStarted {
		r.speaking = e.Utterance
	}
	for _, a := range actions {
		switch a.Kind {
		case turn.Interject: // no turn of its own
			if a.Line == turn.Filler && len(r.fillers) > 0 {
				text, at := r.fillers[a.Stage%len(r.fillers)], r.since(time.Now())
				r.trace.Turns = append(r.trace.Turns, TurnTrace{Role: pipeline.Agent, Text: text, Heard: text, Began: at, Ended: at})
			}
		case turn.Judge:
			r.trace.Verdicts = append(r.trace.Verdicts, Verdict{At: r.since(time.Now()), Verdict: a.Text, Reasons: a.Reasons})
		}
	}
}

// Words implements pipeline.Observer.
func (*recorder) Words(pipeline.Role, string, bool) {}

// Turn implements pipeline.Observer.
func (r *recorder) Turn(t pipeline.Turn) {
	total, _ := t.Ledger.Total()
	r.turn(TurnTrace{
		Role: t.Role, Text: t.Text, Heard: t.Heard, Interrupted: t.Interrupted,
		Began: r.since(t.StartedAt), Ended: r.since(t.EndedAt), Latency: total,
	})
}

func (r *recorder) turn(t TurnTrace) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trace.Turns = append(r.trace.Turns, t)
}

// utterance is the one that is heard now; 0: none was yet.
func (r *recorder) utterance() int {
	r.mu.Lock()
	defer r.mu.Unlock()

	return r.speaking
}

func (r *recorder) notef(at time.Duration, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trace.Notes = append(r.trace.Notes, Entry{At: at, What: fmt.Sprintf(format, args...)})
}

// finish gives the whole trace. Nobody may record any more.
func (r *recorder) finish(steps []StepTrace, voice []talkspurt.Spurt, end, target string) *Trace {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &r.trace
	t.Steps, t.End, t.Target, t.Length = steps, end, target, r.since(time.Now())
	for _, s := range voice {
		t.Voice = append(t.Voice, Interval{From: r.since(s.First), To: r.since(s.Last)})
	}
	slices.SortStableFunc(t.Turns, func(a, b TurnTrace) int { return int(a.Began - b.Began) })

	return t
}

// Timeline is the run in the order of time, a line for each thing that
// happened.
func (t *Trace) Timeline(s *Scenario) []Entry {
	var all []Entry
	add := func(at time.Duration, format string, args ...any) {
		all = append(all, Entry{At: at, What: fmt.Sprintf(format, args...)})
	}
	for i, st := range t.Steps {
		add(st.Began, "◀ step %d: %s", i+1, s.Steps[i].what())
	}
	for _, u := range t.Turns {
		switch {
		case u.Role == pipeline.Caller:
			add(u.Began, "  the agent took: %q", u.Text)
		case u.Interrupted:
			add(u.Began, "▶ agent: %q, heard until %q", u.Text, u.Heard)
		default:
			add(u.Began, "▶ agent: %q", u.Text)
		}
	}
	for _, v := range t.Voice {
		add(v.To, "  the agent is silent")
	}
	for _, v := range t.Verdicts {
		add(v.At, "  judged %s: %v", v.Verdict, v.Reasons)
	}
	for _, c := range t.Tools {
		add(c.At, "  tool %s %v", c.Name, c.Args)
	}
	for _, n := range t.Notes {
		add(n.At, "! %s", n.What)
	}
	slices.SortStableFunc(all, func(a, b Entry) int { return int(a.At - b.At) })
	add(t.Length, "the end: %s", t.End)

	return all
}
