package player

import (
	"context"
	"slices"
	"sync"
	"time"

	"trunkline/media"
)

const (
	defaultBound = 10 * time.Second       // audio that may wait to be played
	starving     = 400 * time.Millisecond // silence in an utterance that is told
	kept         = 8                      // played or cleared utterances that the ledger remembers

	// Writers that wait for room are woken when this part of the bound has
	// been played, not at every tick.
	wakeups = 8
)

// Options sets up a Player.
type Options struct {
	// Notify is told when an utterance starts and when it has finished. It is
	// called on the tick goroutine, may call the player, and must not block.
	// It may be nil.
	Notify func(Event)
	// Bound is how much audio may wait to be played; 10 s when zero.
	Bound time.Duration
}

// EventKind says what happened to an utterance.
type EventKind uint8

// The kinds of an Event.
const (
	// Started says that the frame with the utterance's first sample has left.
	Started EventKind = iota + 1
	// Finished says that nothing of a sealed utterance is left to play. An
	// utterance without audio finishes without having started; a cleared one
	// never finishes.
	Finished
	// Starved says that an utterance which has started and is not over has
	// had nothing to play for 400 ms, other than by Pause.
	Starved
	// Fed says that a starved utterance plays again.
	Fed
	// Protecting says that the first sample of a protected segment has left.
	Protecting
	// Protected says that the last sample has, and that no protected segment
	// follows at once.
	Protected
	// Reached says that the first sample of a marked segment has left.
	Reached
	// Passed says that its last sample has.
	Passed
)

// Event tells the progress of an utterance.
type Event struct {
	Kind      EventKind
	Utterance int
	At        time.Time     // just after the frame left
	Silence   time.Duration // of Starved: so far
	Mark      int           // of Reached and Passed
}

// Stats counts what went out of a Player.
type Stats struct {
	Queued media.Samples // waiting to be played
	// Underruns counts the times that an utterance fell silent, other than by
	// Pause, before more of its audio came. Gap is how long it was silent in
	// all those times.
	Underruns int
	Gap       time.Duration
}

// Player is the agent's side of one call. Play, PlayAhead and Next belong to the tick
// goroutine; all other methods may be called from any goroutine.
type Player struct {
	notify func(Event)
	bound  media.Samples

	mu         sync.Mutex
	room       sync.Cond     // waited on by writers while the queue is full
	utterances []*utterance  // oldest first: those kept for the ledger, then those to play
	head       int           // index of the first utterance that is not over
	queued     media.Samples // waiting in all segments
	drained    media.Samples // played since the writers were last woken

	paused bool
	flows  bool               // the last frame that left ended at full level
	tail   [fadeSamples]int16 // audio that Clear still has to fade out
	tailN  int

	wait   []int16 // repeated while nothing is to be played; nil: silence
	waitAt int     // the next sample of it
	waited bool    // the last frame had some of it

	underruns int
	gap       media.Samples
	events    []Event // that the tick goroutine has still to tell
	telling   [4 * kept]Event

	flight flight // into a leg that buffers
}

// utterance is one reply and its place in the ledger.
type utterance struct {
	id       int
	segments []*Segment
	head     int // index of the first segment that is not over
	sealed   bool
	cleared  bool
	started  bool
	finished bool
	gap      media.Samples // silence since its last sample
	starved  bool          // that was told
	held     bool          // not to be played yet, nor what is behind it
	guarded  bool          // protected wording is being played
}

// New makes a Player with nothing to play.
func New(o Options) *Player {
	if o.Bound <= 0 {
		o.Bound = defaultBound
	}
	p := &Player{
		notify: o.Notify,
		bound:  max(media.SamplesIn(o.Bound), media.FrameSamples),
		events: make([]Event, 0, 4*kept),
	}
	p.room.L = &p.mu
	return p
}

// Add appends a segment that speaks text, one sentence, to an utterance. When
// the utterance was cleared, writes to the segment fail with ErrCleared; when
// it was sealed, with ErrClosed.
func (p *Player) Add(utterance int, text string) *Segment {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.utterance(utterance)
	s := &Segment{player: p, utterance: u, text: text, closed: u.sealed}
	if !u.sealed && !u.cleared {
		u.segments = append(u.segments, s)
	}
	return s
}

// Seal says that an utterance gets no more segments, so that it can finish.
// Utterances behind it wait for that.
func (p *Player) Seal(utterance int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.utterance(utterance).sealed = true
}

// utterance finds an utterance of the ledger or begins it at the end of the
// queue. The caller holds p.mu.
func (p *Player) utterance(id int) *utterance {
	if u := p.find(id); u != nil {
		return u
	}
	if over := p.head - kept; over > 0 {
		p.utterances = slices.Delete(p.utterances, 0, over)
		p.head -= over
	}
	u := &utterance{id: id}
	p.utterances = append(p.utterances, u)
	return u
}

// Interject begins an utterance that plays before whatever waits, also in the
// middle of an utterance that has run dry.
func (p *Player) Interject(id int, text string) *Segment {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.land() // what is on its way belongs to what comes after it now
	u := &utterance{id: id}
	p.utterances = slices.Insert(p.utterances, p.head, u)
	s := &Segment{player: p, utterance: u, text: text}
	u.segments = append(u.segments, s)
	return s
}

// Hold keeps an utterance, which may not have begun, from being played.
// Utterances behind it wait too.
func (p *Player) Hold(utterance int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.utterance(utterance).held = true
}

// Release lets an utterance that was held be played.
func (p *Player) Release(utterance int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u := p.find(utterance); u != nil {
		u.held = false
		p.hasten()
	}
}

// Drop gives up an utterance of which nothing was played, and no other. Its
// writers get ErrCleared and no event follows.
func (p *Player) Drop(utterance int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u := p.utterance(utterance)
	if u.started || u.finished || u.cleared {
		return
	}
	u.cleared, u.sealed, u.held = true, true, false
	for _, s := range u.segments {
		p.queued -= media.Samples(s.waiting())
		s.free()
	}
	p.room.Broadcast()
}

func (p *Player) find(id int) *utterance {
	for _, u := range slices.Backward(p.utterances) {
		if u.id == id {
			return u
		}
	}
	return nil
}

// Pause stops the audio with the next frame, or what a leg buffers at once, and
// keeps the position.
func (p *Player) Pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = true
	p.land()
}

// Resume goes on where Pause stopped, with the next frame.
func (p *Player) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = false
	p.hasten()
}

// ResumeWord goes on, with the next frame, from the start of the word in which
// Pause stopped: after a long pause the rest of a word cannot be understood. What
// was heard before counts once.
func (p *Player) ResumeWord() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = false
	if s := p.current(); s != nil {
		p.queued += s.rewind()
	}
	p.hasten()
}

// Paused reports whether the player is paused.
func (p *Player) Paused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.paused
}

// Clear fades out with the next frame, drops all that is queued and gives up
// every utterance that is not finished: their writers get ErrCleared and no
// event follows. A pause ends with it. What was heard stays in the ledger.
func (p *Player) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.land(); p.flows {
		p.tailN = p.ahead(p.tail[:])
		p.flows = false
	}
	for _, u := range p.utterances[p.head:] {
		u.cleared = true
		for _, s := range u.segments {
			s.free()
		}
	}
	p.head = len(p.utterances)
	p.queued = 0
	p.paused = false
	p.room.Broadcast()
}

// Stats is a snapshot of the player's counters.
func (p *Player) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{Queued: p.queued, Underruns: p.underruns, Gap: p.gap.Duration()}
}

// Next takes the frame of this tick. It reports whether agent audio is in it.
func (p *Player) Next(f *media.Frame) bool {
	audible, _ := p.Play(f, left)
	return audible
}

func left(*media.Frame) bool { return true }

// Play fills f with the next 20 ms, silence when there is none, and hands it
// to send. When send reports that the frame did not leave, as on hold, nothing
// counts as played: the same audio comes again at the next tick. Play does not
// allocate. send must not call the player.
func (p *Player) Play(f *media.Frame, send func(*media.Frame) bool) (audible, sent bool) {
	p.mu.Lock()
	p.retire()
	out := p.fill(f)
	sent = send(f)
	if sent {
		p.commit(out)
	} else {
		p.flows, p.tailN = false, 0 // the caller hears a break already
	}
	told := len(p.events) > 0
	p.mu.Unlock()
	if told {
		p.tell()
	}
	return out.audible, sent
}

// tell hands out the events of the tick, on whose goroutine it is.
func (p *Player) tell() {
	now := time.Now()
	p.mu.Lock()
	n := copy(p.telling[:], p.events)
	p.events = p.events[:copy(p.events, p.events[n:])]
	p.mu.Unlock()
	for _, e := range p.telling[:n] {
		e.At = now
		if p.notify != nil {
			p.notify(e)
		}
	}
}

// output describes a frame that was filled but has not left yet.
type output struct {
	audible bool
	played  int  // samples at full level
	flows   bool // full level up to the frame's end
	gap     int  // samples of silence at the end for want of audio
}

// fill renders the frame of this tick and changes nothing.
func (p *Player) fill(f *media.Frame) output {
	switch {
	case p.tailN > 0:
		copy(f[:], p.tail[:p.tailN])
		rampDown(f[:p.tailN])
		clear(f[p.tailN:])
		return output{audible: true}
	case p.paused && p.flows:
		n := p.ahead(f[:rampSamples])
		rampDown(f[:n])
		clear(f[n:])
		return output{audible: n > 0}
	case p.paused:
		clear(f[:])
		return output{}
	}
	lead := 0
	if !p.flows {
		lead = copy(f[:], p.before(rampSamples))
		rampUp(f[:lead])
	}
	n := p.ahead(f[lead:])
	clear(f[lead+n:])
	p.waited = p.wait != nil && lead+n == 0
	if p.waited {
		p.repeat(f[:])
	}
	return output{audible: n > 0 || p.waited, played: n, flows: lead+n == len(f), gap: len(f) - lead - n}
}

// commit records that a frame left.
func (p *Player) commit(out output) {
	p.tailN = 0
	p.flows = out.flows
	p.advance(out)
	if p.head < len(p.utterances) && p.utterances[p.head].started {
		p.starve(p.utterances[p.head], media.Samples(out.gap))
	}
}

// advance moves the position over audio that was heard.
func (p *Player) advance(out output) {
	for n := out.played; n > 0; {
		u := p.utterances[p.head]
		if !u.started {
			u.started = true
			p.events = append(p.events, Event{Kind: Started, Utterance: u.id})
		}
		if u.gap > 0 {
			p.underruns++
			p.gap += u.gap
			u.gap = 0
		}
		if u.starved {
			u.starved = false
			p.events = append(p.events, Event{Kind: Fed, Utterance: u.id})
		}
		s := u.segments[u.head]
		if s.protected && !u.guarded {
			u.guarded = true
			p.events = append(p.events, Event{Kind: Protecting, Utterance: u.id})
		}
		if s.mark != 0 && !s.reaching {
			s.reaching = true
			p.events = append(p.events, Event{Kind: Reached, Utterance: u.id, Mark: s.mark})
		}
		n -= s.play(n)
		p.retire()
	}
	p.wake(media.Samples(out.played))
}

// starve counts the silence of an utterance that has run dry.
func (p *Player) starve(u *utterance, silence media.Samples) {
	u.gap += silence
	if !u.starved && u.gap >= media.SamplesIn(starving) {
		u.starved = true
		p.events = append(p.events, Event{Kind: Starved, Utterance: u.id, Silence: u.gap.Duration()})
	}
}

// wake lets waiting writers go on, once per some played audio.
func (p *Player) wake(played media.Samples) {
	p.queued -= played
	p.drained += played
	if p.drained >= p.bound/wakeups {
		p.drained = 0
		p.room.Broadcast()
	}
}

// retire moves past the segments and utterances that are over.
func (p *Player) retire() {
	for p.head < len(p.utterances) {
		u := p.utterances[p.head]
		switch {
		case u.held:
			return
		case u.cleared:
			p.head++
			continue
		}
		for u.head < len(u.segments) && u.segments[u.head].over() {
			s := u.segments[u.head]
			s.free()
			u.head++
			if s.reaching {
				p.events = append(p.events, Event{Kind: Passed, Utterance: u.id, Mark: s.mark})
			}
			if u.guarded && (u.head == len(u.segments) || !u.segments[u.head].protected) {
				u.guarded = false
				p.events = append(p.events, Event{Kind: Protected, Utterance: u.id})
			}
			p.room.Broadcast() // the next segment is bounded by itself alone from now on
		}
		if u.head < len(u.segments) || !u.sealed {
			return
		}
		u.finished = true
		p.head++
		p.events = append(p.events, Event{Kind: Finished, Utterance: u.id})
	}
}

// current is the segment that plays or will play next, nil when there is none.
func (p *Player) current() *Segment {
	if p.head == len(p.utterances) {
		return nil
	}
	u := p.utterances[p.head]
	if u.held || u.head == len(u.segments) {
		return nil
	}
	return u.segments[u.head]
}

// ahead copies the audio that leaves next into dst, as far as there is any, and
// changes nothing.
func (p *Player) ahead(dst []int16) int {
	n, skip := 0, p.flight.samples
	for _, u := range p.utterances[p.head:] {
		if u.held {
			return n
		}
		for _, s := range u.segments[u.head:] {
			audio := s.buf[s.next:]
			passed := min(skip, len(audio))
			skip -= passed
			n += copy(dst[n:], audio[passed:])
			if n == len(dst) || !s.closed {
				return n
			}
		}
		if !u.sealed {
			return n
		}
	}
	return n
}

// before is the audio just before that which leaves next, at most n samples of
// the same segment; none when nothing leaves.
func (p *Player) before(n int) []int16 {
	skip := p.flight.samples
	for _, u := range p.utterances[p.head:] {
		if u.held {
			return nil
		}
		for _, s := range u.segments[u.head:] {
			if skip < s.waiting() {
				at := s.next + skip
				return s.buf[max(0, at-n):at]
			}
			skip -= s.waiting()
			if !s.closed {
				return nil
			}
		}
		if !u.sealed {
			return nil
		}
	}
	return nil
}

// wakeOnDone wakes the writers when ctx ends, so that they see it.
func (p *Player) wakeOnDone(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.room.Broadcast()
	})
}
