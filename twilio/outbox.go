package twilio

import "trunkline/twilio/framing"

// outboxLength is how many messages may wait for the socket: more than a leg
// may be ahead of what is played, with a mark for every other frame.
const outboxLength = 96

// outbox is what waits for one socket, framed, oldest first. When it is full
// nothing more is taken: a socket that does not move does not grow anything.
type outbox struct {
	octets []byte // that have not left
	ring   [outboxLength]waiter
	head   int
	length int
	begun  int // octets of the oldest message that have left

	left  uint64 // messages that left whole
	audio uint64 // of them, those with audio
}

// waiter is one message of an outbox.
type waiter struct {
	size  int
	audio bool
}

// put frames the message that write appends to what it is given. It reports
// false, and calls nothing, when there is no room.
func (o *outbox) put(kind framing.Kind, audio bool, write func(dst []byte) []byte) bool {
	if !o.room() {
		return false
	}
	before := len(o.octets)
	o.octets = framing.Append(o.octets, kind, write)
	o.add(len(o.octets)-before, audio)

	return true
}

// pong answers a ping.
func (o *outbox) pong(ping []byte) {
	if o.room() {
		before := len(o.octets)
		o.octets = framing.AppendPong(o.octets, ping)
		o.add(len(o.octets)-before, false)
	}
}

// add takes note of what was appended.
func (o *outbox) add(size int, audio bool) {
	o.ring[(o.head+o.length)%outboxLength] = waiter{size, audio}
	o.length++
}

// room reports whether a message would be taken.
func (o *outbox) room() bool { return o.length < outboxLength }

// taken says that the socket took so many octets.
func (o *outbox) taken(n int) {
	o.octets = o.octets[:copy(o.octets, o.octets[n:])]
	for o.length > 0 {
		m := o.ring[o.head]
		rest := m.size - o.begun
		if n < rest {
			o.begun += n

			return
		}
		n -= rest
		o.pop()
		o.left++
		if m.audio {
			o.audio++
		}
	}
}

func (o *outbox) pop() {
	o.head = (o.head + 1) % outboxLength
	o.length--
	o.begun = 0
}

// forget takes back what has not begun to leave, and reports how many messages
// with audio that were.
func (o *outbox) forget() (forgotten int) {
	kept, whole := 0, 0
	if o.begun > 0 {
		kept, whole = 1, o.ring[o.head].size-o.begun
	}
	o.octets = o.octets[:whole]
	for ; o.length > kept; o.length-- {
		if o.ring[(o.head+o.length-1)%outboxLength].audio {
			forgotten++
		}
	}

	return forgotten
}
