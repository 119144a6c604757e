package call

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/compliance/optout"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// list is where wishes are stored.
type list struct {
	mu     sync.Mutex
	wishes []Wish
	takes  time.Duration
	err    error
}

func (l *list) revoke(ctx context.Context, w Wish) error {
	wait := time.NewTimer(l.takes)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wishes = append(l.wishes, w)

	return l.err
}

func (l *list) all() []Wish {
	l.mu.Lock()
	defer l.mu.Unlock()

	return append([]Wish(nil), l.wishes...)
}

// says is a recogniser that hears these words, and no model at all that
// answers: a wish needs none.
func says(words ...string) options {
	return options{recogniser: &declared.Recognizer{
		FirstPartial: 160 * time.Millisecond, PartialEvery: 100 * time.Millisecond, Final: 100 * time.Millisecond, Says: declared.InTurn(words...),
	}, model: &declared.Model{FirstToken: time.Hour}}
}

// listens has the manager's calls listen for wishes.
func (r *rig) listens(l *list) {
	r.manager.cfg.Revoke, r.manager.cfg.OptOutKey = l.revoke, "9"
	lines := texts
	lines.OptedOut, lines.OptOutFailed = "You will not be called again.", "A colleague will see to it."
	var err error
	if r.providers().Lines, err = pipeline.PrepareLines(r.Context(), &declared.Voice{}, lines); err != nil {
		r.Fatal(err)
	}
}

func TestAWishIsStoredBeforeItIsConfirmed(t *testing.T) {
	inBubble(t, says("please stop calling me"), func(r *rig) {
		l := &list{takes: 300 * time.Millisecond}
		r.listens(l)
		r.outlet(rings(time.Second))
		r.place()
		r.agentTurns(1)
		spoken := time.Now()
		speakUp(r)
		r.until("the wish", func() bool { return len(l.all()) == 1 })
		for _, text := range r.journal.said(storage.Agent) {
			if strings.Contains(text, "not be called again") {
				r.Errorf("the agent said %q before the wish was stored", text)
			}
		}
		got := r.placedEnds()
		r.ended(got, OptedOut, storage.FaultCallee)
		w := l.all()[0]
		r.same("number, campaign, class, words", []string{"+15550100777", "spring", "opt_out", "stop calling me"},
			[]string{string(w.Number), w.Campaign, string(w.Class), string(w.Words)})
		said := r.journal.said(storage.Agent)
		r.same("the last words", "You will not be called again.", said[len(said)-1])
		if took := got.EndedAt.Sub(spoken); took > 10*time.Second {
			r.Errorf("the call ended %s after the words", took)
		}
	})
}

func TestAWishThatCannotBeStoredIsNotConfirmed(t *testing.T) {
	inBubble(t, says("take me off your list"), func(r *rig) {
		l := &list{err: errors.New("neither database nor disk")}
		r.listens(l)
		r.outlet(rings(time.Second))
		r.place()
		r.agentTurns(1)
		speakUp(r)
		r.ended(r.placedEnds(), OptedOut, storage.FaultCallee)
		said := r.journal.said(storage.Agent)
		r.same("the last words", "A colleague will see to it.", said[len(said)-1])
		r.same("the story", true, strings.Contains(strings.Join(wished(r.journal.events()), " "), "could NOT be stored"))
	})
}

func TestTheStoreThatHangsIsNotWaitedFor(t *testing.T) {
	inBubble(t, says("do not call me again"), func(r *rig) {
		r.listens(&list{takes: time.Hour})
		r.outlet(rings(time.Second))
		r.place()
		r.agentTurns(1)
		speakUp(r)
		r.ended(r.placedEnds(), OptedOut, storage.FaultCallee)
		said := r.journal.said(storage.Agent)
		r.same("the last words", "A colleague will see to it.", said[len(said)-1])
	})
}

func TestACallerMayGoOnAfterAWish(t *testing.T) {
	inBubble(t, says("please do not call me any more", "stop"), func(r *rig) {
		l := &list{}
		r.listens(l)
		r.talk()
		r.agentTurns(1)
		speakUp(r)
		r.until("the wish", func() bool { return len(l.all()) == 1 })
		r.same("number", "+15550100123", string(l.all()[0].Number))
		time.Sleep(2 * time.Second)
		speakUp(r) // who called and says "stop" interrupts
		time.Sleep(3 * time.Second)
		r.same("wishes", 1, len(l.all()))
		r.door.end(CallerHangup)
		r.ended(r.end(), CallerHangup, storage.FaultCaller)
	})
}

// TestWhatIsAWish steps through what people say and press.
func TestWhatIsAWish(t *testing.T) {
	t.Parallel()
	at := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	final := func(s float64, text string) turn.Event {
		return turn.Event{Kind: turn.Final, At: at(s), Text: text}
	}
	partial := func(s float64, text string) turn.Event {
		return turn.Event{Kind: turn.Partial, At: at(s), Text: text}
	}
	key := func(s float64, k string) turn.Event {
		return turn.Event{Kind: turn.KeyPressed, At: at(s), Text: k}
	}
	for name, tc := range map[string]struct {
		inbound bool
		events  []turn.Event
		want    []optout.Class
	}{
		"words":                        {false, []turn.Event{final(1, "stop calling me")}, []optout.Class{optout.OptOut}},
		"once":                         {false, []turn.Event{final(1, "stop calling me"), final(5, "stop calling me"), key(6, "9")}, []optout.Class{optout.OptOut}},
		"the key":                      {false, []turn.Event{key(1, "9")}, []optout.Class{optout.OptOut}},
		"another key":                  {false, []turn.Event{key(1, "1")}, nil},
		"the key of who called":        {true, []turn.Event{key(1, "9")}, nil},
		"stop, after an opening":       {false, []turn.Event{final(1, "stop")}, []optout.Class{optout.OptOut}},
		"stop, of who called":          {true, []turn.Event{final(1, "stop")}, nil},
		"in two pieces":                {true, []turn.Event{final(1, "please stop"), final(2.5, "calling me")}, []optout.Class{optout.OptOut}},
		"two pieces far from another":  {true, []turn.Event{final(1, "please stop"), final(9, "calling me")}, nil},
		"cut off by the hang-up":       {true, []turn.Event{partial(1, "stop"), partial(1.2, "stop calling me")}, []optout.Class{optout.OptOut}},
		"partial words go on":          {true, []turn.Event{partial(1, "stop calling me"), final(2, "what are your hours")}, nil},
		"a wrong number":               {false, []turn.Event{final(1, "you have the wrong number")}, []optout.Class{optout.WrongNumber}},
		"a doubt, and then certainty":  {false, []turn.Event{final(1, "not now"), final(6, "stop calling me")}, []optout.Class{optout.Ambiguous, optout.OptOut}},
		"in another language":          {false, []turn.Event{final(1, "no me llamen más")}, []optout.Class{optout.OptOut}},
		"nothing of the kind":          {false, []turn.Event{final(1, "what are your opening hours")}, nil},
		"a doubt is told of only once": {false, []turn.Event{final(1, "not now"), final(9, "not now")}, []optout.Class{optout.Ambiguous}},
	} {
		var got []optout.Class
		l := &list{}
		m := &Manager{cfg: Config{OptOutKey: "9", Journal: &fakeJournal{}, Log: slog.New(slog.DiscardHandler), Revoke: l.revoke}, ctx: t.Context()}
		c := newCall(m, &Agent{}, storage.Call{})
		if !tc.inbound {
			c.out = &outgoing{}
		}
		for _, e := range tc.events {
			c.notes.wishes.step(e)
			c.work.Wait()
		}
		c.notes.wishes.end()
		c.work.Wait()
		c.cancel(nil)
		for _, w := range l.all() {
			got = append(got, w.Class)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// TestWishesAreRecorded checks the event that a wish leaves.
func TestWishesAreRecorded(t *testing.T) {
	inBubble(t, says("stop calling me"), func(r *rig) {
		r.listens(&list{})
		r.outlet(rings(time.Second))
		r.place()
		r.agentTurns(1)
		speakUp(r)
		r.placedEnds()
		var found []StepData
		for _, e := range r.journal.events() {
			var d StepData
			if err := json.Unmarshal(e.Data, &d); err != nil {
				r.Fatal(err)
			}
			if d.Event.Kind == wishKind {
				found = append(found, d)
			}
		}
		if len(found) != 1 || found[0].Event.Reason != "opt_out" || found[0].Event.Fault != "" {
			r.Errorf("recorded %+v", found)
		}
		r.same("the story", true, strings.Contains(strings.Join(wished(r.journal.events()), " "), "nothing is dialed against it"))
	})
}
