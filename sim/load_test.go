package sim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trunkline/config"
)

const plain = `about: nothing special
agent: {replies: [{say: Yes.}]}
steps:
  - say: hello
`

func TestDefaults(t *testing.T) {
	t.Parallel()
	s, err := Parse("dir/plain.yaml", []byte(plain+"  - backchannel: mm-hm\n  - silence: 1s\n"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "plain" || s.Runs != 1 || s.Pass != 1 || len(s.Modes) != 3 || s.Who.Voice != "rms" || *s.Expect.Ledger != 1 {
		t.Errorf("%+v", s)
	}
	if !s.Steps[0].At.Turn || s.Steps[1].At.Words != 3 || *s.Steps[2].At.After != 0 {
		t.Errorf("the steps wait for %v, %v, %v", s.Steps[0].At, s.Steps[1].At, s.Steps[2].At)
	}
	if e := s.Steps[1].Expect.GoesOn; e == nil || !*e {
		t.Error("a backchannel may stop the agent")
	}
}

// TestMistakes: each is told with what is wrong, where, and what to do.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ src, want string }{
		"unknown key":      {"stepps: []\n", `x.yaml:1:1: unknown key "stepps"`},
		"no steps":         {"agent: {replies: [{say: Yes.}]}\n", "x.yaml: steps: is empty"},
		"two acts":         {plain + "    keys: '1'\n", "x.yaml:4:8: steps[0]: is 2 acts"},
		"no act":           {plain + "  - expect: {says: a}\n", "steps[1]: is 0 acts"},
		"bad pause":        {plain + "  - say: a {pause 800}\n", `steps[1].say: {pause 800} is not known; write for example {pause 800ms}`},
		"open brace":       {plain + "  - say: a {pause\n", "has no }"},
		"bad expression":   {plain + "    expect: {says: '('}\n", "x.yaml:5:20: steps[0].expect.says: error parsing regexp"},
		"bad in a list":    {plain + "    expect: {never: [a, '(']}\n", "steps[0].expect.never[1]"},
		"bad key":          {plain + "  - keys: 12x\n", `steps[1].keys: 'x' is no telephone key`},
		"bad duration":     {plain + "  - silence: long\n", "x.yaml:5:14"},
		"bad mode":         {plain + "modes: [video]\n", `modes[0]: "video" is not known; use one of: text, audio, sip`},
		"two conditions":   {plain + "    at: {turn: true, words: 3}\n", "x.yaml:5:9: steps[0].at: has 2 conditions"},
		"pass above runs":  {plain + "runs: 3\npass: 4\n", "pass: 4 is out of range; give 1 to 3"},
		"hold over sip":    {plain + "  - hold: 3s\n", "steps[1].hold: needs modes: [text, audio]"},
		"file in text":     {plain + "  - play: a.wav\n", "steps[1].words: is missing"},
		"words of no file": {plain + "    words: a\n", "steps[0].words: belongs to play"},
		"cap":              {strings.Replace(plain, "agent: {", "agent: {cap: 5s, warn_before: 6s, ", 1), "agent.warn_before: 6s does not lie before the cap of 5s"},
		"fault":            {strings.Replace(plain, "agent: {", "agent: {faults: [{of: dog}], ", 1), `agent.faults[0].of: "dog" is not known`},
		"no reply":         {"agent: {greeting: Hi}\nsteps: [{say: a}]\n", "agent.replies: is empty"},
		"idle":             {strings.Replace(plain, "agent: {", "agent: {idle: [0s], ", 1), "agent.idle[0]: must be longer than 0"},
		"noise":            {plain + "caller: {noise: {kind: pub, snr: 99}}\n", `caller.noise.kind: "pub" is not known`},
		"rate":             {plain + "caller: {rate: .nan}\n", "caller.rate: NaN is out of range"},
		"nameless tool":    {plain + "expect: {tool: {times: 1}}\n", "expect.tool.name: is empty"},
		"contradiction":    {plain + "    expect: {silent: true, says: a}\n", "contradicts says"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("x.yaml", []byte(c.src))
			var bad *config.Error
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestFindAndLoadAll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, src string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Find(dir); err == nil || !strings.Contains(err.Error(), "there is no *.yaml file") {
		t.Errorf("an empty directory: %v", err)
	}
	if _, err := Find(filepath.Join(dir, "no")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a missing file: %v", err)
	}
	write("a.yaml", plain)
	write("in/b.yaml", plain)
	write("in/notes.txt", "")
	files, err := Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{filepath.Join(dir, "a.yaml"), filepath.Join(dir, "in/b.yaml")}, files); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	write("in/b.yaml", "name: a\n"+plain)
	if _, err := LoadAll(files); err == nil || !strings.Contains(err.Error(), "names must differ") {
		t.Errorf("two of a name: %v", err)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	got, err := parseLine("my number is {pause 800ms} five {pause 1.5s}")
	if err != nil {
		t.Fatal(err)
	}
	want := []piece{{text: "my number is"}, {pause: 800 * time.Millisecond}, {text: "five"}, {pause: 1500 * time.Millisecond}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(piece{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// FuzzParse: whatever a file holds, it is a scenario or an error with a text.
func FuzzParse(f *testing.F) {
	f.Add(plain)
	f.Add("a: [\n")
	f.Add("steps: [{at: {says: x}, say: '{pause -1s}'}]")
	f.Add("agent: {replies: [{to: '(?i'}]}\ncaller: {noise: null}\nsteps:\n- hang_up: !!bool\n")
	f.Fuzz(func(t *testing.T, src string) {
		s, err := Parse("x.yaml", []byte(src))
		switch {
		case err != nil && err.Error() == "":
			t.Error("an error without words")
		case err == nil:
			for i := range s.Steps {
				_ = fmt.Sprint(s.Steps[i].what(), s.Steps[i].At)
			}
		}
	})
}
