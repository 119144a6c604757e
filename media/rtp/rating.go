package rtp

import (
	"time"

	"trunkline/media"
	"trunkline/media/quality"
)

// farBuffer is the least jitter buffer that we assume at the far end, of which
// RTCP tells nothing.
const farBuffer = 2 * media.FrameDuration

// rate fills in the quality of both directions. Until RTCP has told the round
// trip the network counts as quick; the far end is taken to conceal losses, as
// we do.
func rate(s *media.LegStats, gaps uint64, ptime time.Duration) {
	network := s.RTT / 2
	if s.PacketsIn > 0 {
		expected := s.PacketsIn - min(s.Duplicates, s.PacketsIn) + s.Lost
		missing := min(s.Lost+s.Late, expected)
		in := quality.Path{
			Delay: network + media.FrameDuration + s.Delay,
			Codec: quality.G711,
			Loss:  share(missing, expected),
			Burst: quality.BurstRatio(expected, missing, gaps),
		}
		s.RIn = in.R()
		s.MOSIn = quality.MOS(s.RIn)
	}
	if s.RemoteReports > 0 {
		out := quality.Path{
			Delay: network + ptime + max(farBuffer, 2*s.RemoteJitter),
			Codec: quality.G711,
			Loss:  share(s.RemoteLost, s.PacketsOut),
		}
		s.ROut = out.R()
		s.MOSOut = quality.MOS(s.ROut)
	}
}

func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return min(float64(part)/float64(whole), 1)
}
