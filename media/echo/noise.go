package echo

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
