package corpus

import (
	"fmt"
	"time"

	"trunkline/media"
	"trunkline/media/prosody"
	"trunkline/media/vad"
	"trunkline/pipeline/endpoint"
)

// Ear hears one caller's turns as a conversation's ear does: the line's voice
// detector, the gate that cuts talkspurts, and the melody.
type Ear struct {
	detector *vad.Detector
	gate     *vad.Gate
	melody   prosody.Tracker
}

// NewEar makes the ear of one caller.
func NewEar() (*Ear, error) {
	d, err := vad.New()
	if err != nil {
		return nil, fmt.Errorf("corpus: %w", err)
	}

	return &Ear{detector: d, gate: vad.NewGate(vad.FastGate())}, nil
}

// Talkspurt is one that was heard.
type Talkspurt struct {
	First, Last int // its first and last frames with speech
	Prosody     endpoint.Prosody
}

// Listen hears a turn.
func (e *Ear) Listen(a *Audio) []Talkspurt {
	var all []Talkspurt
	for i := range a.Frames {
		f := &a.Frames[i]
		voiced, level := e.detector.Voiced(f), vad.Level(f)
		change := e.gate.Step(voiced, level)
		if change == vad.Onset {
			e.melody.Begin()
			all = append(all, Talkspurt{First: i - e.gate.Ago(), Last: i})
		}
		e.melody.Frame(f, voiced && level >= e.gate.Threshold(), float64(level))
		if change == vad.Offset && len(all) > 0 { // the noise before a turn is none
			t := &all[len(all)-1]
			t.Last = i - e.gate.Ago()
			t.Prosody = endpoint.Prosody(e.melody.Ending())
		}
	}

	return all
}

// Boundary is a silence of a turn, at which somebody decides whether it is over.
type Boundary struct {
	Parts     int           // of the turn, that came before
	Silence   time.Duration // until the caller goes on; 0: the turn is over
	Late      time.Duration // from the end of the last part to the last frame with speech: the detector's own hangover
	Talkspurt Talkspurt     // the one before
}

// tolerance is how far from the end of a part the end of a talkspurt may lie:
// the voice detector has a hangover of its own, and the last consonant may be
// faint.
const tolerance = 200 * time.Millisecond

// Boundaries are the silences of a turn that the ear noticed and that lie after
// a part.
func Boundaries(a *Audio, heard []Talkspurt) []Boundary {
	var all []Boundary
	for i, t := range heard {
		end := time.Duration(t.Last+1) * media.FrameDuration
		for k, p := range a.Parts {
			late := end - p.To
			if late < -tolerance || late > tolerance {
				continue
			}
			b := Boundary{Parts: k + 1, Late: late, Talkspurt: t}
			switch last := k == len(a.Parts)-1; {
			case !last && i+1 < len(heard):
				b.Silence = time.Duration(heard[i+1].First)*media.FrameDuration - end
			case !last || i+1 < len(heard):
				continue // noise after the end
			}
			all = append(all, b)

			break
		}
	}

	return all
}
