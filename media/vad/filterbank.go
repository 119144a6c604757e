package vad

import (
	"math/bits"

	"trunkline/media"
)

// channels is how many frequency bands there are: 80-250, 250-500, 500-1000,
// 1000-2000, 2000-3000 and 3000-4000 Hz.
const channels = 6

// minEnergy is the energy of a frame above which it is worth judging.
const minEnergy = 10

// Lengths of a frame after so many splits.
const (
	split1 = media.FrameSamples >> (iota + 1)
	split2
	split3
	split4
)

// filterbank splits the frames of a call into bands. A split halves the band
// and the rate.
type filterbank struct {
	splits [5]splitter
	high   [4]int32 // the high-pass filter's last two inputs and outputs
}

// measure returns the log energies of the bands of f in dB, Q4, and how much
// energy f has, exact as far as minEnergy.
func (b *filterbank) measure(f *media.Frame) (features [channels]int16, total int16) {
	var high, low [split1]int16
	b.splits[0].one(f[:], high[:], low[:])
	var highs, lows [2][split2]int16
	two(&b.splits[1], &b.splits[2], &high, &low, &highs, &lows)
	features[5] = energy(highs[0][:], 176, &total)
	features[4] = energy(lows[0][:], 176, &total)
	features[3] = energy(highs[1][:], 176, &total)
	b.splits[3].one(lows[1][:], high[:split3], low[:split3])
	features[2] = energy(high[:split3], 272, &total)
	b.splits[4].one(low[:split3], high[:split4], low[split3:][:split4])
	features[1] = energy(high[:split4], 368, &total)
	b.pass(low[split3:][:split4])
	features[0] = energy(low[split3:][:split4], 368, &total)
	return features, total
}

// splitter is a pair of all-pass filters, one of the even and one of the odd
// samples, whose difference is the upper half of the band and whose sum is the
// lower one. It holds their states, Q15, of which 16 bits outlast a frame.
type splitter struct{ even, odd int32 }

// Coefficients of the all-pass filters, Q15.
const (
	passEven = 20972 // 0.64
	passOdd  = 5571  // 0.17
)

// kept is the part of a state that outlasts a frame.
const kept = -1 << 16

// allPass takes one sample.
func allPass(state, coefficient, x int32) (next int32, y int16) {
	y = int16((state + coefficient*x) >> 16)
	return (x<<14 - coefficient*int32(y)) << 1, y
}

// one splits in. The filters depend on their own last sample, so that both of
// them go on side by side.
func (s *splitter) one(in, high, low []int16) {
	even, odd := s.even, s.odd
	low = low[:len(high)]
	in = in[:2*len(high)]
	for i := range high {
		var e, o int16
		even, e = allPass(even, passEven, int32(in[2*i]))
		odd, o = allPass(odd, passOdd, int32(in[2*i+1]))
		high[i], low[i] = e-o, e+o
	}
	s.even, s.odd = even&kept, odd&kept
}

// two makes the second splits, side by side.
func two(upper, lower *splitter, high, low *[split1]int16, highs, lows *[2][split2]int16) {
	a, b, c, d := upper.even, upper.odd, lower.even, lower.odd
	for i := range split2 {
		var e, o, p, q int16
		a, e = allPass(a, passEven, int32(high[2*i]))
		b, o = allPass(b, passOdd, int32(high[2*i+1]))
		c, p = allPass(c, passEven, int32(low[2*i]))
		d, q = allPass(d, passOdd, int32(low[2*i+1]))
		highs[0][i], lows[0][i] = e-o, e+o
		highs[1][i], lows[1][i] = p-q, p+q
	}
	upper.even, upper.odd, lower.even, lower.odd = a&kept, b&kept, c&kept, d&kept
}

// pass takes what is below 80 Hz out of x, at 500 Hz. Coefficients in Q14.
func (b *filterbank) pass(x []int16) {
	x1, x2, y1, y2 := b.high[0], b.high[1], b.high[2], b.high[3]
	for i, v := range x {
		y := 6631*int32(v) - 13262*x1 + 6631*x2
		x2, x1 = x1, int32(v)
		y += 7756*y1 - 5620*y2
		y2, y1 = y1, int32(int16(y>>14))
		x[i] = int16(y1)
	}
	b.high = [4]int32{x1, x2, y1, y2}
}

// energy is the energy of x in dB, Q4, plus offset. It is added to total
// while that is not above minEnergy.
func energy(x []int16, offset int16, total *int16) int16 {
	peak := int16(-1)
	sum := uint64(0)
	for _, v := range x {
		peak = max(peak, v, -v) // the least sample has no magnitude: -v is v
		sum += uint64(int32(v) * int32(v))
	}
	shift := max(bits.Len(uint(len(x)))-(bits.LeadingZeros32(uint32(int32(peak)*int32(peak)))-1), 0)
	if peak == 0 {
		shift = 0
	}
	e := uint32(sum)
	if shift > 0 {
		e = 0
		for _, v := range x {
			e += uint32(int32(v) * int32(v) >> shift)
		}
	}
	if e == 0 {
		return offset
	}
	// To 15 bits, of which those below the first are the fraction of its
	// logarithm, nearly.
	normal := 17 - bits.LeadingZeros32(e)
	shift += normal
	if normal < 0 {
		e <<= -normal
	} else {
		e >>= normal
	}
	const decibels = 24660 // 160 log10(2), Q9
	log2 := int32(14<<10 + e&0x3FFF>>4)
	db := max(int16(decibels*log2>>19)+int16(int32(shift)*decibels>>9), 0)
	if *total <= minEnergy {
		if shift >= 0 {
			*total += minEnergy + 1
		} else {
			*total += int16(e >> -shift)
		}
	}
	return db + offset
}
