package bargein

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

const ms = time.Millisecond

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		e    Evidence
		want Verdict
	}{
		{"just begun", Evidence{Voiced: 40 * ms, Elapsed: 40 * ms, Level: -20}, Undecided},
		{"a cough", Evidence{Voiced: 180 * ms, Elapsed: 380 * ms, Ended: true, Level: -15}, Noise},
		{"a long cough", Evidence{Voiced: 380 * ms, Elapsed: 580 * ms, Ended: true, Level: -15}, Undecided},
		{"a long cough, recognised as nothing", Evidence{Voiced: 380 * ms, Elapsed: 600 * ms, Ended: true, Final: true}, Noise},
		{"a long cough and a slow recogniser", Evidence{Voiced: 380 * ms, Elapsed: 700 * ms, Ended: true, Level: -15}, Noise},
		{"a faint voice in the room", Evidence{Voiced: 400 * ms, Elapsed: 400 * ms, Level: -55}, Noise},
		{"a faint caller with words", Evidence{Text: "can you repeat", Voiced: 400 * ms, Elapsed: 400 * ms, Level: -55}, Interruption},
		{"somebody speaks, the recogniser is slow", Evidence{Voiced: 700 * ms, Elapsed: 700 * ms, Level: -20}, Interruption},
		{"still inside the grace", Evidence{Voiced: 500 * ms, Elapsed: 500 * ms, Level: -20}, Undecided},
		{"agreement, may go on", Evidence{Text: "yeah", Voiced: 200 * ms, Elapsed: 200 * ms}, Undecided},
		{"agreement", Evidence{Text: "Mm-hm.", Voiced: 300 * ms, Elapsed: 450 * ms}, Backchannel},
		{"agreement, final", Evidence{Text: "okay got it thanks", Final: true, Ended: true, Elapsed: 300 * ms}, Backchannel},
		{"agreement that goes on", Evidence{Text: "yeah but what about sunday", Voiced: 300 * ms, Elapsed: 300 * ms}, Interruption},
		{"one word", Evidence{Text: "sunday", Voiced: 200 * ms, Elapsed: 200 * ms}, Undecided},
		{"one word, and it stands", Evidence{Text: "sunday", Voiced: 300 * ms, Elapsed: 400 * ms}, Interruption},
		{"no", Evidence{Text: "no", Voiced: 300 * ms, Elapsed: 400 * ms, Final: true}, Interruption},
		{"stop", Evidence{Text: "stop", Voiced: 150 * ms, Elapsed: 150 * ms}, Interruption},
		{"wait inside a murmur", Evidence{Text: "okay wait", Voiced: 150 * ms, Elapsed: 150 * ms}, Interruption},
		{"hold on", Evidence{Text: "hold on", Voiced: 150 * ms, Elapsed: 150 * ms}, Interruption},
		{"a filler only", Evidence{Text: "um", Voiced: 200 * ms, Elapsed: 400 * ms, Final: true}, Noise},
	} {
		j := Judge(Config{}, tt.e)
		if j.Verdict != tt.want {
			t.Errorf("%s: %s %q, want %s", tt.name, j.Verdict, j.Reasons, tt.want)
		}
		if len(j.Reasons) == 0 || (j.Again != 0) != (j.Verdict == Undecided) {
			t.Errorf("%s: %+v", tt.name, j)
		}
	}
}

// Whatever the evidence, a pause has an end: judged again at the time that the
// judgement names, the verdict is in after two steps at the most.
func TestReasonsReadWell(t *testing.T) {
	t.Parallel()
	odd := 760*ms + 244779
	for want, e := range map[string]Evidence{
		"760ms of voice without words": {Elapsed: time.Second, Voiced: odd, Level: -20},
		"120ms of sound without words": {Ended: true, Elapsed: 200 * ms, Voiced: 120*ms + 1, Level: -20},
	} {
		if got := Judge(Config{}, e); got.Reasons[0] != want {
			t.Errorf("%+v: %q, want %q", e, got.Reasons[0], want)
		}
	}
}

func TestJudgeDecides(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := Evidence{
			Text:       rapid.SampledFrom([]string{"", "yeah", "sunday", "stop", "um", "what is it"}).Draw(t, "text"),
			Final:      rapid.Bool().Draw(t, "final"),
			Confidence: rapid.Float64Range(0, 1).Draw(t, "confidence"),
			Ended:      rapid.Bool().Draw(t, "ended"),
			Elapsed:    time.Duration(rapid.IntRange(0, 2000).Draw(t, "elapsed")) * ms,
			Voiced:     time.Duration(rapid.IntRange(0, 2000).Draw(t, "voiced")) * ms,
			Level:      rapid.Float64Range(-90, 0).Draw(t, "level"),
		}
		for range 2 {
			j := Judge(Config{}, e)
			if j.Verdict != Undecided {
				return
			}
			if j.Again <= e.Elapsed {
				t.Fatalf("judged at %v, wants to be asked again at %v", e.Elapsed, j.Again)
			}
			e.Elapsed = j.Again
		}
		if j := Judge(Config{}, e); j.Verdict == Undecided {
			t.Fatalf("no end: %+v %+v", e, j)
		}
	})
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		c    Config
		ok   bool
	}{
		{"defaults", Config{}, true},
		{"unknown language", Config{Language: "xx"}, false},
		{"endless window", Config{Window: time.Minute}, false},
		{"negative", Config{Cough: -1}, false},
		{"level above full scale", Config{Faint: 3}, false},
	} {
		if err := tt.c.Validate(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
