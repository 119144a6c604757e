package jitter

import (
	"slices"
	"testing"
	"time"

	"trunkline/media"
)

// epoch is when the tests begin.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// places is how many samples have values of their own.
const places = 65535

// value is the sample at a place: loud noise, which no one can stretch, with
// each value once in all places.
func value(place int) int16 {
	v := uint16(place%places + 1)
	for range 2 {
		v ^= v >> 7
		v *= 0x9E6D
		v ^= v >> 9
	}
	return int16(v)
}

// placeOf finds the place of a value.
var placeOf = func() (at [1 << 16]int) {
	for place := range places {
		at[uint16(value(place))] = place
	}
	return at
}()

// heard is a Concealer that remembers what was played.
type heard struct {
	samples []int // the places played
	made    int   // samples made up
}

func (h *heard) Good(samples []int16) {
	for _, s := range samples {
		if s != 0 { // silence
			h.samples = append(h.samples, placeOf[uint16(s)])
		}
	}
}

func (h *heard) Conceal(dst []int16) {
	clear(dst)
	h.made += len(dst)
}

// packet makes packet number seq of a talk whose packets are n samples long.
func packet(seq int64, n int, arrived time.Time) Packet {
	p := Packet{Seq: seq, Timestamp: uint32(int(seq) * n), Samples: make([]int16, n), Arrived: arrived}
	for i := range p.Samples {
		p.Samples[i] = value(int(seq)*n + i)
	}
	return p
}

// network delivers packets to a Buffer and ticks it, in virtual time.
type network struct {
	buffer  *Buffer
	heard   *heard
	packets []Packet // by arrival
	now     time.Time
	ins     []media.Inbound
	waits   []time.Duration // of the frames received
	moves   bool            // ticks move when the buffer asks
}

// newNetwork ticks from 10 ms after the epoch on: in the middle between the
// arrivals of punctual packets.
func newNetwork(o Options) *network {
	h := &heard{}
	o.Concealer = h
	return &network{buffer: New(o), heard: h, now: epoch.Add(10 * time.Millisecond)}
}

// send lets a packet arrive.
func (n *network) send(p Packet) {
	at, _ := slices.BinarySearchFunc(n.packets, p, func(a, b Packet) int {
		if a.Arrived.After(b.Arrived) {
			return 1
		}
		return -1
	})
	n.packets = slices.Insert(n.packets, at, p)
}

// talk sends packets from to to-1 of n samples, each as long after the epoch
// as its place says plus delay.
func (n *network) talk(from, to int64, size int, delay time.Duration) {
	for seq := from; seq < to; seq++ {
		n.send(packet(seq, size, epoch.Add(media.Samples(seq*int64(size)).Duration()+delay)))
	}
}

// run ticks until d after the epoch.
func (n *network) run(d time.Duration) {
	var f media.Frame
	for ; n.now.Sub(epoch) < d; n.now = n.now.Add(media.FrameDuration) {
		for len(n.packets) > 0 && !n.packets[0].Arrived.After(n.now) {
			n.buffer.Put(n.packets[0])
			n.packets = n.packets[1:]
		}
		stretched, played := n.buffer.Stats().Stretched, len(n.heard.samples)
		in := n.buffer.Take(&f, n.now)
		if n.buffer.Stats().Stretched > stretched {
			n.heard.samples = n.heard.samples[:played] // blended, of no place
		}
		n.ins = append(n.ins, in)
		if in.Kind == media.Received {
			n.waits = append(n.waits, n.now.Sub(in.Arrived))
		}
		if n.moves && len(n.ins)%5 == 0 {
			n.now = n.now.Add(time.Duration(n.buffer.Shift(2*time.Millisecond)) * 2 * time.Millisecond)
		}
	}
}

// kinds writes the kinds of the frames so far: R, C or a dot for Quiet.
func (n *network) kinds() string {
	s := make([]byte, 0, len(n.ins))
	for _, in := range n.ins {
		s = append(s, ".RC"[in.Kind])
	}
	return string(s)
}

// gaps lists where the play jumped: place before and after.
func (n *network) gaps() [][2]int {
	var gaps [][2]int
	for i := 1; i < len(n.heard.samples); i++ {
		if a, b := n.heard.samples[i-1], n.heard.samples[i]; b != (a+1)%places {
			gaps = append(gaps, [2]int{a, b})
		}
	}
	return gaps
}

func (n *network) wantKinds(t *testing.T, want string) {
	t.Helper()
	if got := n.kinds(); got != want {
		t.Errorf("frames are\n%s, want\n%s", got, want)
	}
}
