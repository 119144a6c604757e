package rtp

import (
	"time"

	"trunkline/media"
)

const (
	// releaseAfter is how long after the last update a key counts as
	// released when no end came: four of the usual 50 ms intervals
	// (RFC 4733 section 2.5.1.2).
	releaseAfter = 200 * time.Millisecond

	// segmentSlack is how far the end of one segment of a long event, as last
	// heard, may lie from the start of the next: 300 ms of lost updates.
	segmentSlack = 2400

	// replayWindow is how far behind the last key an event packet is taken
	// for a straggler: 10 s. Beyond it the sender's clock has jumped.
	replayWindow = 10 * media.SampleRate

	// keysHeld is how many key presses wait to be taken.
	keysHeld = 32
)

// keyReceiver turns the packets of telephone events into key presses, each
// counted once (RFC 4733 section 2.5.2). An event is known by its timestamp:
// any of its packets begins it, any end packet, a newer event or silence ends
// it.
type keyReceiver struct {
	pressed   bool
	code      uint8
	timestamp uint32        // of the current segment
	duration  uint16        // of the current segment, as last heard
	earlier   media.Samples // in the segments before
	updated   time.Time

	ended     bool   // some event has ended
	lastEnded uint32 // its timestamp

	digits [keysHeld]media.Digit // a ring
	head   int
	count  int
}

// put takes the event of one packet.
func (k *keyReceiver) put(e event, timestamp uint32, marker bool, at time.Time) {
	if !e.isKey() {
		return
	}
	k.expire(at)
	if k.pressed && timestamp != k.timestamp {
		if int32(timestamp-k.timestamp) < 0 && int32(k.timestamp-timestamp) < replayWindow {
			return
		}
		if e.code == k.code && !marker && k.continues(timestamp) {
			k.earlier += media.Samples(timestamp - k.timestamp)
			k.timestamp, k.duration = timestamp, 0
		} else {
			k.release()
		}
	}
	if !k.pressed {
		if behind := int32(k.lastEnded - timestamp); k.ended && behind >= 0 && behind < replayWindow {
			return
		}
		k.pressed, k.code, k.timestamp, k.duration, k.earlier = true, e.code, timestamp, 0, 0
	}
	k.duration = max(k.duration, e.duration)
	k.updated = at
	if e.end {
		k.release()
	}
}

// continues says whether an event at timestamp is the next segment of the key
// that is pressed (RFC 4733 section 2.5.1.3).
func (k *keyReceiver) continues(timestamp uint32) bool {
	length := int64(timestamp - k.timestamp)
	return length <= maxDuration && length > maxDuration-segmentSlack &&
		int64(k.duration) > length-segmentSlack
}

// expire releases a key whose updates have stopped.
func (k *keyReceiver) expire(now time.Time) {
	if k.pressed && now.Sub(k.updated) > releaseAfter {
		k.release()
	}
}

// restart ends what is pressed and believes any timestamp: another stream
// begins.
func (k *keyReceiver) restart() {
	if k.pressed {
		k.release()
	}
	k.ended = false
}

// release ends the key press and queues its digit. When nobody has taken
// digits for long, the newest is lost.
func (k *keyReceiver) release() {
	k.pressed = false
	k.ended, k.lastEnded = true, k.timestamp
	if k.count == len(k.digits) {
		return
	}
	held := k.earlier + media.Samples(k.duration)
	k.digits[(k.head+k.count)%len(k.digits)] = media.Digit{Key: keys[k.code], Duration: held.Duration()}
	k.count++
}

// next takes the oldest digit.
func (k *keyReceiver) next() (media.Digit, bool) {
	if k.count == 0 {
		return media.Digit{}, false
	}
	d := k.digits[k.head]
	k.head = (k.head + 1) % len(k.digits)
	k.count--
	return d, true
}
