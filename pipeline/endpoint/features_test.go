package endpoint

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// told are the features of words, but for the length of the turn.
func toldBy(v *Vector) []string {
	var names []string
	for f := Conjunction; f < Falling; f++ {
		if v[f] != 0 {
			names = append(names, f.String())
		}
	}

	return names
}

func TestFeatures(t *testing.T) {
	t.Parallel()
	phone := Asked{For: AsksNumber, Digits: 10}
	for _, c := range []struct {
		text  string
		asked Asked
		want  string
	}{
		{text: "what are your opening hours", want: "whole_question"},
		{text: "I want to book a table and", want: "conjunction"},
		{text: "i'd like to", want: "preposition"},
		{text: "i'd like to book", want: "verb"},
		{text: "i'd like to reserve", want: "verb"},
		{text: "can i have the", want: "determiner"},
		{text: "my name is", want: "auxiliary"},
		{text: "yesterday i", want: "subject"},
		{text: "it was very", want: "adverb"},
		{text: "who is this for", want: "stranded whole_question"},
		{text: "tomorrow at", want: "preposition"},
		{text: "i would say you know", want: "filled"},
		{text: "um", want: "filled"},
		{text: "where is", want: "auxiliary bare_question"},
		{text: "can i", want: "subject bare_question"},
		{text: "if i cancel today", want: "clause"},
		{text: "no thank you", want: "whole_answer"},
		{text: "sure", asked: phone, want: "unanswered"},
		{text: "hello", asked: Asked{For: AsksWords}, want: "unanswered"},
		{text: "sure", asked: Asked{For: AsksYesNo}, want: "whole_answer"},
		{text: "no", asked: phone, want: "whole_answer"},
		{text: "yes on monday morning", asked: Asked{For: AsksYesNo}, want: "answers_yes_no"},

		{text: "five one five two one two", want: "number_run"},
		{text: "five one five", want: "number_run number_short"},
		{text: "my phone number is five one five two", want: "number_open"},
		{text: "five one five two one two three four five six", asked: phone, want: "number_whole"},
		{text: "five one five two one two three four fifty six", asked: phone, want: "number_whole"},
		{text: "555 212", asked: phone, want: "number_open"},
		{text: "double five triple one two nine eight", want: "number_run"},
		{text: "two oh two five six seven oh one two three", want: "number_long"},
		{text: "at five", want: ""},
		{text: "my daughter is five", want: ""},
		{text: "nine oh two one oh", asked: Asked{For: AsksNumber, Digits: 5}, want: "number_whole"},
		{text: "it's on the back somewhere", asked: phone, want: "unanswered"},

		{text: "s m i", want: "spelling_open spelling_short"},
		{text: "b as in bravo n for november", want: "spelling_open spelling_short"},
		{text: "sierra mike india tango", want: "spelling_open"},
		{text: "my name is smith s m i t h", want: "spelling_whole"},
		{text: "my name is smith s m", want: "spelling_begun"},
		{text: "my name is smith s", want: "spelling_begun"},
		{text: "my name is smith f m", want: "spelling_begun"},
		{text: "smith s m", asked: Asked{For: AsksName}, want: "spelling_begun"},
		{text: "my name is smith s m y t h", want: "spelling_open"},
		{text: "sure s u", asked: Asked{For: AsksSpelling}, want: "spelling_open spelling_short"},
		{text: "my name is john b", want: "name_whole"},
		{text: "erik with a k", asked: Asked{For: AsksName}, want: "spelling_open spelling_short"},
		{text: "at eight a m", want: "spelling_open spelling_short"},
		{text: "where are you located", want: "whole_question"},
		{text: "can you tell me", want: "whole_question"},
		{text: "smith", asked: Asked{For: AsksSpelling}, want: "unanswered"},

		{text: "john dot smith at example", want: "email_open"},
		{text: "john dot smith at example dot com", want: "email_whole"},
		{text: "john at", asked: Asked{For: AsksEmail}, want: "preposition email_open"},
		{text: "meet me at noon", want: ""},

		{text: "on the first of march", want: "date_whole"},
		{text: "in march", want: "date_open"},
		{text: "on tuesday at half past two", want: "date_whole"},
		{text: "tuesday", asked: Asked{For: AsksDate}, want: "date_whole"},
		{text: "march third", asked: Asked{For: AsksBirth}, want: "date_open"},
		{text: "march third nineteen seventy", asked: Asked{For: AsksBirth}, want: "date_whole"},

		{text: "my name is john", want: "name_first"},
		{text: "my name is john smith", want: "name_whole"},
		{text: "mary", asked: Asked{For: AsksName}, want: "name_first"},

		{text: "I was thinking...", want: "verb trailing"},
		{text: "Tomorrow, or rather,", want: "comma"},
		{text: "It is broken.", want: "period"},
	} {
		v, _ := Extract(DefaultLanguage, c.text, c.asked, Prosody{})
		if got := strings.Join(toldBy(&v), " "); got != c.want {
			t.Errorf("%q after %q: %s; want %s", c.text, c.asked.For, got, c.want)
		}
	}
}

func TestTheVoiceIsAFeature(t *testing.T) {
	t.Parallel()
	v, _ := Extract(DefaultLanguage, "yes", Asked{}, Prosody{Fall: -3, Low: -4, Fade: -9, Drawl: 250 * time.Millisecond, Known: true})
	for f, want := range map[Feature]float64{Falling: 3 - usualFall, Lowered: 4 - usualLow, Faded: 9 - usualFade, Drawn: 0.25 - usualTone} {
		if v[f] != want {
			t.Errorf("%s is %v, want %v", f, v[f], want)
		}
	}
	v, _ = Extract(DefaultLanguage, "yes", Asked{}, Prosody{Fall: -30, Low: 40, Fade: -80, Drawl: time.Minute, Known: true})
	if v[Falling] > mostFall || v[Lowered] < -mostFall-usualLow || v[Faded] > mostFade || v[Drawn] > longTone {
		t.Errorf("a click is taken for a voice: %v", v[Falling:])
	}
	v, _ = Extract(DefaultLanguage, "yes", Asked{}, Prosody{Fall: -3})
	if v[Falling] != 0 {
		t.Error("an unknown ending tells something")
	}
}

func TestOtherLanguages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ code, text, want string }{
		{"de", "ich möchte einen tisch reservieren und", "conjunction"},
		{"de", "am montag um", "preposition"},
		{"de", "mein name ist", "auxiliary"},
		{"de", "meine telefonnummer ist null eins sieben", "number_run number_short"},
		{"de", "vielen dank", "whole_answer"},
		{"es", "quisiera una mesa para", "preposition"},
		{"es", "me llamo juan", "name_first"},
		{"es", "no gracias", "whole_answer"},
		{"es", "juan arroba correo punto com", "email_whole"},
	} {
		v, _ := Extract(c.code, c.text, Asked{}, Prosody{})
		if got := strings.Join(toldBy(&v), " "); got != c.want {
			t.Errorf("%s: %q: %s; want %s", c.code, c.text, got, c.want)
		}
	}
}

func TestQuestion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want Asked
	}{
		{"What is your phone number?", Asked{For: AsksNumber, Digits: 10}},
		{"And your zip code?", Asked{For: AsksNumber, Digits: 5}},
		{"What are the last four digits of your card?", Asked{For: AsksNumber, Digits: 4}},
		{"Could you give me your order number?", Asked{For: AsksNumber}},
		{"Thank you. May I have your name, please?", Asked{For: AsksName}},
		{"Could you spell your name for me?", Asked{For: AsksSpelling}},
		{"What is your e-mail address?", Asked{For: AsksEmail}},
		{"What is your date of birth?", Asked{For: AsksBirth}},
		{"What day would you like to come in?", Asked{For: AsksDate}},
		{"I have that down as Monday. Is that correct?", Asked{For: AsksYesNo}},
		{"How can I help you?", Asked{For: AsksWords}},
		{"Your phone number is on file. Goodbye.", Asked{}},
		{"", Asked{}},
		{"?", Asked{}},
	} {
		if d := cmp.Diff(c.want, Question(DefaultLanguage, c.text)); d != "" {
			t.Errorf("%q (-want +got):\n%s", c.text, d)
		}
	}
}

func TestTheListsAreWhole(t *testing.T) {
	t.Parallel()
	if want := []string{"de", "en", "es"}; !slices.Equal(Languages(), want) {
		t.Errorf("languages: %v, want %v", Languages(), want)
	}
	for _, code := range []string{"de", "en", "es"} {
		l, err := readList("lists/" + code + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		for name, list := range map[string]phrases{
			"conjunctions": l.Conjunctions, "fillers": l.Fillers, "hold": l.Hold, "answers": l.Answers, "teens": l.Teens, "months": l.Months,
			"counted": l.Counted, "asks yes_no": l.Asks[AsksYesNo], "asks birth": l.Asks[AsksBirth],
		} {
			if len(list.set) == 0 {
				t.Errorf("%s: %s is empty", code, name)
			}
		}
		if len(l.Digits) < 10 || len(l.Numbers) < 5 {
			t.Errorf("%s: %d digits, %d words for numbers", code, len(l.Digits), len(l.Numbers))
		}
		for w := range l.Digits {
			if len(Words(w)) != 1 {
				t.Errorf("%s: %q is no word", code, w)
			}
		}
	}
	if _, err := readList("lists/xx.yaml"); err == nil {
		t.Error("a language that is not there was read")
	}
}

func TestTheWeightsAreWhole(t *testing.T) {
	t.Parallel()
	if _, err := ReadWeights(weightsFile); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", `{"weights": {"bias": 1}}`} {
		if _, err := ReadWeights([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
