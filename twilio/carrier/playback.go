package carrier

// longestQueue bounds what a stream may send ahead: an hour of audio.
const longestQueue = 3600 * sampleRate

// Audio of a media stream is mu-law, 8000 octets a second, sent in pieces of
// 20 ms.
const (
	sampleRate = 8000
	frameSize  = 160
)

// playback is what an application has sent on a stream and the callee has not
// heard yet. It is pure: next is the clock.
type playback struct {
	queue    []byte
	head     int   // of queue: what was played
	queued   int64 // octets that came, of all time
	taken    int64 // octets that play or have played
	finished int64 // octets that have played
	marks    []mark
}

// mark is a label between two octets.
type mark struct {
	name string
	at   int64
}

// media appends audio, and reports whether there was room for it.
func (p *playback) media(audio []byte) bool {
	if len(p.queue)-p.head+len(audio) > longestQueue {
		return false
	}
	if p.head > 0 && len(p.queue)+len(audio) > cap(p.queue) {
		p.queue = p.queue[:copy(p.queue, p.queue[p.head:])]
		p.head = 0
	}
	p.queue = append(p.queue, audio...)
	p.queued += int64(len(audio))

	return true
}

// mark sets a label behind what came so far. It reports whether the label is
// to be returned at once, since nothing is left to be played.
func (p *playback) mark(name string) (now bool) {
	if p.queued <= p.finished && len(p.marks) == 0 {
		return true
	}
	p.marks = append(p.marks, mark{name, p.queued})

	return false
}

// clear drops what was not played. All marks return.
func (p *playback) clear() []mark {
	p.queue, p.head = p.queue[:0], 0
	p.queued, p.finished = p.taken, p.taken
	returned := p.marks
	p.marks = nil

	return returned
}

// next copies what plays in the next 20 ms into frame and says how much that
// is. marks are those that the last 20 ms brought to their end.
func (p *playback) next(frame *[frameSize]byte) (n int, returned []mark) {
	p.finished = p.taken
	for len(p.marks) > 0 && p.marks[0].at <= p.finished {
		returned = append(returned, p.marks[0])
		p.marks = p.marks[1:]
	}
	n = copy(frame[:], p.queue[p.head:])
	p.head += n
	p.taken += int64(n)
	if p.head == len(p.queue) {
		p.queue, p.head = p.queue[:0], 0
	}

	return n, returned
}
