package quality

import (
	"math"
	"time"
)

// Codec is how a codec itself impairs speech, and how well it stands packet
// loss (ITU-T G.113 appendix I).
type Codec struct {
	Ie  float64 // equipment impairment without loss
	Bpl float64 // packet-loss robustness, above 0
}

// G.711 in packets of 10 to 30 ms (ITU-T G.113 appendix I).
var (
	G711          = Codec{Ie: 0, Bpl: 25.1} // with packet-loss concealment
	G711Uncovered = Codec{Ie: 0, Bpl: 4.3}  // gaps left silent
)

// Path is one direction of a call.
type Path struct {
	// Delay is from mouth to ear: packet, network and jitter buffer.
	Delay time.Duration
	// Codec says how loss is heard.
	Codec Codec
	// Loss is the share of packets that never played, 0 to 1: those that the
	// network lost and those that the jitter buffer discarded.
	Loss float64
	// Burst is the burst ratio: how much longer losses in a row are than if
	// they fell at random. Anything below 1 counts as 1, random loss.
	Burst float64
}

// Defaults of G.107 table 2, for what a gateway cannot know of the handsets.
const (
	slr  = 8.0   // send loudness rating, dB
	rlr  = 2.0   // receive loudness rating, dB
	stmr = 15.0  // sidetone masking rating, dB
	lstr = 18.0  // listener sidetone rating, dB
	ds   = 3.0   // D-value of the telephone, send side
	telr = 65.0  // talker echo loudness rating, dB
	wepl = 110.0 // weighted echo path loss, dB
	qdu  = 1.0   // quantization distortion units
	nc   = -70.0 // circuit noise, dBm0p
	nfor = -64.0 // noise floor at the receive side, dBmp
	room = 35.0  // room noise at either side, dB(A)
)

// R is the transmission rating of the path (G.107 section 7.1). G.711 without
// loss and delay reaches 93.2; below 50 nearly all users are dissatisfied.
func (p Path) R() float64 {
	delay := max(p.Delay.Seconds()*1000, 0)
	return max(ro-simultaneous(delay)-delayed(delay)-p.equipment(), 0)
}

// MOS is the mean opinion score of the path, from 1 to 4.5.
func (p Path) MOS() float64 { return MOS(p.R()) }

// MOS translates a rating into the mean opinion score of a conversation (G.107
// annex B).
func MOS(r float64) float64 {
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1+0.035*r+r*(r-60)*(100-r)*7e-6, 1)
}

// BurstRatio is the burst ratio of a stream of expected packets, of which lost
// are missing in bursts runs. It is at least 1.
func BurstRatio(expected, lost, bursts uint64) float64 {
	if bursts == 0 || lost == 0 || lost >= expected {
		return 1
	}
	length := float64(lost) / float64(bursts)
	return max(length*(1-float64(lost)/float64(expected)), 1)
}

// equipment is Ie,eff, what codec and loss take away (G.107 section 7.5).
func (p Path) equipment() float64 {
	loss := 100 * min(max(p.Loss, 0), 1)
	if loss == 0 {
		return p.Codec.Ie
	}
	return p.Codec.Ie + (95-p.Codec.Ie)*loss/(loss/max(p.Burst, 1)+p.Codec.Bpl)
}

// Noise and the basic signal-to-noise ratio (G.107 section 7.2).
var (
	noise = powerSum(nc, noiseOf(room), listenerNoise(room), nfor+rlr)
	ro    = 15 - 1.5*(slr+noise)
)

func noiseOf(ps float64) float64 {
	above := ps - slr - rlr - ds - 14
	return ps - slr - ds - 100 + 0.004*above*above
}

func listenerNoise(pr float64) float64 {
	pre := pr + 10*math.Log10(1+math.Pow(10, (10-lstr)/10))
	return rlr - 121 + pre + 0.008*(pre-35)*(pre-35)
}

func powerSum(levels ...float64) float64 {
	var sum float64
	for _, l := range levels {
		sum += math.Pow(10, l/10)
	}
	return 10 * math.Log10(sum)
}

// simultaneous is Is, what comes with the voice: loudness, sidetone and
// quantization (G.107 section 7.3).
func simultaneous(delay float64) float64 {
	x := slr + rlr + 0.2*(64+noise-rlr)
	loudness := 20 * (norm(x/8, 8) - x/8)

	masked := -10 * math.Log10(math.Pow(10, -stmr/10)+math.Exp(-delay/4)*math.Pow(10, -telr/10))
	sidetone := 12*norm((masked-13)/6, 8) - 28*norm((masked+1)/19.4, 35) - 13*norm((masked-3)/33, 13) + 29

	q := 37 - 15*math.Log10(qdu)
	g := 1.07 + 0.258*q + 0.0602*q*q
	y := (ro-100)/15 + 46/8.4 - g/9
	z := 46.0/30 - g/40
	quantization := 15 * math.Log10(1+math.Pow(10, y)+math.Pow(10, z))

	return loudness + sidetone + quantization
}

// delayed is Id: the echo to talker and listener, and the wait itself (G.107
// section 7.4). delay is in milliseconds, one way.
func delayed(delay float64) float64 {
	terv := telr - 40*math.Log10((1+delay/10)/(1+delay/150)) + 6*math.Exp(-0.3*delay*delay)
	talker := (-1.5*(noise-rlr) - (80 + 2.5*(terv-14))) / 2
	talkerEcho := (talker + math.Sqrt(talker*talker+100) - 1) * (1 - math.Exp(-delay))

	listener := (ro - 10.5*(wepl+7)*math.Pow(2*delay+1, -0.25)) / 2
	listenerEcho := listener + math.Sqrt(listener*listener+169)

	var wait float64
	if delay > 100 {
		x := math.Log2(delay / 100)
		wait = 25 * (norm(x, 6) - 3*norm(x/3, 6) + 2)
	}
	return talkerEcho + listenerEcho + wait
}

// norm is the n-th root of 1 + x^n.
func norm(x, n float64) float64 {
	return math.Pow(1+math.Pow(x, n), 1/n)
}
