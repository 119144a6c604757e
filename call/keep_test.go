package call

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trunkline/compliance/redact"
	"trunkline/media"
	"trunkline/media/record"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// everything is all that is stored and shown of a call, as text.
func (r *rig) everything(shown *shown) string {
	r.Helper()
	all, err := json.Marshal(struct { //nolint:musttag // it is only searched
		Calls  []storage.Call
		Turns  []storage.Turn
		Events []storage.Event
		Live   []Live
		Log    string
	}{rowsOf[storage.Call](r.journal), r.journal.turns(), r.journal.events(), shown.all(), r.log.String()})
	if err != nil {
		r.Fatal(err)
	}

	return string(all)
}

// shown is what a watcher saw.
type shown struct {
	mu   sync.Mutex
	seen []Live
}

func (s *shown) watch(l Live) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, l)
}

func (s *shown) all() []Live {
	s.mu.Lock()
	defer s.mu.Unlock()

	return append([]Live(nil), s.seen...)
}

// agentTurns waits until so many turns of the agent were shown: those that are
// stored may wait for the end of a number.
func (s *shown) agentTurns(r *rig, n int) {
	r.Helper()
	r.until("the agent's turns", func() bool {
		k := 0
		for _, l := range s.all() {
			if l.Kind == LiveTurn && l.Turn.Role == storage.Agent {
				k++
			}
		}

		return k >= n
	})
}

// theirs are a recogniser that hears these words, and a model that answers.
func theirs(words ...string) options {
	return options{recogniser: &declared.Recognizer{
		FirstPartial: 160 * time.Millisecond, PartialEvery: 100 * time.Millisecond, Final: 100 * time.Millisecond, Says: declared.InTurn(words...),
	}}
}

func TestAnObjectionStopsAllKeeping(t *testing.T) {
	s := &shown{}
	o := theirs("please do not record me", "my secret is pineapple")
	o.recordings, o.watch, o.limits = t.TempDir(), s.watch, Limits{Cap: 40 * time.Second, WarnBefore: time.Second}
	inBubble(t, o, func(r *rig) {
		r.owes(notice())
		r.talk()
		id := rowsOf[storage.Call](r.journal)[0].ID
		r.agentTurns(1)
		speakUp(r)
		r.until("the objection", func() bool { return strings.Contains(r.log.String(), "does not want to be recorded") })
		at := time.Since(r.journal.last().AnsweredAt)
		r.agentTurns(2)
		speakUp(r)
		r.agentTurns(3)
		r.same("of a recording that has ended", true, errors.Is(r.manager.SetRecording(id, RecordingOn, "x"), ErrNotRecorded))
		got := r.end()
		a, err := record.ReadWAV(got.Recording)
		if err != nil {
			r.Fatal(err)
		}
		if length := media.Samples(len(a.Samples[0])).Duration(); length > at+100*time.Millisecond {
			r.Errorf("%s are recorded, and they objected after %s", length, at)
		}
		all := r.everything(s)
		if strings.Contains(all, "pineapple") {
			r.Error("later words are kept")
		}
		r.same("told", true, strings.Contains(strings.Join(objectionStory(r.journal.events()), ""), "did not want to be recorded"))
	})
}

func TestNoCardNumberIsKept(t *testing.T) {
	spoken := "four" + strings.Repeat(" one", 15)
	for name, words := range map[string][]string{
		"at once":             {"my card is " + spoken},
		"in digits":           {"it is 4111 1111 1111 1111 thanks"},
		"in two pieces":       {"4111 1111", "1111 1111"},
		"in four pieces":      {"it is 4111", "1111", "1111", "1111"},
		"in odd pieces":       {"it is 4", "11 um", "1111111", "111 11", "1"},
		"in nine and seven":   {"4111 1111 1", "111 1111"},
		"in words and digits": {"four five three nine", "1488 zero three four three", "sechs vier sechs sieben"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &shown{}
			o := theirs(words...)
			model := &toldModel{Model: &declared.Model{FirstToken: 50 * time.Millisecond, TokensPerSecond: 50}}
			o.watch, o.model = s.watch, model
			inBubble(t, o, func(r *rig) {
				r.talk()
				for i := range words {
					s.agentTurns(r, i+1)
					speakUp(r)
				}
				s.agentTurns(r, len(words)+1)
				r.door.end(CallerHangup)
				r.end()
				var kept []string
				for _, turn := range r.journal.turns() {
					if turn.Role == storage.Caller {
						kept = append(kept, string(turn.Text))
					}
				}
				for _, text := range kept {
					if redact.Open([]string{text}) > 0 || strings.ContainsAny(text, "14") {
						r.Errorf("the turns are %q", kept)
					}
				}
				for _, e := range r.journal.events() {
					d, ok := stepData(e)
					texts := []string{d.Event.Text}
					for _, a := range d.Actions {
						texts = append(texts, a.Text)
					}
					for _, text := range texts {
						if !ok || hasWords(d.Event.Kind) && redact.Open([]string{text}) > 0 {
							r.Errorf("kept: %s", e.Data)
						}
					}
				}
				all := r.everything(s)
				for _, whole := range []string{spoken, "4111 1111 1111 1111", "4111111111111111"} {
					if strings.Contains(all, whole) {
						r.Errorf("%q is kept", whole)
					}
				}
				if asked := model.all(); strings.Contains(asked, spoken) || strings.Count(asked, "1111") > 3*len(words) && !strings.Contains(asked, "[card number]") {
					r.Errorf("the model is told %s", asked)
				}
			})
		})
	}
}

func TestNoKeyedCardNumberIsKept(t *testing.T) {
	s := &shown{}
	o := options{watch: s.watch}
	model := &toldModel{Model: &declared.Model{FirstToken: 50 * time.Millisecond, TokensPerSecond: 50}}
	o.model = model
	inBubble(t, o, func(r *rig) {
		r.talk()
		r.agentTurns(1)
		for _, k := range "4111111111111111" {
			r.leg.mu.Lock()
			r.leg.keys = append(r.leg.keys, media.Digit{Key: byte(k)})
			r.leg.mu.Unlock()
			time.Sleep(300 * time.Millisecond)
		}
		r.agentTurns(2)
		r.door.end(CallerHangup)
		r.end()
		var keys strings.Builder
		for _, e := range r.journal.events() {
			var d StepData
			if err := json.Unmarshal(e.Data, &d); err != nil {
				r.Fatal(err)
			}
			if d.Event.Kind == turn.KeyPressed && len(d.Event.Text) == 1 {
				keys.WriteString(d.Event.Text)
			}
		}
		r.same("keys that are stored", "", keys.String())
		var live strings.Builder
		for _, l := range s.all() {
			if l.Kind == LiveStep && l.Event.Kind == turn.KeyPressed && len(l.Event.Text) == 1 {
				live.WriteString(l.Event.Text)
			}
		}
		r.same("keys that are shown", "41111111", live.String())
		if all := r.everything(s); strings.Contains(all, "4111111111111111") {
			r.Error("the number is kept")
		}
		r.same("what the model is told", false, strings.Contains(model.all(), "41111111"))
	})
}

// A telephone number is no card: it is kept, and its events wait only until
// the turn is over.
func TestATelephoneNumberIsKept(t *testing.T) {
	inBubble(t, theirs("call me at 212 555 0123 please"), func(r *rig) {
		r.talk()
		r.agentTurns(1)
		speakUp(r)
		r.agentTurns(2)
		said := r.journal.said(storage.Caller)
		r.same("the turn", []string{"call me at 212 555 0123 please"}, said)
		var found bool
		for i, e := range r.journal.events() {
			r.same("number of the event", i, e.Seq)
			found = found || e.Kind == string(turn.Final) && strings.Contains(string(e.Data), "212 555 0123")
		}
		r.same("its event", true, found)
		r.door.end(CallerHangup)
		r.end()
		r.replays(turn.Config{})
	})
}

func TestModelsAreToldNoCard(t *testing.T) {
	t.Parallel()
	all := []pipeline.Message{
		{Role: pipeline.Agent, Text: "Your number?"},
		{Role: pipeline.Caller, Text: "4111 1111"},
		{Role: pipeline.Agent, Text: "And?"},
		{Role: pipeline.Caller, Text: "1111 1111"},
	}
	redactor()(all)
	var got []string
	for _, m := range all {
		got = append(got, m.Text)
	}
	if diff := cmp.Diff([]string{"Your number?", "[card number]", "And?", "[card number]"}, got); diff != "" {
		t.Error(diff)
	}
}

// toldModel is a model that remembers what it was told.
type toldModel struct {
	pipeline.Model

	mu   sync.Mutex
	told []pipeline.Request
}

func (m *toldModel) Generate(ctx context.Context, r pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	m.mu.Lock()
	m.told = append(m.told, r)
	m.mu.Unlock()

	return m.Model.Generate(ctx, r)
}

// all is the history of every request, as text.
func (m *toldModel) all() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	for _, r := range m.told {
		for _, h := range r.History {
			b.WriteString(string(h.Role) + ": " + h.Text + "\n")
		}
		b.WriteString("--\n")
	}

	return b.String()
}

// Numbers that are no card's stay readable, also when several of them are said
// in a row, and wait no longer than until something else was said.
func TestOtherNumbersAreKept(t *testing.T) {
	said := []string{"my number is 212 555 0123", "order 4711", "and 99 again", "that is all"}
	s := &shown{}
	o := theirs(said...)
	o.watch = s.watch
	inBubble(t, o, func(r *rig) {
		r.talk()
		for i := range said {
			s.agentTurns(r, i+1)
			speakUp(r)
		}
		r.until("the last turn", func() bool { return len(r.journal.said(storage.Caller)) == len(said) })
		r.same("the turns", said, r.journal.said(storage.Caller))
		for i, e := range r.journal.events() {
			r.same("number of the event", i, e.Seq)
		}
		r.door.end(CallerHangup)
		r.end()
		r.replays(turn.Config{})
	})
}

// The stretch of a recording in which a card number is said is erased, whole,
// and nothing else of it.
func TestACardNumberDoesNotStayInTheRecording(t *testing.T) {
	for name, tt := range map[string]struct {
		policy   CardPolicy
		says     []string // one turn of the caller's after another
		held     []bool   // says which of them may not stay
		destroys bool
	}{
		"a card":          {SilenceCards, []string{"hello", "4111 1111 1111 1111", "that is all"}, []bool{false, true, false}, false},
		"in three pieces": {SilenceCards, []string{"hello", "4111 11", "11 1111", "1111", "that is all"}, []bool{false, true, true, true, false}, false},
		"an order":        {SilenceCards, []string{"my order is 4711", "that is all"}, []bool{false, false}, false},
		"to be destroyed": {DestroyCards, []string{"4111 1111 1111 1111", "that is all"}, nil, true},
		"to be kept":      {KeepCards, []string{"4111 1111 1111 1111", "that is all"}, []bool{false, false}, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := theirs(tt.says...)
			s := &shown{}
			o.recordings, o.watch = t.TempDir(), s.watch
			inBubble(t, o, func(r *rig) {
				r.manager.cfg.Cards = tt.policy
				r.talk()
				answered := r.journal.last().AnsweredAt
				var from, to []media.Samples // of each turn, as it is spoken
				for i := range tt.says {
					s.agentTurns(r, i+1)
					time.Sleep(3 * time.Second)
					from = append(from, media.SamplesIn(time.Since(answered)))
					to = append(to, from[i]+media.Samples(len(yes())))
					speakUp(r)
				}
				s.agentTurns(r, len(tt.says)+1)
				r.door.end(CallerHangup)
				got := r.end()
				r.same("destroyed", tt.destroys, r.recordings.destroy != "")
				if tt.destroys {
					return
				}
				if n := len(r.recordings.suspect); n > 0 && r.recordings.suspect[n-1] >= 0 {
					r.Errorf("a number is suspected at the end: %v", r.recordings.suspect)
				}
				if err := record.Erase(got.Recording, nil, r.recordings.silence); err != nil {
					r.Fatal(err)
				}
				a, err := record.ReadWAV(got.Recording)
				if err != nil {
					r.Fatal(err)
				}
				for i, held := range tt.held {
					energy := 0.0
					for _, x := range a.Samples[0][from[i]:to[i]] {
						energy += float64(x) * float64(x)
					}
					if (energy == 0) != held {
						r.Errorf("%q has an energy of %g in the recording; erased: %v", tt.says[i], energy, r.recordings.silence)
					}
				}
				if noted := strings.Contains(strings.Join(r.recordingEvents(), ";"), "card number"); noted != slices.Contains(tt.held, true) {
					r.Errorf("noted: %q", r.recordingEvents())
				}
			})
		})
	}
}

// What the caller ends with is kept at the end of the call at the latest, and
// before that when nobody goes on for a minute.
func TestANumberDoesNotWaitForEver(t *testing.T) {
	inBubble(t, theirs("my order is 4711"), func(r *rig) {
		r.talk()
		r.agentTurns(1)
		speakUp(r)
		time.Sleep(5 * time.Second)
		r.same("at once", 0, len(r.journal.said(storage.Caller)))
		r.door.end(CallerHangup)
		r.end()
		r.same("at the end", []string{"my order is 4711"}, r.journal.said(storage.Caller))
	})
}
