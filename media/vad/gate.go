package vad

import (
	"math/bits"
	"time"

	"trunkline/media"
)

// Change is what a frame did to the talkspurt.
type Change uint8

// The changes that Step reports.
const (
	None   Change = iota
	Onset         // speech began, Ago frames before this one
	Offset        // speech ended, Ago frames before this one
)

// GateOptions tunes a Gate. A field that is zero takes the value of
// DefaultGate.
type GateOptions struct {
	// Speech begins when Needed of the last Window frames were speech.
	Needed, Window int // 1 <= Needed <= Window <= 64
	// Hangover is how long after the last speech frame speech has ended.
	Hangover time.Duration
	// Floor is the level below which no frame is speech.
	Floor DBov
	// Margin is how many dB above the call's noise a frame must be.
	Margin DBov
	// Ceiling is the highest level that noise alone can demand of speech.
	Ceiling DBov
}

// DefaultGate begins a talkspurt after 60 ms of speech within 80 ms and ends
// it 200 ms after the last. It finds quiet callers and ignores line noise.
func DefaultGate() GateOptions {
	return GateOptions{
		Needed: 3, Window: 4,
		Hangover: 200 * time.Millisecond,
		Floor:    -55,
		Margin:   6,
		Ceiling:  -35,
	}
}

// FastGate begins a talkspurt after 40 ms of speech within 60 ms, for pausing
// the agent when the caller barges in. It is wrong more often than
// DefaultGate; what it starts must be revocable.
func FastGate() GateOptions {
	o := DefaultGate()
	o.Needed, o.Window = 2, 3
	return o
}

// Gate turns judgements of single frames into talkspurts. It is a pure state
// machine; frames are its only clock.
//
// The noise floor is a slow mean of the levels of frames that are not speech,
// taken between talkspurts.
type Gate struct {
	opts     GateOptions
	hangover int // frames
	mask     uint64

	recent uint64 // bit i is set when the frame i ago was speech
	talks  bool
	quiet  int // frames since the last speech frame
	noise  DBov
	ago    int
}

// NewGate makes a Gate that waits for speech.
func NewGate(o GateOptions) *Gate {
	d := DefaultGate()
	orDefault(&o.Window, d.Window)
	orDefault(&o.Needed, min(d.Needed, o.Window))
	orDefault(&o.Hangover, d.Hangover)
	orDefault(&o.Floor, d.Floor)
	orDefault(&o.Margin, d.Margin)
	orDefault(&o.Ceiling, d.Ceiling)
	o.Window = min(max(o.Window, 1), 64)
	o.Needed = min(max(o.Needed, 1), o.Window)
	return &Gate{
		opts:     o,
		hangover: max(1, int(o.Hangover/media.FrameDuration)),
		mask:     1<<o.Window - 1,
		noise:    o.Floor - o.Margin,
	}
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Step takes the next frame: the detector's judgement and the frame's level.
func (g *Gate) Step(voiced bool, level DBov) Change {
	speech := voiced && level >= g.Threshold()
	g.recent <<= 1
	if speech {
		g.recent |= 1
	}
	if g.talks {
		return g.inTalk(speech)
	}
	return g.inSilence(voiced, level)
}

func (g *Gate) inTalk(speech bool) Change {
	if speech {
		g.quiet = 0
		return None
	}
	if g.quiet++; g.quiet < g.hangover {
		return None
	}
	g.talks, g.recent, g.ago = false, 0, g.quiet
	return Offset
}

func (g *Gate) inSilence(voiced bool, level DBov) Change {
	window := g.recent & g.mask
	if bits.OnesCount64(window) < g.opts.Needed {
		if !voiced {
			g.learn(level)
		}
		return None
	}
	g.talks = true
	g.quiet = bits.TrailingZeros64(window)
	g.ago = bits.Len64(window) - 1
	return Onset
}

// learn follows the noise, about half of a change in 300 ms.
func (g *Gate) learn(level DBov) {
	const rate = 0.05
	level = max(level, g.opts.Floor-g.opts.Margin)
	g.noise += (level - g.noise) * rate
}

// Threshold is the level from which a voiced frame is speech now.
func (g *Gate) Threshold() DBov {
	return max(g.opts.Floor, min(g.noise+g.opts.Margin, g.opts.Ceiling))
}

// Talking reports whether a talkspurt runs.
func (g *Gate) Talking() bool { return g.talks }

// Ago places the last Onset or Offset: how many frames before the one that
// reported it the first speech frame was, or the last one.
func (g *Gate) Ago() int { return g.ago }
