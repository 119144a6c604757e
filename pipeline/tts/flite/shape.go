package flite

import (
	"math"

	"trunkline/media"
	"trunkline/media/resample"
)

// gains bring each voice's speech to -19 dBov.
var gains = map[string]float32{"slt": 0.576, "rms": 1.178, "awb": 1.031, "kal16": 2.507}

// shaper turns the engine's audio into the telephone's: trimmed, levelled, at
// 8 kHz.
type shaper struct {
	gain      float32
	resampler *resample.Resampler
	marks     []mark

	from, to int // the samples of the engine that are kept
	at       int // samples of the engine seen
	scaled   []int16
}

// mark says when the engine begins a token.
type mark struct {
	end   int     // where the token and the space after it end in the text, in bytes
	start float64 // seconds
}

func (s *shaper) mark(end int, start float64) {
	s.marks = append(s.marks, mark{end: end, start: start})
}

// span says where between its pauses the speech lies, in seconds, and gives
// the places of the text's words. It comes after the marks and before the
// audio.
func (s *shaper) span(fields []field, from, to float64) []media.Word {
	rate := float64(s.rate())
	s.from = max(0, int((from-LeadIn.Seconds())*rate))
	s.to = int((to + LeadOut.Seconds()) * rate)
	var words []media.Word
	next := 0
	waiting := "" // marks and parts of words that begin no sound of their own
	for i, f := range fields {
		end := math.MaxInt
		if i+1 < len(fields) {
			end = fields[i+1].at
		}
		for next < len(s.marks) && s.marks[next].end <= f.at {
			next++
		}
		sounds := next < len(s.marks) && s.marks[next].end <= end
		switch {
		case f.text == "":
		case sounds:
			start := max(0, int(s.marks[next].start*rate)-s.from)
			words = append(words, media.Word{
				Text:  join(waiting, f.text),
				Start: media.Samples(start) * media.SampleRate / media.Samples(rate),
			})
			waiting = ""
		case len(words) > 0:
			words[len(words)-1].Text = join(words[len(words)-1].Text, f.text)
		default:
			waiting = join(waiting, f.text)
		}
	}
	return words
}

func (s *shaper) rate() int { return 2 * media.SampleRate }

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}

// add takes the engine's next samples and appends what became of them.
func (s *shaper) add(out, in []int16) []int16 {
	first, last := max(0, s.from-s.at), min(len(in), s.to-s.at)
	s.at += len(in)
	if first >= last {
		return out
	}
	s.scaled = s.scaled[:0]
	for _, v := range in[first:last] {
		s.scaled = append(s.scaled, limit(float32(v)*s.gain))
	}
	return s.resampler.Append(out, s.scaled)
}

// finish appends what is still held.
func (s *shaper) finish(out []int16) []int16 { return s.resampler.Flush(out) }

// knee is where the limiter begins to bend: -4 dBov.
const knee = 20676

// limit bends peaks above the knee so that none is clipped.
func limit(v float32) int16 {
	a := v
	if a < 0 {
		a = -a
	}
	if a > knee {
		const room = 32000 - knee
		over := (a - knee) / room
		a = knee + room*over/(1+over)
		if v < 0 {
			v = -a
		} else {
			v = a
		}
	}
	return int16(v)
}
