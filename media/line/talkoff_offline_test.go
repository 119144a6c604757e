//go:build offline

package line_test

import (
	"strings"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/dtmf"
	"trunkline/media/g711"
	"trunkline/media/line"
	"trunkline/media/player"
	"trunkline/media/tone"
	"trunkline/media/vad"
	"trunkline/pipeline/tts/flite"
)

// prose has all sounds of English, numbers and drawn-out vowels.
const prose = `The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background.
It is easy to tell the depth of a well. Four hours of steady work faced us. A large size in stockings is hard to sell.
My number is five fifty five, oh one two three, extension four eight nine seven six. Please hold the line, thank you so much.
She saw the cool moon over the blue lagoon, and he hummed a low tune. We will leave you alone, you know who you are.
Eight, nine, ten, eleven, twelve. Zebra, yellow, x-ray, whisky, victor. Ooh, really? Me too! Yes. No. Oh, well, all right then.`

// TestVoicesAreNoKeysAndNoTones has half an hour of speech in four voices, at
// several levels, played to a line that listens for everything.
func TestVoicesAreNoKeysAndNoTones(t *testing.T) {
	t.Parallel()
	heard := make(chan time.Duration, len(flite.Voices()))
	t.Run("voices", func(t *testing.T) {
		for _, name := range flite.Voices() {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				voice := speak(t, name)
				var all time.Duration
				for _, gain := range []float64{0.1, 0.3, 0.7, 1, 1.6, 3} {
					for offset := range 3 {
						all += listen(t, voice, gain, 53*offset)
					}
				}
				heard <- all
			})
		}
	})
	var all time.Duration
	for range flite.Voices() {
		all += <-heard
	}
	if all < 30*time.Minute {
		t.Errorf("only %v of speech", all)
	}
}

func speak(t *testing.T, name string) (x []int16) {
	t.Helper()
	v, err := flite.New(flite.Options{Voice: name})
	if err != nil {
		t.Fatal(err)
	}
	for s, err := range v.Synthesize(t.Context(), strings.ReplaceAll(prose, "\n", " ")) {
		if err != nil {
			t.Fatal(err)
		}
		x = append(x, s.Samples...)
	}
	return x
}

// listen plays a voice, and returns how long that took in call time.
func listen(t *testing.T, voice []int16, gain float64, offset int) time.Duration {
	t.Helper()
	detector, err := vad.New()
	if err != nil {
		t.Fatal(err)
	}
	p, k := &talker{voice: make([]int16, offset)}, &keyer{}
	for _, v := range voice {
		p.voice = append(p.voice, int16(max(-32768, min(32767, float64(v)*gain))))
	}
	b := make([]byte, len(p.voice))
	g711.PCMU.Encode(b, p.voice)
	g711.PCMU.Decode(p.voice, b)
	l := line.New(line.Config{
		Leg: p, Player: player.New(player.Options{}), VAD: detector, Ear: k, Keys: dtmf.Always,
		Tones: tone.All, OnTone: func(e tone.Event) {
			t.Errorf("gain %v: heard %s at %v, %.0f Hz", gain, e.Kind, e.Start.Duration(), e.Hertz)
		},
	})
	frames := len(p.voice) / media.FrameSamples
	for range frames {
		l.Tick(time.Time{})
	}
	// A buzzing voice has frames that look like the beginning of a key.
	if n := l.Stats().Withheld; k.keys != "" || n > uint64(frames/200) {
		t.Errorf("gain %v: heard the keys %q and withheld %d of %d frames, want none and 0.5 %% at most", gain, k.keys, n, frames)
	}
	return time.Duration(frames) * media.FrameDuration
}

// talker is a caller who speaks.
type talker struct {
	leg

	voice []int16
}

func (p *talker) Read(f *media.Frame) media.Inbound {
	clear(f[:])
	p.voice = p.voice[copy(f[:], p.voice):]
	return media.Inbound{Kind: media.Received}
}
