package console

import (
	"fmt"
	"math"
	"strings"
	"time"

	"trunkline/media/record"
	"trunkline/storage"
)

// Measures of the drawing, in its own units: pixels at its natural size.
const (
	drawingWidth = 1040 // at least
	secondWidth  = 8    // of long calls, which scroll
	laneHeight   = 92
	laneGap      = 8
	lanesHeight  = 2*laneHeight + laneGap
	axisHeight   = 24
	barStep      = 3 // from one bar of the waveform to the next
	minTurnWidth = 3
)

// A waveform is a recording drawn over time, with the turns spoken in it.
type waveform struct {
	Width, Height, AxisY int
	Scrolls              bool // wider than a page
	Seconds              float64
	Caller, Agent        lane
	Ticks                []tick
}

// A lane is one channel.
type lane struct {
	Role              storage.Role
	Y, Middle, Bottom int
	Bars              string // path data
	Turns             []turnMark
}

// A turnMark shades the time of a turn.
type turnMark struct {
	X, Width, End float64
	Number        int
	Title         string
	Interrupted   bool
}

// A tick is a mark of an axis.
type tick struct {
	X     float64
	Label string
}

// drawWaveform draws a two-channel recording that began when the call was
// answered. audio is nil when there is none: the turns are drawn alone.
func drawWaveform(h *storage.History, audio *record.Audio) *waveform {
	length := talked(&h.Call)
	if audio != nil {
		length = time.Duration(float64(len(audio.Samples[0])) / float64(audio.Rate) * float64(time.Second))
	}
	for i := range h.Turns {
		length = max(length, h.Turns[i].EndedAt.Sub(talkBegan(&h.Call)))
	}
	if length < time.Second {
		return nil
	}
	seconds := length.Seconds()
	w := &waveform{Width: max(drawingWidth, int(seconds*secondWidth)), Seconds: seconds}
	w.Scrolls = w.Width > drawingWidth
	w.AxisY, w.Height = lanesHeight, lanesHeight+axisHeight
	w.Caller, w.Agent = laneAt(storage.Caller, 0), laneAt(storage.Agent, laneHeight+laneGap)
	scale := float64(w.Width) / seconds
	if audio != nil {
		callerPeaks := peaks(audio.Samples[0], audio.Rate, w.Width, seconds)
		agentPeaks := callerPeaks
		if audio.Channels > 1 {
			agentPeaks = peaks(audio.Samples[1], audio.Rate, w.Width, seconds)
		}
		w.Caller.Bars = bars(callerPeaks, w.Caller.Middle)
		w.Agent.Bars = bars(agentPeaks, w.Agent.Middle)
	}
	for i := range h.Turns {
		t := &h.Turns[i]
		mark := markTurn(t, talkBegan(&h.Call), scale, float64(w.Width))
		if t.Role == storage.Caller {
			w.Caller.Turns = append(w.Caller.Turns, mark)
		} else {
			w.Agent.Turns = append(w.Agent.Turns, mark)
		}
	}
	step := axisStep(seconds, float64(w.Width)/90)
	for at := 0.0; at <= seconds; at += step {
		w.Ticks = append(w.Ticks, tick{X: at * scale, Label: clock(time.Duration(at * float64(time.Second)))})
	}
	return w
}

func laneAt(role storage.Role, y int) lane {
	return lane{Role: role, Y: y, Middle: y + laneHeight/2, Bottom: y + laneHeight}
}

func markTurn(t *storage.Turn, began time.Time, scale, width float64) turnMark {
	from := min(max(t.StartedAt.Sub(began).Seconds()*scale, 0), width)
	to := from
	if !t.EndedAt.IsZero() {
		to = t.EndedAt.Sub(began).Seconds() * scale
	}
	to = min(max(to, from+minTurnWidth), width)
	return turnMark{
		X: from, Width: to - from, End: to, Number: t.Number, Interrupted: t.Interrupted,
		Title: fmt.Sprintf("Turn %d, %s: %s", t.Number, t.Role, string(t.Text)),
	}
}

// peaks is the loudest sample under each bar, from 0 to 1.
func peaks(samples []int16, rate, width int, seconds float64) []float64 {
	out := make([]float64, width/barStep)
	perBar := seconds * float64(rate) / float64(len(out))
	for i, s := range samples {
		if bar := int(float64(i) / perBar); bar < len(out) {
			out[bar] = max(out[bar], math.Abs(float64(s))/math.MaxInt16)
		}
	}
	return out
}

// bars is the path of a waveform around a middle line. Quiet speech is drawn
// larger than its share, so that it shows beside loud speech.
func bars(peaks []float64, middle int) string {
	var path strings.Builder
	for i, p := range peaks {
		half := max(0.5, math.Pow(p, 0.6)*(laneHeight/2-4))
		fmt.Fprintf(&path, "M%d %.1fV%.1f", i*barStep+1, float64(middle)-half, float64(middle)+half)
	}
	return path.String()
}

// axisStep is the distance of an axis' marks, for at most marks of them:
// a round number.
func axisStep(length, marks float64) float64 {
	for _, step := range []float64{1, 2, 5, 10, 15, 30, 60, 120, 300} {
		if length/step <= marks {
			return step
		}
	}
	return 600
}
