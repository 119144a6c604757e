package corpus

import (
	"embed"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

//go:embed turns.txt values.txt
var texts embed.FS

// Turn is one turn of a caller.
type Turn struct {
	Question string          // what the agent had asked
	Parts    []string        // the words between the pauses
	Pauses   []time.Duration // after each part but the last
	Caller   int             // number of the caller
	Test     bool            // for testing, else for training
}

// Text is all words of the turn.
func (t *Turn) Text() string { return strings.Join(t.Parts, " ") }

// Caller is one person: ten turns, one voice, one line.
type Caller struct {
	Voice string
	SNR   float64 // of the line, in dB
	Pace  float64 // factor of the pauses
}

// Set is the turns of all callers, in the order in which they come.
type Set struct {
	Turns   []Turn
	Callers []Caller
}

// turnsEach is how many turns a caller has.
const turnsEach = 10

// Bounds and spread of the pauses within a turn: the logarithm of their length
// is normally distributed, and differs by caller and by pause.
const (
	shortestPause = 200 * time.Millisecond
	longestPause  = 2 * time.Second
	medianPause   = 500 * time.Millisecond
	spreadCallers = 0.35
	spreadPauses  = 0.55
)

// pauseChance is how many of the places marked for a pause get one.
const pauseChance = 0.6

// testShare is how many of the lines are for testing, per cent.
const testShare = 40

// Make makes the set of a seed. Voices take turns over the callers.
func Make(seed uint64, voices ...string) (*Set, error) {
	r := rand.New(rand.NewPCG(seed, seed))
	values, err := readValues()
	if err != nil {
		return nil, err
	}
	b, err := texts.ReadFile("turns.txt")
	if err != nil {
		return nil, err
	}
	var train, test []Turn
	question := ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if q, ok := strings.CutPrefix(line, "?"); ok {
			question = strings.TrimSpace(q)

			continue
		}
		if line == "" || line[0] == '#' {
			continue
		}
		text, err := values.fill(r, line)
		if err != nil {
			return nil, err
		}
		t := Turn{Question: question, Test: forTest(question + line)}
		t.cut(r, text)
		if t.Test {
			test = append(test, t)
		} else {
			train = append(train, t)
		}
	}
	s := &Set{}
	s.add(r, train, voices)
	s.add(r, test, voices)

	return s, nil
}

// forTest splits by line: the same line always goes to the same side.
func forTest(line string) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(line)) // it never fails

	return h.Sum32()%100 < testShare
}

// add deals turns out to callers, in a random order.
func (s *Set) add(r *rand.Rand, turns []Turn, voices []string) {
	r.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
	for i := range turns {
		if i%turnsEach == 0 {
			s.Callers = append(s.Callers, Caller{
				Voice: voices[len(s.Callers)%len(voices)],
				SNR:   18 + 17*r.Float64(),
				Pace:  math.Exp(spreadCallers * r.NormFloat64()),
			})
		}
		turns[i].Caller = len(s.Callers) - 1
		for k := range turns[i].Pauses {
			d := medianPause.Seconds() * s.Callers[turns[i].Caller].Pace * math.Exp(spreadPauses*r.NormFloat64())
			turns[i].Pauses[k] = min(max(time.Duration(d*float64(time.Second)), shortestPause), longestPause)
		}
	}
	s.Turns = append(s.Turns, turns...)
}

// cut makes parts of a text: at some of its marks the caller pauses.
func (t *Turn) cut(r *rand.Rand, text string) {
	for part := range strings.SplitSeq(text, "|") {
		part = strings.Join(strings.Fields(part), " ")
		if part == "" {
			continue
		}
		if n := len(t.Parts); n > 0 && r.Float64() >= pauseChance {
			t.Parts[n-1] += " " + part

			continue
		}
		t.Parts = append(t.Parts, part)
	}
	t.Pauses = make([]time.Duration, len(t.Parts)-1)
}

// values fill slots.
type values map[string][]string

func readValues() (values, error) {
	b, err := texts.ReadFile("values.txt")
	if err != nil {
		return nil, err
	}
	v := values{}
	for line := range strings.Lines(string(b)) {
		kind, list, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		for value := range strings.SplitSeq(list, ",") {
			v[kind] = append(v[kind], strings.TrimSpace(value))
		}
	}

	return v, nil
}

func (v values) pick(r *rand.Rand, kind string) string {
	list := v[kind]
	if len(list) == 0 {
		return ""
	}

	return list[r.IntN(len(list))]
}

// fill replaces the slots of a line. Without "~" no pause comes within one.
func (v values) fill(r *rand.Rand, line string) (string, error) {
	for {
		before, rest, found := strings.Cut(line, "{")
		if !found {
			return line, nil
		}
		slot, after, closed := strings.Cut(rest, "}")
		kind, pauses := strings.CutPrefix(slot, "~")
		value := v.value(r, kind)
		if !closed || value == "" {
			return "", fmt.Errorf("corpus: %q: no value for {%s}", line, slot)
		}
		if !pauses {
			value = strings.ReplaceAll(value, " |", "")
		}
		line = before + value + after
	}
}

// value is one value of a kind, with marks where a caller may pause.
func (v values) value(r *rand.Rand, kind string) string {
	switch kind {
	case "phone":
		return digits(r, 3, 3, 4)
	case "zip":
		return digits(r, 3, 2)
	case "card":
		return digits(r, 2, 2)
	case "order":
		return digits(r, [][]int{{3, 3}, {2, 2, 2}, {4, 4}, {3, 4}}[r.IntN(4)]...)
	case "name":
		return v.pick(r, "first") + " | " + v.pick(r, "last")
	case "spelled":
		return letters(v.pick(r, "last"))
	case "email":
		return v.pick(r, "first") + " dot " + v.pick(r, "last") + " | at " + v.pick(r, "provider") + " | dot " + v.pick(r, "ending")
	case "date":
		return v.pick(r, "month") + " | " + v.pick(r, "ordinal") + " | " + v.pick(r, "year")
	default:
		return v.pick(r, kind)
	}
}

// digits are groups of random digits.
func digits(r *rand.Rand, groups ...int) string {
	names := strings.Fields("zero one two three four five six seven eight nine")
	var out []string
	for i, n := range groups {
		if i > 0 {
			out = append(out, "|")
		}
		for range n {
			out = append(out, names[r.IntN(len(names))])
		}
	}

	return strings.Join(out, " ")
}

// letters spells a name in groups of three.
func letters(name string) string {
	var out []string
	for i, c := range name {
		if i > 0 && i%3 == 0 {
			out = append(out, "|")
		}
		out = append(out, string(c))
	}

	return strings.Join(out, " ")
}

// Before is the words of the first parts.
func (t *Turn) Before(parts int) string { return strings.Join(t.Parts[:parts], " ") }

// Testers are the numbers of the callers whose turns are for testing.
func (s *Set) Testers() []int {
	var all []int
	for i, t := range s.Turns {
		if t.Test && (i == 0 || s.Turns[i-1].Caller != t.Caller) {
			all = append(all, t.Caller)
		}
	}

	return all
}
