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
	// Margin is how far above the call's noise a frame must be, in dB.
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
		Margin:   8,
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
// The call's noise is the least level of the last one to two seconds, digital
// silence left out: speech has pauses, steady noise has none, however much it
// sounds like speech to the detector.
type Gate struct {
	opts     GateOptions
	hangover int // frames
	mask     uint64

	recent uint64 // bit i is set when the frame i ago was speech
	talks  bool
	quiet  int // frames since the last speech frame
	ago    int

	least, before DBov // least level in this second so far, and in the one before
	heard         int  // frames in this second so far
}

// second is how many frames one half of the noise measurement takes.
const second = int(time.Second / media.FrameDuration)

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
		least:    unknown,
		before:   unknown,
	}
}

// unknown is the least level while nothing was heard.
const unknown DBov = 1

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Step takes the next frame: the detector's judgement and the frame's level.
func (g *Gate) Step(voiced bool, level DBov) Change {
	g.measure(level)
	speech := voiced && level >= g.Threshold()
	g.recent <<= 1
	if speech {
		g.recent |= 1
	}
	if g.talks {
		return g.inTalk(speech)
	}
	return g.inSilence()
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

func (g *Gate) inSilence() Change {
	window := g.recent & g.mask
	if bits.OnesCount64(window) < g.opts.Needed {
		return None
	}
	g.talks, g.quiet, g.ago = true, 0, bits.Len64(window)-1
	return Onset
}

// measure follows the call's noise.
func (g *Gate) measure(level DBov) {
	if level <= Silence {
		return
	}
	if g.heard++; g.heard > second {
		g.heard, g.before, g.least = 1, g.least, unknown
	}
	g.least = min(g.least, level)
}

// Threshold is the level from which a voiced frame is speech now.
func (g *Gate) Threshold() DBov {
	noise := min(g.least, g.before)
	if noise == unknown {
		return g.opts.Floor
	}
	return max(g.opts.Floor, min(noise+g.opts.Margin, g.opts.Ceiling))
}

// Talking reports whether a talkspurt runs.
func (g *Gate) Talking() bool { return g.talks }

// Quiet is how many frames ago, in a talkspurt, the latest speech was.
func (g *Gate) Quiet() int { return g.quiet }

// Ago places the last Onset or Offset: how many frames before the one that
// reported it the first speech frame was, or the last one.
func (g *Gate) Ago() int { return g.ago }
