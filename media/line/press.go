package line

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"trunkline/media/dtmf"
)

// errBuffered says that the far side plays what it was sent before.
var errBuffered = errors.New("line: keys cannot be sent as tones: the far side queues the audio")

// presser makes the tones of the keys that we press.
type presser struct {
	busy atomic.Bool // spares the tick the lock

	mu    sync.Mutex
	tones dtmf.Generator
}

// Press sends keys as tones, each held for hold and followed by pause, 40 ms at
// least, in place of the agent's audio, which waits for them. It may be called
// from any goroutine. It returns an error, and sends none, for what is no key,
// when more than 32 would wait, and for a leg whose far side queues the audio.
func (l *Line) Press(keys string, hold, pause time.Duration) error {
	if l.buffered != nil {
		return errBuffered
	}
	p := &l.pressed
	p.mu.Lock()
	defer p.mu.Unlock()
	tones := p.tones
	for i := range len(keys) {
		if err := tones.Press(keys[i], hold, pause); err != nil {
			return err
		}
	}
	p.tones = tones
	p.busy.Store(true)
	return nil
}

// press sends the next 20 ms of a key's tone. It reports false when no key is
// being sent.
func (l *Line) press() bool {
	p := &l.pressed
	if !p.busy.Load() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.tones.Next(&l.agent) {
		p.busy.Store(false)
		return false
	}
	if l.send(&l.agent) {
		l.counts.silence.Add(1)
	} else {
		l.counts.held.Add(1)
		clear(l.agent[:])
	}
	return true
}
