package call

import (
	"encoding/json"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/media/tone"
	"trunkline/pipeline"
	"trunkline/pipeline/ledger"
	"trunkline/pipeline/turn"
	"trunkline/privacy"
	"trunkline/storage"
)

// Live is something that happens in a call now, for whoever watches.
type Live struct {
	Call uuid.UUID
	At   time.Time
	Kind LiveKind

	Role    pipeline.Role // of LiveWords
	Text    string        // of LiveWords: the whole of what this side says, as far as it is known
	Final   bool          // of LiveWords: it stands
	Turn    *storage.Turn // of LiveTurn
	Event   turn.Event    // of LiveStep, with what followed
	Actions []turn.Action
	Ended   *storage.Call // of LiveEnded
}

// LiveKind says what a Live tells.
type LiveKind uint8

// The kinds of a Live.
const (
	LiveAnswered LiveKind = iota + 1
	LiveWords
	LiveTurn
	LiveStep
	LiveEnded
)

// A Watcher is told what happens in all calls. It is called by the calls'
// goroutines and must not wait.
type Watcher func(Live)

// StepData is the data of a recorded event: the turn machine's event, and what
// followed. The events of a call replay to the same actions.
type StepData struct {
	Event   turn.Event    `json:"event"`
	Actions []turn.Action `json:"actions,omitempty"`
	State   turn.State    `json:"state"`
	Opening *Proof        `json:"opening,omitempty"` // of an event "opening"
}

// toneHeard is the kind of a recorded event that is not the turn machine's: a
// machine's tone in the caller's audio, its name in Text. The turn machine
// does nothing with it.
const toneHeard turn.EventKind = "tone"

// notes takes what happens in a conversation to the records, the metrics, the
// trace and whoever watches. It implements pipeline.Observer.
type notes struct {
	cfg     *Config
	trace   Trace // nil: none
	call    uuid.UUID
	offered time.Time

	keep       keeper
	wishes     *wishes       // nil: nobody keeps them
	understood func(string)  // told of the callee's words; nil: nobody asks
	lead       time.Duration // from the offer to the answer, known from the conversation's first event on

	said     atomic.Value        // the caller's last turn, a string
	recorded atomic.Bool         // the caller can be heard in a recording
	tap      atomic.Pointer[tap] // of the recording; nil: there is none

	cards     func([]record.Stretch) // told where card numbers were said; nil: nobody asks
	mayHold   func(media.Samples)    // told where one may have begun
	suspected media.Samples          // that it was told last

	mu         sync.Mutex // orders the conversation's events and the call's
	seq        int
	signallers []signaller // of the call, in the order in which they joined it
}

func newNotes(cfg *Config, rec storage.Call) *notes {
	n := &notes{cfg: cfg, call: rec.ID, offered: rec.StartedAt, suspected: -1}
	n.keep.position, n.keep.onsets, n.keep.suspect = n.position, map[int]media.Samples{}, -1
	if cfg.Trace != nil {
		n.trace = cfg.Trace(rec)
	}

	return n
}

// Step implements pipeline.Observer.
func (n *notes) Step(e turn.Event, actions []turn.Action, state turn.State) {
	n.keep.listen(e)
	d := StepData{Event: e, Actions: actions, State: state}
	// Both by what is known of a number before this event may settle it, and
	// only for who is there: it looks through all that was said of the number.
	var seen, traced StepData
	if n.cfg.Watch != nil {
		seen = step(d, n.seen)
	}
	if n.trace != nil {
		traced = step(d, n.keep.traced)
	}
	if n.keep.off.Load() {
		d = step(d, n.keep.shown)
	}
	n.mu.Lock()
	if n.lead == 0 { // events count from the answer, the record from the offer
		n.lead = time.Since(n.offered) - e.At
	}
	open := n.keep.open()
	n.keep.waiting = open > 0
	if open > mostShown && n.keep.suspect < 0 {
		n.keep.suspect = n.keep.first()
	}
	n.event(n.lead+e.At, d)
	n.mu.Unlock()
	if over(actions) {
		n.settle(false)
	}
	n.heldCards()
	if n.trace != nil {
		n.trace.Step(n.offered.Add(n.lead+e.At), traced.Event, traced.Actions)
	}
	if n.understood != nil && (e.Kind == turn.Partial || e.Kind == turn.Final) {
		n.understood(e.Text)
	}
	if n.wishes != nil {
		n.wishes.step(e)
	}
	n.cfg.Metrics.step(e, actions)
	n.live(Live{Kind: LiveStep, Event: seen.Event, Actions: seen.Actions})
}

// tone notes a machine's tone.
func (n *notes) tone(e tone.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.event(time.Since(n.offered), StepData{Event: turn.Event{Kind: toneHeard, Text: e.Kind.String()}})
}

// How far a call that we place has come, as kinds of recorded events that are
// not the turn machine's. Reason tells the SIP status where there is one.
var progressKinds = [...]turn.EventKind{Sent: "call_sent", Ringing: "call_ringing", EarlyMedia: "early_media"}

// callee notes what became known of a callee.
func (n *notes) callee(at time.Time, e turn.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.event(at.Sub(n.offered), StepData{Event: e})
}

// progress notes how far a call that we place has come.
func (n *notes) progress(p Progress) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := turn.Event{Kind: progressKinds[p.Kind]}
	if p.Status != 0 {
		e.Reason = strconv.Itoa(p.Status)
	}
	n.event(time.Since(n.offered), StepData{Event: e})
}

// event records an event; n.mu is held.
func (n *notes) event(at time.Duration, d StepData) { n.row(heldRow{at: at, data: &d}) }

// row records a row once its words may be kept; n.mu is held.
func (n *notes) row(h heldRow) {
	k := &n.keep
	if len(k.held) > 0 && h.data != nil && h.at-k.since > longestHeld && len(k.turn) == 0 {
		for _, old := range k.release() {
			n.put(old)
		}
	}
	if len(k.held) > 0 || k.waiting {
		if len(k.held) == 0 {
			k.since = h.at
		}
		k.held = append(k.held, h)

		return
	}
	if !n.keep.off.Load() {
		n.keep.redact(&h, false)
	}
	n.put(h)
}

// settle records the rows that waited for the end of a number.
func (n *notes) settle(end bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, h := range n.keep.settle(end) {
		n.put(h)
	}
}

// put records a row; n.mu is held.
func (n *notes) put(h heldRow) {
	if h.turn != nil {
		n.cfg.Journal.Turn(*h.turn)

		return
	}
	data, err := json.Marshal(h.data)
	if err != nil {
		return // plain structs marshal
	}
	n.cfg.Journal.Event(storage.Event{CallID: n.call, Seq: n.seq, At: h.at, Kind: string(h.data.Event.Kind), Data: data})
	n.seq++
}

// Words implements pipeline.Observer.
func (n *notes) Words(role pipeline.Role, text string, final bool) {
	if n.cfg.Watch != nil {
		n.live(Live{Kind: LiveWords, Role: role, Text: n.seen(role, text), Final: final})
	}
}

// Turn implements pipeline.Observer.
func (n *notes) Turn(t pipeline.Turn) {
	if t.Role == pipeline.Agent {
		n.mu.Lock()
		n.keep.answered(t.Text, n.positionAt(t.StartedAt))
		n.mu.Unlock()
		n.heldCards()
	}
	if t.Role == pipeline.Caller {
		n.said.Store(n.keep.shown(t.Role, t.Text))
	}
	var seen storage.Turn
	if n.cfg.Watch != nil {
		words := t
		words.Text, words.Heard = n.seen(t.Role, t.Text), n.seen(t.Role, t.Heard)
		seen = n.turn(&words)
	}
	row := n.turn(&t)
	if n.keep.off.Load() {
		row.Text, row.HeardText = notKept, notKept
	}
	n.cfg.Metrics.turn(&row, &t.Ledger)
	n.mu.Lock()
	n.row(heldRow{turn: &row})
	n.mu.Unlock()
	if n.trace != nil {
		traced := t
		traced.Text, traced.Heard = n.keep.traced(t.Role, t.Text), n.keep.traced(t.Role, t.Heard)
		n.trace.Turn(&traced)
	}
	n.live(Live{Kind: LiveTurn, Turn: &seen})
}

// turn is a turn as a row.
func (n *notes) turn(t *pipeline.Turn) storage.Turn {
	return storage.Turn{
		CallID: n.call, Number: t.Number, Role: storage.Role(t.Role),
		Text: privacy.Words(t.Text), HeardText: privacy.Words(t.Heard), Interrupted: t.Interrupted,
		StartedAt: t.StartedAt, EndedAt: t.EndedAt, Latency: latency(&t.Ledger),
	}
}

// saidLast is the caller's last turn; nothing once nothing of theirs is kept.
func (n *notes) saidLast() string {
	if n.keep.off.Load() {
		return ""
	}
	text, _ := n.said.Load().(string)

	return text
}

func (n *notes) end(rec storage.Call) {
	n.cfg.Metrics.ended(&rec)
	if n.trace != nil {
		n.trace.End(rec)
	}
	n.live(Live{Kind: LiveEnded, Ended: &rec})
}

// seen is what who watches sees of somebody's words.
func (n *notes) seen(role pipeline.Role, text string) string {
	if n.cfg.Played && !n.keep.off.Load() {
		return text
	}

	return n.keep.shown(role, text)
}

func (n *notes) live(l Live) {
	if n.cfg.Watch == nil {
		return
	}
	l.Call, l.At = n.call, time.Now()
	n.cfg.Watch(l)
}

// latency is the ledger of a reply for the records.
func latency(l *ledger.Ledger) storage.Latency {
	total, ok := l.Total()
	if !ok {
		return storage.Latency{}
	}
	out := storage.Latency{Total: total}
	at := l.At(ledger.Speech)
	for _, s := range []struct {
		name  string
		stage ledger.Stage
	}{
		{"endpoint", ledger.Endpoint},
		{"first_token", ledger.Token},
		{"first_sentence", ledger.Sentence},
		{"first_sample", ledger.Sample},
		{"first_packet", ledger.Packet},
	} {
		next := l.At(s.stage)
		if next.IsZero() {
			continue
		}
		out.Stages = append(out.Stages, storage.Stage{Name: s.name, Took: next.Sub(at)})
		at = next
	}

	return out
}
