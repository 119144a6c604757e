package realtime

import (
	"context"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/player"
)

// longestReply bounds the audio of one reply: longer ones are cut by the
// machine's own bound before that.
const longestReply = 5 * time.Minute

// voice writes one reply's audio into the player, which may hold it back as
// long as it likes.
type voice struct {
	player *player.Player
	ctx    context.Context
	wake   chan struct{}

	mu      sync.Mutex
	pieces  []piece
	waiting int
	over    bool // no more comes
	left    bool // somebody else goes on with the utterance
}

// piece is some audio of a segment. Without any, the segment is over: all of
// it, or it broke off.
type piece struct {
	seg    *player.Segment
	octets []byte
	broken bool
}

// add queues audio, and reports whether there was room.
func (v *voice) add(p piece) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.waiting+len(p.octets) > int(media.SamplesIn(longestReply)) {
		return false
	}
	v.waiting += len(p.octets)
	v.pieces = append(v.pieces, p)
	v.poke()

	return true
}

// seal says that no more comes.
func (v *voice) seal() { v.end(false) }

// leave says that no more comes from here, and that the utterance goes on.
func (v *voice) leave() { v.end(true) }

func (v *voice) end(left bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over, v.left = true, left
	v.poke()
}

func (v *voice) poke() {
	select {
	case v.wake <- struct{}{}:
	default: // it is awake
	}
}

// next is what is to be written next, or whether that was all.
func (v *voice) next() (p piece, some, over bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.pieces) == 0 {
		return piece{}, false, v.over
	}
	p = v.pieces[0]
	v.pieces = v.pieces[1:]
	v.waiting -= len(p.octets)

	return p, true, false
}

// goesOn says whether the utterance does, without this voice.
func (v *voice) goesOn() bool {
	v.mu.Lock()
	defer v.mu.Unlock()

	return v.left
}

// speak ends when the reply is whole in the player, or was cut off.
func (v *voice) speak(utterance int) {
	defer func() {
		if !v.goesOn() {
			v.player.Seal(utterance)
		}
	}()
	var samples []int16
	var open *player.Segment
	defer func() {
		if open != nil {
			open.Break() // unless it is closed
		}
	}()
	for {
		p, some, over := v.next()
		switch {
		case over:
			return
		case !some:
			select {
			case <-v.wake:
			case <-v.ctx.Done():
				return
			}
		case p.broken:
			p.seg.Break()
		case len(p.octets) == 0:
			p.seg.Close()
		default:
			open = p.seg
			samples = append(samples[:0], make([]int16, len(p.octets))...)
			g711.PCMU.Decode(samples, p.octets)
			if p.seg.Write(v.ctx, samples, nil) != nil {
				return
			}
		}
	}
}
