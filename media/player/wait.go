package player

// Wait has a sound repeated while nothing is to be played, such as while a tool
// works; nil ends it. The loop is not copied and must not be empty. It belongs
// to no utterance: the ledger knows nothing of it, and a pause silences it. Legs
// that buffer do not play it, since what was sent ahead would delay the answer.
func (p *Player) Wait(loop []int16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if loop == nil && p.waited && p.tailN == 0 && !p.paused {
		p.tailN = len(p.tail)
		p.repeat(p.tail[:])
	}
	p.wait, p.waitAt, p.waited = loop, 0, false
}

// repeat takes the next samples of the loop.
func (p *Player) repeat(dst []int16) {
	for i := range dst {
		dst[i] = p.wait[p.waitAt]
		p.waitAt = (p.waitAt + 1) % len(p.wait)
	}
}
