package realtime

import (
	"sync"

	"trunkline/media"
	"trunkline/media/g711"
)

const (
	// waitingItems bounds what waits for the connection: 8 s of audio.
	waitingItems = 400
	// together is how many frames one message has at most.
	together = 5
)

// outbox is what waits for the connection, in order, and the memory of what the
// caller has said. Between two sessions only that takes audio: what was said is
// told to the next one from there.
type outbox struct {
	mu     sync.Mutex
	items  [waitingItems]outItem // a ring
	first  int
	n      int
	lost   uint64
	wake   chan struct{}
	open   bool     // there is a session
	before [][]byte // goes out before the items
	memory memory
}

// octets are 20 ms of µ-law.
type octets [media.FrameSamples]byte

// outItem is 20 ms of audio, or an event.
type outItem struct {
	event []byte // nil: audio
	audio octets
}

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

// frame takes audio: what the server is to hear, and what belongs to the
// talkspurt spurt (0: to none). When there is no room the oldest item gives way.
func (o *outbox) frame(f *media.Frame, send bool, spurt int) {
	var audio octets
	g711.PCMU.Encode(audio[:], f[:])
	o.mu.Lock()
	if spurt != 0 {
		o.memory.add(spurt, &audio)
	}
	send = send && o.open
	if send {
		it := o.add()
		it.event, it.audio = nil, audio
	}
	o.mu.Unlock()
	if send {
		o.poke()
	}
}

// event queues an event for the session, when there is one.
func (o *outbox) event(data []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open {
		o.add().event = data
		o.poke()
	}
}

func (o *outbox) add() *outItem {
	if o.n == len(o.items) {
		o.first, o.n = (o.first+1)%len(o.items), o.n-1
		o.lost++
	}
	o.n++

	return &o.items[(o.first+o.n-1)%len(o.items)]
}

func (o *outbox) poke() {
	select {
	case o.wake <- struct{}{}:
	default: // it is awake
	}
}

// next takes a message: an event, or some audio.
func (o *outbox) next() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.before) > 0 {
		data := o.before[0]
		o.before = o.before[1:]

		return data
	}
	if o.n == 0 {
		return nil
	}
	if data := o.items[o.first].event; data != nil {
		o.items[o.first].event = nil
		o.first, o.n = (o.first+1)%len(o.items), o.n-1

		return data
	}
	var some [together * media.FrameSamples]byte
	k := 0
	for o.n > 0 && k < len(some) && o.items[o.first].event == nil {
		k += copy(some[k:], o.items[o.first].audio[:])
		o.first, o.n = (o.first+1)%len(o.items), o.n-1
	}

	return appendAudio(some[:k])
}

// shut drops what was meant for a session that is lost.
func (o *outbox) shut() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.open, o.before, o.n = false, nil, 0
}

// reopen begins a session with what first makes of the memory. No frame comes
// between that and what follows.
func (o *outbox) reopen(first func(*memory) [][]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.before, o.open = first(&o.memory), true
	o.poke()
}

// recall gives what was said in some talkspurts, and knows it no longer when
// its words are known.
func (o *outbox) recall(from, to int) []octets {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.memory.between(from, to)
}

func (o *outbox) forget(from, to int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.memory.forget(from, to)
}

func (o *outbox) dropped() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.lost
}

// remembered bounds the memory: 20 s of speech.
const remembered = 1000

// memory is what the caller has said whose words nobody has written down: the
// frames of talkspurts, in order. When there is no room the oldest give way.
type memory struct {
	frames   [remembered]remembrance // a ring
	first, n int
}

type remembrance struct {
	spurt int // 0: it is forgotten
	audio octets
}

func (m *memory) at(i int) *remembrance { return &m.frames[(m.first+i)%len(m.frames)] }

func (m *memory) add(spurt int, audio *octets) {
	if m.n == len(m.frames) {
		m.first, m.n = (m.first+1)%len(m.frames), m.n-1
	}
	m.n++
	*m.at(m.n - 1) = remembrance{spurt, *audio}
}

// between is the speech of the talkspurts from up to to, both included.
func (m *memory) between(from, to int) []octets {
	var all []octets
	for i := range m.n {
		if r := m.at(i); r.spurt != 0 && r.spurt >= from && r.spurt <= to {
			all = append(all, r.audio)
		}
	}

	return all
}

// forget drops the talkspurts from up to to.
func (m *memory) forget(from, to int) {
	for i := range m.n {
		if r := m.at(i); r.spurt >= from && r.spurt <= to {
			r.spurt = 0
		}
	}
	for m.n > 0 && m.at(0).spurt == 0 {
		m.first, m.n = (m.first+1)%len(m.frames), m.n-1
	}
}

// appended are the events that send some speech.
func appended(all []octets) [][]byte {
	var events [][]byte
	for len(all) > 0 {
		k := min(together, len(all))
		some := make([]byte, 0, k*media.FrameSamples)
		for i := range k {
			some = append(some, all[i][:]...)
		}
		events, all = append(events, appendAudio(some)), all[k:]
	}

	return events
}
