package record

import (
	"fmt"
	"math"

	"trunkline/media"
)

// Gap is what a recording holds for the time of a pause, on both channels.
type Gap uint8

// The kinds of a Gap.
const (
	Tone    Gap = iota // a soft beep every two seconds: whoever listens knows that this is no fault
	Silence            // digital silence
)

// ParseGap reads "tone" or "silence".
func ParseGap(name string) (Gap, error) {
	switch name {
	case "tone":
		return Tone, nil
	case "silence":
		return Silence, nil
	}
	return 0, fmt.Errorf("gap %q: want tone or silence", name)
}

// The beep: 440 Hz at -32 dBov for 200 ms, faded in and out.
const (
	beepEvery = 2 * media.SampleRate
	beepLong  = media.SampleRate / 5
	beepFade  = media.SampleRate / 50
	beepHz    = 440
	beepPeak  = 1160
)

var beep = func() (b [beepLong]int16) {
	for i := range b {
		fade := min(1, float64(min(i, beepLong-i))/beepFade)
		b[i] = int16(fade * beepPeak * math.Sin(2*math.Pi*beepHz*float64(i)/media.SampleRate))
	}
	return b
}()

// gap makes the audio of pauses.
type gap struct {
	kind Gap
	at   int // samples since the pause began
}

// next fills f with the pause's next 20 ms.
func (g *gap) next(f *media.Frame) {
	clear(f[:])
	if g.kind == Tone && g.at < beepLong {
		copy(f[:], beep[g.at:])
	}
	g.at = (g.at + len(f)) % beepEvery
}

// end ends the pause: the next one begins with a beep.
func (g *gap) end() { g.at = 0 }
