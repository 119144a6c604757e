package prosody

import (
	"math"
	"slices"
	"time"

	"trunkline/media"
	"trunkline/media/pitch"
)

// The range of a voice's pitch: 60 to 400 Hz.
const (
	shortest = media.SampleRate / 400 // samples in a period
	longest  = media.SampleRate / 60
)

// pitched is the correlation from which on a frame has a pitch. Breath, hiss and
// most consonants stay below.
const pitched = 0.6

// octave is how much of the best correlation a half or a third of a period
// needs to be taken for the period: speech that resembles itself after n
// samples does so after 2n as well.
const octave = 0.9

const (
	history = 3 // frames that a search needs: one and the longest period before it
	kept    = 75
	endings = 5  // pitched frames that make the end of the melody
	before  = 15 // pitched frames before those, to compare with
	fading  = 4  // speech frames that make the end of the loudness
	enough  = 8  // pitched frames without which there is no melody
)

// step is the width of a bin of the call's pitches, in semitones.
const step = 0.5

// bins hold the pitches from 60 to 400 Hz: 33 semitones.
const bins = 67

// Ending is how a talkspurt ended. The zero value is an ending of which
// nothing is known.
type Ending struct {
	Fall  float64       // semitones from the talkspurt's pitch just before to its end; negative: it fell
	Low   float64       // semitones of the end above the median of the caller's pitch in this call; negative: below
	Fade  float64       // dB of the end above the talkspurt's mean level; negative: it faded
	Drawl time.Duration // length of the last stretch with a pitch
	Known bool
}

// Tracker follows one call. The zero value is ready. It belongs to one
// goroutine.
type Tracker struct {
	audio [history * media.FrameSamples]int16

	tones  [kept]tone // of the talkspurt's speech frames, a ring
	speech int        // speech frames of the talkspurt so far
	sum    float64    // of their levels
	run    int        // pitched frames in a row until now
	last   int        // frames of the latest such row

	call   [bins]int // pitched frames of the call by pitch
	voices int       // their number
}

// tone is one speech frame.
type tone struct {
	pitch float64 // semitones above 60 Hz; negative: none
	level float64 // dBov
}

// Begin starts a talkspurt. What was learnt of the voice stays.
func (t *Tracker) Begin() {
	t.speech, t.sum, t.run, t.last = 0, 0, 0, 0
}

// Frame takes the call's next 20 ms, silence included; level is its level in
// dBov. Only speech is looked at.
func (t *Tracker) Frame(f *media.Frame, speech bool, level float64) {
	copy(t.audio[:], t.audio[media.FrameSamples:])
	copy(t.audio[(history-1)*media.FrameSamples:], f[:])
	if !speech {
		t.run = 0

		return
	}
	p := t.pitch()
	if p >= 0 {
		t.run++
		t.last = t.run
		t.call[min(int(p/step), bins-1)]++
		t.voices++
	} else {
		t.run = 0
	}
	t.tones[t.speech%kept] = tone{pitch: p, level: level}
	t.speech++
	t.sum += level
}

// pitch of the latest frame in semitones above 60 Hz; negative when it has
// none.
func (t *Tracker) pitch() float64 {
	const at = (history - 1) * media.FrameSamples
	period, match := pitch.Search(t.audio[:], at, media.FrameSamples, -longest, -shortest)
	if match < pitched {
		return -1
	}
	period = -period
	for part := 3; part > 1; part-- {
		d := (period + part/2) / part
		if d <= shortest {
			continue
		}
		if p, c := pitch.Search(t.audio[:], at, media.FrameSamples, -d-1, -d+1); c >= octave*match {
			period = -p

			break
		}
	}

	return max(0, 12*math.Log2(float64(media.SampleRate)/float64(period)/60))
}

// Ending tells how the talkspurt ended, as far as it went.
func (t *Tracker) Ending() Ending {
	if t.speech == 0 {
		return Ending{}
	}
	var pitches [endings + before]float64
	n, levels, faded := 0, 0.0, 0
	for i := 1; i <= min(t.speech, kept) && n < len(pitches); i++ {
		x := t.tones[(t.speech-i)%kept]
		if i <= fading {
			levels += x.level
			faded++
		}
		if x.pitch >= 0 {
			pitches[n] = x.pitch
			n++
		}
	}
	if n < enough {
		return Ending{}
	}
	end := middle(pitches[:endings])

	return Ending{
		Fall:  end - middle(pitches[endings:n]),
		Low:   end - t.median(),
		Fade:  levels/float64(faded) - t.sum/float64(t.speech),
		Drawl: time.Duration(t.last) * media.FrameDuration,
		Known: true,
	}
}

// middle sorts x and returns its median: a single wrong octave does not move
// it.
func middle(x []float64) float64 {
	slices.Sort(x)

	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// median of the call's pitches.
func (t *Tracker) median() float64 {
	seen := 0
	for i, n := range t.call {
		if seen += n; 2*seen >= t.voices {
			return (float64(i) + 0.5) * step
		}
	}

	return 0
}
