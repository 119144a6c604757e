package bench

import (
	"slices"
	"strings"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/media/vad"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
)

// audible is the level from which on a frame of the sound counts as begun.
const audible vad.DBov = -45

// returnAfter frames the far end returns the agent's voice, and returnLoss times
// weaker: 120 ms and 12 dB.
const (
	returnAfter = 6
	returnLoss  = 4
)

// farCaller is the far end of one call of yield: a leg that makes the sound,
// and an observer of what becomes of it.
type farCaller struct {
	*sounding
	at   int // frame in which the sound begins
	read int
	sent []media.Frame
	loud int // frame of the sound that is audible first

	mu    sync.Mutex
	ended int           // frames sent when the monologue was cut off
	first time.Duration // when the agent was first paused, in the conversation's time
	began time.Duration // the same of the latest pause
	seen  yielded
	heard string
}

func (f *farCaller) Read(frame *media.Frame) media.Inbound {
	clear(frame[:])
	n := f.read
	f.read++
	switch from := (n - f.at) * media.FrameSamples; {
	case f.echo && n >= returnAfter && n-returnAfter < len(f.sent):
		for i, v := range f.sent[n-returnAfter] {
			frame[i] = v / returnLoss
		}
	case from >= 0 && from < len(f.audio):
		copy(frame[:], f.audio[from:])
		if f.loud == 0 && vad.Level(frame) > audible {
			f.loud = n
		}
	}

	return media.Inbound{Kind: media.Received, Arrived: time.Now()}
}

func (f *farCaller) Write(frame *media.Frame) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = append(f.sent, *frame)

	return true
}

func (*farCaller) Digit() (media.Digit, bool) { return media.Digit{}, false }
func (*farCaller) Stats() media.LegStats      { return media.LegStats{} }
func (*farCaller) Close() error               { return nil }

// Step implements pipeline.Observer.
func (f *farCaller) Step(e turn.Event, actions []turn.Action, _ turn.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range actions {
		switch {
		case a.Utterance != 1: // what comes after the monologue
		case a.Kind == turn.Pause:
			if f.began = e.At; !f.seen.paused {
				f.seen.paused, f.first = true, e.At
			}
		case a.Kind == turn.Judge:
			if f.seen.verdict == 0 {
				f.seen.verdict = e.At - f.first
			}
			f.seen.reasons = append(f.seen.reasons, a.Text+": "+strings.Join(a.Reasons, ", "))
		case a.Kind == turn.Resume, a.Kind == turn.Respeak:
			f.seen.dead += e.At - f.began
		case a.Kind == turn.Clear:
			f.seen.cut, f.ended = true, len(f.sent)
		}
	}
}

// Words implements pipeline.Observer.
func (*farCaller) Words(pipeline.Role, string, bool) {}

// Turn implements pipeline.Observer.
func (f *farCaller) Turn(t pipeline.Turn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.Role == pipeline.Agent && f.heard == "" {
		f.heard = t.Heard
	}
}

// outcome tells what became of the sound, after the call.
func (f *farCaller) outcome(lines *pipeline.Lines) yielded {
	f.mu.Lock()
	defer f.mu.Unlock()
	y := f.seen
	y.sounding = *f.sounding
	y.silent = f.silent()
	said, words := lines.Audio(turn.Greeting)
	off := len(strings.Fields(f.heard)) - wordsIn(f.reached(said), media.Samples(len(said)), words)
	y.ledger = off >= -1 && off <= 1

	return y
}

// silent is the time from the first audible frame of the sound to the first
// silent frame to the caller.
func (f *farCaller) silent() time.Duration {
	for n := f.loud; n < len(f.sent); n++ {
		if f.sent[n] == (media.Frame{}) {
			return time.Duration(n-f.loud) * media.FrameDuration
		}
	}

	return 0
}

// reached is how far into the monologue the audio goes that left before the cut:
// the end of the last frame that is in it, which those with ramps are not.
func (f *farCaller) reached(said []int16) media.Samples {
	for _, sent := range slices.Backward(f.sent[:f.ended]) {
		if sent == (media.Frame{}) {
			continue
		}
		for at := range len(said) - len(sent) {
			if slices.Equal(said[at:at+len(sent)], sent[:]) {
				return media.Samples(at + len(sent))
			}
		}
	}

	return 0
}

// wordsIn counts the words of which at least half comes before a position.
func wordsIn(position, length media.Samples, words []media.Word) int {
	n := 0
	for i, w := range words {
		next := length
		if i+1 < len(words) {
			next = words[i+1].Start
		}
		if (w.Start+next)/2 <= position {
			n++
		}
	}

	return n
}
