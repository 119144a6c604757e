//go:build speexdsp

package bench

import (
	"time"

	"trunkline/bench/speexdsp"
	"trunkline/media"
)

// speexTail is the length of SpeexDSP's filter, which begins speexEarly before
// the delay.
const speexTail, speexEarly = 512, 128

// speex is SpeexDSP behind the true delay, which it cannot find itself.
type speex struct {
	*speexdsp.Canceller

	sent []media.Frame // the latest frames that were sent
	late int           // samples by which its reference is held back
}

func (s *speex) process(near, far *media.Frame) bool {
	s.sent = append(s.sent, *far)
	if keep := s.late/media.FrameSamples + 2; len(s.sent) > keep {
		s.sent = s.sent[len(s.sent)-keep:]
	}
	var then media.Frame
	for i := range then {
		at := len(s.sent)*media.FrameSamples - media.FrameSamples + i - s.late
		if at >= 0 {
			then[i] = s.sent[at/media.FrameSamples][at%media.FrameSamples]
		}
	}
	s.Process(near, &then)

	return false
}

func (s *speex) close() { s.Close() }

func rivals() []hearer {
	with := func(suppress bool) func(time.Duration) hearing {
		return func(delay time.Duration) hearing {
			c := speexdsp.New(speexTail)
			c.Suppress = suppress

			return &speex{Canceller: c, late: max(0, int(media.SamplesIn(delay))-speexEarly)}
		}
	}

	return []hearer{{"SpeexDSP", with(false)}, {"SpeexDSP and suppressor", with(true)}}
}
