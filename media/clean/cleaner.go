package clean

import (
	"math"

	"trunkline/media"
	"trunkline/media/fft"
)

// fullScale is the mean square of a signal at 0 dBov.
const fullScale = 32768 * 32768

// When to treat a talkspurt: chosen by the word error rates in docs/speech.md.
const (
	noisyBelow = 13  // dB of signal to noise below which the suppressor works
	cleanAbove = 16  // and above which it rests
	unsteady   = 1.4 // dB by which the noise may vary to be suppressed: steady noise varies by 0.6, voices by 3
	faintBelow = -42 // dBov of speech below which the level control works
	clearAbove = -39 // and above which it rests
	mostGain   = 24  // dB
)

const (
	speechFrames = 50 // that weigh as much as all before: 1 s of speech
	usualFrames  = 10 // that weigh as much as what speech usually is
	steadyFrames = 25 // the same for the noise's variation
	leastQuiet   = 10 // frames without speech that tell what the noise is like
	surprise     = 3  // dB by which a frame of steady noise hardly ever differs from the others
	bandBins     = 8  // of one band of the signal-to-noise ratio: 250 Hz
)

// usualLevel is that of telephone speech, in dBov, and usualSpeech its power
// spectrum: it falls by 9 dB per octave above 600 Hz.
const usualLevel = -24

var usualSpeech = func() (s [bins]float32) {
	sum := 0.0
	shape := func(k int) float64 { return 1 / (1 + math.Pow(float64(k)*media.SampleRate/points/600, 3)) }
	for k := range s {
		sum += shape(k)
	}
	// Parseval, for a window of a mean square of 1/2 in a padded block.
	total := fullScale * math.Pow(10, usualLevel/10.0) * points * window / 4
	for k := range s {
		s[k] = float32(total / sum * shape(k))
	}
	return s
}()

// Cleaner treats one call's audio for the recogniser. It belongs to one
// goroutine and does not allocate.
type Cleaner struct {
	noise    noise
	suppress suppressor

	speech [bins]float32 // power spectrum of voiced frames, noise included
	level  float64       // of voiced frames, in dBov
	voiced int           // such frames so far
	quiet  int           // other frames that were not silent
	usual  float64       // their level above the noise's estimate, in dB
	varies float64       // how far they are from that, in dB

	quieting bool    // the suppressor works in this talkspurt
	primed   bool    // it has had a frame
	raising  bool    // the level control works in this talkspurt
	gain     float32 // its factor
	last     float32 // factor at the end of the last frame, which the limiter may have lowered
	out      [media.FrameSamples]float32
	frame    media.Frame
}

// New makes a Cleaner for one call.
func New() *Cleaner {
	c := &Cleaner{level: usualLevel, speech: usualSpeech}
	c.noise.spec.work, c.suppress.spec.work = fft.NewWork(points), fft.NewWork(points)
	return c
}

// Hear learns from each frame of the call, before it is treated. voiced says
// whether it holds speech.
func (c *Cleaner) Hear(f *media.Frame, voiced bool) {
	if !c.noise.hear(f, voiced) {
		return
	}
	if voiced {
		c.speak(f)
	} else if c.noise.settled() {
		l := 10 * math.Log10(float64(c.noise.above))
		c.quiet++
		d := l - c.usual
		if math.Abs(d) > surprise {
			c.noise.alike = 0
		}
		c.usual += d / float64(min(c.quiet, steadyFrames))
		c.varies += (math.Abs(d) - c.varies) / float64(min(c.quiet, steadyFrames))
	}
}

// speak learns from a voiced frame.
func (c *Cleaner) speak(f *media.Frame) {
	energy := 0.0
	for _, v := range f {
		energy += float64(v) * float64(v)
	}
	c.voiced++
	weight := 1 / float32(min(c.voiced+usualFrames, speechFrames))
	c.level += 1 / float64(min(c.voiced, speechFrames)) * (10*math.Log10(energy/media.FrameSamples/fullScale) - c.level)
	for k, x := range c.noise.spec.bin {
		c.speech[k] += weight * (power(x) - c.speech[k])
	}
}

// SNR is how far the speech stands above the noise, in dB: the mean of the
// bands of a telephone line.
func (c *Cleaner) SNR() float64 {
	sum, n := 0.0, 0
	for low := bandBins; low+bandBins <= bins*7/8; low += bandBins {
		var s, noise float32
		for k := low; k < low+bandBins; k++ {
			s += c.speech[k]
			noise += c.noise.power[k]
		}
		noise = max(noise, leastNoise)
		sum += 10 * math.Log10(float64(max((s-noise)/noise, 0.1)))
		n++
	}
	return sum / float64(n)
}

// Steady reports whether the noise is so even that it can be told from
// speech.
func (c *Cleaner) Steady() bool { return c.quiet >= leastQuiet && c.varies < unsteady }

// Begin starts a talkspurt and decides how it is treated.
func (c *Cleaner) Begin() {
	snr := c.SNR()
	switch {
	case !c.Steady() || snr > cleanAbove:
		c.quieting = false
	case snr < noisyBelow:
		c.quieting = true
	}
	switch {
	case c.voiced == 0 || c.level > clearAbove:
		c.raising = false
	case c.level < faintBelow:
		c.raising = true
	}
	c.gain = 1
	if c.raising {
		c.gain = float32(math.Pow(10, min(usualLevel-c.level, mostGain)/20))
	}
	c.last, c.primed = c.gain, false
	c.suppress.begin()
}

// Treats reports what is done in this talkspurt.
func (c *Cleaner) Treats() (noise, level bool) { return c.quieting, c.raising }

// Clean treats the next frame of the talkspurt, and returns what the
// recogniser is to hear: f itself, a frame that is valid until the next call,
// or nil for the first frame of a talkspurt whose noise is suppressed, which
// is a frame late.
func (c *Cleaner) Clean(f *media.Frame) *media.Frame {
	if !c.quieting && !c.raising {
		return f
	}
	if c.quieting {
		c.suppress.next(f, &c.noise, &c.out)
		if !c.primed {
			c.primed = true
			return nil
		}
	} else {
		for i, v := range f {
			c.out[i] = float32(v)
		}
	}
	c.limit()
	return &c.frame
}

// limit scales out into frame, with as little of the gain as full scale
// allows.
func (c *Cleaner) limit() {
	const most = 0.95 * 32767
	peak := float32(0)
	for _, v := range c.out {
		peak = max(peak, max(v, -v))
	}
	gain := c.gain
	if peak*gain > most {
		gain = most / peak
	}
	g := min(c.last, max(gain, most/max(peak, 1)))
	step := (gain - g) / media.FrameSamples
	for i, v := range c.out {
		g += step
		c.frame[i] = int16(min(max(v*g, -32768), 32767))
	}
	c.last = gain
}
