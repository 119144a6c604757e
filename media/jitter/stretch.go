package jitter

import (
	"time"

	"trunkline/media"
	"trunkline/media/stretch"
)

const (
	// quietPeak is the level below which any cut goes unheard: 36 dB below
	// full scale.
	quietPeak = 512

	// leastCut is the shortest change worth its seam, in quiet audio.
	leastCut = 8

	// hysteresis is the delay above the target that is left alone, so that a
	// drifting clock does not make the delay go to and fro.
	hysteresis = 4 * time.Millisecond

	// bearable is how much later than the target allows packets may have to be
	// in time before speech is made longer, by a whole packet, where ticks that
	// come later (see Shift) may do.
	bearable = 2 * time.Millisecond

	// forcedExcess is the needless delay that is worth a click in speech.
	forcedExcess = 100 * time.Millisecond
)

// stretch fills f with audio made shorter or longer when the delay is not what
// the arrivals ask for and the audio permits. It reports whether it did.
func (b *Buffer) stretch(f *media.Frame, now time.Time) (in media.Inbound, ok bool) {
	if !b.synced || b.silent || b.gap > 0 || len(b.queue) == 0 || b.queue[0].timestamp != b.next {
		return in, false
	}
	change, spare := b.change(b.queue[0])
	b.spare = spare
	if change > -leastCut && change <= 0 {
		return in, false
	}
	if change > 0 && now.Sub(b.queue[0].arrived) > b.max-media.FrameDuration {
		return in, false // it has waited as long as it may
	}
	x := b.look(len(f)+max(-change, 0), now)
	if len(x) < len(f) {
		return in, false
	}
	used := len(f)
	if change > 0 {
		lag := b.longer(change, spare)
		if lag == 0 {
			return in, false
		}
		stretch.Lengthen(f[:], b.window, media.FrameSamples, lag)
		used -= lag
	} else {
		lag := b.shorter(x, min(-change, len(x)-len(f)), spare)
		if lag == 0 {
			return in, false
		}
		stretch.Shorten(f[:], x, lag)
		used += lag
	}
	b.stats.Stretched++
	b.spare = 0
	b.concealer.Good(f[:])
	return media.Inbound{Kind: media.Received, Arrived: b.consume(used, now, 0)}, true
}

// change says by how many samples the delay should grow, or, when negative,
// may shrink, while head is at the play point; and how much later than the
// target packets may be as it is.
//
// A packet is needed by the tick whose frame holds its first sample. How long
// before that sample is due the tick comes depends on where in a frame packets
// begin; it is only ever in steps of what packets and frames have in common
// that a change of the delay gives them more time.
func (b *Buffer) change(head *slot) (samples int, spare time.Duration) {
	grain := common(len(head.store), media.FrameSamples)
	begin := len(head.samples) % grain // where in a frame packets begin, but for whole grains
	early := media.Samples(media.FrameSamples - grain + begin).Duration()
	spare = b.arrivals.transit(b.clock.even, b.next) - early - b.arrivals.base - b.arrivals.target()
	step := media.Samples(grain).Duration()
	bear := time.Duration(0)
	if b.moving {
		bear = bearable
	}
	switch {
	case spare < -bear:
		steps := int((step - 1 - spare) / step)
		return steps*grain - begin, spare
	case b.arrivals.needed() > b.arrivals.most():
		return 0, 0 // packets are later than the target can be: there is nothing to spare
	case spare < hysteresis, b.arrivals.late > 0: // or the path is changing
		return 0, spare
	}
	steps := int((spare - hysteresis) / step)
	return -steps*grain - begin, spare
}

// Shift says whether ticks should come a step later (1) or earlier (-1) from
// the next one on, for packets to wait no longer than the target, and counts on
// that being done. Frames are whole and so are packets: where packets of 20 ms
// wait 33 ms for ticks 20 ms apart, and 25 ms would do, no change of the audio
// helps, but ticks that come 8 ms earlier. It speaks of the frame that Take
// gave last, and is 0 where that tells nothing.
func (b *Buffer) Shift(step time.Duration) int {
	b.moving = true
	switch {
	case b.spare < 0:
		b.clock.even = b.clock.even.Add(step)
		return 1
	case b.spare > step+step/2:
		return -1
	}
	return 0
}

// common is the greatest common divisor.
func common(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// look copies the next n samples, or those that are there without a gap, to
// the window behind the frame played last.
func (b *Buffer) look(n int, now time.Time) []int16 {
	x := b.window[media.FrameSamples:]
	n = min(n, len(x))
	have := 0
	at := b.next
	for _, s := range b.queue {
		if have == n || s.timestamp != at || len(s.samples) == 0 || !s.begun && now.Sub(s.arrived) > b.max {
			break
		}
		part := copy(x[have:n], s.samples)
		have += part
		at += uint32(part)
	}
	return x[:have]
}

// shorter is how many samples to leave out at the start of x, most at most; 0
// when the audio does not permit it.
func (b *Buffer) shorter(x []int16, most int, spare time.Duration) int {
	if cut := min(most, quiet(x)-stretch.Overlap); cut >= leastCut {
		return cut
	}
	if most < stretch.MinLag {
		return 0
	}
	lag, match := stretch.Shorter(x, most)
	// From 0.9 for a little, down to anything.
	if match < 0.9-0.5*float64(spare)/float64(forcedExcess) && spare < forcedExcess {
		return 0
	}
	return lag
}

// longer is how many samples to repeat before the next ones, around most; 0
// when the audio does not permit it.
func (b *Buffer) longer(most int, spare time.Duration) int {
	const enough = 80 // the search needs a choice
	if quiet(b.window[:media.FrameSamples+stretch.Overlap]) == media.FrameSamples+stretch.Overlap {
		return min(most, stretch.MaxLag)
	}
	lag, match := stretch.Longer(b.window, media.FrameSamples, max(most, enough))
	// The less time is left, the less is asked for.
	if match < max(0.9-0.1*float64(-spare)/float64(time.Millisecond), 0.5) {
		return 0
	}
	return lag
}

// quiet is how many samples at the start of x are quiet.
func quiet(x []int16) int {
	for i, s := range x {
		if s > quietPeak || s < -quietPeak {
			return i
		}
	}
	return len(x)
}
