package vad

import "math/bits"

// gaussians is how many normal distributions model a band.
const gaussians = 2

// Of the test of a frame of 20 ms in mode 2, aggressive: it finds 98.5 % of
// speech frames with 0.2 % false alarms at 20 dB signal to noise.
const (
	bandTest   = 78  // likelihood ratio of a band that is speech
	frameTest  = 260 // the same of the weighted sum of all bands
	shortHang  = 3   // frames that speech goes on after it
	longHang   = 5   // the same after longSpeech frames of speech
	longSpeech = 6
)

// Limits and rates of the models.
const (
	leastDeviation = 384   // Q7
	noiseRate      = 655   // Q15
	speechRate     = 6554  // Q15
	backRate       = 154   // Q8: of the correction to the least energy seen
	certain        = 16384 // the probability of 1, Q14
)

// Per band.
var (
	weight       = [channels]int32{6, 8, 10, 12, 14, 16}                     // in the test of the frame
	apart        = [channels]int16{544, 544, 576, 576, 576, 576}             // least distance of the models, Q5
	highestNoise = [channels]int16{9216, 9088, 8960, 8832, 8704, 8576}       // Q7
	highestVoice = [channels]int16{11392, 11392, 11520, 11520, 11520, 11520} // Q7
	leastVoice   = [gaussians]int16{640, 768}                                // Q7
	noiseWeights = [channels][gaussians]int32{{34, 94}, {62, 66}, {72, 56}, {66, 62}, {53, 75}, {25, 103}}
	voiceWeights = [channels][gaussians]int32{{48, 80}, {82, 46}, {45, 83}, {87, 41}, {50, 78}, {47, 81}}
)

// Means and deviations that a call begins with, Q7.
var (
	noiseStart = [channels][gaussians]normal{
		{{mean: 6738, deviation: 378}, {mean: 7646, deviation: 474}},
		{{mean: 4892, deviation: 1064}, {mean: 3863, deviation: 697}},
		{{mean: 7065, deviation: 493}, {mean: 7820, deviation: 475}},
		{{mean: 6715, deviation: 582}, {mean: 7266, deviation: 688}},
		{{mean: 6771, deviation: 688}, {mean: 5020, deviation: 421}},
		{{mean: 3369, deviation: 593}, {mean: 4362, deviation: 455}},
	}
	voiceStart = [channels][gaussians]normal{
		{{mean: 8306, deviation: 555}, {mean: 9473, deviation: 509}},
		{{mean: 10085, deviation: 505}, {mean: 9571, deviation: 828}},
		{{mean: 10078, deviation: 567}, {mean: 10879, deviation: 492}},
		{{mean: 11823, deviation: 524}, {mean: 7581, deviation: 1540}},
		{{mean: 11843, deviation: 585}, {mean: 8180, deviation: 1079}},
		{{mean: 6309, deviation: 1231}, {mean: 7483, deviation: 850}},
	}
)

// normal is a normal distribution of a band's log energy.
type normal struct {
	mean, deviation int16 // Q7
	inverse         int16 // 1/deviation, Q10
}

// deviate sets the deviation, within its limit.
func (n *normal) deviate(to int16) {
	to = max(to, leastDeviation)
	if to != n.deviation {
		n.deviation = to
		n.invert()
	}
}

func (n *normal) invert() {
	n.inverse = int16((1<<17 + int32(n.deviation>>1)) / int32(n.deviation))
}

// at is the density at x, Q20, and how far x is from the mean in squared
// deviations, Q11.
func (n *normal) at(x int16) (density int32, delta int16) {
	const (
		far  = 22005 // from here the density is nothing
		log2 = 5909  // log2(e), Q12
	)
	inverse := int32(n.inverse >> 2)
	squared := int32(int16(inverse * inverse >> 2)) // Q14
	distance := int32(x<<3 - n.mean)
	delta = int16(squared * distance >> 10)
	exponent := int32(delta) * distance >> 9 // Q10
	if exponent >= far {
		return 0, delta
	}
	// 2^-y is 2^-(whole part) times nearly 1 + the rest
	y := -int16(log2 * int32(int16(exponent)) >> 12)
	return int32(n.inverse) * int32((0x400|y&0x3FF)>>((^y>>10)+1)), delta
}

// mixture tells noise from speech by a model of each in every band, which
// follow the call.
type mixture struct {
	noise, voice [channels][gaussians]normal
	lows         [channels]lows
	frames       int // judged; stops at as many as make a difference
	hang         int
	speech       int // frames of speech in a row, up to longSpeech
}

func newMixture() mixture {
	m := mixture{noise: noiseStart, voice: voiceStart}
	for c := range channels {
		m.lows[c] = newLows()
		for k := range gaussians {
			m.noise[c][k].invert()
			m.voice[c][k].invert()
		}
	}
	return m
}

// evidence is what a frame says of the models of a band.
type evidence struct {
	noiseShare, voiceShare [gaussians]int16 // which of the two it fits, Q14
	noiseDelta, voiceDelta [gaussians]int16 // Q11
}

// judge takes the log energies of a frame.
func (m *mixture) judge(features *[channels]int16, total int16) bool {
	voiced := false
	if total > minEnergy {
		var seen [channels]evidence
		sum := int32(0)
		for c, x := range features {
			ratio := m.compare(c, x, &seen[c])
			sum += ratio * weight[c]
			voiced = voiced || ratio<<2 > bandTest
		}
		voiced = voiced || sum >= frameTest
		highest := int16(12800)
		for c, x := range features {
			m.learn(c, x, &seen[c], voiced, highest)
			highest = highestVoice[c]
		}
		m.frames = min(m.frames+1, 3)
	}
	return m.hold(voiced)
}

// hold makes speech go on for some frames after it has ended.
func (m *mixture) hold(voiced bool) bool {
	if !voiced {
		m.speech = 0
		if m.hang == 0 {
			return false
		}
		m.hang--
		return true
	}
	m.hang = shortHang
	if m.speech++; m.speech > longSpeech {
		m.speech, m.hang = longSpeech, longHang
	}
	return true
}

// compare is the logarithm to 2 of how much likelier x is as speech than as
// noise in a band, in whole numbers.
func (m *mixture) compare(c int, x int16, e *evidence) int32 {
	var noise, voice [gaussians]int32 // Q27
	for k := range gaussians {
		var p int32
		p, e.noiseDelta[k] = m.noise[c][k].at(x)
		noise[k] = noiseWeights[c][k] * p
		p, e.voiceDelta[k] = m.voice[c][k].at(x)
		voice[k] = voiceWeights[c][k] * p
	}
	n, v := noise[0]+noise[1], voice[0]+voice[1]
	e.noiseShare = share(noise[0], n)
	e.voiceShare = share(voice[0], v)
	if int16(n>>12) <= 0 {
		e.noiseShare[0] = certain
	}
	return magnitude(v) - magnitude(n)
}

// magnitude is the logarithm of p to 2, rounded down.
func magnitude(p int32) int32 {
	if p == 0 {
		return -1
	}
	return int32(bits.Len32(uint32(p))) - 1
}

// share is which part of whole the first of two probabilities is, and which
// the other; none when there is too little of both.
func share(first, whole int32) [gaussians]int16 {
	h := int16(whole >> 12) // Q15
	if h <= 0 {
		return [gaussians]int16{}
	}
	part := int16(int32(uint32(first)&0xFFFFF000<<2) / int32(h))
	return [gaussians]int16{part, certain - part}
}

// mean is the mean of a band's model, Q14.
func mean(model *[gaussians]normal, weights *[gaussians]int32) int32 {
	return int32(model[0].mean)*weights[0] + int32(model[1].mean)*weights[1]
}

// move moves a band's model.
func move(model *[gaussians]normal, by int16) {
	model[0].mean += by
	model[1].mean += by
}

// learn adapts the models of a band to x.
func (m *mixture) learn(c int, x int16, e *evidence, voiced bool, highest int16) {
	noise, voice := &m.noise[c], &m.voice[c]
	least := m.lows[c].add(x, m.frames) // Q4
	back := least<<4 - int16(mean(noise, &noiseWeights[c])>>6)
	for k := range gaussians {
		n, v := &noise[k], &voice[k]
		before := n.mean
		to := before
		if !voiced {
			step := int16(int32(e.noiseShare[k]) * int32(e.noiseDelta[k]) >> 11) // Q14
			to += int16(int32(step) * noiseRate >> 22)
		}
		to += int16(int32(back) * backRate >> 9)
		n.mean = min(max(to, int16(k+5)<<7), int16(72+k-c)<<7)
		if voiced {
			v.hear(k, x, e, highest)
		} else {
			n.spread(x, before, e.noiseShare[k], e.noiseDelta[k])
		}
	}
	m.part(c)
}

// hear adapts a model of speech to speech.
func (n *normal) hear(k int, x int16, e *evidence, highest int16) {
	before := n.mean
	step := int16(int32(e.voiceShare[k]) * int32(e.voiceDelta[k]) >> 11)
	to := before + (int16(int32(step)*speechRate>>21)+1)>>1
	n.mean = min(max(to, leastVoice[k]), highest+640)
	distance := x - (before+4)>>3 // Q4
	excess := int32(e.voiceDelta[k])*int32(distance)>>3 - 4096
	change := int16(int32(e.voiceShare[k]>>2)*excess>>4/int32(n.deviation*10)) + 128 // Q13, a quarter below
	n.deviate(n.deviation + change>>8)
}

// spread adapts the deviation of a model of noise to noise.
func (n *normal) spread(x, before, share, delta int16) {
	distance := x - before>>3 // Q4
	excess := int32(delta)*int32(distance)>>3 - 4096
	change := int16(int32((share+2)>>2)*excess>>14/int32(n.deviation)) + 32 // Q13
	n.deviate(n.deviation + change>>6)
}

// part keeps the models of a band apart and within their limits.
func (m *mixture) part(c int) {
	noise, voice := &m.noise[c], &m.voice[c]
	noiseMean, voiceMean := mean(noise, &noiseWeights[c]), mean(voice, &voiceWeights[c])
	if near := apart[c] - (int16(voiceMean>>9) - int16(noiseMean>>9)); near > 0 {
		move(voice, int16(13*int32(near)>>2))
		move(noise, -int16(3*int32(near)>>2))
		noiseMean, voiceMean = mean(noise, &noiseWeights[c]), mean(voice, &voiceWeights[c])
	}
	if over := int16(voiceMean>>7) - highestVoice[c]; over > 0 {
		move(voice, -over)
	}
	if over := int16(noiseMean>>7) - highestNoise[c]; over > 0 {
		move(noise, -over)
	}
}
