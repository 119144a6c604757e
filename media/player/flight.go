package player

import "trunkline/media"

const (
	maxFlight = 64  // frames in flight at most
	markEvery = 2   // frames between two marks
	unmarked  = 100 // ticks without a mark after which the clock is believed, 2 s
)

// flight is what a leg that buffers has taken and may not have played. A
// sample there counts as heard when its mark has come back.
type flight struct {
	leg        media.Buffered // nil while nothing ticks
	generation uint32
	frames     *[maxFlight]media.Frame // a ring, by number; made for the first frame, for most legs do not buffer
	outputs    [maxFlight]output
	first      uint64 // number in this generation of the first frame in flight
	sent       uint64 // number of the next frame to be sent
	samples    int    // at full level in flight

	sentAt [maxFlight]uint64 // ticks
	ticks  uint64
	trip   uint64 // the shortest way of a frame there and its mark back, in ticks

	marked bool   // a mark of this generation has come back
	clock  uint64 // frames that must have been played by now, counted from the latest mark
	wait   int    // ticks since that mark
}

// PlayAhead is Play for a leg that buffers: it keeps the leg's buffer filled
// and the ledger by the marks that come back. f becomes the frame that is
// being played there, as far as is known.
//
// Between two ticks the leg is used too, by whoever calls the player: Pause and
// Clear have it drop its buffer at once, and what was not heard by then is written
// again after Resume; audio for which the far side waits is not kept for the next
// tick. Leave ends that. Only the first PlayAhead allocates. The leg must not call
// the player.
func (p *Player) PlayAhead(f *media.Frame, leg media.Buffered) (audible, sent bool) {
	p.mu.Lock()
	w := &p.flight
	if w.frames == nil {
		w.frames = new([maxFlight]media.Frame)
	}
	w.leg = leg
	p.retire()
	p.hear(leg)
	audible = w.playing(f)
	sent = p.top(leg, markEvery)
	if w.first == w.sent && p.head < len(p.utterances) && p.utterances[p.head].started && !p.paused {
		p.starve(p.utterances[p.head], media.FrameSamples)
	}
	told := len(p.events) > 0
	p.mu.Unlock()
	if told {
		p.tell()
	}
	return audible, sent
}

// Leave says that PlayAhead is not called any more, until it is: the leg is left
// alone.
func (p *Player) Leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flight.leg = nil
}

// enough is the audio, in frames, that is worth to be sent before a tick: the
// next one, which tops it up, may be late by as much.
const enough = 2

// hasten sends audio at once to a leg that buffers and whose far side has
// nothing left to play. The caller holds p.mu.
func (p *Player) hasten() {
	w := &p.flight
	if w.leg == nil || w.first < w.sent || p.paused || p.tailN > 0 {
		return
	}
	p.retire()
	s := p.current()
	if s == nil || s.waiting() < enough*media.FrameSamples && !s.closed {
		return
	}
	if p.top(w.leg, 0) { // a frame that is not whole may be when the tick comes
		w.leg.Flush()
	}
}

// hear takes the marks that came back, and believes none of a generation that
// is over.
func (p *Player) hear(leg media.Buffered) {
	w := &p.flight
	w.ticks++
	w.wait++
	if w.marked && w.clock < w.sent && w.sentAt[w.clock%maxFlight]+w.trip <= w.ticks {
		w.clock++ // it can have got there
	}
	for m, ok := leg.Marked(); ok; m, ok = leg.Marked() {
		if m.Generation != w.generation || m.Frames > w.sent || m.Frames <= w.first {
			continue
		}
		if trip := w.ticks - w.sentAt[(m.Frames-1)%maxFlight]; w.trip == 0 || trip < w.trip {
			w.trip = trip
		}
		w.marked, w.clock, w.wait = true, m.Frames, 0
		p.arrive(m.Frames)
	}
	if w.first < w.sent && w.wait > unmarked { // a mark was lost
		w.marked, w.clock = true, max(w.clock, w.first+1)
		p.arrive(w.first + 1)
	}
}

// arrive counts the frames before number n as heard.
func (p *Player) arrive(n uint64) {
	w := &p.flight
	for ; w.first < n; w.first++ {
		out := w.outputs[w.first%maxFlight]
		w.samples -= out.played
		p.advance(out)
	}
}

// playing gives the frame that is being played there.
func (w *flight) playing(f *media.Frame) bool {
	if !w.marked || w.clock >= w.sent || w.clock < w.first {
		clear(f[:])
		return false
	}
	*f = w.frames[w.clock%maxFlight]
	return true
}

// top fills the leg's buffer up. An incomplete frame waits for its rest while the
// buffer has more than low frames; 0: always.
func (p *Player) top(leg media.Buffered, low uint64) (sent bool) {
	w := &p.flight
	most := uint64(min(leg.Ahead(), maxFlight))
	for !p.paused && w.sent-w.first < most {
		f := &w.frames[w.sent%maxFlight]
		out := p.fill(f)
		played := max(w.first, w.clock)
		if !out.audible || out.gap > 0 && p.mayGrow() && (low == 0 || w.sent > played+low) {
			break
		}
		if !leg.Write(f) {
			break
		}
		if w.sent == w.first {
			w.wait = 0
		}
		w.outputs[w.sent%maxFlight], w.sentAt[w.sent%maxFlight] = out, w.ticks
		w.sent++
		w.samples += out.played
		p.flows, p.tailN = out.flows, 0
		sent = true
		if w.sent%markEvery == 0 || out.gap > 0 {
			leg.Mark(media.Mark{Generation: w.generation, Frames: w.sent})
		}
	}
	return sent
}

// mayGrow reports whether more audio may still follow what leaves next without
// a break.
func (p *Player) mayGrow() bool {
	for _, u := range p.utterances[p.head:] {
		for _, s := range u.segments[u.head:] {
			if !s.closed {
				return true
			}
		}
		if !u.sealed {
			return true
		}
	}
	return false
}

// land ends the generation: what must have been heard by now was heard, and
// the rest leaves again, if it is wanted then. The caller holds p.mu.
func (p *Player) land() {
	w := &p.flight
	if w.sent == 0 {
		return
	}
	if w.marked {
		p.arrive(min(w.clock, w.sent))
	}
	w.generation++
	w.first, w.sent, w.clock, w.samples = 0, 0, 0, 0
	w.marked, w.wait = false, 0
	p.flows = false
	if w.leg != nil {
		w.leg.Drop()
	}
}
