package amd

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/media/tone"
)

const hangover = 200 * time.Millisecond

// callee is what a Detector is stepped through: talk and silence in turn, with
// a tone or words at the end of a step.
type step struct {
	talk, still time.Duration
	words       string
	tone        tone.Kind // of beeps; 0, a ringback, is none
	carrier     Class     // its verdict; Unknown: none
}

// play steps d and returns what it told, as "kind class at".
func play(d *Detector, steps ...step) (told []string, events []Event) {
	take := func(all []Event) {
		for _, e := range all {
			kind := [...]string{Decided: "decided", Silent: "silent", Ready: "ready"}[e.Kind]
			told = append(told, fmt.Sprintf("%s %s %s", kind, e.Class, e.At))
			events = append(events, e)
		}
	}
	for _, s := range steps {
		for range s.talk / media.FrameDuration {
			take(d.Frame(true, 0))
		}
		if s.carrier != Unknown {
			take(d.Carrier(s.carrier))
		}
		if s.words != "" {
			take(d.Words(s.words))
		}
		if s.tone != 0 {
			take(d.Tone(s.tone))
		}
		for i := range int(s.still / media.FrameDuration) {
			quiet := media.Samples((i + 1) * media.FrameSamples).Duration()
			take(d.Frame(s.talk > 0 && quiet <= hangover, quiet))
		}
	}

	return told, events
}

func TestCallees(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		steps []step
		want  []string
	}{
		"hello": {
			[]step{{still: 400 * time.Millisecond}, {talk: 600 * time.Millisecond, still: 2 * time.Second}},
			[]string{"decided human 1.7s", "silent human 1.7s"},
		},
		"nobody speaks": {
			[]step{{still: 5 * time.Second}},
			[]string{"decided unknown 1.2s", "silent unknown 1.2s"},
		},
		"hello, after the agent began": {
			[]step{{still: 1300 * time.Millisecond}, {talk: 500 * time.Millisecond, still: 2 * time.Second}},
			[]string{"decided unknown 1.2s", "silent unknown 1.2s"},
		},
		"a pause within the greeting": {
			[]step{{talk: 500 * time.Millisecond, still: 600 * time.Millisecond}, {talk: 400 * time.Millisecond, still: 2 * time.Second}},
			[]string{"decided human 2.2s", "silent human 2.2s"},
		},
		"a business": {
			[]step{{talk: 3 * time.Second, still: 2 * time.Second}},
			[]string{"decided unknown 3.7s", "silent unknown 3.7s"},
		},
		"a long-winded business, understood": {
			[]step{
				{talk: 2 * time.Second, words: "thank you for calling how can i help"},
				{talk: 3 * time.Second, still: 2 * time.Second},
			},
			[]string{"decided human 2s", "silent human 5.7s"},
		},
		"a machine with a beep": {
			[]step{{talk: 9 * time.Second, still: 500 * time.Millisecond}, {tone: tone.Beep, still: 2 * time.Second}},
			[]string{"decided machine 4.02s", "ready machine 9.5s", "silent machine 9.7s"},
		},
		"a machine without a beep": {
			[]step{{talk: 9 * time.Second, still: 10 * time.Second}},
			[]string{"decided machine 4.02s", "silent machine 9.7s", "ready machine 11.5s"},
		},
		"a machine that never ends": {
			[]step{{talk: time.Minute}},
			[]string{"decided machine 4.02s", "ready machine 35s"},
		},
		"a machine with a short greeting": {
			[]step{{talk: time.Second, still: 900 * time.Millisecond}, {tone: tone.Beep, still: 2 * time.Second}},
			[]string{"decided human 1.7s", "silent human 1.7s", "decided machine 1.9s", "ready machine 1.9s"},
		},
		"a machine that says so": {
			[]step{
				{talk: 2 * time.Second, words: "please leave a message after the"},
				{talk: time.Second, still: 300 * time.Millisecond, tone: tone.Beep},
			},
			[]string{"decided machine 2s", "ready machine 3s"},
		},
		"a screening assistant": {
			[]step{{talk: 3 * time.Second, words: "Please state your name and reason for calling", still: 2 * time.Second}},
			[]string{"decided screening 3s", "silent screening 3.7s"},
		},
		"a menu": {
			[]step{{talk: 3 * time.Second, words: "for sales press one"}, {talk: 3 * time.Second, still: 2 * time.Second}},
			[]string{"decided menu 3s", "silent menu 6.7s"},
		},
		"a fax machine": {
			[]step{{still: time.Second}, {tone: tone.FaxCED, still: time.Second}},
			[]string{"decided fax 1s", "silent fax 1.2s"},
		},
		"a machine, by the carrier": {
			[]step{{talk: 2 * time.Second, carrier: Machine, still: 3 * time.Second}},
			[]string{"decided machine 2s", "silent machine 2.7s", "ready machine 4.5s"},
		},
		"a machine, by the carrier later": {
			[]step{{talk: 600 * time.Millisecond, still: 3 * time.Second}, {carrier: Machine, still: time.Second}},
			[]string{"decided human 1.3s", "silent human 1.3s", "decided machine 3.6s", "ready machine 3.6s"},
		},
		"a fax, by the carrier": {
			[]step{{still: 2 * time.Second}, {carrier: Fax, still: time.Second}},
			[]string{"decided unknown 1.2s", "silent unknown 1.2s", "decided fax 2s"},
		},
		"a person, whatever the carrier says": {
			[]step{{talk: time.Second, words: "hello who is this", still: time.Second}, {carrier: Machine, still: 2 * time.Second}},
			[]string{"decided human 1s", "silent human 1.7s"},
		},
		"a person who speaks after the carrier's verdict": {
			[]step{{talk: time.Second, carrier: Machine, words: "how can i help", still: 2 * time.Second}},
			[]string{"decided machine 1s", "decided human 1s", "silent human 1.7s"},
		},
		"a person, by the carrier": {
			[]step{{talk: 5 * time.Second, carrier: Human, still: time.Second}},
			[]string{"decided machine 4.02s", "silent machine 5.7s"},
		},
		"a beep long after": {
			[]step{{talk: time.Second, still: 16 * time.Second}, {tone: tone.Beep, still: time.Second}},
			[]string{"decided human 1.7s", "silent human 1.7s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _ := play(New(Params{}), tt.steps...)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestGreetingsEnd(t *testing.T) {
	t.Parallel()
	_, events := play(New(Params{}), step{still: 400 * time.Millisecond}, step{talk: 600 * time.Millisecond, still: time.Second})
	if got := events[1].Greeted; got != time.Second {
		t.Errorf("the greeting ended after %s, want 1s", got)
	}
}

// TestNobodyIsAbandoned holds whatever a callee does: the agent may speak
// within 2 s of the first greeting, and each event comes as often as it may.
func TestNobodyIsAbandoned(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := New(Params{})
		var steps []step
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			steps = append(steps, step{
				talk:    rapid.SampledFrom([]time.Duration{0, 100 * time.Millisecond, time.Second, 5 * time.Second}).Draw(t, "talk"),
				still:   rapid.SampledFrom([]time.Duration{0, 200 * time.Millisecond, 720 * time.Millisecond, 3 * time.Second}).Draw(t, "still"),
				words:   rapid.SampledFrom([]string{"", "", "hello", "leave a message", "press one", "state your name"}).Draw(t, "words"),
				carrier: rapid.SampledFrom([]Class{Unknown, Unknown, Human, Machine, Fax}).Draw(t, "carrier"),
				tone:    rapid.SampledFrom([]tone.Kind{0, 0, tone.Beep, tone.FaxCED}).Draw(t, "tone"),
			})
		}
		told, events := play(d, steps...)
		count := map[Kind]int{}
		for _, e := range events {
			count[e.Kind]++
			if e.Kind == Silent && e.At-max(e.Greeted, 0) > latest && e.Greeted != 0 {
				t.Errorf("the agent may speak %s after the greeting:\n%s", e.At-e.Greeted, strings.Join(told, "\n"))
			}
		}
		if count[Decided] > 3 || count[Silent] > 2 || count[Ready] > 1 {
			t.Errorf("told too often:\n%s", strings.Join(told, "\n"))
		}
		if d.now > d.p.Wait && d.class == Machine && !d.ready {
			t.Error("the machine never got its message")
		}
	})
}

func TestFrameAllocatesNothing(t *testing.T) {
	d := New(Params{})
	play(d, step{talk: time.Second, still: time.Second})
	if n := testing.AllocsPerRun(100, func() { d.Frame(true, 0); d.Frame(false, time.Second) }); n != 0 {
		t.Errorf("a frame allocates %v times", n)
	}
}

func TestParamsAreChecked(t *testing.T) {
	t.Parallel()
	if err := (Params{}).Validate(); err != nil {
		t.Error(err)
	}
	for want, p := range map[string]Params{
		"no_speech": {NoSpeech: 2 * time.Second},
		"settle":    {Settle: 100 * time.Millisecond},
		"short":     {Short: 5 * time.Second},
		"long":      {Long: 11 * time.Second},
		"quiet":     {Quiet: 500 * time.Millisecond},
		"wait":      {Wait: 5 * time.Second},
		"watch":     {Watch: time.Hour},
	} {
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), want+" of") {
			t.Errorf("%s: %v", want, err)
		}
	}
}
