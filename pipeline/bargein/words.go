package bargein

import (
	"embed"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"trunkline/pipeline/endpoint"
)

//go:embed words/*.yaml
var files embed.FS

// wordList is what one language's callers say over an agent.
type wordList struct {
	backchannels map[string]struct{} // agreement that leaves the turn with the agent
	commands     map[string]struct{} // words that ask the agent to stop, wherever they stand
	fillers      map[string]struct{} // words that say nothing either way
}

// languages holds the word lists by ISO 639-1 code.
var languages = load()

// load reads the lists that the program carries; a test reads each of them.
func load() map[string]wordList {
	all := make(map[string]wordList)
	names, _ := files.ReadDir("words") // it is in the program
	for _, n := range names {
		if l, err := readList(n.Name()); err == nil {
			all[strings.TrimSuffix(n.Name(), ".yaml")] = l
		}
	}

	return all
}

func readList(name string) (wordList, error) {
	b, err := files.ReadFile(path.Join("words", name))
	if err != nil {
		return wordList{}, fmt.Errorf("bargein: %w", err)
	}
	var list struct {
		Backchannels []string `yaml:"backchannels"`
		Commands     []string `yaml:"commands"`
		Fillers      []string `yaml:"fillers"`
	}
	if err := yaml.UnmarshalWithOptions(b, &list, yaml.Strict()); err != nil {
		return wordList{}, fmt.Errorf("bargein: %s: %w", name, err)
	}

	return wordList{backchannels: set(list.Backchannels), commands: set(list.Commands), fillers: set(list.Fillers)}, nil
}

// longestPhrase is the most words that a listed phrase has.
const longestPhrase = 4

// Languages lists the languages that have word lists.
func Languages() []string {
	var codes []string
	for code := range languages {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}

// Phrases lists what callers say over an agent in a language, by its lists:
// words of agreement and words that ask to stop. It is empty for a language
// without lists.
func Phrases(language string) []string {
	l := languages[language]

	return slices.Concat(slices.Sorted(maps.Keys(l.backchannels)), slices.Sorted(maps.Keys(l.commands)))
}

// heard counts words by what they mean over an agent's voice.
type heard struct {
	command     string // the first phrase that asks the agent to stop
	backchannel int
	content     int
}

// something tells words that mean anything.
func (h heard) something() bool { return h.command != "" || h.backchannel+h.content > 0 }

// read goes through words from the left, longest phrases first.
func (l wordList) read(words []string) heard {
	var h heard
	for i := 0; i < len(words); {
		n, kind := l.match(words[i:])
		switch kind {
		case command:
			if h.command == "" {
				h.command = strings.Join(words[i:i+n], " ")
			}
		case backchannel:
			h.backchannel += n
		case content:
			h.content++
		case filler:
		}
		i += n
	}
	return h
}

type meaning uint8

const (
	content meaning = iota
	command
	backchannel
	filler
)

// match says how many words at the beginning belong together and what they
// mean.
func (l wordList) match(words []string) (int, meaning) {
	for n := min(len(words), longestPhrase); n > 0; n-- {
		phrase := strings.Join(words[:n], " ")
		if _, ok := l.commands[phrase]; ok {
			return n, command
		}
		if _, ok := l.backchannels[phrase]; ok {
			return n, backchannel
		}
		if _, ok := l.fillers[phrase]; ok {
			return n, filler
		}
	}
	return 1, content
}

func set(phrases []string) map[string]struct{} {
	m := make(map[string]struct{})
	for _, p := range phrases {
		m[strings.Join(endpoint.Words(p), " ")] = struct{}{}
	}
	return m
}
