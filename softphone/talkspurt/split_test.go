package talkspurt

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trunkline/media"
)

// tone is a 440 Hz tone of the given frames, or silence for amplitude 0.
func tone(frames int, amplitude float64) []int16 {
	out := make([]int16, frames*media.FrameSamples)
	for i := range out {
		out[i] = int16(amplitude * math.Sin(2*math.Pi*440*float64(i)/media.SampleRate))
	}

	return out
}

func TestSpans(t *testing.T) {
	t.Parallel()
	var recording []int16
	for _, part := range []struct {
		frames    int
		amplitude float64
	}{{10, 0}, {40, 8000}, {20, 0}, {30, 8000}, {40, 0}, {25, 4000}, {3, 0}} {
		recording = append(recording, tone(part.frames, part.amplitude)...)
	}
	recording = append(recording, 1, 2, 3) // not a whole frame
	for _, test := range []struct {
		gap  time.Duration
		want []Span
	}{
		{0, []Span{{10, 50}, {70, 100}, {140, 165}}},
		{700 * time.Millisecond, []Span{{10, 100}, {140, 165}}},
		{time.Second, []Span{{10, 165}}},
	} {
		if diff := cmp.Diff(test.want, Spans(recording, test.gap)); diff != "" {
			t.Errorf("gap %v (-want +got):\n%s", test.gap, diff)
		}
	}
	if got := Spans(tone(100, 0), time.Second); got != nil {
		t.Errorf("silence has talkspurts: %v", got)
	}
	if got := Spans(nil, time.Second); got != nil {
		t.Errorf("nothing has talkspurts: %v", got)
	}
}
