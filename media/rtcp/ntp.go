package rtcp

import "time"

// shortSecond is a second in the short NTP format, the middle 32 bits.
const shortSecond = 1 << 16

// eraOffset is from 1900, NTP's beginning, to 1970.
const eraOffset = 2_208_988_800

// ntp is at as a 64-bit NTP timestamp (RFC 3550 section 4). It moves with the
// monotonic clock: setting the wall clock in mid-call does not tear it.
func (s *Session) ntp(at time.Time) uint64 {
	t := s.start.Round(0).Add(at.Sub(s.start))
	seconds := uint64(t.Unix() + eraOffset)
	fraction := uint64(t.Nanosecond()) << 32 / uint64(time.Second)
	return seconds<<32 | fraction
}

// middle is the short format of an NTP timestamp.
func middle(ntp uint64) uint32 { return uint32(ntp >> 16) }

// shortTime is d in units of 1/65536 s.
func shortTime(d time.Duration) uint32 {
	return uint32(max(d, 0) * shortSecond / time.Second)
}
