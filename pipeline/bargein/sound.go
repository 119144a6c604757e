package bargein

import (
	"time"

	"trunkline/media"
	"trunkline/media/pitch"
)

// enough is how much of a sound must have been measured before it counts.
const enough = 80 * time.Millisecond

// Sound is what a talkspurt sounds like, as far as it went.
type Sound struct {
	Measured time.Duration `json:"measured_ns"`    // of it; the shares are of this
	Pitched  float64       `json:"pitched"`        // share with a pitch, as every voice has most of the time
	Echo     float64       `json:"echo,omitempty"` // share that was the agent's own voice
}

// echoes tells the agent's own voice.
func (s Sound) echoes() bool { return s.Measured >= enough && s.Echo >= 0.8 }

// The range of a voice's pitch, 60 to 400 Hz, as periods in samples.
const (
	shortest = media.SampleRate / 400
	longest  = media.SampleRate / 60
)

// voicing is the correlation of a sound with itself one period before from
// which on it has a pitch.
const voicing = 0.6

// Meter measures a caller's talkspurts. The zero value is ready. It belongs to
// one goroutine and allocates nothing.
type Meter struct {
	audio                 [3 * media.FrameSamples]int16 // the latest frames
	frames, pitched, echo int
}

// Begin starts a talkspurt.
func (m *Meter) Begin() { m.frames, m.pitched, m.echo = 0, 0, 0 }

// Frame takes the call's next 20 ms, silence included. Sound says that there is something to be heard in it, and
// echo that this is the agent's own voice.
func (m *Meter) Frame(f *media.Frame, sound, echo bool) {
	copy(m.audio[:], m.audio[media.FrameSamples:])
	copy(m.audio[2*media.FrameSamples:], f[:])
	if echo {
		m.echo++
	}
	if !sound {
		return
	}
	m.frames++
	if m.hasPitch() {
		m.pitched++
	}
}

// hasPitch looks for the latest frame one period before. Rumble resembles
// itself after the shortest periods already, and more so the shorter they are:
// it has no period of its own.
func (m *Meter) hasPitch() bool {
	const at = 2 * media.FrameSamples
	period, match := pitch.Search(m.audio[:], at, media.FrameSamples, -longest, -shortest)

	return match >= voicing && -period > shortest
}

// Sound tells what the talkspurt sounds like so far.
func (m *Meter) Sound() Sound {
	all := m.frames + m.echo
	if all == 0 {
		return Sound{}
	}

	return Sound{
		Measured: time.Duration(all) * media.FrameDuration,
		Pitched:  float64(m.pitched) / float64(max(1, m.frames)),
		Echo:     float64(m.echo) / float64(all),
	}
}
