package acceptance

import (
	"math"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/softphone"
	"trunkline/softphone/talkspurt"
	"trunkline/testdata"
)

// speech is a line of recorded caller speech.
func speech(t *testing.T, name string) []int16 {
	t.Helper()
	f, err := testdata.Files.Open("audio/" + name + ".wav")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, err := record.DecodeWAV(f)
	if err != nil {
		t.Fatal(err)
	}

	return a.Samples[0]
}

func clip(t *testing.T, name string) *softphone.Clip {
	t.Helper()

	return softphone.NewClip(name, speech(t, name))
}

// says is a plan that says the lines in turn.
func says(t *testing.T, names ...string) []softphone.Step {
	t.Helper()
	var plan []softphone.Step
	for _, n := range names {
		plan = append(plan, softphone.Step{Clip: clip(t, n)})
	}

	return plan
}

// silence is a pause.
func silence(d time.Duration) []int16 { return make([]int16, media.SamplesIn(d)) }

// recording reads the two channels of a recording at the telephone's rate.
func recording(t *testing.T, path string) (caller, agent []int16) {
	t.Helper()
	a, err := record.ReadWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	if a.Channels != 2 || a.Rate != media.SampleRate {
		t.Fatalf("%s has %d channels at %d Hz, want 2 at %d", path, a.Channels, a.Rate, media.SampleRate)
	}

	return a.Samples[0], a.Samples[1]
}

// like is how alike a clip and the place of the recording that is most like
// it are, from 0 to 1, and where that place is. It compares pieces of 200 ms:
// a jitter buffer that changes its delay shifts what follows by some frames.
func like(recording, clip []int16) (likeness float64, at time.Duration) {
	clip = voiced(clip)
	around := search(recording, clip, 0, len(recording), 4, 16)
	piece, shift := int(media.SamplesIn(200*time.Millisecond)), int(media.SamplesIn(100*time.Millisecond))
	var whole, heard float64
	for from := 0; from+piece <= len(clip); from += piece {
		part := clip[from : from+piece]
		lag := search(recording, part, around+from-shift, around+from+shift, 1, 2)
		energy := power(part)
		heard, whole = heard+energy*correlation(recording[lag:lag+piece], part, 1), whole+energy
	}

	return heard / whole, media.Samples(around).Duration()
}

// search finds the lag in a range, looked at in steps, at which a clip is most
// like the recording.
func search(recording, clip []int16, from, to, step, every int) int {
	from, to = max(from, 0), min(to, len(recording)-len(clip))
	best, likeness := from, 0.0
	for lag := from; lag <= to; lag += step {
		if c := correlation(recording[lag:lag+len(clip)], clip, every); c > likeness {
			best, likeness = lag, c
		}
	}

	return best
}

// power is the sum of squares.
func power(samples []int16) float64 {
	var sum float64
	for _, s := range samples {
		sum += float64(s) * float64(s)
	}

	return sum
}

// correlation is the normalised correlation of two pieces of the same length,
// from one sample of every so many.
func correlation(a, b []int16, every int) float64 {
	var ab, aa, bb float64
	for i := 0; i < len(b); i += every {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	if aa == 0 || bb == 0 {
		return 0
	}

	return ab / math.Sqrt(aa*bb)
}

// voiced is a clip from its first to its last talkspurt.
func voiced(samples []int16) []int16 {
	spans := talkspurt.Spans(samples, talkspurt.TurnPause)
	if len(spans) == 0 {
		return samples
	}

	return samples[spans[0].First*media.FrameSamples : min(spans[len(spans)-1].End*media.FrameSamples, len(samples))]
}

// checkHas checks that a recording holds what was said.
func checkHas(t reporter, what string, recording, said []int16) {
	t.Helper()
	likeness, at := like(recording, said)
	t.Logf("%s: likeness %.3f at %v", what, likeness, at)
	if likeness < 0.8 { // other speech has less than half; the jitter buffer may stretch a pitch period on the way
		t.Errorf("%s: likeness %.3f, want the same audio", what, likeness)
	}
}

// lengths are those of talkspurts.
func lengths(spurts []talkspurt.Spurt) []time.Duration {
	out := make([]time.Duration, len(spurts))
	for i, s := range spurts {
		out[i] = s.Last.Sub(s.First) + media.FrameDuration
	}

	return out
}

// spurtsOf are the lengths of the talkspurts of a recording.
func spurtsOf(samples []int16) []time.Duration {
	var out []time.Duration
	for _, s := range talkspurt.Spans(samples, 0) {
		out = append(out, time.Duration(s.End-s.First)*media.FrameDuration)
	}

	return out
}

// checkLengths compares lengths of talkspurts. A busy machine may make one
// some frames longer or shorter.
func checkLengths(t reporter, what string, got []time.Duration, want ...time.Duration) {
	t.Helper()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		ok = (got[i] - want[i]).Abs() <= 100*time.Millisecond
	}
	if !ok {
		t.Errorf("%s: talkspurts of %v, want %v", what, got, want)
	}
}
