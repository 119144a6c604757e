package dtmf_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"trunkline/media"
	"trunkline/media/dtmf"
	"trunkline/media/g711"
	"trunkline/media/speech"
)

const allKeys = "0123456789*#ABCD"

var pitch = map[byte][2]float64{
	'1': {697, 1209}, '2': {697, 1336}, '3': {697, 1477}, 'A': {697, 1633},
	'4': {770, 1209}, '5': {770, 1336}, '6': {770, 1477}, 'B': {770, 1633},
	'7': {852, 1209}, '8': {852, 1336}, '9': {852, 1477}, 'C': {852, 1633},
	'*': {941, 1209}, '0': {941, 1336}, '#': {941, 1477}, 'D': {941, 1633},
}

// tone describes a key's tone as a line delivers it.
type tone struct {
	key       byte
	ms        float64
	row, col  float64 // dBm0
	rowOff    float64 // relative
	colOff    float64
	snr       float64 // dB; 0: no noise
	lead, gap float64 // ms of silence before and after
	harmonics float64 // dB of the second ones above the tones; 0: none
}

func usual(key byte) tone {
	return tone{key: key, ms: 40, row: -25, col: -25, lead: 60, gap: 80}
}

// sound is t as 16-bit samples through µ-law.
func (t tone) sound(r *rand.Rand) []int16 { return coded(t.line(r)) }

// line is t as 16-bit samples.
func (t tone) line(r *rand.Rand) []int16 {
	amplitude := func(dBm0 float64) float64 { return math.Sqrt(2 * media.ZeroDBm0 * math.Pow(10, dBm0/10)) }
	lead, n := int(t.lead*8), int(t.ms*8)
	out := make([]int16, lead+n+int(t.gap*8))
	noise := 0.0
	if t.snr != 0 {
		signal := media.ZeroDBm0 * (math.Pow(10, t.row/10) + math.Pow(10, t.col/10))
		noise = math.Sqrt(signal / math.Pow(10, t.snr/10))
	}
	a, b := r.Float64()*2*math.Pi, r.Float64()*2*math.Pi
	f := pitch[t.key]
	for i := range out {
		s := noise * r.NormFloat64()
		if at := i - lead; at >= 0 && at < n {
			s += amplitude(t.row) * math.Sin(a+2*math.Pi*f[0]*(1+t.rowOff)*float64(at)/media.SampleRate)
			s += amplitude(t.col) * math.Sin(b+2*math.Pi*f[1]*(1+t.colOff)*float64(at)/media.SampleRate)
			if t.harmonics != 0 {
				s += amplitude(t.row+t.harmonics) * math.Sin(4*math.Pi*f[0]*float64(at)/media.SampleRate)
				s += amplitude(t.col+t.harmonics) * math.Sin(4*math.Pi*f[1]*float64(at)/media.SampleRate)
			}
		}
		out[i] = int16(max(-32768, min(32767, math.Round(s))))
	}
	return out
}

// found are the keys that a new detector hears in x, and their durations.
func found(x []int16) (keys []media.Digit) {
	var d dtmf.Detector
	each(x, func(f *media.Frame) {
		if h := d.Step(f); h.Released.Key != 0 {
			keys = append(keys, h.Released)
		}
	})
	return keys
}

// each gives x to do, frame by frame, and three frames of silence.
func each(x []int16, do func(*media.Frame)) {
	speech.Frames(x, do)
	speech.Frames(make([]int16, 3*media.FrameSamples), do)
}

func spell(keys []media.Digit) string {
	b := make([]byte, len(keys))
	for i := range keys {
		b[i] = keys[i].Key
	}
	return string(b)
}

// coded is what is left of x after µ-law.
func coded(x []int16) []int16 { return speech.Coded(x, g711.PCMU) }

// recordings are all audio of testdata.
func recordings(tb testing.TB) map[string][]int16 {
	tb.Helper()
	all, err := speech.Recordings()
	if err != nil {
		tb.Fatal(err)
	}
	return all
}
