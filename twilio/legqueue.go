package twilio

import "sync"

// queueLength is how many messages may wait for the socket: more than a leg
// may be ahead of what is played, with a mark for every other frame.
const queueLength = 96

// parcel is a message on its way out.
type parcel struct {
	data   []byte
	binary bool
	audio  bool
}

// rings are the memory of queues that are over, buffers included, for later
// calls.
var rings = sync.Pool{New: func() any { return new([queueLength]parcel) }}

// queue is what waits for one socket, oldest first. When it is full nothing
// more is taken: a socket that does not move does not grow anything.
type queue struct {
	ready chan struct{} // filled when something was put in, or the queue was closed

	mu     sync.Mutex
	ring   *[queueLength]parcel // nil once the queue is closed
	head   int
	length int
	kept   uint64 // messages put in and not forgotten
}

func newQueue() *queue {
	return &queue{ready: make(chan struct{}, 1), ring: rings.Get().(*[queueLength]parcel)} //nolint:errcheck,forcetypeassert // New makes nothing else
}

// put has write append a message to a buffer that it is given. It reports
// false, and calls nothing, when there is no room.
func (q *queue) put(binary, audio bool, write func(dst []byte) []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()

	return q.add(binary, audio, write)
}

// room reports whether a message would be taken.
func (q *queue) room() bool {
	q.mu.Lock()
	defer q.mu.Unlock()

	return q.ring != nil && q.length < queueLength
}

// replace forgets what waits and puts one message in its place. It reports how
// many messages with audio were forgotten.
func (q *queue) replace(write func(dst []byte) []byte) (forgotten int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ring == nil {
		return 0
	}
	q.kept -= uint64(q.length)
	for ; q.length > 0; q.length-- {
		if q.ring[q.head].audio {
			forgotten++
		}
		q.head = (q.head + 1) % queueLength
	}
	q.add(false, false, write)

	return forgotten
}

// add does what put does. The lock is held.
func (q *queue) add(binary, audio bool, write func(dst []byte) []byte) bool {
	if q.ring == nil || q.length == queueLength {
		return false
	}
	p := &q.ring[(q.head+q.length)%queueLength]
	p.data, p.binary, p.audio = write(p.data[:0]), binary, audio
	q.length++
	q.kept++
	select {
	case q.ready <- struct{}{}:
	default:
	}

	return true
}

// take moves the oldest message to p, and p's buffer into the queue.
func (q *queue) take(p *parcel) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ring == nil || q.length == 0 {
		return false
	}
	q.ring[q.head], *p = *p, q.ring[q.head]
	q.head = (q.head + 1) % queueLength
	q.length--

	return true
}

// close forgets what waits. It may be called twice.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ring == nil {
		return
	}
	rings.Put(q.ring)
	q.ring = nil
	close(q.ready)
}
