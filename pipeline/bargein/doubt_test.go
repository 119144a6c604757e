package bargein

import (
	"testing"
	"time"
)

func TestDoubtfulWordsAreWeighedWithTheSound(t *testing.T) {
	t.Parallel()
	voice := Sound{Measured: 300 * ms, Pitched: 0.8}
	for name, tt := range map[string]struct {
		e    Evidence
		want Verdict
	}{
		"a word so far":                    {Evidence{Text: "nine", Elapsed: 450 * ms, Voiced: 450 * ms}, Undecided},
		"two words so far":                 {Evidence{Text: "no that", Elapsed: 450 * ms, Voiced: 450 * ms}, Undecided},
		"a command so far":                 {Evidence{Text: "hold on", Elapsed: 450 * ms, Voiced: 450 * ms}, Undecided},
		"a word, and it ended":             {Evidence{Text: "nine", Elapsed: 550 * ms, Voiced: 300 * ms, Ended: true, Final: true}, Backchannel},
		"a command, and it ended":          {Evidence{Text: "stop", Elapsed: 550 * ms, Voiced: 300 * ms, Ended: true, Final: true}, Interruption},
		"agreement, and it ended":          {Evidence{Text: "yeah", Elapsed: 550 * ms, Voiced: 300 * ms, Ended: true, Final: true}, Backchannel},
		"agreement that goes on":           {Evidence{Text: "yeah", Elapsed: 700 * ms, Voiced: 700 * ms}, Backchannel},
		"a word, and a voice that goes on": {Evidence{Text: "nine", Elapsed: 1200 * ms, Voiced: 1200 * ms}, Interruption},
		"many words in little voice":       {Evidence{Text: "one two three", Elapsed: 600 * ms, Voiced: 400 * ms, Ended: true, Final: true}, Backchannel},
		"many words":                       {Evidence{Text: "can you repeat", Elapsed: 900 * ms, Voiced: 700 * ms, Ended: true, Final: true}, Interruption},
		"last words that never come":       {Evidence{Text: "nine", Elapsed: 1200 * ms, Voiced: 300 * ms, Ended: true}, Backchannel},
		"a cough with many words":          {Evidence{Text: "half past at ten", Elapsed: 900 * ms, Voiced: 700 * ms, Ended: true, Final: true, Sound: Sound{Measured: 700 * ms, Pitched: 0.1}}, Noise},
	} {
		tt.e.Confidence = 0.2
		if tt.e.Sound == (Sound{}) {
			tt.e.Sound = voice
		}
		j := Judge(Config{}, tt.e)
		if j.Verdict != tt.want || len(j.Reasons) == 0 || (j.Again != 0) != (j.Verdict == Undecided) {
			t.Errorf("%s: %+v, want %s", name, j, tt.want)
		}
		if tt.e.Confidence = 0.9; tt.e.Text == "nine" && tt.want == Backchannel {
			if sure := Judge(Config{}, tt.e); sure.Verdict != Interruption {
				t.Errorf("%s, believed: %+v", name, sure)
			}
		}
	}
}

func TestAVoiceWithoutWordsTakesTheTurnWhenItIsLongAndHasAPitch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pitched float64
		want    Verdict
	}{{0.8, Interruption}, {0.3, Noise}} {
		e := Evidence{Elapsed: time.Second, Voiced: 900 * ms, Level: -25, Sound: Sound{Measured: 900 * ms, Pitched: tt.pitched}}
		if j := Judge(Config{}, e); j.Verdict != tt.want {
			t.Errorf("a pitch in %v of it, and it goes on: %+v", tt.pitched, j)
		}
		e.Ended, e.Final = true, true
		if j := Judge(Config{}, e); j.Verdict != tt.want {
			t.Errorf("a pitch in %v of it, and no words: %+v", tt.pitched, j)
		}
	}
}

func TestPhrasesAreThoseOfTheLists(t *testing.T) {
	t.Parallel()
	heard := map[string]bool{}
	for _, p := range Phrases("en") {
		heard[p] = true
	}
	if !heard["uh huh"] || !heard["wait"] || heard["um"] || len(Phrases("xx")) != 0 {
		t.Errorf("phrases: %q, of no language: %q", Phrases("en"), Phrases("xx"))
	}
}
