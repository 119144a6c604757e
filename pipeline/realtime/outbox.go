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

// outbox is what waits for the connection, in order. It outlives a session:
// what the caller says while another one is opened is heard by that.
type outbox struct {
	mu    sync.Mutex
	items [waitingItems]outItem // a ring
	first int
	n     int
	lost  uint64
	wake  chan struct{}
}

// outItem is 20 ms of audio, or an event.
type outItem struct {
	event  []byte // nil: audio
	octets [media.FrameSamples]byte
}

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

// frame queues audio. When there is no room the oldest item gives way.
func (o *outbox) frame(f *media.Frame) {
	o.mu.Lock()
	it := o.add()
	it.event = nil
	g711.PCMU.Encode(it.octets[:], f[:])
	o.mu.Unlock()
	o.poke()
}

// event queues an event.
func (o *outbox) event(data []byte) {
	o.mu.Lock()
	o.add().event = data
	o.mu.Unlock()
	o.poke()
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
	if o.n == 0 {
		return nil
	}
	if data := o.items[o.first].event; data != nil {
		o.items[o.first].event = nil
		o.first, o.n = (o.first+1)%len(o.items), o.n-1

		return data
	}
	var octets [together * media.FrameSamples]byte
	k := 0
	for o.n > 0 && k < len(octets) && o.items[o.first].event == nil {
		k += copy(octets[k:], o.items[o.first].octets[:])
		o.first, o.n = (o.first+1)%len(o.items), o.n-1
	}

	return appendAudio(octets[:k])
}

// forget drops the events, which were meant for a session that is lost, and
// keeps the audio.
func (o *outbox) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	kept := 0
	for i := range o.n {
		from := &o.items[(o.first+i)%len(o.items)]
		if from.event == nil {
			o.items[(o.first+kept)%len(o.items)].octets = from.octets
			o.items[(o.first+kept)%len(o.items)].event = nil
			kept++
		}
	}
	o.n = kept
}

func (o *outbox) dropped() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.lost
}
