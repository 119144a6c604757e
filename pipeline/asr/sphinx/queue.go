package sphinx

import "trunkline/media"

// queue holds the audio of talkspurts that waits for the decoder. Talkspurts
// are numbered one after another, so two numbers say which are still to be
// finished; the only thing that can fill up is the ring of frames. It is not
// safe for concurrent use.
type queue struct {
	frames [queueFrames]media.Frame
	spurts [queueFrames]int // the talkspurt that the frame belongs to
	head   int              // index of the oldest frame
	length int

	begun   int  // the latest talkspurt
	ended   bool // it has ended
	current int  // the talkspurt that take is at; 0 or later once opened is set
	opened  bool // there was a first talkspurt

	lossy     bool // audio of talkspurts lostFrom to lostUntil was dropped
	lostFrom  int
	lostUntil int
}

// begin starts talkspurt n, and ends the one before if it was not ended.
func (q *queue) begin(n int) {
	if !q.opened {
		q.opened, q.current = true, n
	}
	q.begun, q.ended = n, false
}

// write appends a frame to the running talkspurt, or drops it when the ring is
// full or no talkspurt runs.
func (q *queue) write(f *media.Frame) {
	if !q.opened || q.ended {
		return
	}
	if q.length == len(q.frames) {
		if !q.lossy {
			q.lossy, q.lostFrom = true, q.begun
		}
		q.lostUntil = q.begun
		return
	}
	at := (q.head + q.length) % len(q.frames)
	q.frames[at], q.spurts[at] = *f, q.begun
	q.length++
}

// end ends the running talkspurt.
func (q *queue) end() { q.ended = true }

// take moves the oldest frames into batch: n is their talkspurt and count how
// many there are. final says that no more of n will come, after which take goes
// on to the next one; lost, that audio of n was dropped. With nothing to do it
// returns a count of 0 and no final.
func (q *queue) take(batch *[batchFrames]media.Frame) (n, count int, final, lost bool) {
	n = q.current
	for count < len(batch) && q.length > 0 && q.spurts[q.head] == n {
		batch[count] = q.frames[q.head]
		q.head = (q.head + 1) % len(q.frames)
		q.length--
		count++
	}
	switch {
	case !q.opened || n > q.begun:
		return n, count, false, false // waits for the next talkspurt
	case q.length > 0 && q.spurts[q.head] == n:
		return n, count, false, false
	case n == q.begun && !q.ended:
		return n, count, false, false
	}
	lost = q.lossy && q.lostFrom <= n && n <= q.lostUntil
	if lost && n == q.lostUntil {
		q.lossy = false
	}
	q.current++
	return n, count, true, lost
}
