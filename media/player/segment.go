package player

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"trunkline/media"
)

var (
	// ErrCleared says that the segment was given up by Clear.
	ErrCleared = errors.New("player: cleared")
	// ErrClosed says that the segment or its utterance had been ended before.
	ErrClosed = errors.New("player: write after the end of the segment")
)

// Segment is one sentence of an utterance. One goroutine writes it.
type Segment struct {
	player    *Player
	utterance *utterance
	text      string

	// Guarded by player.mu.
	words  []media.Word
	buf    []int16 // audio to play, behind some that was played
	next   int     // index in buf of the sample to play next
	played media.Samples
	again  media.Samples // to be played once more before played grows
	total  media.Samples // written so far
	closed bool
	broken bool // its audio ends before its text does

	before  media.Samples // played of earlier takes
	reached int           // octets of the text that were heard of them

	protected bool
	mark      int // told when the segment is heard; 0: not
	reaching  bool
}

// Write appends audio at media.SampleRate, and the marks of words that begin
// in it. It blocks while the player's queue is full; the segment that plays
// now is held back only by its own audio, so that sentences made ahead cannot
// starve it. It returns ErrCleared once the segment is given up, ErrClosed
// after Close, and the cause of ctx when that ends first.
func (s *Segment) Write(ctx context.Context, samples []int16, words []media.Word) error {
	p := s.player
	p.mu.Lock()
	defer p.mu.Unlock()
	s.words = append(s.words, words...)
	for waits := false; ; waits = true {
		switch {
		case s.utterance.cleared:
			return ErrCleared
		case s.closed:
			return ErrClosed
		case ctx.Err() != nil:
			return fmt.Errorf("player: write to utterance %d: %w", s.utterance.id, context.Cause(ctx))
		}
		n := min(len(samples), s.room())
		s.append(samples[:n])
		p.hasten()
		if samples = samples[n:]; len(samples) == 0 {
			return nil
		}
		if !waits {
			defer p.wakeOnDone(ctx)()
		}
		p.room.Wait()
	}
}

// Share is Write and Close at once for audio that is there whole and that
// nobody changes, such as a fixed line: it does not block, and samples are
// played from where they are, not copied. After Close or Clear it does nothing.
func (s *Segment) Share(samples []int16, words []media.Word) {
	p := s.player
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.utterance.cleared || s.closed {
		return
	}
	s.words = append(s.words, words...)
	if len(s.buf) == 0 {
		s.buf = samples // nothing is appended to a closed segment
		s.total += media.Samples(len(samples))
		p.queued += media.Samples(len(samples))
	} else {
		s.append(samples)
	}
	s.closed = true
	p.hasten()
}

// Protect says that the caller must hear the segment to its end, which Player
// events then tell. It comes before the first Write.
func (s *Segment) Protect() {
	s.player.mu.Lock()
	defer s.player.mu.Unlock()
	s.protected = true
}

// Mark has Player events tell when the first and the last sample of the segment
// have left, under a number above 0. It comes before the first Write.
func (s *Segment) Mark(n int) {
	s.player.mu.Lock()
	defer s.player.mu.Unlock()
	s.mark = n
}

// Extend appends to the segment's text, for speech whose words come beside its
// audio. A space between words is part of text.
func (s *Segment) Extend(text string) {
	s.player.mu.Lock()
	defer s.player.mu.Unlock()
	s.text += text
}

// Close says that the segment has all its audio. It may be called twice.
func (s *Segment) Close() {
	s.player.mu.Lock()
	defer s.player.mu.Unlock()
	s.closed = true
	s.player.hasten()
}

// Break is Close for a segment whose audio ends before its text does: what was
// heard of it is told by the usual pace of speech, as while it is written.
// After Close it does nothing.
func (s *Segment) Break() {
	s.player.mu.Lock()
	defer s.player.mu.Unlock()
	s.broken = s.broken || !s.closed
	s.closed = true
}

// Retake drops what is left to play of a segment that is not closed, since its
// voice failed: all of the text is written again. What plays fades out with the
// next frame. Words that were heard before count once.
func (s *Segment) Retake() {
	p := s.player
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.closed || s.utterance.cleared {
		return
	}
	if p.land(); p.current() == s && p.flows {
		p.tailN = p.ahead(p.tail[:])
		p.flows = false
	}
	s.reached = len(s.account().heard())
	s.before += s.played
	p.queued -= media.Samples(s.waiting())
	s.free()
	s.words, s.played, s.again, s.total = nil, 0, 0, 0
	p.room.Broadcast()
}

// room is how many samples may be appended now.
func (s *Segment) room() int {
	p := s.player
	queued := p.queued
	if p.current() == s {
		queued = media.Samples(s.waiting())
	}
	return int(max(0, p.bound-queued))
}

// append adds audio to the queue. It drops what was played, but for the word
// that a resume may need, when that is more than what stays.
func (s *Segment) append(samples []int16) {
	const keep = wordSamples + rampSamples
	if drop := s.next - keep; drop > len(s.buf)/2 {
		s.buf = s.buf[:copy(s.buf, s.buf[drop:])]
		s.next = keep
	}
	s.buf = append(s.buf, samples...)
	s.total += media.Samples(len(samples))
	s.player.queued += media.Samples(len(samples))
}

// play advances by at most n samples and returns by how many.
func (s *Segment) play(n int) int {
	n = min(n, s.waiting())
	s.next += n
	again := min(s.again, media.Samples(n))
	s.again -= again
	s.played += media.Samples(n) - again
	return n
}

// wordSamples is the longest part of a word that is said again: 1.5 s.
const wordSamples = 3 * media.SampleRate / 2

// rewind goes back to the start of the word at the position and returns by how
// much.
func (s *Segment) rewind() media.Samples {
	at := s.played - s.again
	words := strings.Fields(s.text)
	starts := s.account().place(words)
	back := at - starts[0]
	for _, start := range starts[1:] {
		if start > at {
			break
		}
		back = at - start
	}
	if back < 0 || back > wordSamples || int(back) > s.next {
		return 0
	}
	s.next -= int(back)
	s.again += back
	return back
}

// account copies the segment's part of the ledger.
func (s *Segment) account() speech {
	return speech{text: s.text, words: s.words, played: s.played, total: s.total, closed: s.closed && !s.broken, reached: s.reached}
}

// waiting is how many samples are still to be played.
func (s *Segment) waiting() int { return len(s.buf) - s.next }

// over reports whether the segment has been played and gets no more audio.
func (s *Segment) over() bool { return s.closed && s.waiting() == 0 }

// free drops the audio; the counts stay.
func (s *Segment) free() { s.buf, s.next = nil, 0 }
