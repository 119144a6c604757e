package echo

import "trunkline/media"

// noise follows the power of a line's noise: the least of the last one to two
// seconds.
type noise struct {
	least, before float32
	heard         int
}

func (n *noise) add(p float32) {
	if p <= 0 {
		return
	}
	if n.heard++; n.heard > 50 || n.least == 0 {
		n.heard, n.before, n.least = 1, n.least, p
	}
	n.least = min(n.least, p)
}

func (n *noise) power() float32 {
	if n.before == 0 {
		return n.least
	}
	return min(n.least, n.before)
}

// hush keeps some frames of the line's own noise, to be heard where an echo
// was taken away.
type hush struct {
	frames [8]media.Frame
	kept   int
	at     int // the next one to be replaced
	turn   uint32
}

// keep notes a frame in which there is noise and nothing else.
func (h *hush) keep(f *media.Frame) {
	h.frames[h.at] = *f
	h.at = (h.at + 1) % len(h.frames)
	h.kept = min(h.kept+1, len(h.frames))
}

// next is some frame of noise and the sample to begin at, so that no pattern
// can be heard. It is nil when there was no noise yet.
func (h *hush) next() (f *media.Frame, from int) {
	if h.kept == 0 {
		return nil, 0
	}
	h.turn = h.turn*1664525 + 1013904223
	return &h.frames[int(h.turn>>16)%h.kept], int(h.turn>>24) % block
}
