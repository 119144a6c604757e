package bargein

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"trunkline/media"
)

// measured is what a meter makes of 400 ms of a sound.
func measured(at func(i int) float64, echo bool) Sound {
	var m Meter
	var f media.Frame
	m.Begin()
	for n := range 20 {
		for i := range f {
			f[i] = int16(at(n*len(f) + i))
		}
		m.Frame(&f, !echo, echo)
	}

	return m.Sound()
}

func TestAVoiceHasAPitchAndACoughHasNone(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	hum := func(hz float64) func(int) float64 {
		return func(i int) float64 {
			x := 2 * math.Pi * hz * float64(i) / media.SampleRate

			return 3000*math.Sin(x) + 1500*math.Sin(2*x) + 700*math.Sin(3*x)
		}
	}
	low := 0.0
	for name, tt := range map[string]struct {
		at          func(int) float64
		least, most float64
	}{
		"a man":   {hum(95), 0.8, 1},
		"a woman": {hum(210), 0.8, 1},
		"noise":   {func(int) float64 { return 3000 * r.NormFloat64() }, 0, 0.1},
		"a breath": {func(int) float64 {
			low += 0.5 * (r.NormFloat64() - low)

			return 3000 * low
		}, 0, 0.2},
	} {
		if s := measured(tt.at, false); s.Pitched < tt.least || s.Pitched > tt.most || s.Measured != 400*ms {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if s := measured(hum(95), true); !s.echoes() {
		t.Errorf("the agent's own voice: %+v", s)
	}
}

func TestJudgeBySound(t *testing.T) {
	t.Parallel()
	cough := Sound{Measured: 300 * ms, Pitched: 0.1}
	voice := Sound{Measured: 300 * ms, Pitched: 0.7}
	own := Sound{Measured: 300 * ms, Pitched: 0.7, Echo: 0.8}
	for _, tt := range []struct {
		name string
		e    Evidence
		want Verdict
	}{
		{"a cough that goes on", Evidence{Voiced: 400 * ms, Elapsed: 400 * ms, Level: -20, Sound: cough}, Noise},
		{"a cough taken for words", Evidence{Text: "the club", Voiced: 300 * ms, Elapsed: 400 * ms, Sound: cough}, Noise},
		{"a cough so far", Evidence{Voiced: 200 * ms, Elapsed: 200 * ms, Level: -20, Sound: cough}, Undecided},
		{"many words on a bad line", Evidence{Text: "i would like to know", Voiced: 900 * ms, Elapsed: 900 * ms, Sound: cough}, Interruption},
		{"a murmur", Evidence{Voiced: 420 * ms, Elapsed: 620 * ms, Ended: true, Level: -20, Sound: voice}, Backchannel},
		{"a voice that goes on", Evidence{Voiced: 700 * ms, Elapsed: 700 * ms, Level: -20, Sound: voice}, Interruption},
		{"our own voice", Evidence{Text: "wait for the tone", Voiced: 700 * ms, Elapsed: 700 * ms, Sound: own}, Echo},
	} {
		if j := Judge(Config{}, tt.e); j.Verdict != tt.want {
			t.Errorf("%s: %s %q, want %s", tt.name, j.Verdict, j.Reasons, tt.want)
		}
	}
}

func TestWordsOfEachLanguage(t *testing.T) {
	t.Parallel()
	entries, err := files.ReadDir("words")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range entries {
		l, err := readList(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for name, list := range map[string]map[string]struct{}{
			"backchannels": l.backchannels, "commands": l.commands, "fillers": l.fillers,
		} {
			if len(list) == 0 {
				t.Errorf("%s: no %s", f.Name(), name)
			}
			for phrase := range list {
				if n := len(strings.Fields(phrase)); n == 0 || n > longestPhrase {
					t.Errorf("%s: %q has %d words", f.Name(), phrase, n)
				}
			}
		}
		for phrase := range l.commands {
			if _, both := l.backchannels[phrase]; both {
				t.Errorf("%s: %q is both", f.Name(), phrase)
			}
		}
	}
	for code, e := range map[string][2]string{
		"en": {"okay", "okay wait"}, "es": {"de acuerdo", "espere"}, "de": {"ja genau", "moment mal"}, "fr": {"d'accord", "excusez-moi"},
	} {
		for i, want := range []Verdict{Backchannel, Interruption} {
			j := Judge(Config{Language: code}, Evidence{Text: e[i], Final: true, Ended: true, Elapsed: time.Second, Voiced: 300 * ms})
			if j.Verdict != want {
				t.Errorf("%s: %q is %s", code, e[i], j.Verdict)
			}
		}
	}
}

func TestTheMeterAllocatesNothing(t *testing.T) {
	var m Meter
	var f media.Frame
	for i := range f {
		f[i] = int16(100 * i)
	}
	if n := testing.AllocsPerRun(100, func() { m.Frame(&f, true, false) }); n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}
