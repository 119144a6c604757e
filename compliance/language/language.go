package language

import (
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// fallback is the language of a conversation whose own has no file.
const fallback = "en"

// Base is a language tag without its region, in lower case: es of es-MX.
func Base(tag string) string {
	code, _, _ := strings.Cut(strings.ToLower(tag), "-")

	return code
}

// Set is what a room has, by ISO 639-1 code.
type Set[T any] map[string]T

// Load reads the files of a directory, whose names are CODE.yaml. A key that T
// has not is an error, and so is a set without English.
func Load[T any](files fs.FS, dir string) (Set[T], error) {
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return nil, err
	}
	set := make(Set[T])
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		src, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		var one T
		if err := yaml.UnmarshalWithOptions(src, &one, yaml.Strict()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		set[strings.TrimSuffix(e.Name(), ".yaml")] = one
	}
	if _, ok := set[fallback]; !ok {
		return nil, fmt.Errorf("%s: there is no %s.yaml", dir, fallback)
	}

	return set, nil
}

// In is what there is in a language, or in English where it has no file. A
// region, as in es-US, is left out.
func (s Set[T]) In(tag string) T {
	if one, ok := s[Base(tag)]; ok {
		return one
	}

	return s[fallback]
}

// From goes through all languages, beginning with the conversation's own:
// people fall back on theirs. The others come in the order of their codes.
func (s Set[T]) From(tag string) iter.Seq[T] {
	return func(yield func(T) bool) {
		own := Base(tag)
		if one, ok := s[own]; ok && !yield(one) {
			return
		}
		for _, code := range s.Codes() {
			if code != own && !yield(s[code]) {
				return
			}
		}
	}
}

// Codes are the languages of the set, in order.
func (s Set[T]) Codes() []string { return slices.Sorted(maps.Keys(s)) }
