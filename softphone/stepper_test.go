package softphone

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/softphone/talkspurt"
)

const frame = media.FrameDuration

// tone is a 440 Hz tone of the given frames.
func tone(frames int) []int16 {
	out := make([]int16, frames*media.FrameSamples)
	for i := range out {
		out[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/media.SampleRate))
	}

	return out
}

// clip has quiet frames, then speech, then quiet again.
func clip(name string, before, speech, after int) *Clip {
	silence := func(frames int) []int16 { return make([]int16, frames*media.FrameSamples) }

	return NewClip(name, slices.Concat(silence(before), tone(speech), silence(after)))
}

// span is when the agent talks, in frames.
type span struct{ from, to int }

// walk steps a plan through frames while the agent talks at the given spans.
// It returns what the stepper did, with the frame of each.
func walk(plan []Step, frames int, agent ...span) []string {
	const confirm, hangover = 3, 12 // frames until an edge is known
	s := newStepper(plan, patience{gap: 30 * frame, silence: 250 * frame, hangup: 100 * frame})
	var did []string
	for n := range frames {
		var h heard
		for _, talk := range agent {
			switch n {
			case talk.from + confirm:
				h = heard{talkspurt.Onset, confirm * frame}
			case talk.to + hangover:
				h = heard{talkspurt.Offset, hangover * frame}
			}
		}
		a := s.step(h)
		note := func(what string) { did = append(did, fmt.Sprintf("%d: %s %d", n, what, a.step+1)) }
		if a.note != "" {
			did = append(did, fmt.Sprintf("%d: %s", n, a.note))
		}
		if a.hangup {
			return append(did, fmt.Sprintf("%d: hang up", n))
		}
		if a.began {
			note("begin")
		}
		if a.first {
			note("speech")
		}
		if a.key != 0 {
			note("key " + string(a.key))
		}
		if a.ended {
			note("end")
		}
	}

	return did
}

func TestStepper(t *testing.T) {
	t.Parallel()
	hello, bye := clip("hello", 5, 50, 10), clip("bye", 5, 30, 10)
	noise := NewClip("noise", make([]int16, 20*media.FrameSamples))
	for _, test := range []struct {
		name  string
		plan  []Step
		agent []span
		want  []string
	}{
		{
			"in turn",
			[]Step{{Clip: hello}, {Clip: bye}},
			[]span{{10, 100}, {225, 300}, {400, 500}},
			[]string{
				"130: begin 1", "135: speech 1", "194: end 1", // 30 quiet frames after 100
				"330: begin 2", "335: speech 2", "374: end 2",
				"600: hang up", // 100 quiet frames after 500
			},
		},
		{
			"the agent pauses within its reply",
			[]Step{{Clip: hello}},
			[]span{{10, 100}, {125, 200}, {226, 300}},
			[]string{"330: begin 1", "335: speech 1", "394: end 1", "634: the agent said nothing for 5s after step 1 (hello)", "634: hang up"},
		},
		{
			"interrupt the greeting",
			[]Step{{Clip: hello, When: AfterAgentStarts(50 * frame)}},
			[]span{{10, 75}, {150, 200}},
			[]string{"60: begin 1", "65: speech 1", "124: end 1", "300: hang up"},
		},
		{
			"interrupt the reply",
			[]Step{{Clip: hello}, {Clip: bye, When: AfterAgentStarts(50 * frame)}},
			[]span{{10, 100}, {225, 290}, {350, 400}},
			[]string{"130: begin 1", "135: speech 1", "194: end 1", "275: begin 2", "280: speech 2", "319: end 2", "500: hang up"},
		},
		{
			"the reply begins while the clip's end is still playing",
			[]Step{{Clip: clip("long", 0, 50, 40)}, {Clip: bye, When: AfterAgentStarts(60 * frame)}},
			[]span{{10, 100}, {190, 260}, {350, 400}},
			[]string{"130: begin 1", "130: speech 1", "219: end 1", "250: begin 2", "255: speech 2", "294: end 2", "500: hang up"},
		},
		{
			"the agent gives way late, then replies",
			[]Step{{Clip: bye, When: AfterAgentStarts(50 * frame)}, {Clip: hello}},
			[]span{{10, 100}, {140, 200}},
			[]string{"60: begin 1", "65: speech 1", "104: end 1", "230: begin 2", "235: speech 2", "294: end 2", "534: the agent said nothing for 5s after step 2 (hello)", "534: hang up"},
		},
		{
			"the agent talks on when interrupted",
			[]Step{{Clip: bye, When: AfterAgentStarts(50 * frame)}, {Clip: hello}},
			[]span{{10, 200}},
			[]string{"60: begin 1", "65: speech 1", "104: end 1", "230: begin 2", "235: speech 2", "294: end 2", "534: the agent said nothing for 5s after step 2 (hello)", "534: hang up"},
		},
		{
			"at a time, whoever speaks",
			[]Step{{Clip: hello, When: At(40 * frame)}, {Clip: bye, When: At(60 * frame)}},
			[]span{{10, 200}, {220, 230}},
			[]string{"40: begin 1", "45: speech 1", "104: end 1", "105: begin 2", "110: speech 2", "149: end 2", "330: hang up"},
		},
		{
			"a silent agent",
			[]Step{{Clip: hello}},
			nil,
			[]string{
				"250: the agent said nothing for 5s after its answer", "250: begin 1", "255: speech 1", "314: end 1",
				"554: the agent said nothing for 5s after step 1 (hello)", "554: hang up",
			},
		},
		{
			"keys",
			[]Step{{Digits: "1#"}, {Clip: bye}},
			[]span{{10, 20}, {90, 100}},
			[]string{"50: begin 1", "50: key 1 1", "60: key # 1", "69: end 1", "130: begin 2", "135: speech 2", "174: end 2", "414: the agent said nothing for 5s after step 2 (bye)", "414: hang up"},
		},
		{
			"room noise is a turn without speech",
			[]Step{{Clip: noise}},
			[]span{{10, 20}, {90, 100}},
			[]string{"50: begin 1", "69: end 1", "200: hang up"},
		},
		{"only listening", nil, []span{{10, 50}, {100, 120}}, []string{"220: hang up"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, walk(test.plan, 3000, test.agent...)); diff != "" {
				t.Errorf("what the caller did (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever the agent does, every step is done once, in order, its clip is
// played whole, and the plan comes to an end.
func TestStepperProperties(t *testing.T) {
	t.Parallel()
	clips := []*Clip{clip("a", 5, 20, 5), clip("b", 0, 7, 0), NewClip("c", make([]int16, 1000)), NewClip("d", tone(3)[:333])}
	rapid.Check(t, func(t *rapid.T) {
		plan := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Step {
			d := time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond
			when := rapid.SampledFrom([]When{InTurn(), AfterAgentStarts(d), At(d)}).Draw(t, "when")
			if rapid.Bool().Draw(t, "digits") {
				return Step{Digits: rapid.StringMatching("[0-9*#]{1,4}").Draw(t, "keys"), When: when}
			}

			return Step{Clip: rapid.SampledFrom(clips).Draw(t, "clip"), When: when}
		}), 0, 5).Draw(t, "plan")
		s := newStepper(plan, patience{gap: 30 * frame, silence: 100 * frame, hangup: 50 * frame})
		talking := false
		sent := make([]int, len(plan))
		step, keys := 0, ""
		for n := 0; ; n++ {
			var h heard
			// After a while the agent is quiet for good.
			switch flip := n < 1000 && rapid.IntRange(0, 60).Draw(t, "flip") == 0; {
			case talking && (flip || n >= 1000):
				h.edge, talking = talkspurt.Offset, false
			case !talking && flip:
				h.edge, talking = talkspurt.Onset, true
			}
			a := s.step(h)
			if a.hangup {
				break
			}
			if n > 5000 {
				t.Fatal("the plan does not end")
			}
			if a.step < step || a.step > step+1 {
				t.Fatalf("step %d after %d", a.step, step)
			}
			step = a.step
			if step < len(plan) {
				sent[step] += len(a.audio)
			}
			if a.key != 0 {
				keys += string(a.key)
			}
		}
		want := ""
		for i, p := range plan {
			want += p.Digits
			if p.Clip != nil && sent[i] != len(p.Clip.Samples) {
				t.Fatalf("step %d: %d of %d samples", i, sent[i], len(p.Clip.Samples))
			}
		}
		if keys != want {
			t.Fatalf("keys %q, want %q", keys, want)
		}
	})
}
