package sim

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"trunkline/config"
)

// Find lists scenario files: each path is a file, or a directory whose *.yaml
// files are taken, with those of the directories in it.
func Find(paths ...string) ([]string, error) {
	var files []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, fileError(p, err)
		}
		if !info.IsDir() {
			files = append(files, p)

			continue
		}
		before := len(files)
		err = filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && filepath.Ext(path) == ".yaml" {
				files = append(files, path)
			}

			return err
		})
		if err != nil {
			return nil, fileError(p, err)
		}
		if len(files) == before {
			return nil, fileError(p, errors.New("there is no *.yaml file in it"))
		}
	}

	return files, nil
}

// LoadAll reads scenario files. Their names must differ. The error is a
// *config.Error.
func LoadAll(files []string) ([]*Scenario, error) {
	var all []*Scenario
	names := map[string]string{}
	for _, f := range files {
		s, err := Load(f)
		if err != nil {
			return nil, err
		}
		if other, used := names[s.Name]; used {
			return nil, fileError(f, fmt.Errorf("name: %q is also the name of %s; names must differ", s.Name, other))
		}
		names[s.Name] = f
		all = append(all, s)
	}

	return all, nil
}

// Load reads one scenario file. The error is a *config.Error that tells line
// and column of each mistake.
func Load(file string) (*Scenario, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, fileError(file, err)
	}

	return Parse(file, src)
}

// fileError is about a whole file.
func fileError(file string, err error) error {
	var why *fs.PathError
	if errors.As(err, &why) {
		err = why.Err
	}

	return &config.Error{File: file, Problems: []config.Problem{{What: "read scenario: " + err.Error()}}}
}

// Parse is Load on bytes; file is used in messages, for the default name and
// for the files that the scenario names.
func Parse(file string, src []byte) (*Scenario, error) {
	s := &Scenario{File: file}
	if p := config.Decode(src, s); p != nil {
		return nil, &config.Error{File: file, Problems: []config.Problem{*p}}
	}
	s.setDefaults()
	if problems := s.validate(); len(problems) > 0 {
		config.Locate(src, problems)

		return nil, &config.Error{File: file, Problems: problems}
	}

	return s, nil
}

func (s *Scenario) setDefaults() {
	base := filepath.Base(s.File)
	s.Name = cmp.Or(s.Name, strings.TrimSuffix(base, filepath.Ext(base)))
	if len(s.Modes) == 0 {
		s.Modes = []Mode{Text, Audio, SIP}
	}
	s.Runs = cmp.Or(s.Runs, 1)
	s.Pass = cmp.Or(s.Pass, s.Runs)
	s.Who.Voice = cmp.Or(s.Who.Voice, "rms")
	s.Who.Rate = cmp.Or(s.Who.Rate, 1)
	s.Who.Level = cmp.Or(s.Who.Level, -24)
	s.Who.Gap = cmp.Or(s.Who.Gap, 500*time.Millisecond)
	s.Who.Patience = cmp.Or(s.Who.Patience, 8*time.Second)
	if a := s.Agent; a != nil {
		a.Voice = cmp.Or(a.Voice, agentVoice)
		a.Greeting = cmp.Or(a.Greeting, "Hello, how can I help you?")
		a.FirstToken = cmp.Or(a.FirstToken, 350*time.Millisecond)
		a.Tokens = cmp.Or(a.Tokens, 100)
		a.FirstAudio = cmp.Or(a.FirstAudio, 100*time.Millisecond)
		a.Final = cmp.Or(a.Final, 150*time.Millisecond)
	}
	for i := range s.Steps {
		s.Steps[i].setDefaults()
	}
	if s.Expect.Ledger == nil {
		one := 1
		s.Expect.Ledger = &one
	}
}

func (t *Step) setDefaults() {
	over := t.Interrupt != "" || t.Backchannel != "" || t.Sound != ""
	if t.At == nil {
		t.At = &When{}
		switch {
		case over:
			t.At.Words = 3
		case t.Silence > 0 || t.Hold > 0 || t.HangUp:
			t.At.After = new(time.Duration)
		default:
			t.At.Turn = true
		}
	}
	if t.For == 0 && t.Sound != "" {
		t.For = 400 * time.Millisecond
		if t.Sound == "click" {
			t.For = 40 * time.Millisecond
		}
	}
	if t.Expect.GoesOn == nil && (t.Backchannel != "" || t.Sound != "") {
		yes := true
		t.Expect.GoesOn = &yes
	}
	if t.Interrupt != "" {
		t.Expect.Yields = cmp.Or(t.Expect.Yields, 200*time.Millisecond)
	}
}

// check collects problems.
type check struct{ problems []config.Problem }

func (c *check) addf(path, format string, args ...any) {
	c.problems = append(c.problems, config.Problem{Path: path, What: fmt.Sprintf(format, args...)})
}

// between demands a value in a range.
func (c *check) between(path string, v, least, most float64) {
	if !(v >= least && v <= most) {
		c.addf(path, "%v is out of range; give %v to %v", v, least, most)
	}
}

func (c *check) lasts(path string, d, most time.Duration) {
	if d < 0 || d > most {
		c.addf(path, "%v is out of range; give 0s to %v", d, most)
	}
}

func (c *check) oneOf(path, v string, allowed ...string) {
	if !slices.Contains(allowed, v) {
		c.addf(path, "%q is not known; use one of: %s", v, strings.Join(allowed, ", "))
	}
}

func (c *check) patterns(path string, p Patterns) {
	for i, one := range p {
		at := path
		if len(p) > 1 {
			at = fmt.Sprintf("%s[%d]", path, i)
		}
		c.pattern(at, one)
	}
}

func (c *check) pattern(path, p string) {
	if _, err := regexp.Compile(p); err != nil {
		c.addf(path, "%v; see https://pkg.go.dev/regexp/syntax", err)
	}
}

func (c *check) tool(path string, t *ToolExpect) {
	if t == nil {
		return
	}
	if t.Name == "" {
		c.addf(path+".name", "is empty; name the tool")
	}
	for k, v := range t.Args {
		c.pattern(path+".args."+k, v)
	}
}

// Bounds of what a scenario may ask for, so that a slip of the pen does not
// hang a build.
const (
	maxRuns = 1000
	maxWait = 10 * time.Minute
)

func (s *Scenario) validate() []config.Problem {
	c := &check{}
	for i, m := range s.Modes {
		c.oneOf(fmt.Sprintf("modes[%d]", i), string(m), string(Text), string(Audio), string(SIP))
	}
	c.between("runs", float64(s.Runs), 1, maxRuns)
	c.between("pass", float64(s.Pass), 1, float64(s.Runs))
	c.oneOf("caller.voice", s.Who.Voice, "slt", "rms", "awb", "kal16")
	c.between("caller.rate", s.Who.Rate, 0.5, 2)
	c.between("caller.level", s.Who.Level, -50, -10)
	c.lasts("caller.gap", s.Who.Gap, maxWait)
	c.lasts("caller.patience", s.Who.Patience, maxWait)
	if n := s.Who.Noise; n != nil {
		c.oneOf("caller.noise.kind", n.Kind, "white", "pink", "babble")
		c.between("caller.noise.snr", n.SNR, -10, 60)
	}
	if e := s.Line.Echo; e != nil {
		c.lasts("line.echo.delay", e.Delay, time.Second)
		c.between("line.echo.erl", e.ERL, 0, 60)
	}
	c.between("line.loss", s.Line.Loss, 0, 50)
	c.lasts("line.jitter", s.Line.Jitter, time.Second)
	if s.Agent != nil {
		s.Agent.validate(c)
	}
	if len(s.Steps) == 0 {
		c.addf("steps", "is empty; say what the caller does")
	}
	for i := range s.Steps {
		s.validateStep(c, i)
	}
	s.Expect.validate(c)

	return c.problems
}

func (a *Agent) validate(c *check) {
	c.oneOf("agent.voice", a.Voice, "slt", "rms", "awb", "kal16")
	if len(a.Replies) == 0 {
		c.addf("agent.replies", "is empty; say what the agent replies")
	}
	tools := map[string]bool{}
	for i := range a.Tools {
		path := fmt.Sprintf("agent.tools[%d]", i)
		if a.Tools[i].Name == "" {
			c.addf(path+".name", "is empty; name the tool")
		}
		c.lasts(path+".takes", a.Tools[i].Takes, maxWait)
		tools[a.Tools[i].Name] = true
	}
	for i, r := range a.Replies {
		path := fmt.Sprintf("agent.replies[%d]", i)
		c.pattern(path+".to", r.To)
		if r.Call != nil && !tools[r.Call.Tool] {
			c.addf(path+".call.tool", "%q is none of agent.tools", r.Call.Tool)
		}
	}
	for i, f := range a.Faults {
		path := fmt.Sprintf("agent.faults[%d]", i)
		c.oneOf(path+".of", f.Of, "recogniser", "model", "voice")
		if f.Nth < 0 || f.After < 0 {
			c.addf(path, "nth and after must not be negative")
		}
	}
	for i, d := range a.Idle {
		if d <= 0 {
			c.addf(fmt.Sprintf("agent.idle[%d]", i), "must be longer than 0")
		}
	}
	if a.Cap < 0 || a.WarnBefore < 0 || a.WarnBefore > 0 && a.WarnBefore >= a.Cap {
		c.addf("agent.warn_before", "%v does not lie before the cap of %v", a.WarnBefore, a.Cap)
	}
}

func (s *Scenario) validateStep(c *check, i int) {
	t := &s.Steps[i]
	path := fmt.Sprintf("steps[%d]", i)
	set := 0
	for _, one := range []bool{
		t.Say != "", t.Interrupt != "", t.Backchannel != "", t.Play != "", t.Sound != "",
		t.Keys != "", t.Silence != 0, t.Hold != 0, t.HangUp,
	} {
		if one {
			set++
		}
	}
	if set != 1 {
		c.addf(path, "is %d acts; give one of say, interrupt, backchannel, play, sound, keys, silence, hold or hang_up", set)
	}
	for key, line := range map[string]string{".say": t.Say, ".interrupt": t.Interrupt, ".backchannel": t.Backchannel} {
		if _, err := parseLine(line); err != nil {
			c.addf(path+key, "%v", err)
		}
	}
	if t.Sound != "" {
		c.oneOf(path+".sound", t.Sound, "cough", "click", "noise")
	}
	for _, k := range t.Keys {
		if !strings.ContainsRune("0123456789*#ABCD", k) {
			c.addf(path+".keys", "%q is no telephone key; use 0-9 * # A-D", k)
		}
	}
	c.lasts(path+".silence", t.Silence, maxWait)
	c.lasts(path+".hold", t.Hold, maxWait)
	c.lasts(path+".for", t.For, maxWait)
	if t.Words != "" && t.Play == "" {
		c.addf(path+".words", "belongs to play; what say says is its own text")
	}
	if t.Play != "" && slices.Contains(s.Modes, Text) && t.Words == "" {
		c.addf(path+".words", "is missing: in text mode the file is not played; give its words, or leave text out of modes")
	}
	if t.Hold != 0 && slices.Contains(s.Modes, SIP) {
		c.addf(path+".hold", "needs modes: [text, audio]; the caller cannot hold a SIP call yet")
	}
	t.At.validate(c, path+".at")
	e := &t.Expect
	c.patterns(path+".expect.says", e.Says)
	c.patterns(path+".expect.never", e.Never)
	c.pattern(path+".expect.heard", e.Heard)
	c.tool(path+".expect.tool", e.Tool)
	if e.Silent && len(e.Says) > 0 {
		c.addf(path+".expect.silent", "contradicts says")
	}
}

func (w *When) validate(c *check, path string) {
	set := 0
	for _, one := range []bool{w.Turn, w.After != nil, w.Words != 0, w.Says != "", w.Speaking != 0} {
		if one {
			set++
		}
	}
	if set != 1 {
		c.addf(path, "has %d conditions; give one of turn, after, words, says or speaking", set)
	}
	if w.After != nil {
		c.lasts(path+".after", *w.After, maxWait)
	}
	if w.Words < 0 {
		c.addf(path+".words", "must be at least 1")
	}
	c.lasts(path+".speaking", w.Speaking, maxWait)
	c.pattern(path+".says", w.Says)
}

func (e *Expect) validate(c *check) {
	c.patterns("expect.says", e.Says)
	c.patterns("expect.never", e.Never)
	c.tool("expect.tool", e.Tool)
	c.between("expect.ledger", float64(*e.Ledger), -1, 100)
	c.lasts("expect.dead_air", e.DeadAir, maxWait)
}

// piece is a part of a line: words, or a pause.
type piece struct {
	text  string
	pause time.Duration
}

// parseLine cuts a line at its pauses: "my number is {pause 800ms} five".
func parseLine(line string) ([]piece, error) {
	var all []piece
	for line != "" {
		text, rest, found := strings.Cut(line, "{")
		if t := strings.TrimSpace(text); t != "" {
			all = append(all, piece{text: t})
		}
		if !found {
			break
		}
		mark, rest, found := strings.Cut(rest, "}")
		if !found {
			return nil, errors.New("a { has no }; write for example {pause 800ms}")
		}
		value, ok := strings.CutPrefix(mark, "pause ")
		d, err := time.ParseDuration(strings.TrimSpace(value))
		if !ok || err != nil || d <= 0 || d > maxWait {
			return nil, fmt.Errorf("{%s} is not known; write for example {pause 800ms}", mark)
		}
		all = append(all, piece{pause: d})
		line = rest
	}

	return all, nil
}
