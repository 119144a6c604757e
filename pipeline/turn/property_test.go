package turn

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trunkline/pipeline/bargein"
	"trunkline/pipeline/endpoint"
)

// world is what surrounds the machine in the property tests: it keeps the
// timers and the audio as the driver would, and lets everything else happen
// at random.
type world struct {
	m         *Machine
	cfg       Config
	now       time.Duration
	timers    map[Timer]time.Duration
	audible   int // utterance that is queued or played; 0: none
	filler    int // the same of a filler
	reply     int // reply being made; 0: none
	guess     int // the same of a guess
	guessed   string
	protected bool // the audible utterance must be heard
	starved   bool
	paused    bool
	spurt     int
	talking   bool
	pending   []int // talkspurts without their last words
	ended     int
	deaf      bool // the machine is not told
	lossy     bool // events may be lost: only an end is promised then
	events    []Event
	actions   [][]Action
	violated  string
}

func newWorld(c Config) *world {
	return &world{m: New(c), cfg: c.WithDefaults(), timers: map[Timer]time.Duration{}}
}

// cuts are the events and timers that may cut protected wording off.
var cuts = []any{FinishAsked, RecogniserBusy, SpeechTimer, ReplyTimer, FinishTimer}

func (w *world) step(e Event) {
	if w.deaf {
		return
	}
	e.At = w.now
	acts := w.m.Step(e)
	w.events = append(w.events, e)
	w.actions = append(w.actions, acts)
	for _, a := range acts {
		w.do(e, a)
	}
	switch {
	case w.lossy:
		w.violated = ""
	case w.violated == "":
		w.violated = w.wrong()
	}
}

func (w *world) do(e Event, a Action) {
	switch a.Kind {
	case SetTimer:
		if a.After < 0 {
			w.violated = "a timer in the past"
		}
		w.timers[a.Timer] = w.now + a.After
	case StopTimer:
		delete(w.timers, a.Timer)
	case Speak:
		if w.audible != 0 || w.filler != 0 {
			w.violated = "speaks over itself"
		}
		w.audible, w.paused, w.protected = a.Utterance, false, slices.Contains(w.cfg.Protected, a.Line)
	case Interject:
		if w.filler != 0 || w.audible != 0 && !w.starved {
			w.violated = "a filler over its own voice"
		}
		w.filler = a.Utterance
	case StartReply, AdoptGuess:
		if w.audible != 0 {
			w.violated = "thinks while it speaks"
		}
		if a.Text == "" {
			w.violated = "answers silence"
		}
		if a.Kind == AdoptGuess && (w.guess != a.Utterance || !same(endpoint.Words(a.Text), endpoint.Words(w.guessed))) {
			w.violated = "adopts a guess at something else"
		}
		if w.guess != 0 && a.Kind == StartReply {
			w.violated = "forgets a guess"
		}
		w.reply, w.guess = a.Utterance, 0
	case StartGuess:
		if w.guess != 0 {
			w.violated = "guesses twice at once"
		}
		w.guess, w.guessed = a.Utterance, a.Text
	case DropGuess:
		if w.guess != a.Utterance {
			w.violated = "drops a guess that is none"
		}
		w.guess = 0
	case CancelReply, Clear:
		if w.protected && !slices.Contains(cuts, any(e.Kind)) && !slices.Contains(cuts, any(e.Timer)) {
			w.violated = "cuts off what must be heard"
		}
		w.audible, w.filler, w.reply, w.paused, w.starved, w.protected = 0, 0, 0, false, false, false
	case Pause:
		w.paused = true
	case Resume, Respeak:
		w.paused = false
	case End:
		w.ended++
	}
}

// wrong says what is not as it must be after each step.
func (w *world) wrong() string {
	s := w.m.State()
	silent := s == Thinking || s == Speaking && w.starved
	at, armed := w.timers[FillerTimer]
	switch {
	case w.ended > 0:
		if w.guess != 0 {
			return "ends and leaves a guess"
		}
	case (s == Interrupted) != w.paused:
		return "pause and state disagree"
	case s == Listening && (w.audible != 0 || w.filler != 0 || w.reply != 0):
		return "listens to itself"
	case s != Listening && w.guess != 0:
		return "guesses out of its turn"
	case silent && !w.m.held && w.filler == 0 && !armed:
		return "silent without an end"
	case silent && !w.m.held && w.filler == 0 && at > w.now+w.cfg.Filler:
		return "silent for too long"
	case w.stuck():
		return "stuck"
	}

	return ""
}

// stuck reports whether nothing but the caller could move the call on.
func (w *world) stuck() bool {
	switch w.m.State() {
	case Speaking:
		return w.audible == 0 && w.reply == 0 || !w.m.held && !w.set(SpeechTimer, FinishTimer)
	case Thinking:
		return !w.m.held && !w.set(ReplyTimer)
	case Interrupted:
		return !w.set(VerdictTimer)
	case Listening:
		if w.m.talking {
			return !w.set(TurnTimer)
		}

		return !w.m.held && !w.set(EndpointTimer, FinalTimer, IdleTimer)
	default:
		return true
	}
}

// set reports whether one of some timers runs.
func (w *world) set(timers ...Timer) bool {
	return slices.ContainsFunc(timers, func(t Timer) bool { _, set := w.timers[t]; return set })
}

// play lets a world go on for some random steps, and then lets only the timers
// run: whatever happened, the call comes to its end.
func (w *world) play(t *rapid.T) {
	w.step(Event{Kind: Answered})
	for range rapid.IntRange(1, 80).Draw(t, "steps") {
		if w.ended > 0 {
			break
		}
		w.now += time.Duration(rapid.IntRange(0, 400).Draw(t, "pause")) * ms
		w.random(t)
		w.check(t)
	}
	if w.m.held {
		w.step(Event{Kind: HoldOff})
	}
	w.lossy = true // nothing is told any more
	for range 200 {
		if w.ended > 0 {
			break
		}
		w.fire()
		w.check(t)
	}
	if w.ended != 1 {
		t.Fatalf("ended %d times; %s, timers %v after %s", w.ended, w.m.State(), w.timers, dump(w.events))
	}
	if d := cmp.Diff(w.actions, Replay(w.cfg, roundTrip(t, w.events))); d != "" {
		t.Fatalf("the log replays to other actions:\n%s", d)
	}
}

func (w *world) check(t *rapid.T) {
	if w.violated != "" {
		t.Fatalf("%s, in state %s after %s", w.violated, w.m.State(), dump(w.events))
	}
}

// wild is a configuration in which everything is on.
func wild() Config {
	return Config{
		Protected:   []Line{Greeting},
		Speculation: Speculation{PerTurn: 2},
	}
}

func TestNoSequenceOfEventsLeavesTheMachineStuck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{"plain": {}, "wild": wild(), "handing over": {OnFailure: OnFailure{Do: HandOver}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { newWorld(c).play(t) })
		})
	}
}

func TestNoLostEventLeavesTheMachineStuck(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(wild())
		w.lossy = true
		w.play(t)
	})
}

var callers = []string{
	"", "yes", "uh huh", "wait stop", "what are your opening hours", "What are your opening hours?",
	"my name is", "um", "five one five",
}

// random lets one thing happen that can happen now.
func (w *world) random(t *rapid.T) {
	choice := rapid.IntRange(0, 20).Draw(t, "event")
	w.deaf = w.lossy && rapid.IntRange(0, 9).Draw(t, "lost") == 0
	w.happen(t, choice)
	w.deaf = false
}

func (w *world) happen(t *rapid.T, choice int) {
	switch {
	case choice <= 1 && !w.talking:
		w.spurt++
		w.talking = true
		w.pending = append(w.pending, w.spurt)
		w.step(Event{Kind: SpeechOnset, Spurt: w.spurt, Level: -25})
	case choice <= 1:
		w.talking = false
		w.step(Event{Kind: SpeechEnd, Spurt: w.spurt, Voiced: 300 * ms, Silence: 200 * ms, Level: -25, Sound: sounds(t)})
	case choice == 2 && len(w.pending) > 0:
		w.words(t)
	case choice == 3 && w.reply != 0 && w.audible == 0: // also just before a pause
		w.audible = w.reply
		if w.filler != 0 {
			n := w.filler
			w.filler = 0
			w.step(Event{Kind: AudioFinished, Utterance: n})
		}
		w.step(Event{Kind: AudioStarted, Utterance: w.reply})
	case choice == 4 && w.reply != 0:
		n := w.reply
		spoken := w.audible == n || rapid.Bool().Draw(t, "spoken")
		if !spoken {
			w.reply = 0
		}
		w.step(Event{Kind: ReplyDone, Utterance: n, Spoken: spoken, Act: rapid.SampledFrom([]string{"", "", ActHangUp, ActHandOff}).Draw(t, "act")})
	case choice == 5 && w.reply != 0:
		n := w.reply
		w.step(Event{Kind: ReplyFailed, Utterance: n, Text: "no"})
		w.reply = 0
	case choice <= 7 && w.audible != 0 && !w.paused && w.filler == 0:
		n := w.audible
		w.audible, w.reply, w.starved, w.protected = 0, 0, false, false
		w.step(Event{Kind: AudioFinished, Utterance: n})
	case choice == 8:
		w.step(Event{Kind: rapid.SampledFrom([]EventKind{HoldOn, HoldOff}).Draw(t, "hold")})
	case choice == 9:
		w.step(Event{Kind: AnnounceAsked, Line: CapWarning})
	case choice == 10 && rapid.IntRange(0, 9).Draw(t, "rare") == 0:
		w.step(Event{Kind: FinishAsked, Line: CapGoodbye, Reason: "cap_reached"})
	case choice == 11 && rapid.IntRange(0, 9).Draw(t, "rare") == 0:
		w.step(Event{Kind: RecogniserLost, Spurt: w.spurt})
	case choice == 14:
		w.step(Event{Kind: KeyPressed, Text: rapid.SampledFrom([]string{"1", "5", "#"}).Draw(t, "key")})
	case choice == 15 && w.filler != 0 && !w.paused:
		n := w.filler
		w.filler = 0
		w.step(Event{Kind: AudioFinished, Utterance: n})
	case choice == 16 && w.guess != 0:
		w.guessEnds(t)
	case choice == 17 && w.reply != 0 && w.audible == w.reply && !w.paused && w.filler == 0:
		w.starved = !w.starved
		kind := AudioFed
		if w.starved {
			kind = AudioStarved
		}
		w.step(Event{Kind: kind, Utterance: w.reply, Silence: 400 * ms})
	case choice == 18 && w.reply != 0 && w.audible == w.reply && !w.paused && w.filler == 0 && !w.starved:
		kind := ProtectedEnded
		if !w.protected {
			kind = ProtectedBegan
		}
		w.protected = !w.protected
		w.step(Event{Kind: kind, Utterance: w.reply})
	case choice == 19 && w.talking && rapid.Bool().Draw(t, "lull"):
		w.step(Event{Kind: rapid.SampledFrom([]EventKind{SpeechLull, SpeechResumed}).Draw(t, "falls"), Spurt: w.spurt})
	case choice == 19 && w.talking:
		w.step(Event{Kind: Sounded, Spurt: w.spurt, Sound: sounds(t)})
	case choice == 20 && rapid.IntRange(0, 9).Draw(t, "rare") == 0:
		w.step(Event{Kind: BudgetSpent})
	case choice == 20:
		w.step(Event{Kind: LanguageChanged, Language: rapid.SampledFrom([]string{"en", "de", "es"}).Draw(t, "language")})
	default:
		w.fire()
	}
}

func (w *world) words(t *rapid.T) {
	text := rapid.SampledFrom(callers).Draw(t, "text")
	n := w.pending[0]
	if n == w.spurt && w.talking {
		w.step(Event{Kind: Partial, Spurt: n, Text: text})

		return
	}
	w.pending = w.pending[1:]
	w.step(Event{Kind: Final, Spurt: n, Text: text})
}

func (w *world) guessEnds(t *rapid.T) {
	n := w.guess
	if rapid.Bool().Draw(t, "fails") {
		w.step(Event{Kind: ReplyFailed, Utterance: n, Text: "no"})
	} else {
		w.step(Event{Kind: ReplyDone, Utterance: n, Spoken: true})
	}
}

func sounds(t *rapid.T) bargein.Sound {
	return bargein.Sound{
		Measured: 200 * ms,
		Pitched:  rapid.Float64Range(0, 1).Draw(t, "pitched"),
		Echo:     rapid.SampledFrom([]float64{0, 0, 0.2, 0.9}).Draw(t, "echo"),
	}
}

// fire lets the next timer run out.
func (w *world) fire() {
	var next Timer
	for n, at := range w.timers {
		if next == "" || at < w.timers[next] || at == w.timers[next] && n < next {
			next = n
		}
	}
	if next == "" || w.deaf { // timers are the driver's own: none is lost
		return
	}
	w.now = max(w.now, w.timers[next])
	delete(w.timers, next)
	w.step(Event{Kind: TimerFired, Timer: next})
}

func roundTrip(t *rapid.T, events []Event) []Event {
	b, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	var out []Event
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}

	return out
}

func dump(events []Event) string {
	b, _ := json.MarshalIndent(events, "", " ")

	return string(b)
}
