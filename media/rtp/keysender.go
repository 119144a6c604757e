package rtp

import "trunkline/media"

const (
	// endCopies is how often the final packet of an event is sent
	// (RFC 4733 section 2.5.1.4).
	endCopies = 3

	// keyVolume is the power we claim for our keys: -10 dBm0.
	keyVolume = 10
)

// keyPress is a key to be sent.
type keyPress struct {
	code uint8
	hold media.Samples
}

// keySender makes the packets of telephone events, one per tick while a key
// is sent. Presses wait in a ring of keysHeld.
type keySender struct {
	waiting [keysHeld]keyPress
	head    int
	count   int

	sending   bool
	code      uint8
	timestamp uint32        // of the current segment
	duration  int           // of the current segment so far
	hold      media.Samples // still to come
	ends      int           // final packets sent
}

// add queues a press; it reports false when the ring is full.
func (k *keySender) add(p keyPress) bool {
	if k.count == len(k.waiting) {
		return false
	}
	k.waiting[(k.head+k.count)%len(k.waiting)] = p
	k.count++
	return true
}

// busy says whether the next tick belongs to a key.
func (k *keySender) busy() bool { return k.sending || k.count > 0 }

// step makes the event packet of one tick; clock is the timestamp of the
// tick's first sample. It must not be called unless busy.
func (k *keySender) step(clock uint32) (e event, timestamp uint32, marker bool) {
	if !k.sending {
		press := k.waiting[k.head]
		k.head = (k.head + 1) % len(k.waiting)
		k.count--
		k.sending, marker = true, true
		k.code, k.hold = press.code, press.hold
		k.timestamp, k.duration, k.ends = clock, 0, 0
	}
	e, timestamp = event{code: k.code, volume: keyVolume}, k.timestamp
	if k.hold > 0 {
		k.hold -= media.FrameSamples
		k.duration += media.FrameSamples
	}
	if k.duration > maxDuration {
		// The segment is full; the next tick begins the one that follows it.
		e.duration = maxDuration
		k.timestamp += maxDuration
		k.duration -= maxDuration
		return e, timestamp, marker
	}
	e.duration = uint16(k.duration)
	if k.hold <= 0 {
		e.end = true
		if k.ends++; k.ends == endCopies {
			k.sending = false
		}
	}
	return e, timestamp, marker
}
