package player

import "trunkline/media"

const (
	rampSamples = 8 * media.SampleRate / 1000  // Pause and Resume: 8 ms
	fadeSamples = 15 * media.SampleRate / 1000 // Clear: 15 ms
)

// rampDown takes the level linearly from just under full to just over zero.
func rampDown(s []int16) {
	for i, n := 0, len(s); i < n; i++ {
		s[i] = scale(s[i], n-i, n+1)
	}
}

// rampUp takes the level linearly from just over zero to just under full.
func rampUp(s []int16) {
	for i, n := 0, len(s); i < n; i++ {
		s[i] = scale(s[i], i+1, n+1)
	}
}

func scale(sample int16, num, den int) int16 {
	return int16(int(sample) * num / den)
}
