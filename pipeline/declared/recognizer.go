package declared

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
)

// Recognizer gives words after declared delays. Its fields must not be changed
// once it is in use.
type Recognizer struct {
	// Ready is from Open to the stream.
	Ready time.Duration
	// FirstPartial is from Begin to the first partial, which has one word; 0
	// means no partials. When Lasts is set it is from the end of each word to
	// the partial that has it.
	FirstPartial time.Duration
	// PartialEvery is from one partial to the next, which has one word more;
	// 0 means that there is only the first, unless Lasts is set.
	PartialEvery time.Duration
	// Lasts gives how long the nth talkspurt's words take to be said, each as
	// long as it has letters; 0, or nil, leaves it to PartialEvery.
	Lasts func(n int) time.Duration
	// Final is from End to the final transcript, or from a Lull before it
	// that no Resume followed.
	Final time.Duration
	// Says gives the words of the nth talkspurt of a stream, counted from 0;
	// nil means always "yes".
	Says func(n int) string
	// Streams bounds the streams that are open at once; 0 means no bound.
	Streams int
	// Opens are the faults of Open, counted over the Recognizer. A stall
	// lasts until the context of Open is done.
	Opens Plan
	// Faults are counted over the talkspurts of each stream. The final
	// carries the error; a talkspurt that stalls gets no final.
	Faults Plan

	opened counter
	mu     sync.Mutex
	open   int
}

var (
	_ pipeline.Recognizer  = (*Recognizer)(nil)
	_ pipeline.Anticipator = (*recognition)(nil)
)

// Always is a Says with the same words for every talkspurt.
func Always(text string) func(int) string {
	return func(int) string { return text }
}

// InTurn is a Says that goes through the texts, and begins again after the
// last.
func InTurn(texts ...string) func(int) string {
	return func(n int) string {
		if len(texts) == 0 {
			return ""
		}
		return texts[n%len(texts)]
	}
}

// For is a Lasts that goes through the durations as InTurn does through the
// texts.
func For(lasts ...time.Duration) func(int) time.Duration {
	return func(n int) time.Duration {
		if len(lasts) == 0 {
			return 0
		}
		return lasts[n%len(lasts)]
	}
}

// Open takes a stream.
func (r *Recognizer) Open(ctx context.Context) (pipeline.Recognition, error) {
	if f := r.Opens.fault(r.opened.next()); f.strikes(f.After) {
		return nil, fmt.Errorf("declared recogniser: %w", f.strike(ctx))
	}
	w := deadlines{start: time.Now()}
	defer w.stop()
	if err := w.wait(ctx, r.Ready); err != nil {
		return nil, fmt.Errorf("declared recogniser: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Streams > 0 && r.open >= r.Streams {
		return nil, fmt.Errorf("declared recogniser: %w", pipeline.ErrBusy)
	}
	r.open++
	return &recognition{r: r, out: make(chan pipeline.Transcript, maxUnread)}, nil
}

// InUse is how many streams are open.
func (r *Recognizer) InUse() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open
}

// maxUnread bounds the transcripts that wait for a reader; more are dropped.
const maxUnread = 64

// recognition is one call's stream.
type recognition struct {
	r   *Recognizer
	out chan pipeline.Transcript

	mu     sync.Mutex
	spurts int    // begun so far
	now    *spurt // the one that runs
	ending []*spurt
	closed bool
}

// spurt is one talkspurt and what is still to come of it.
type spurt struct {
	n       int
	words   []string
	heard   int // words in the latest partial
	lasts   time.Duration
	began   time.Time
	lull    time.Time // since when it may be over; zero: it is not
	fault   Fault
	partial *time.Timer // nil when no more partials will come
	final   *time.Timer // nil until End
}

func (c *recognition) Begin(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	s := &spurt{n: n, words: []string{"yes"}, began: time.Now(), fault: c.r.Faults.fault(c.spurts)}
	if c.r.Says != nil {
		s.words = strings.Fields(c.r.Says(c.spurts))
	}
	if c.r.Lasts != nil {
		s.lasts = c.r.Lasts(c.spurts)
	}
	c.spurts++
	c.end()
	c.now = s
	if c.r.FirstPartial > 0 && len(s.words) > 0 {
		s.partial = time.AfterFunc(c.r.FirstPartial+s.until(1), func() { c.hear(s) })
	}
}

// until is when the first n words have been said, from the start of a
// talkspurt of which it is known how long its words last; else 0.
func (s *spurt) until(n int) time.Duration {
	said := len(strings.Join(s.words[:n], ""))
	return s.lasts * time.Duration(said) / time.Duration(len(strings.Join(s.words, "")))
}

// Lull lets the final words be counted from now.
func (c *recognition) Lull() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != nil {
		c.now.lull = time.Now()
	}
}

// Resume takes the Lull back.
func (c *recognition) Resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != nil {
		c.now.lull = time.Time{}
	}
}

// Write takes a frame and does nothing with it.
func (c *recognition) Write(*media.Frame) {}

func (c *recognition) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end()
}

// end closes the running talkspurt. The caller holds mu.
func (c *recognition) end() {
	s := c.now
	if s == nil || c.closed {
		return
	}
	c.now = nil
	if s.partial != nil {
		s.partial.Stop()
		s.partial = nil
	}
	if s.fault.Stall {
		return
	}
	c.ending = append(c.ending, s)
	wait := c.r.Final
	if !s.lull.IsZero() {
		wait = max(0, time.Until(s.lull.Add(c.r.Final)))
	}
	s.final = time.AfterFunc(wait, func() { c.finish(s) })
}

// hear gives a partial with one word more.
func (c *recognition) hear(s *spurt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.now != s || s.fault.strikes(s.heard) {
		return
	}
	s.heard++
	c.send(pipeline.Transcript{Spurt: s.n, Text: strings.Join(s.words[:s.heard], " ")})
	switch {
	case s.heard == len(s.words):
	case s.lasts > 0:
		s.partial.Reset(time.Until(s.began.Add(c.r.FirstPartial + s.until(s.heard+1))))
	case c.r.PartialEvery > 0:
		s.partial.Reset(c.r.PartialEvery)
	}
}

// finish gives the final words of a talkspurt and of those before it, whose
// timers may be late.
func (c *recognition) finish(s *spurt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	for len(c.ending) > 0 && c.ending[0].n <= s.n {
		e := c.ending[0]
		c.ending = c.ending[1:]
		e.final.Stop()
		t := pipeline.Transcript{Spurt: e.n, Text: strings.Join(e.words, " "), Final: true, Confidence: 1}
		if e.fault.Err != nil {
			t = pipeline.Transcript{Spurt: e.n, Final: true, Err: fmt.Errorf("declared recogniser: %w", e.fault.Err)}
		}
		c.send(t)
	}
}

// send drops the transcript when nobody reads. The caller holds mu.
func (c *recognition) send(t pipeline.Transcript) {
	select {
	case c.out <- t:
	default:
	}
}

func (c *recognition) Transcripts() <-chan pipeline.Transcript { return c.out }

func (c *recognition) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	if c.now != nil && c.now.partial != nil {
		c.now.partial.Stop()
	}
	for _, s := range c.ending {
		s.final.Stop()
	}
	close(c.out)
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.r.open--
	return nil
}
