package script

import (
	"testing"
)

const reception = "../../../testdata/scripts/reception.yaml"

func load(t testing.TB) *Script {
	t.Helper()
	s, err := Load(reception)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// noisy are utterances as a recogniser of telephone speech writes them: words
// missing, added, split, joined and misheard. An empty intent means that the
// agent must ask again rather than guess.
var noisy = []struct{ heard, intent string }{
	{"what are your opening hours", "hours"},
	{"what are the opening hours", "hours"},
	{"what are your open in hours", "hours"},
	{"what are you opening ours", "hours"},
	{"what opening hours", "hours"},
	{"opening hours", "hours"},
	{"hello what are your opening hours please", "hours"},
	{"um yes i was wondering what your opening hours are", "hours"},
	{"when do you open", "hours"},
	{"when are you open", "hours"},
	{"what time do you clothes", "hours"},
	{"are you open on saturday", "hours"},
	{"are you open saturday", "hours"},
	{"how late you open", "hours"},
	{"one do you close today", "hours"},
	{"where are you located", "address"},
	{"where you located", "address"},
	{"where are you locate it", "address"},
	{"were are you located", "address"},
	{"what is your address", "address"},
	{"what's the address", "address"},
	{"what is your a dress", "address"},
	{"the address please", "address"},
	{"how do i get to you", "address"},
	{"can you tell me the address", "address"},
	{"where is the office", "address"},
	{"sorry what did you say about the address", "address"},
	{"sorry what did you say about address", "address"},
	{"what you say about the address", "address"},
	{"i would like to book an appointment", "booking"},
	{"i'd like to book an appointment", "booking"},
	{"i would like to book a point meant", "booking"},
	{"i would like to look an appointment", "booking"},
	{"like to book an appointment", "booking"},
	{"book appointment", "booking"},
	{"i need to make an appointment for tuesday", "booking"},
	{"can i get an appointment on wednesday at three", "booking"},
	{"i want appointments", "booking"},
	{"i would like to but appointment", "booking"},
	{"i would like to speak to a person", "person"},
	{"i would like to speak to person", "person"},
	{"i would like to speak to a parson", "person"},
	{"would like speak to a person please", "person"},
	{"i would like to speech to a person", "person"},
	{"can i talk to a human", "person"},
	{"let me talk to somebody", "person"},
	{"speak to a person", "person"},
	{"a real person", "person"},
	{"operator", "person"},
	{"thank you goodbye", "goodbye"},
	{"thank you good bye", "goodbye"},
	{"thanks bye", "goodbye"},
	{"goodbye", "goodbye"},
	{"good buy", "goodbye"},
	{"ok thank you bye bye", "goodbye"}, //nolint:dupword // as it is said
	{"that's all thanks", "goodbye"},
	{"thank you", "thanks"},
	{"thanks a lot", "thanks"},
	{"yes please", "yes"},
	{"yes", "yes"},
	{"yeah that's right", "yes"},
	{"that is correct", "yes"},
	{"no thank you", "no"},
	{"no thanks", "no"},
	{"no", "no"},
	{"no that's wrong", "no"},
	{"what did you say", "repeat"},
	{"sorry what did you say", "repeat"},
	{"could you repeat that please", "repeat"},
	{"say that again", "repeat"},
	{"pardon", "repeat"},
	{"what", "repeat"},
	{"never mind", "cancel"},
	{"can you help me", "help"},
	{"hello", "hello"},
	{"i would like to", ""},
	{"the of and to", ""},
	{"i would like to order a pizza with mushrooms", ""},
	{"my dog ate my homework", ""},
	{"do you like music", ""},
	{"what is the capital of france", ""},
	{"blue seventeen umbrella", ""},
	{"and then he said that it was raining", ""},
	{"", ""},
}

func TestIntentsSurviveRecognitionErrors(t *testing.T) {
	t.Parallel()
	s := load(t)
	wrong, missed := 0, 0
	for _, c := range noisy {
		m := s.matcher.best(meaningful(s.keyed(fold(c.heard))))
		got := ""
		if m.sure() {
			got = m.intent.name
		}
		if got == c.intent {
			continue
		}
		if got == "" {
			missed++
		} else {
			wrong++
		}
		best := ""
		if m.intent != nil {
			best = m.intent.name
		}
		t.Errorf("%q is taken for %q, want %q (best %s %.2f, margin %.2f)", c.heard, got, c.intent, best, m.score, m.margin)
	}
	t.Logf("%d utterances: %d taken for something else, %d not understood", len(noisy), wrong, missed)
}

func TestSimilarity(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b  string
		alike bool
	}{
		{"hours", "hours", true},
		{"hours", "ours", true},
		{"person", "parson", true},
		{"address", "addresses", true},
		{"appointment", "appointments", true},
		{"wednesday", "wednesdays", true},
		{"monday", "friday", false},
		{"open", "close", false},
		{"book", "to", false},
		{"day", "say", false},
		{"to", "so", false},
	} {
		a, b := newWord(c.a), newWord(c.b)
		got := similarity(&a, &b)
		if (got >= alike) != c.alike {
			t.Errorf("similarity of %q and %q is %.2f, want alike %v", c.a, c.b, got, c.alike)
		}
		if back := similarity(&b, &a); back != got {
			t.Errorf("similarity of %q and %q is %.2f one way and %.2f the other", c.a, c.b, got, back)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	s := load(b)
	for b.Loop() {
		s.matcher.best(meaningful(s.keyed(fold("um yes i was wondering what your opening hours are"))))
	}
}
