package script

import (
	"slices"
	"strings"
)

// Phrases are all things that callers are expected to say, in lower case and
// without marks: the example phrases, the common answers, and each slot's
// values alone and in the sentences that answer its question. A phrase that
// names slots stands once for each value of the slot with the fewest, so that
// times of day do not outweigh everything else. The recogniser's domain
// language model is made from them.
func (s *Script) Phrases() []string {
	var out []string
	seen := make(map[string]bool)
	add := func(words []string) {
		for _, p := range s.expand(words) {
			if !seen[p] {
				seen[p] = true
				out = append(out, p)
			}
		}
	}
	for _, words := range s.spoken {
		add(words)
	}
	for _, sl := range s.slots {
		for _, a := range sl.answers() {
			add(strings.Fields(a))
		}
	}
	if a := s.together(kindDay, kindTime); a != nil {
		add(a)
	}
	return out
}

// together is how callers give two values in one breath: "on Tuesday at ten".
func (s *Script) together(a, b kind) []string {
	find := func(k kind) *slotPlan {
		i := slices.IndexFunc(s.slots, func(sl *slotPlan) bool { return sl.kind == k })
		if i < 0 {
			return nil
		}
		return s.slots[i]
	}
	first, second := find(a), find(b)
	if first == nil || second == nil {
		return nil
	}
	return []string{"on", first.key, "at", second.key}
}

// expand puts values in place of slots' keys.
func (s *Script) expand(words []string) []string {
	n := 0
	samples := make(map[string][]string)
	for _, w := range words {
		for _, sl := range s.slots {
			if w != sl.key {
				continue
			}
			samples[w] = sl.samples()
			if n == 0 || len(samples[w]) < n {
				n = len(samples[w])
			}
		}
	}
	n = max(n, 1)
	out := make([]string, 0, n)
	for i := range n {
		said := make([]string, 0, len(words))
		for _, w := range words {
			if values := samples[w]; len(values) > 0 {
				w = values[i%len(values)]
			}
			said = append(said, strings.ToLower(w))
		}
		out = append(out, unmarked(strings.Join(said, " ")))
	}
	return out
}

// unmarked keeps only what a recogniser writes: letters, apostrophes, spaces.
func unmarked(s string) string {
	kept := strings.Map(func(r rune) rune {
		switch r {
		case ',', '.', '?', '!', ';', ':', '"', '(', ')', '-':
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(kept), " ")
}
