package console

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"trunkline/storage"
)

// Measures of the waterfall, in its own units.
const (
	rowHeight  = 30
	labelWidth = 108 // on the left
	totalWidth = 76  // on the right
	barsWidth  = drawingWidth - labelWidth - totalWidth
	wideStage  = 34 // a stage as wide as this holds its number
)

// stageMeanings says what the known stages are, in the order of their colours.
var stageMeanings = []struct{ name, meaning string }{
	{"endpoint", "the caller's last word in, to the turn judged over"},
	{"first_token", "to the model's first token"},
	{"first_sentence", "to its first whole sentence"},
	{"first_sample", "to the voice's first sample"},
	{"first_packet", "to the first packet out"},
}

// A waterfall shows where each answer's time went.
type waterfall struct {
	Width, Height, AxisY int
	Rows                 []waterfallRow
	Ticks                []tick
	Legend               []legendEntry
}

type waterfallRow struct {
	Top, Middle int
	Number      int
	At          string
	Stages      []stageBar
	EndX        float64
	Total       string
}

type stageBar struct {
	X, Width, Middle float64
	Colour           int
	Title, Label     string
}

type legendEntry struct {
	Colour        int
	Name, Meaning string
}

// drawWaterfall draws the measured turns; nil when there are none.
func drawWaterfall(h *storage.History) *waterfall {
	w := &waterfall{Width: drawingWidth}
	longest := time.Duration(0)
	for i := range h.Turns {
		longest = max(longest, span(&h.Turns[i].Latency))
	}
	if longest <= 0 {
		return nil
	}
	limit, step := waterfallScale(longest)
	scale := barsWidth / limit
	colours := map[string]int{}
	for i := range h.Turns {
		if t := &h.Turns[i]; t.Latency.Measured() {
			w.Rows = append(w.Rows, drawRow(t, talkBegan(&h.Call), len(w.Rows)*rowHeight, scale, colours))
		}
	}
	w.AxisY = len(w.Rows) * rowHeight
	w.Height = w.AxisY + axisHeight
	for ms := 0.0; ms <= limit; ms += step {
		w.Ticks = append(w.Ticks, tick{X: labelWidth + ms*scale, Label: fmt.Sprintf("%.0f ms", ms)})
	}
	w.Legend = legend(colours)
	return w
}

func drawRow(t *storage.Turn, began time.Time, y int, scale float64, colours map[string]int) waterfallRow {
	row := waterfallRow{
		Top: y + 5, Middle: y + rowHeight/2, Number: t.Number,
		At: finely(t.StartedAt.Sub(began)), Total: milliseconds(t.Latency.Total),
	}
	x := float64(labelWidth)
	for _, s := range t.Latency.Stages {
		width := storage.Milliseconds(max(0, s.Took)) * scale
		bar := stageBar{
			X: x, Width: width, Middle: x + width/2, Colour: colourOf(s.Name, colours),
			Title: words(s.Name) + ": " + milliseconds(s.Took),
		}
		if width >= wideStage {
			bar.Label = fmt.Sprintf("%.0f", storage.Milliseconds(s.Took))
		}
		row.Stages = append(row.Stages, bar)
		x += width
	}
	row.EndX = x
	return row
}

// span is how long a turn's bar is: its stages, or its total where they do not
// tell.
func span(l *storage.Latency) time.Duration {
	sum := time.Duration(0)
	for _, s := range l.Stages {
		sum += max(0, s.Took)
	}
	return max(sum, l.Total)
}

// waterfallScale is the end of the axis and the distance of its marks, in
// milliseconds.
func waterfallScale(longest time.Duration) (limit, step float64) {
	ms := storage.Milliseconds(longest)
	for _, step := range []float64{1, 2, 5, 10, 20, 50, 100, 200, 250, 500, 1000, 2000, 5000} {
		if ms/step <= 8 {
			return math.Ceil(ms/step) * step, step
		}
	}
	return math.Ceil(ms/10000) * 10000, 10000
}

// colourOf numbers the colours: known stages have their own, others share what
// is left.
func colourOf(name string, colours map[string]int) int {
	if n, ok := colours[name]; ok {
		return n
	}
	n := len(stageMeanings)
	for i, s := range stageMeanings {
		if s.name == name {
			n = i
		}
	}
	colours[name] = n
	return n
}

func legend(colours map[string]int) []legendEntry {
	var out []legendEntry
	for name, colour := range colours {
		entry := legendEntry{Colour: colour, Name: words(name)}
		if colour < len(stageMeanings) {
			entry.Meaning = stageMeanings[colour].meaning
		}
		out = append(out, entry)
	}
	slices.SortFunc(out, func(a, b legendEntry) int {
		if a.Colour != b.Colour {
			return a.Colour - b.Colour
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}
