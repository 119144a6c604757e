package vad_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/media/vad"
)

// steps runs a gate over frames written one letter each, and writes what came
// of them: "v" speech, "q" voiced but too quiet, "." not voiced; and "-" for
// None, "+" and "!" for Onset and Offset followed by Ago.
func steps(g *vad.Gate, frames string) string {
	var out strings.Builder
	for _, f := range frames {
		level := vad.DBov(-26)
		if f != 'v' {
			level = -80
		}
		switch g.Step(f != '.', level) {
		case vad.Onset:
			out.WriteString("+" + string(rune('0'+g.Ago())))
		case vad.Offset:
			out.WriteString("!" + string(rune('0'+g.Ago())))
		default:
			out.WriteByte('-')
		}
	}
	return out.String()
}

func TestGate(t *testing.T) {
	t.Parallel()
	short := vad.GateOptions{Hangover: 60 * time.Millisecond}
	fast := vad.FastGate()
	fast.Hangover = 60 * time.Millisecond
	for name, tt := range map[string]struct {
		options vad.GateOptions
		frames  string
		want    string
	}{
		"silence":              {short, "......", "------"},
		"onset":                {short, "..vvvv", "----+2-"},
		"onset with a hole":    {short, ".vv.v.", "----+3-"},
		"too sparse":           {short, "v.v..vv...v", "-----------"},
		"a click":              {short, "..v.......", "----------"},
		"too quiet":            {short, "qqqqqqq", "-------"},
		"offset":               {short, "vvv......", "--+2--!3---"[:6] + "!3---"},
		"hangover starts over": {short, "vvv..v..v...", "--+2--------!3"},
		"two talkspurts":       {short, "vvv...vvv...", "--+2--!3--+2--!3"},
		"quiet tail ends it":   {short, "vvvqqq", "--+2--!3"},
		"fast onset":           {fast, ".v.v", "---+2"},
		"fast onset at once":   {fast, ".vv", "--+1"},
		"one frame is enough":  {vad.GateOptions{Needed: 1, Window: 1, Hangover: 20 * time.Millisecond}, ".v.v", "-+0!1+0"},
		"frames count once":    {vad.GateOptions{Hangover: 20 * time.Millisecond}, "vvv.vv.vv", "--+2!1---+3-"},
		"default hangover":     {vad.GateOptions{}, "vvv..........", "--+2---------!:"},
		"out of range":         {vad.GateOptions{Needed: 99, Window: 99, Hangover: time.Nanosecond}, strings.Repeat("v", 64), strings.Repeat("-", 63) + "+o"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if d := cmp.Diff(tt.want, steps(vad.NewGate(tt.options), tt.frames)); d != "" {
				t.Errorf("%q (-want +got):\n%s", tt.frames, d)
			}
		})
	}
}

func TestGateRisesAboveTheNoise(t *testing.T) {
	t.Parallel()
	g := vad.NewGate(vad.DefaultGate())
	if got := g.Threshold(); got != -55 {
		t.Errorf("threshold of a new gate is %v, want -55", got)
	}
	g.Step(false, vad.Silence)
	if got := g.Threshold(); got != -55 {
		t.Errorf("threshold after digital silence is %v, want -55", got)
	}
	for range 20 {
		g.Step(true, -48)
	}
	if got := g.Threshold(); got != -40 || g.Talking() {
		t.Errorf("threshold in noise of -48 dBov is %v, want -40, and no talkspurt", got)
	}
	for range 100 {
		g.Step(true, -38)
	}
	if got := g.Threshold(); got != -35 || g.Talking() {
		t.Errorf("threshold in loud noise is %v, want the ceiling -35, and no talkspurt", got)
	}
	g.Step(false, -70)
	if got := g.Threshold(); got != -55 {
		t.Errorf("threshold after the noise is gone is %v, want the floor -55", got)
	}
}

func TestGateIsNotDeafenedBySpeech(t *testing.T) {
	t.Parallel()
	g := vad.NewGate(vad.GateOptions{})
	for i := range 1000 {
		if i%40 == 39 {
			g.Step(false, -60) // a pause between words
			continue
		}
		g.Step(true, -20)
		if i > 40 && (g.Threshold() != -52 || !g.Talking()) {
			t.Fatalf("frame %d of a long talkspurt: threshold %v, want -52; talking %v", i, g.Threshold(), g.Talking())
		}
	}
}

func TestGateAlternates(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		window := rapid.IntRange(1, 64).Draw(t, "window")
		o := vad.GateOptions{
			Window:   window,
			Needed:   rapid.IntRange(1, window).Draw(t, "needed"),
			Hangover: time.Duration(rapid.IntRange(1, 30).Draw(t, "hangover")) * media.FrameDuration,
		}
		g := vad.NewGate(o)
		var speech []bool
		talking := false
		for i, voiced := range rapid.SliceOfN(rapid.Bool(), 0, 300).Draw(t, "voiced") {
			speech = append(speech, voiced)
			switch g.Step(voiced, -20) {
			case vad.Onset:
				if talking || g.Ago() >= o.Window || !speech[i-g.Ago()] {
					t.Fatalf("frame %d: onset %d frames ago, in a talkspurt: %v", i, g.Ago(), talking)
				}
				talking = true
			case vad.Offset:
				if !talking || g.Ago() != int(o.Hangover/media.FrameDuration) || !speech[i-g.Ago()] {
					t.Fatalf("frame %d: offset %d frames ago, in a talkspurt: %v", i, g.Ago(), talking)
				}
				talking = false
			}
			if g.Talking() != talking {
				t.Fatalf("frame %d: Talking() = %v", i, g.Talking())
			}
		}
	})
}

func TestLevel(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sample func(i int) int16
		want   float64
	}{
		"zero":                    {func(int) int16 { return 0 }, -127},
		"full-scale square":       {func(int) int16 { return -32768 }, 0},
		"full-scale sine":         {func(i int) int16 { return int16(32767 * math.Sin(float64(i)*math.Pi/8)) }, -3.01},
		"one bit":                 {func(int) int16 { return 1 }, -90.31},
		"a tenth of full scale":   {func(int) int16 { return 3277 }, -20},
		"one sample of one frame": {func(i int) int16 { return int16(i / 159) }, -112.35},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var f media.Frame
			for i := range f {
				f[i] = tt.sample(i)
			}
			if got := float64(vad.Level(&f)); math.Abs(got-tt.want) > 0.01 {
				t.Errorf("Level = %.2f dBov, want %.2f", got, tt.want)
			}
		})
	}
}
