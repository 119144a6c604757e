package script

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// small is the least that a script needs.
const small = `name: small
lines:
  greeting: Hello.
intents:
  - name: bye
    phrases: [goodbye]
    replies: [Goodbye.]
    act: hang_up
unknown:
  ask_again: [Pardon?]
  hand_off: bye
`

func TestSmallestScript(t *testing.T) {
	t.Parallel()
	s, err := Parse([]byte(small), "small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if s.Name() != "small" || s.Language() != "en-US" || s.Greeting() != "Hello." || len(s.Targets()) != 0 {
		t.Errorf("name %q, language %q, greeting %q, targets %v", s.Name(), s.Language(), s.Greeting(), s.Targets())
	}
	c := newTalk(t, s)
	c.expect(
		[2]string{"umbrella", "Pardon?"},
		[2]string{"yes", "Pardon?"},
		[2]string{"never mind", "Pardon?"},
		[2]string{"umbrella", "Pardon?"},
		[2]string{"umbrella", "Goodbye."},
	)
}

func TestReceptionScript(t *testing.T) {
	t.Parallel()
	s := load(t)
	want := Lines{
		Greeting:   "Hello, this is the automated assistant of Harbor Street Dental. How can I help you?",
		Idle:       []string{"Are you still there?", "I can't hear you. Please say something, or I will end the call."},
		NotHeard:   "I am sorry, I did not hear you. Could you say it again?",
		Goodbye:    "Thank you for calling. Goodbye.",
		HandOff:    "I will put you through to a colleague. One moment, please.",
		Busy:       "All our lines are busy at the moment. Please call again in a few minutes. Goodbye.",
		Apology:    "I am sorry, something went wrong on our side. Could you say that again?",
		Trouble:    "I am sorry, we are having trouble on our side. Please call again later. Goodbye.",
		CapWarning: "Just so you know, we have two minutes left on this call.",
		CapGoodbye: "We have reached the end of our time. Thank you for calling. Goodbye.",
	}
	if diff := cmp.Diff(want, s.Lines()); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"front-desk"}, s.Targets()); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
}

func TestPhrasesAreWhatARecogniserWrites(t *testing.T) {
	t.Parallel()
	phrases := load(t).Phrases()
	for _, want := range []string{
		"what are your opening hours", "where are you located", "i would like to book an appointment", "tuesday",
		"on wednesday", "three in the afternoon", "at half past ten", "ten thirty in the morning", "my name is john smith",
		"i would like to speak to a person", "sorry what did you say about the address", "thank you goodbye", "yes please",
		"no thank you", "are you open on friday", "no wednesday",
	} {
		if !slices.Contains(phrases, want) {
			t.Errorf("%q is not among the %d phrases", want, len(phrases))
		}
	}
	for _, p := range phrases {
		if p == "" || strings.ContainsAny(p, "{}.,?!:") || p != strings.ToLower(p) || p != strings.Join(strings.Fields(p), " ") {
			t.Errorf("%q is not as a recogniser writes", p)
		}
	}
	sorted := slices.Clone(phrases)
	slices.Sort(sorted)
	if n := len(slices.Compact(sorted)); n != len(phrases) {
		t.Errorf("%d of %d phrases are twice there", len(phrases)-n, len(phrases))
	}
}

func TestMistakesAreExplained(t *testing.T) {
	t.Parallel()
	type change struct{ old, new string }
	for _, c := range []struct {
		name   string
		change change
		want   string // the whole error
	}{
		{"unknown key", change{"replies: [Goodbye.]", "reply: [Goodbye.]"}, `s.yaml:7:5: unknown field "reply"; correct the key's name or remove it`},
		{"wrong type", change{"phrases: [goodbye]", "phrases: {a: 1}"}, `s.yaml:6:14: mapping was used where sequence is expected`},
		{"syntax", change{"  greeting: Hello.", "  greeting: [Hello"}, `s.yaml:`},
		{"twice", change{"name: small", "name: small\nname: big"}, `s.yaml:2:1: mapping key "name" already defined`},
		{"no name", change{"name: small\n", ""}, `the script has no name`},
		{"language", change{"name: small", "name: small\nlanguage: fr"}, `s.yaml:2:11: language "fr" is not known`},
		{"no greeting", change{"greeting: Hello.", "goodbye: Bye."}, `there is no greeting`},
		{"unknown act", change{"act: hang_up", "act: explode"}, `s.yaml:8:10: act "explode" is not known; use hand_off or hang_up`},
		{"no target", change{"act: hang_up", "act: hand_off"}, `s.yaml:8:10: hand_off needs target:`},
		{"needless target", change{"act: hang_up", "act: hang_up\n    target: desk"}, `s.yaml:9:13: hang_up has no target`},
		{"target alone", change{"act: hang_up", "target: desk"}, `s.yaml:8:13: target needs act: hand_off`},
		{"unknown intent", change{"hand_off: bye", "hand_off: by"}, `s.yaml:11:13: unknown.hand_off names intent "by"`},
		{"no hand-off", change{"  hand_off: bye\n", ""}, `unknown.hand_off is missing`},
		{"hand-off without act", change{"    act: hang_up\n", ""}, `must have an act`},
		{"no ask_again", change{"ask_again: [Pardon?]", "ask_again: []"}, `unknown.ask_again is empty`},
		{"unknown variable", change{"[Goodbye.]", "[\"Goodbye, {name}.\"]"}, `s.yaml:7:15: {name} is no slot of this intent and is not in vars`},
		{"open brace", change{"[Goodbye.]", "[\"Goodbye, {name.\"]"}, `s.yaml:7:15: "{" needs a name`},
		{"lone brace", change{"[Goodbye.]", "[\"Goodbye}\"]"}, `s.yaml:7:15: "}" without "{"`},
		{"empty reply", change{"[Goodbye.]", "[\"\"]"}, `s.yaml:7:15: the text is empty`},
		{"no replies", change{"replies: [Goodbye.]", "replies: []"}, `intent "bye" has no replies`},
		{"no phrases", change{"phrases: [goodbye]", "phrases: []"}, `intent "bye" has no phrases`},
		{"empty phrase", change{"phrases: [goodbye]", "phrases: [\"?\"]"}, `s.yaml:6:15: the phrase has no words`},
		{"unknown slot", change{"phrases: [goodbye]", "phrases: [\"bye {day}\"]"}, `s.yaml:6:15: {day} is no slot of any intent`},
		{"more without question", change{"act: hang_up", "act: hang_up\n    more: true"}, `s.yaml:9:11: more: true needs more.ask`},
		{"more without answers", change{"unknown:", "more:\n  ask: [Else?]\nunknown:"}, `more.ask needs more.yes`},
		{"confirm without slots", change{"act: hang_up", "confirm: [Sure?]\n    act: hang_up"}, `confirm reads slots back`},
		{"two of a name", change{"unknown:", "  - name: bye\n    phrases: [x]\n    replies: [y]\nunknown:"}, `s.yaml:9:11: there are two intents named "bye"`},
		{"slot kind", change{"act: hang_up", "slots: [{name: d, kind: date, ask: [When?]}]"}, `s.yaml:8:29: kind "date" is not known`},
		{"slot name", change{"act: hang_up", "slots: [{name: a b, kind: day, ask: [When?]}]"}, `slot name "a b" must be one word`},
		{"slot without question", change{"act: hang_up", "slots: [{name: d, kind: day}]"}, `slot "d" has no ask`},
		{"slot twice", change{"act: hang_up", "slots: [{name: d, kind: day, ask: [A?]}, {name: d, kind: day, ask: [B?]}]"}, `two slots named "d"`},
		{"names without examples", change{"act: hang_up", "slots: [{name: d, kind: name, ask: [Who?]}]"}, `needs examples`},
		{"choice without values", change{"act: hang_up", "slots: [{name: d, kind: choice, ask: [Which?]}]"}, `needs values`},
		{"choice without words", change{"act: hang_up", "slots: [{name: d, kind: choice, values: [{value: \"?\"}], ask: [Which?]}]"}, `a value has no words`},
		{"key of another kind", change{"act: hang_up", "slots: [{name: d, kind: day, from: \"09:00\", ask: [When?]}]"}, `from does nothing in a slot of kind day`},
		{"no such day", change{"act: hang_up", "slots: [{name: d, kind: day, only: [Mon], ask: [When?]}]"}, `day "Mon" is not known`},
		{"no such time", change{"act: hang_up", "slots: [{name: d, kind: time, from: \"9\", refuse: No., ask: [When?]}]"}, `"9" is no time`},
		{"times reversed", change{"act: hang_up", "slots: [{name: d, kind: time, from: \"10:00\", to: \"09:00\", refuse: No., ask: [When?]}]"}, `the last time allowed is before the first`},
		{"bounds reversed", change{"act: hang_up", "slots: [{name: d, kind: number, min: 3, max: 2, refuse: No., ask: [How many?]}]"}, `do not bound anything`},
		{"bound too great", change{"act: hang_up", "slots: [{name: d, kind: digits, max: 99, refuse: No., ask: [Number?]}]"}, `the bound is too great`},
		{"bounded without refusal", change{"act: hang_up", "slots: [{name: d, kind: number, max: 2, ask: [How many?]}]"}, `add refuse`},
	} {
		text := strings.Replace(small, c.change.old, c.change.new, 1)
		if text == small {
			t.Fatalf("%s: the change changes nothing", c.name)
		}
		_, err := Parse([]byte(text), "s.yaml")
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: the error is %v, want an *Error", c.name, err)
			continue
		}
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the error is\n%v\nwant\n%s", c.name, err, c.want)
		}
		if e.Line == 0 {
			t.Errorf("%s: %v has no place", c.name, err)
		}
	}
}

func TestNoScript(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "# nothing\n", "---\n---\n", "[]", "just text", strings.Repeat(" ", maxFile+1), "\xff"} {
		if _, err := Parse([]byte(text), "s.yaml"); err == nil {
			t.Errorf("%.20q is taken for a script", text)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file gives %v", err)
	}
}

func FuzzParse(f *testing.F) {
	b, err := os.ReadFile(reception)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(small))
	f.Add([]byte(strings.Replace(small, "act: hang_up", "slots: [{name: d, kind: choice, values: [{value: a, say: [b c]}], ask: [Which?]}]", 1)))
	f.Add([]byte(strings.Replace(small, "act: hang_up", "slots: [{name: d, kind: digits, min: 2, max: 9, refuse: No., ask: [Which?]}]", 1)))
	f.Add([]byte("a: &x [*x]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text, "fuzz.yaml")
		if err != nil {
			return
		}
		c := newTalk(t, s)
		for _, p := range append(s.Phrases()[:min(len(s.Phrases()), 20)], "umbrella", "no", "yes") {
			c.say(p)
		}
	})
}
