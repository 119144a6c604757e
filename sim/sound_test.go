package sim

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/softphone/talkspurt"
)

// TestNoiseHasItsLevel: each kind has about unit power.
func TestNoiseHasItsLevel(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"white", "pink", "babble"} {
		n := newNoise(kind, 1)
		power := 0.0
		for range 10 * media.SampleRate {
			v := n.next()
			power += v * v
		}
		if db := 10 * math.Log10(power/(10*media.SampleRate)); math.Abs(db) > 1.5 {
			t.Errorf("%s noise has %.1f dB", kind, db)
		}
	}
}

func TestRoomReturnsAnEcho(t *testing.T) {
	t.Parallel()
	s := &Scenario{Line: Line{Echo: &Echo{Delay: 60 * time.Millisecond, ERL: 20}}}
	r := newRoom(s, 1)
	r.law = false
	said := media.Frame{0: 10000}
	var back media.Frame
	for tick := range 10 {
		back = media.Frame{}
		r.send(&back)
		if want := map[bool]int16{true: 1000}[tick == 3]; back[0] != want {
			t.Errorf("tick %d: %d comes back, want %d", tick, back[0], want)
		}
		if tick == 0 {
			r.hear(&said)
		} else {
			r.hear(&media.Frame{})
		}
	}
}

// TestTempo: speech takes its length by the rate, and loses no level.
func TestTempo(t *testing.T) {
	t.Parallel()
	x, err := sample("what-are-your-opening-hours")
	if err != nil {
		t.Fatal(err)
	}
	for _, rate := range []float64{0.7, 0.9, 1, 1.2, 1.5} {
		y := tempo(x, rate)
		if got := float64(len(x)) / float64(len(y)); math.Abs(got-rate) > 0.05 {
			t.Errorf("rate %v became %.2f", rate, got)
		}
		if spans := talkspurt.Spans(y, time.Second); len(spans) != 1 {
			t.Errorf("rate %v: %d talkspurts", rate, len(spans))
		}
	}
}

func TestClipsHaveTheirLevel(t *testing.T) {
	t.Parallel()
	for _, level := range []float64{-40, -24, -15} {
		v := &voice{mode: Audio, who: Persona{Level: level, Rate: 1}}
		samples, _, err := v.speak(t.Context(), "mm-hm")
		if err != nil {
			t.Fatal(err)
		}
		var power, n float64
		for _, s := range samples {
			if s != 0 {
				power += float64(s) * float64(s)
				n++
			}
		}
		if got := 10 * math.Log10(power/n/overload/overload); math.Abs(got-level) > 4 {
			t.Errorf("level %v became %.1f", level, got)
		}
	}
}

// steps runs a caller against an agent that speaks at the given frames, and
// lists what it did.
func steps(t *testing.T, s *Scenario, frames int, speaks func(frame int) bool, heard func(frame int) string) []string {
	t.Helper()
	v := &voice{mode: Text, who: s.Who}
	parts := make([]part, len(s.Steps))
	for i := range s.Steps {
		s.Steps[i].setDefaults()
		c, err := v.clip(t.Context(), &s.Steps[i])
		if err != nil {
			t.Fatal(err)
		}
		parts[i] = part{Step: &s.Steps[i], clip: c}
		if p := s.Steps[i].At.Says; p != "" {
			parts[i].says = pattern(p)
		}
	}
	c := newCaller(parts, 500*time.Millisecond, 4*time.Second)
	var did []string
	was := false
	for f := range frames {
		view := view{heard: heard(f)}
		if is := speaks(f); is != was {
			was = is
			view.edge = talkspurt.Offset
			if is {
				view.edge = talkspurt.Onset
			}
		}
		a := c.step(view)
		at := time.Duration(f) * media.FrameDuration
		switch {
		case a.hangUp:
			return append(did, at.String()+" hangs up", a.note)
		case a.began:
			did = append(did, at.String()+" "+s.Steps[a.step].kind())
		}
		if a.note != "" {
			did = append(did, a.note)
		}
	}

	return did
}

func TestCallerWaitsForWhatItIsTold(t *testing.T) {
	t.Parallel()
	after := 100 * time.Millisecond
	for name, c := range map[string]struct {
		steps  []Step
		speaks func(int) bool
		want   string
	}{
		"in turn": {
			[]Step{{Say: "hello"}},
			func(f int) bool { return f < 50 || f >= 130 && f < 150 },
			"1.5s say, 4.5s hangs up",
		},
		"over the third word": { // a word each 300 ms
			[]Step{{Interrupt: "stop"}},
			func(f int) bool { return f < 60 || f >= 100 && f < 120 },
			"900ms interrupt, 3.9s hangs up",
		},
		"at what is said": {
			[]Step{{Interrupt: "stop", At: &When{Says: "w4"}}},
			func(f int) bool { return f < 80 || f >= 120 && f < 130 },
			"1.2s interrupt, 4.1s hangs up",
		},
		"so long into it": {
			[]Step{{Interrupt: "stop", At: &When{Speaking: time.Second}}},
			func(f int) bool { return f < 60 || f >= 100 && f < 120 },
			"1s interrupt, 3.9s hangs up",
		},
		"after the step before": {
			[]Step{{Say: "hello"}, {Say: "again", At: &When{After: &after}}},
			func(f int) bool { return f < 50 || f >= 150 && f < 160 },
			"1.5s say, 1.9s say, 4.7s hangs up",
		},
		"impatiently": {
			[]Step{{Say: "hello"}},
			func(f int) bool { return f < 50 },
			"1.5s say, 5.78s hangs up, the agent said nothing for 4s",
		},
		"without a reply to a murmur": {
			[]Step{{Backchannel: "mm-hm"}},
			func(f int) bool { return f < 60 },
			"900ms backchannel, 2.7s hangs up",
		},
		"for words that never come": {
			[]Step{{Interrupt: "stop", At: &When{Words: 9}}},
			func(f int) bool { return f < 50 },
			"5s interrupt, the agent was quiet for 4s before its word 9, 9.28s hangs up, the agent said nothing for 4s",
		},
		"to hang up in mid-speech": {
			[]Step{{Say: "hello"}, {HangUp: true, At: &When{Speaking: 500 * time.Millisecond}}},
			func(f int) bool { return f < 50 || f >= 130 },
			"1.5s say, 3.1s hangs up",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &Scenario{Who: Persona{Rate: 1}, Steps: c.steps}
			did := steps(t, s, 1000, c.speaks, func(f int) string {
				return strings.Join([]string{"w1", "w2", "w3", "w4", "w5", "w6"}[:min(f/15, 6)], " ")
			})
			did = slices.DeleteFunc(did, func(s string) bool { return s == "" })
			if got := strings.Join(did, ", "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestCallerAlwaysEnds: whatever the agent does, the caller does every step
// once and in order, and hangs up.
func TestCallerAlwaysEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		kinds := rapid.SliceOfN(rapid.IntRange(0, 6), 1, 5).Draw(r, "steps")
		s := &Scenario{Who: Persona{Rate: 1}}
		for _, k := range kinds {
			s.Steps = append(s.Steps, []Step{
				{Say: "hello there"},
				{Interrupt: "stop"},
				{Backchannel: "mm-hm"},
				{Keys: "12"},
				{Silence: time.Second},
				{Hold: time.Second},
				{Sound: "click"},
			}[k])
		}
		edges := rapid.SliceOfN(rapid.IntRange(1, 400), 0, 12).Draw(r, "edges")
		speaks := func(f int) bool {
			on := false
			for _, e := range edges {
				if f < e {
					return on
				}
				f -= e
				on = !on
			}

			return false
		}
		did := steps(t, s, 60000, speaks, func(f int) string { return strings.Repeat("word ", min(f/15, 20)) })
		n := 0
		for _, d := range did {
			if fields := strings.Fields(d); len(fields) == 2 && strings.HasSuffix(fields[0], "s") {
				n++
			}
		}
		if n != len(s.Steps) || !slices.ContainsFunc(did, func(d string) bool { return strings.Contains(d, "hangs up") }) {
			r.Fatalf("%d steps of %d: %v", n, len(s.Steps), did)
		}
	})
}
