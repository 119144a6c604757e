package bridge

import (
	"sync/atomic"
	"time"

	"trunkline/media"
)

// A Tap gets both directions of each tick, as line.Tap does. Write must
// neither block nor keep the frames.
type Tap interface {
	Write(caller, other *media.Frame)
}

// A keyer is a leg that sends telephone events.
type keyer interface {
	SendDigit(key byte, hold time.Duration) error
}

// Bridge joins a caller's leg and another one. New makes one.
type Bridge struct {
	caller, other       media.Leg
	callerKeys          keyer // nil: that leg sends no keys
	otherKeys           keyer
	buffered            []media.Buffered // those legs that send with Flush
	tap                 Tap
	fromCaller, toOther media.Frame
	fromOther, toCaller media.Frame
	counts              [2]atomic.Uint64 // frames that were heard, from the caller and from the other
}

// New joins two legs. tap may be nil.
func New(caller, other media.Leg, tap Tap) *Bridge {
	b := &Bridge{caller: caller, other: other, tap: tap}
	b.callerKeys, _ = caller.(keyer)
	b.otherKeys, _ = other.(keyer)
	for _, leg := range []media.Leg{caller, other} {
		if l, ok := leg.(media.Buffered); ok {
			b.buffered = append(b.buffered, l)
		}
	}

	return b
}

// Tick moves one frame each way. What did not arrive is sent on as the leg made
// it up, or as silence.
func (b *Bridge) Tick(time.Time) {
	if b.caller.Read(&b.fromCaller).Kind == media.Received {
		b.counts[0].Add(1)
	}
	if b.other.Read(&b.fromOther).Kind == media.Received {
		b.counts[1].Add(1)
	}
	b.toOther, b.toCaller = b.fromCaller, b.fromOther // a leg may change what it sends
	b.other.Write(&b.toOther)
	b.caller.Write(&b.toCaller)
	for _, l := range b.buffered {
		l.Flush()
	}
	pass(b.caller, b.otherKeys)
	pass(b.other, b.callerKeys)
	if b.tap != nil {
		b.tap.Write(&b.fromCaller, &b.fromOther)
	}
}

// pass sends the keys of one side on to the other.
func pass(from media.Leg, to keyer) {
	for d, ok := from.Digit(); ok; d, ok = from.Digit() {
		if to != nil {
			_ = to.SendDigit(d.Key, d.Duration) // a leg that agreed on no events has no way for it
		}
	}
}

// Heard counts the frames that came from the caller and from the other, from
// any goroutine.
func (b *Bridge) Heard() (caller, other uint64) { return b.counts[0].Load(), b.counts[1].Load() }
