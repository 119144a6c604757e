package chaos

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := goleak.Find(); err != nil {
		code = max(code, 1)
	}
	os.Exit(code)
}

// A plan is the same each time it is drawn from a seed, and whatever the seed
// it keeps its bounds.
func TestPlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		calls := rapid.IntRange(2, 60).Draw(t, "calls")
		outages, kills := rapid.IntRange(0, 8).Draw(t, "outages"), rapid.IntRange(0, 8).Draw(t, "kills")
		lasts := time.Duration(rapid.IntRange(5, 60).Draw(t, "seconds")) * time.Second
		p := New(seed, calls, lasts, outages, kills)
		if d := cmp.Diff(p, New(seed, calls, lasts, outages, kills)); d != "" {
			t.Fatalf("drawn again it is another (-first +second):\n%s", d)
		}
		if n := len(p.Callers) + len(p.People); n != calls || len(p.Outages) != outages || len(p.Kills) != kills {
			t.Fatalf("%d calls, %d outages, %d kills", n, len(p.Outages), len(p.Kills))
		}
		var end time.Duration
		for _, o := range p.Outages {
			if o.At < end || o.For <= 0 || o.At+o.For > lasts || o.Fault >= faults {
				t.Fatalf("outages %+v within %v", p.Outages, lasts)
			}
			end = o.At + o.For
		}
		for _, k := range p.Kills {
			if k.Moment >= Moments || k.Nth < 1 || k.Latest > lasts {
				t.Fatalf("kill %+v within %v", k, lasts)
			}
		}
		for _, x := range p.People {
			if x.Wish != Never && len(x.Orders) < Insistent {
				t.Fatalf("nobody tries to call %+v again", x)
			}
		}
	})
}

// Several outages and kills are of all kinds.
func TestPlanBreaksAllThatCanBreak(t *testing.T) {
	t.Parallel()
	p := New(1, 12, time.Minute, int(faults), int(Moments))
	broken, moments := map[Fault]bool{}, map[Moment]bool{}
	for _, o := range p.Outages {
		broken[o.Fault] = true
	}
	for _, k := range p.Kills {
		moments[k.Moment] = true
	}
	if len(broken) != int(faults) || len(moments) != int(Moments) {
		t.Errorf("outages %v, kills at %v", broken, moments)
	}
}

// world is a run in which nothing went wrong: one call out and one in, and a
// person who asked for no more.
type world struct {
	seen Seen
	kept Kept

	began             time.Time
	out, in           uuid.UUID
	attempt, decision uuid.UUID
	denial            uuid.UUID
}

const ann = "+13126640001"

func whole() *world {
	w := &world{
		began: time.Date(2026, 1, 2, 15, 0, 0, 0, time.UTC),
		out:   uuid.New(), in: uuid.New(), attempt: uuid.New(), decision: uuid.New(), denial: uuid.New(),
	}
	at := func(s int) time.Time { return w.began.Add(time.Duration(s) * time.Second) }
	w.seen = Seen{
		Orders:  []Order{{Number: ann, Call: w.out}, {Number: ann, Decision: w.denial}, {Number: ann}},
		Dials:   []Dial{{ann, w.out, at(1)}},
		Answers: []Answer{{w.out, at(2)}, {w.in, at(3)}},
		Wishes:  []Stated{{ann, at(3), at(4)}},
	}
	w.kept = Kept{
		Decisions: map[uuid.UUID]Decision{w.decision: {true, at(0), at(30)}, w.denial: {false, at(5), at(5)}},
		Attempts:  map[uuid.UUID]uuid.UUID{w.attempt: w.decision},
		ByCall:    map[uuid.UUID][]uuid.UUID{w.out: {w.attempt}},
		Stopped:   map[string]int{ann: 1},
		Open:      map[uuid.UUID]bool{w.out: false, w.in: false},
	}

	return w
}

func TestAccount(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(w *world)
		says  string // of the one thing that is wrong; empty: nothing is
	}{
		"whole": {func(*world) {}, ""},
		"asked, and nobody confirmed it": {func(w *world) {
			w.seen.Wishes[0].Promised = time.Time{}
			clear(w.kept.Stopped)
		}, ""},
		"decided twice": {func(w *world) {
			late := uuid.New()
			w.kept.Attempts[late] = uuid.New()
			w.kept.ByCall[w.out] = append([]uuid.UUID{late}, w.kept.ByCall[w.out]...)
		}, ""},
		"no attempt":           {func(w *world) { delete(w.kept.ByCall, w.out); w.seen.Orders = nil }, "no attempt stands"},
		"accepted and unknown": {func(w *world) { w.seen.Orders[2].Call = uuid.New() }, "was accepted and no attempt"},
		"no decision":          {func(w *world) { delete(w.kept.Decisions, w.decision) }, "is missing"},
		"denied and dialed": {func(w *world) {
			w.kept.Attempts[w.attempt] = w.denial
		}, "denies it"},
		"dialed too late":      {func(w *world) { w.seen.Dials[0].At = w.began.Add(31 * time.Second); w.seen.Wishes = nil }, "held until"},
		"decided afterwards":   {func(w *world) { w.seen.Dials[0].At = w.began.Add(-time.Second) }, "came after it"},
		"dialed after a wish":  {func(w *world) { w.seen.Dials[0].At = w.began.Add(5 * time.Second) }, "had been promised"},
		"a lost wish":          {func(w *world) { clear(w.kept.Stopped) }, "no suppression stands"},
		"a lost denial":        {func(w *world) { delete(w.kept.Decisions, w.denial) }, "which the ledger does not have"},
		"a denial that allows": {func(w *world) { w.kept.Decisions[w.denial] = w.kept.Decisions[w.decision] }, "which allows it"},
		"a lost call":          {func(w *world) { delete(w.kept.Open, w.in) }, "has no record"},
		"an open call":         {func(w *world) { w.kept.Open[w.in] = true }, "is not closed"},
		"the same call again": {func(w *world) {
			w.seen.Wishes = nil
			w.seen.Dials = append(w.seen.Dials, w.seen.Dials[0])
		}, "was dialed twice"},
		"a fourth call": {func(w *world) {
			w.seen.Wishes = nil
			for range Cap {
				again := w.seen.Dials[0]
				again.Call = uuid.New()
				w.kept.ByCall[again.Call] = w.kept.ByCall[w.out]
				w.seen.Dials = append(w.seen.Dials, again)
			}
		}, "4 dials to …001, which may have 3"},
	} {
		w := whole()
		c.spoil(w)
		wrong := Account(&w.seen, &w.kept)
		switch {
		case c.says == "" && len(wrong) != 0:
			t.Errorf("%s: found %q", name, wrong)
		case c.says != "" && (len(wrong) != 1 || !strings.Contains(wrong[0], c.says)):
			t.Errorf("%s: found %q, want %q", name, wrong, c.says)
		}
		if strings.Contains(strings.Join(wrong, ""), ann) {
			t.Errorf("%s: the number is told whole", name)
		}
	}
}

func TestReadsExports(t *testing.T) {
	t.Parallel()
	const export = `{"format":"trunkline-evidence-1","made_at":"2026-01-02T15:00:00Z"}
{"entry":{"at":"2026-01-02T15:00:00Z","body":{"answered":true,"seller":"town"},"id":"019c0000-0000-7000-8000-000000000001","kind":"caller_id","tenant":"acme"},"hash":"00","seq":1,"tenant":"acme"}
{"entry":{"at":"2026-01-02T15:00:00Z","body":{"call":"019c0000-0000-7000-8000-0000000000c1","callee":"aa","decision":{"allow":true,"at":"2026-01-02T15:00:01Z","valid_for_ns":30000000000}},"id":"019c0000-0000-7000-8000-000000000002","kind":"decision","tenant":"acme"},"hash":"00","seq":2,"tenant":"acme"}
{"entry":{"at":"2026-01-02T15:00:00Z","body":{"call":"019c0000-0000-7000-8000-0000000000c1","callee":"aa","decision":"019c0000-0000-7000-8000-000000000002"},"id":"019c0000-0000-7000-8000-000000000003","kind":"attempt","tenant":"acme"},"hash":"00","seq":3,"tenant":"acme"}
{"entry":{"at":"2026-01-02T15:00:00Z","body":{"call":"019c0000-0000-7000-8000-0000000000c1","callee":"aa","id":"019c0000-0000-7000-8000-000000000004","scope":"everything"},"id":"019c0000-0000-7000-8000-000000000004","kind":"suppression","tenant":"acme"},"hash":"00","seq":4,"tenant":"acme"}
{"heads":[{"hash":"00","seq":4,"tenant":"acme"}]}
`
	var k Kept
	names := func(callee string) string { return map[string]string{"aa": ann}[callee] }
	if err := k.Read(strings.NewReader(export), names); err != nil {
		t.Fatal(err)
	}
	id := func(end string) uuid.UUID { return uuid.MustParse("019c0000-0000-7000-8000-" + end) }
	at := time.Date(2026, 1, 2, 15, 0, 1, 0, time.UTC)
	want := Kept{
		Decisions: map[uuid.UUID]Decision{id("000000000002"): {true, at, at.Add(30 * time.Second)}},
		Attempts:  map[uuid.UUID]uuid.UUID{id("000000000003"): id("000000000002")},
		ByCall:    map[uuid.UUID][]uuid.UUID{id("0000000000c1"): {id("000000000003")}},
		Stopped:   map[string]int{ann: 1},
	}
	if d := cmp.Diff(want, k); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if err := k.Read(strings.NewReader("what"), names); err == nil || !strings.Contains(err.Error(), "line 1 of the export") {
		t.Errorf("of no export: %v", err)
	}
}
