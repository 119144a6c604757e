package endpoint

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const ms = time.Millisecond

// TestReasons has one turn per reason. The waits are those of the committed
// weights: only their order of size counts.
func TestReasons(t *testing.T) {
	t.Parallel()
	phone := Asked{For: AsksNumber, Digits: 10}
	for _, c := range []struct {
		in          Input
		reason      string
		least, most time.Duration
	}{
		{in: Input{Text: ""}, reason: "no words yet", least: 800 * ms, most: 800 * ms},
		{in: Input{Text: "  ...  "}, reason: "no words yet", least: 800 * ms, most: 800 * ms},
		{in: Input{Text: "hold on"}, reason: `asks us to wait: "hold on"`, least: 3 * time.Second, most: 3 * time.Second},
		{in: Input{Text: "yes let me check"}, reason: `"let me check"`, least: 3 * time.Second, most: 3 * time.Second},
		{in: Input{Text: "no thank you"}, reason: "a whole answer", least: 200 * ms, most: 450 * ms},
		{in: Input{Text: "what are your opening hours"}, reason: "% whole", least: 200 * ms, most: 450 * ms},
		{in: Input{Text: "i want to book a table and"}, reason: `ends with the conjunction "and"`, least: 900 * ms, most: 3 * time.Second},
		{in: Input{Text: "i'd like to speak to"}, reason: `ends with the preposition "to"`, least: 800 * ms, most: 3 * time.Second},
		{in: Input{Text: "could you check the"}, reason: `ends with the determiner "the"`, least: 600 * ms, most: 3 * time.Second},
		{in: Input{Text: "my name is"}, reason: `ends with the auxiliary "is"`, least: 800 * ms, most: 3 * time.Second},
		{in: Input{Text: "um"}, reason: `ends with the filler "um"`, least: 900 * ms, most: 3 * time.Second},
		{in: Input{Text: "five one five two one", Asked: phone}, reason: "digits are missing", least: 700 * ms, most: 3 * time.Second},
		{in: Input{Text: "five one five two one two nine oh four six", Asked: phone}, reason: "all digits are there", least: 200 * ms, most: 450 * ms},
		{in: Input{Text: "john dot smith at"}, reason: "inside an e-mail address", least: 900 * ms, most: 3 * time.Second},
		{in: Input{Text: "I was thinking..."}, reason: "trails off", least: 800 * ms, most: 3 * time.Second},
		{in: Input{Text: "my name is john", EndOfTurn: true}, reason: "the recogniser ends the turn", least: 200 * ms, most: 600 * ms},
	} {
		d := Decide(Config{}, &c.in)
		if reasons := strings.Join(d.Reasons, "; "); !strings.Contains(reasons, c.reason) {
			t.Errorf("%q: %s; want %s", c.in.Text, reasons, c.reason)
		}
		if d.Wait < c.least || d.Wait > c.most {
			t.Errorf("%q: %v for %q, want %v to %v", c.in.Text, d.Wait, d.Reasons, c.least, c.most)
		}
	}
}

func TestReasonsOfTheVoiceAndTheHabit(t *testing.T) {
	t.Parallel()
	w := Weights{Bias: 1, Lowered: 0.3, Falling: 0.3, Faded: 0.1, Drawn: 2}
	in := Input{Text: "the blue one", Prosody: Prosody{Fall: -4, Low: -5, Fade: -15, Drawl: 500 * ms, Known: true}}
	in.Habit.Pause(900 * ms)
	d := decide(Config{}.WithDefaults(), &w, &in)
	reasons := strings.Join(d.Reasons, "; ")
	for _, want := range []string{"pitch moves by -4.0 semitones (-", "ends -5.0 semitones from the usual pitch", "ends -15 dB", "the last sound lasts 0.50 s", "long pauses of this caller last", "by 1 of them"} {
		if !strings.Contains(reasons, want) {
			t.Errorf("%s\nwant %s", reasons, want)
		}
	}
}

func TestDecideIsBounded(t *testing.T) {
	t.Parallel()
	d := Decide(Config{Min: 700 * ms, Max: time.Second}, &Input{Text: "yes"})
	if d.Wait != 700*ms || d.Reasons[len(d.Reasons)-1] != "raised to the minimum" {
		t.Errorf("below the minimum: %+v", d)
	}
	d = Decide(Config{Max: time.Second}, &Input{Text: "hold on"})
	if d.Wait != time.Second || d.Reasons[len(d.Reasons)-1] != "lowered to the maximum" {
		t.Errorf("above the maximum: %+v", d)
	}
}

// anything is some input, often of words that mean something.
func anything(t *rapid.T) (Config, Input) {
	words := rapid.SampledFrom([]string{
		"yes", "no", "my", "name", "is", "john", "smith", "five", "two", "fifty", "at", "dot", "com", "um", "and", "if", "i", "cancel", "s", "m",
		"march", "third", "what", "are", "hours", "to", "book", "555", "number", "double", "you know", "for",
	})
	text := strings.Join(rapid.SliceOfN(words, 0, 12).Draw(t, "words"), " ")
	if rapid.IntRange(0, 9).Draw(t, "odd") == 0 {
		text = rapid.String().Draw(t, "text")
	}
	in := Input{
		Text: text, EndOfTurn: rapid.Bool().Draw(t, "end of turn"),
		Asked: Asked{
			For:    rapid.SampledFrom([]Kind{"", AsksNumber, AsksName, AsksDate, AsksBirth, AsksEmail, AsksSpelling, AsksYesNo}).Draw(t, "asked"),
			Digits: rapid.IntRange(0, 16).Draw(t, "digits"),
		},
		Prosody: Prosody{
			Fall: rapid.Float64Range(-20, 20).Draw(t, "fall"), Low: rapid.Float64Range(-20, 20).Draw(t, "low"),
			Fade: rapid.Float64Range(-40, 20).Draw(t, "fade"), Known: rapid.Bool().Draw(t, "known"),
		},
	}
	for range rapid.IntRange(0, 30).Draw(t, "pauses") {
		in.Habit.Pause(time.Duration(rapid.IntRange(0, 2500).Draw(t, "pause")) * ms)
	}
	c := Config{Language: rapid.SampledFrom([]string{"", "en", "de", "es", "xx"}).Draw(t, "language")}

	return c, in
}

func TestProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, in := anything(t)
		d := Decide(c, &in)
		if d.Wait < 200*ms || d.Wait > 3*time.Second || len(d.Reasons) == 0 {
			t.Fatalf("out of bounds, or without a reason: %+v", d)
		}
		never := func(what string, c Config, in *Input, longer bool) {
			o := Decide(c, in)
			if longer && o.Wait > d.Wait || !longer && o.Wait < d.Wait {
				t.Fatalf("%s: %+v, before: %+v", what, o, d)
			}
		}
		more := in
		more.EndOfTurn = true
		never("the recogniser's end of turn never makes it longer", c, &more, true)
		more = in
		more.Prosody.Fall -= rapid.Float64Range(0, 5).Draw(t, "more fall")
		more.Prosody.Low -= rapid.Float64Range(0, 5).Draw(t, "lower")
		more.Prosody.Fade -= rapid.Float64Range(0, 10).Draw(t, "fainter")
		never("falling pitch and level never make it longer", c, &more, true)
		more = in
		for range remembered {
			more.Habit.Pause(2 * time.Second)
		}
		never("a caller of long pauses never gets less time", c, &more, false)
		bold := c
		bold.Caution = 0.5
		never("less caution never makes it longer", bold, &in, true)
		more = in
		more.Text += " hold on"
		if c.Language == "" || c.Language == "en" {
			never("words that ask us to wait never make it shorter", c, &more, false)
		}
	})
}

// The wiser the odds, the shorter the wait: nothing else makes it.
func TestTheWaitFallsWithTheOdds(t *testing.T) {
	t.Parallel()
	c := Config{}.WithDefaults()
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Float64Range(-20, 20).Draw(t, "odds")
		b := a + rapid.Float64Range(0, 10).Draw(t, "more")
		scale := time.Duration(rapid.IntRange(100, 800).Draw(t, "scale")) * ms
		if c.wait(a, scale) < c.wait(b, scale) || c.wait(a, scale) < noticed {
			t.Fatalf("%v for odds of %v, %v for %v", c.wait(a, scale), a, c.wait(b, scale), b)
		}
	})
}

func TestHabit(t *testing.T) {
	t.Parallel()
	var stranger Habit
	quick, slow := stranger, stranger
	for range 10 {
		quick.Pause(250 * ms)
		slow.Pause(1500 * ms)
		stranger.Pause(100 * ms) // no pause: nobody notices it
	}
	if stranger.Known() != 0 || quick.Known() != 10 {
		t.Errorf("learnt from %d and %d pauses", stranger.Known(), quick.Known())
	}
	if q, s, l := quick.Long(), stranger.Long(), slow.Long(); q >= s || s >= l || l != 1500*ms {
		t.Errorf("long pauses: %v, %v and %v", q, s, l)
	}
	for range remembered {
		slow.Pause(250 * ms)
	}
	if slow.Long() != quick.Long() && slow.Known() != remembered {
		t.Errorf("old pauses are not forgotten: %v", slow.Long())
	}
	in := Input{Text: "my name is"}
	was := Decide(Config{}, &in).Wait
	in.Habit = quick
	if is := Decide(Config{}, &in).Wait; is >= was {
		t.Errorf("a quick caller waits %v, a stranger %v", is, was)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		c    Config
		ok   bool
	}{
		{"defaults", Config{}, true},
		{"german", Config{Language: "de"}, true},
		{"unknown language", Config{Language: "xx"}, false},
		{"min above max", Config{Min: 4 * time.Second}, false},
		{"negative", Config{Min: -1}, false},
		{"endless", Config{Max: time.Minute}, false},
		{"reckless", Config{Caution: 1}, false},
		{"negative caution", Config{Caution: -0.1}, false},
	} {
		if err := tt.c.Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	in := Input{
		Text:    "i would like to book a table for four people on friday evening and",
		Prosody: Prosody{Fall: -1, Low: -2, Fade: -4, Known: true},
	}
	in.Habit.Pause(400 * ms)
	b.ReportAllocs()
	for b.Loop() {
		Decide(Config{}, &in)
	}
}
