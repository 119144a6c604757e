package endpoint

import (
	"embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed lists/*.yaml
var lists embed.FS

// languages holds the word lists by ISO 639-1 code.
var languages = readLists()

// Languages are the codes of the languages that have word lists.
func Languages() []string { return slices.Sorted(maps.Keys(languages)) }

// language is what the words of one language leave open.
type language struct {
	Conjunctions phrases `yaml:"conjunctions"`
	Prepositions phrases `yaml:"prepositions"`
	Determiners  phrases `yaml:"determiners"`
	Auxiliaries  phrases `yaml:"auxiliaries"`
	Subjects     phrases `yaml:"subjects"`
	Verbs        phrases `yaml:"verbs"`
	Infinitive   phrases `yaml:"infinitive"` // that make a verb of the next word
	Adverbs      phrases `yaml:"adverbs"`
	Stranded     phrases `yaml:"stranded"` // that end a whole question nevertheless

	Fillers   phrases `yaml:"fillers"`
	Hold      phrases `yaml:"hold"`
	Polite    phrases `yaml:"polite"`    // after words that ask us to wait
	Answers   phrases `yaml:"answers"`   // whole turns
	Openers   phrases `yaml:"openers"`   // of these, those that say nothing yet when more than yes or no was asked for
	Agreement phrases `yaml:"agreement"` // that begin an answer to a yes-no question

	Questions     phrases `yaml:"questions"`
	Inversions    phrases `yaml:"inversions"` // that begin a question, too
	Subordinators phrases `yaml:"subordinators"`

	Digits  map[string]int `yaml:"digits"`
	Teens   phrases        `yaml:"teens"`
	Tens    phrases        `yaml:"tens"`
	Repeats phrases        `yaml:"repeats"` // "double", "triple"

	Alphabet phrases `yaml:"alphabet"` // that stand for letters
	Alike    phrases `yaml:"alike"`    // between a letter and its word
	Single   phrases `yaml:"single"`   // letters that are words

	At      phrases `yaml:"at"` // in an e-mail address, and so on
	Dot     phrases `yaml:"dot"`
	Domains phrases `yaml:"domains"`
	Mail    phrases `yaml:"mail"`

	Thousand phrases `yaml:"thousand"` // that make a year of digits
	Months   phrases `yaml:"months"`
	Weekdays phrases `yaml:"weekdays"`
	Ordinals phrases `yaml:"ordinals"`
	Named    phrases `yaml:"named"` // that announce a name

	Counted phrases        `yaml:"counted"` // before which a digit is their number
	Numbers map[string]int `yaml:"numbers"` // that announce digits, and how many

	Asks map[Kind]phrases `yaml:"asks"`
}

// phrases is a set of words and phrases, written with commas.
type phrases struct {
	set     map[string]struct{}
	longest int // words of the longest
}

// UnmarshalYAML reads a list with commas between.
func (p *phrases) UnmarshalYAML(b []byte) error {
	var s string
	if err := yaml.Unmarshal(b, &s); err != nil {
		return err
	}
	*p = phrases{set: map[string]struct{}{}}
	for phrase := range strings.SplitSeq(s, ",") {
		words := strings.Fields(phrase)
		if len(words) > longestPhrase {
			return fmt.Errorf("the phrase %q has more than %d words", phrase, longestPhrase)
		}
		if len(words) > 0 {
			p.set[strings.Join(words, " ")] = struct{}{}
			p.longest = max(p.longest, len(words))
		}
	}

	return nil
}

// has reports whether the words together are a phrase of the set.
func (p phrases) has(words ...string) bool {
	if len(words) == 0 || len(words) > p.longest {
		return false
	}
	phrase := words[0]
	if len(words) > 1 {
		phrase = strings.Join(words, " ")
	}
	_, ok := p.set[phrase]

	return ok
}

// longestPhrase is the most words that a listed phrase has.
const longestPhrase = 4

// ends finds the longest phrase of the set that words end with.
func (p phrases) ends(words []string) (phrase string, found bool) {
	for n := min(len(words), p.longest); n > 0; n-- {
		if tail := words[len(words)-n:]; p.has(tail...) {
			return strings.Join(tail, " "), true
		}
	}

	return "", false
}

// holds finds the words with which a turn ends that asks us to wait.
func (l *language) holds(words []string) (phrase string, found bool) {
	if phrase, found = l.Hold.ends(words); found {
		return phrase, true
	}
	polite, found := l.Polite.ends(words)
	if !found {
		return "", false
	}
	phrase, found = l.Hold.ends(words[:len(words)-len(strings.Fields(polite))])

	return phrase, found
}

// in finds a phrase of the set anywhere in words.
func (p phrases) in(words []string) bool {
	for i := range words {
		if _, ok := p.ends(words[:i+1]); ok {
			return true
		}
	}

	return false
}

// readLists parses the files of this folder. They are part of the program: a
// mistake in them is found by the tests.
func readLists() map[string]*language {
	all := map[string]*language{}
	files, _ := lists.ReadDir("lists") // it is embedded
	for _, f := range files {
		l, err := readList(path.Join("lists", f.Name()))
		if err == nil {
			all[strings.TrimSuffix(f.Name(), ".yaml")] = l
		}
	}

	return all
}

func readList(name string) (*language, error) {
	b, err := lists.ReadFile(name)
	if err != nil {
		return nil, err
	}
	l := &language{}
	if err := yaml.UnmarshalWithOptions(b, l, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}

	return l, nil
}
