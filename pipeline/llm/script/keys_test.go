package script

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trunkline/pipeline"
)

// account asks for a number that may be pressed.
const account = `
name: account
lines: {greeting: Hello.}
intents:
  - name: balance
    phrases: [what is my balance]
    slots:
      - name: number
        kind: digits
        min: 4
        max: 6
        keys: {erase: "*", first: 8s, between: 2s}
        ask: [What is your account number?]
        refuse: That number has four to six digits.
    confirm: ["Your number is {number}, is that right?"]
    change: What is the right number?
    replies: [You have ten pounds.]
  - name: person
    phrases: [a person please]
    replies: [One moment.]
    act: hand_off
    target: desk
unknown:
  sorry: [Sorry.]
  ask_again: [Sorry?]
  hand_off: person
`

func TestKeysAreCollected(t *testing.T) {
	t.Parallel()
	s, err := Parse([]byte(account), "account.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := &pipeline.Act{Name: pipeline.ActCollect, Args: map[string]string{
		"min": "4", "max": "6", "terminator": "#", "erase": "*", "first": "8s", "between": "2s",
	}}
	c := newTalk(t, s)
	for _, step := range []struct {
		heard, says string
		collects    bool
	}{
		{"what is my balance", "What is your account number?", true},
		{"12", "That number has four to six digits.", true}, // too few keys: the retry line
		{"", "Sorry. What is your account number?", true},
		{"4071", "Your number is four zero seven one, is that right?", false},
		{"yes", "You have ten pounds.", false},
	} {
		if got := c.say(step.heard); got != step.says {
			t.Errorf("to %q it says %q, want %q", step.heard, got, step.says)
		}
		var act *pipeline.Act
		if step.collects {
			act = want
		}
		if d := cmp.Diff(act, c.act); d != "" {
			t.Errorf("act after %q (-want +got):\n%s", step.heard, d)
		}
	}
}

func TestKeysThatCannotBeCollected(t *testing.T) {
	t.Parallel()
	const good = `{erase: "*", first: 8s, between: 2s}`
	for keys, want := range map[string]string{
		`{terminator: "9"}`:             `"9" cannot be the terminator`,
		`{erase: "x"}`:                  `"x" cannot be the erase`,
		`{terminator: "*", erase: "*"}`: `a key cannot both end`,
		`{first: 1ms}`:                  `1ms is no wait for a key`,
		`{between: 2h}`:                 `2h0m0s is no wait for a key`,
		`{after: 2s}`:                   `unknown field "after"`,
	} {
		_, err := Parse([]byte(strings.Replace(account, good, keys, 1)), "account.yaml")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", keys, err, want)
		}
	}
}
