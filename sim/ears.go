package sim

import (
	"context"
	"strings"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
)

// mouth knows which words the caller says, and when.
type mouth struct {
	mu    sync.Mutex
	words []uttered
}

// uttered is a word and when it is spoken.
type uttered struct {
	text       string
	start, end time.Time
}

// say notes the words of a clip that begins now.
func (m *mouth) say(c *clip, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range c.words {
		m.words = append(m.words, uttered{text: w.text, start: now.Add(w.start.Duration()), end: now.Add(w.end.Duration())})
	}
}

// between gives the words from the nth on of which more than half was spoken
// by a time.
func (m *mouth) between(n int, by time.Time) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, w := range m.words[min(n, len(m.words)):] {
		if w.start.Add(w.end.Sub(w.start) / 2).After(by) {
			break
		}
		all = append(all, w.text)
	}

	return all
}

// Delays of an exact ear's partials: a streaming recogniser knows a word some
// time after it was spoken.
const partialLag = 150 * time.Millisecond

// exact is a recogniser that is told the caller's words, each when it would
// have been recognised. It serves one call.
type exact struct {
	mouth  *mouth
	final  time.Duration // from the end of a talkspurt to its words
	faults func(spurt int) (fail error, stall bool)
}

// Open implements pipeline.Recognizer.
func (e *exact) Open(context.Context) (pipeline.Recognition, error) {
	return &hearing{exact: e, out: make(chan pipeline.Transcript, 64)}, nil
}

// hearing is the call's stream.
type hearing struct {
	*exact

	out chan pipeline.Transcript

	mu     sync.Mutex
	count  int // talkspurts begun
	number int // of the one that runs; 0: none
	from   int // first word that it may hold
	told   int // words of it in the latest partial
	finals []*final
	closed bool
}

// final is the last transcript of a talkspurt, on its way.
type final struct {
	pipeline.Transcript

	timer *time.Timer
}

func (h *hearing) Begin(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count++
	h.number, h.told = n, 0
}

func (h *hearing) Write(*media.Frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.number == 0 || h.closed {
		return
	}
	if fail, stall := h.fault(); fail != nil || stall {
		return
	}
	words := h.mouth.between(h.from, time.Now().Add(-partialLag))
	if len(words) <= h.told {
		return
	}
	h.told = len(words)
	h.send(pipeline.Transcript{Spurt: h.number, Text: strings.Join(words, " ")})
}

func (h *hearing) fault() (error, bool) {
	if h.faults == nil {
		return nil, false
	}

	return h.faults(h.count - 1)
}

func (h *hearing) End() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.number == 0 || h.closed {
		return
	}
	words := h.mouth.between(h.from, time.Now())
	h.from += len(words)
	t := pipeline.Transcript{Spurt: h.number, Text: clean(words), Final: true, Confidence: 1}
	h.number = 0
	fail, stall := h.fault()
	switch {
	case stall:
		return
	case fail != nil:
		t = pipeline.Transcript{Spurt: t.Spurt, Final: true, Err: fail}
	}
	f := &final{Transcript: t}
	h.finals = append(h.finals, f)
	f.timer = time.AfterFunc(h.final, func() { h.finish(f) })
}

// finish gives a final and those before it, whose timers may be late.
func (h *hearing) finish(f *final) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for !h.closed && len(h.finals) > 0 && h.finals[0].Spurt <= f.Spurt {
		h.finals[0].timer.Stop()
		h.send(h.finals[0].Transcript)
		h.finals = h.finals[1:]
	}
}

// send drops the transcript when nobody reads. h.mu is held.
func (h *hearing) send(t pipeline.Transcript) {
	t.Text = clean(strings.Fields(t.Text))
	select {
	case h.out <- t:
	default:
	}
}

// clean brings words into the shape of a Transcript: lower case, no markup.
func clean(words []string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if strings.ContainsRune(`.,!?;:"()`, r) {
			return -1
		}

		return r
	}, strings.Join(words, " ")))
}

func (h *hearing) Transcripts() <-chan pipeline.Transcript { return h.out }

func (h *hearing) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	for _, f := range h.finals {
		f.timer.Stop()
	}
	close(h.out)

	return nil
}
