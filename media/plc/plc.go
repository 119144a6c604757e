package plc

import "trunkline/media/pitch"

// The figures of ITU-T G.711 appendix I, in samples at 8 kHz.
const (
	minPeriod = 40  // 5 ms: a voice of 200 Hz
	maxPeriod = 120 // 15 ms: a voice of 66 Hz
	window    = 160 // 20 ms are compared to find the period
	step      = 80  // every 10 ms: one more period, a fifth of the level less
	maxCycles = 3   // periods repeated at most
	silentAt  = 480 // 60 ms: nothing more is made up
	maxBlend  = 80  // 10 ms: the longest blend back into good audio
	blendStep = 32  // 4 ms: what each 10 ms of loss adds to that blend

	historySize = maxCycles*maxPeriod + maxPeriod/4 // 48.75 ms
)

// one is full weight in a blend.
const one = 1 << 15

// Concealer makes up audio for the gaps of one direction of one call. Its zero
// value is ready, with silence before the first sample.
type Concealer struct {
	history [historySize]int16 // what was played before the gap, oldest first
	made    [silentAt]int16    // what was made up in the gap
	lost    int                // samples missing so far; 0 in good audio

	period int // pitch period
	cycles int // periods being repeated
	at     int // place in them
	// When a period is added, the repetition before goes on beside the new one
	// for fade samples and is faded out.
	oldAt, fade int

	tail  [maxBlend]int16 // how the gap would have gone on
	blend int             // samples of tail that good audio is blended with
	used  int             // those of them behind us
}

// Good takes the samples that are about to play, in order. After a gap it
// blends their beginning with what it made up.
func (c *Concealer) Good(samples []int16) {
	if c.lost > 0 {
		c.endGap()
	}
	for i := 0; i < len(samples) && c.used < c.blend; i++ {
		weight := int32(c.used+1) * one / int32(c.blend+1)
		samples[i] = mix(c.tail[c.used], samples[i], weight)
		c.used++
	}
	c.remember(samples)
}

// Conceal fills dst with what might have come next; from 60 ms after the last
// good sample that is silence.
func (c *Concealer) Conceal(dst []int16) {
	for i := range dst {
		if c.lost >= silentAt {
			clear(dst[i:])
			c.lost = min(c.lost+len(dst)-i, silentAt+historySize)
			return
		}
		dst[i] = c.next()
		c.made[c.lost] = dst[i]
		c.lost++
	}
}

// endGap prepares the blend into good audio.
func (c *Concealer) endGap() {
	gap := c.lost
	c.blend = min(c.period/4+blendStep*((gap-1)/step), maxBlend)
	c.used = 0
	for i := range c.tail[:c.blend] {
		c.tail[i] = 0
		if c.lost < silentAt {
			c.tail[i] = c.next()
			c.lost++
		}
	}
	c.remember(c.made[:min(gap, silentAt)])
	c.rememberSilence(gap - silentAt)
	c.lost = 0
}

// next makes one sample and moves on by one, all but c.lost.
func (c *Concealer) next() int16 {
	if c.lost == 0 {
		c.begin()
	} else if c.lost%step == 0 && c.cycles < maxCycles {
		c.addPeriod()
	}
	s := int32(c.sample(c.cycles, c.at))
	c.at = (c.at + 1) % (c.cycles * c.period)
	if c.fade > 0 {
		old := c.sample(c.cycles-1, c.oldAt)
		s = int32(mix(int16(s), old, int32(c.fade)*one/int32(c.quarter()+1)))
		c.oldAt = (c.oldAt + 1) % ((c.cycles - 1) * c.period)
		c.fade--
	}
	if q := c.quarter(); c.lost < q {
		s = clip(s + c.seam()*int32(q-c.lost)/int32(q))
	}
	if c.lost > step {
		s = s * int32(silentAt-c.lost) / (silentAt - step)
	}
	return int16(s)
}

// begin finds the pitch period and repeats the last one.
func (c *Concealer) begin() {
	distance, _ := pitch.Search(c.history[:], historySize-window, window, -maxPeriod, -minPeriod)
	c.period = -distance
	c.cycles, c.at, c.fade = 1, 0, 0
}

// addPeriod repeats one more period from now on, the oldest first, in phase.
func (c *Concealer) addPeriod() {
	c.oldAt, c.fade = c.at, c.quarter()
	c.cycles++
	c.at %= c.period
}

// quarter is the length of the blends between repetitions.
func (c *Concealer) quarter() int { return c.period / 4 }

// sample is the one at place at of the last n periods before the gap. Their
// last quarter period fades into what preceded the first, so that they repeat
// without a seam.
func (c *Concealer) sample(n, at int) int16 {
	length, q := n*c.period, c.quarter()
	s := c.history[historySize-length+at]
	if i := at - (length - q); i >= 0 {
		return mix(s, c.history[historySize-2*length+at], int32(i+1)*one/int32(q+1))
	}
	return s
}

// seam is how much the last sample differs from the one a period before it.
func (c *Concealer) seam() int32 {
	const last = historySize - 1
	return int32(c.history[last]) - int32(c.history[last-c.period])
}

// remember appends to the history.
func (c *Concealer) remember(samples []int16) {
	if extra := len(samples) - historySize; extra > 0 {
		samples = samples[extra:]
	}
	keep := historySize - len(samples)
	copy(c.history[:keep], c.history[len(samples):])
	copy(c.history[keep:], samples)
}

// rememberSilence appends n zeros to the history.
func (c *Concealer) rememberSilence(n int) {
	if n <= 0 {
		return
	}
	n = min(n, historySize)
	copy(c.history[:], c.history[n:])
	clear(c.history[historySize-n:])
}

// mix is from a to b as weight goes from 0 to one.
func mix(a, b int16, weight int32) int16 {
	return int16((int32(a)*(one-weight) + int32(b)*weight) >> 15)
}

func clip(s int32) int32 { return max(-32768, min(s, 32767)) }
