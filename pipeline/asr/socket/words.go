package socket

import (
	"slices"
	"strings"
	"sync"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/vendor"
)

// words puts segments together to talkspurts. Talkspurts wait in line: the
// server is behind us.
type words struct {
	mu     sync.Mutex
	spurts []int    // begun and not over, oldest first
	done   []string // segments of the oldest that stand
	open   bool     // a segment has words that do not stand

	asked  []asked // for words in a lull, or after such; not answered, oldest first
	known  bool    // the words of the oldest so far are all that was said
	latest Event   // that made them known
}

// asked is a Flush that waits for its answer.
type asked struct {
	spurt int
	last  bool          // it was the talkspurt's end
	stale bool          // the caller went on
	until time.Duration // place in the stream's audio
}

func (w *words) begin(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spurts = append(w.spurts, n)
}

// running is the talkspurt whose words come.
func (w *words) running() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.spurts) == 0 {
		return 0
	}

	return w.spurts[0]
}

// newest is the talkspurt that was begun last.
func (w *words) newest() int {
	w.mu.Lock()
	defer w.mu.Unlock()

	return w.last()
}

// last is newest for who holds mu.
func (w *words) last() int {
	if len(w.spurts) == 0 {
		return 0
	}

	return w.spurts[len(w.spurts)-1]
}

// ask notes a Flush of the newest talkspurt, at its end or in a lull.
func (w *words) ask(last bool, until time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, asked{spurt: w.last(), last: last, until: until})
	w.known = false
}

// resume says that what was asked for in a lull is not the end.
func (w *words) resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known = false
	for i := range w.asked {
		if a := &w.asked[i]; a.spurt == w.last() && !a.last {
			a.stale = true
		}
	}
}

// end says that the newest talkspurt is over. Its last words are returned when
// they are known; else they come as the answer to what was asked in the lull.
func (w *words) end() (t pipeline.Transcript, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.known && len(w.spurts) == 1 {
		t = w.words(&w.latest, w.done)
		t.Final = true
		w.over()

		return t, true
	}
	for i := range w.asked {
		if a := &w.asked[i]; a.spurt == w.last() && !a.stale {
			a.last = true
		}
	}

	return t, false
}

// take is what an event adds.
func (w *words) take(e Event) (t pipeline.Transcript, told bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.spurts) == 0 { // of no talkspurt
		return t, false
	}
	lull := e.Flushed && w.answered(&e)
	text := vendor.Plain(e.Text)
	parts := w.done
	if text != "" {
		parts = append(parts[:len(parts):len(parts)], text)
	}
	w.open = text != ""
	if e.Ended {
		w.done, w.open = parts, false
	}
	t = w.words(&e, parts)
	if t.Final = e.Flushed && !lull; t.Final {
		w.over()
	}

	return t, t.Final || text != "" || e.EndOfTurn
}

// words is what the oldest talkspurt has so far. The caller holds mu.
func (w *words) words(e *Event, parts []string) pipeline.Transcript {
	return pipeline.Transcript{
		Spurt: w.spurts[0], Text: strings.Join(parts, " "), Confidence: e.Confidence, EndOfTurn: e.EndOfTurn, Language: e.Language,
	}
}

// answered forgets what an event answers: the Flush whose place is nearest, and
// those before it, to which no answer came. It reports whether that was none of
// a talkspurt's end. The caller holds mu.
func (w *words) answered(e *Event) (lull bool) {
	if len(w.asked) == 0 {
		return false
	}
	best := 0
	for i := range w.asked {
		if e.Until > 0 && (w.asked[i].until-e.Until).Abs() < (w.asked[best].until-e.Until).Abs() {
			best = i
		}
	}
	a := w.asked[best]
	w.asked = w.asked[best+1:]
	if w.known = !a.last && !a.stale && a.spurt == w.spurts[0]; w.known {
		w.latest = *e
	}

	return !a.last
}

// settle ends talkspurt n after the server has had its time, if its words so
// far stand.
func (w *words) settle(n int) (t pipeline.Transcript, told bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.spurts) == 0 || w.spurts[0] != n || w.open {
		return t, false
	}
	t = pipeline.Transcript{Spurt: n, Text: strings.Join(w.done, " "), Final: true}
	w.over()

	return t, true
}

// over forgets the oldest talkspurt. The caller holds mu.
func (w *words) over() {
	n := w.spurts[0]
	w.spurts, w.done, w.open, w.known = w.spurts[1:], nil, false, false
	w.asked = slices.DeleteFunc(w.asked, func(a asked) bool { return a.spurt == n })
}
