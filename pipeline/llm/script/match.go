package script

import "math"

// How much of an example must be heard before it counts, and how far ahead of
// the next intent it must be. Chosen on the table of noisy variants in the
// tests.
const (
	leastScore  = 0.5
	leastMargin = 0.03
	surely      = 0.75 // enough to leave a question that is open
)

// maxHeard bounds the words of one utterance that are compared.
const maxHeard = 48

// stopWords say little about what a caller wants.
var stopWords = map[string]bool{
	"a": true, "an": true, "the": true, "i": true, "you": true, "we": true, "it": true, "me": true, "my": true, "your": true,
	"is": true, "are": true, "am": true, "be": true, "do": true, "did": true, "to": true, "of": true, "in": true, "on": true,
	"at": true, "for": true, "and": true, "would": true, "could": true, "can": true, "will": true, "like": true, "want": true,
	"please": true, "that": true, "this": true, "there": true, "have": true, "if": true, "with": true, "up": true, "tell": true,
	"know": true, "get": true, "got": true, "us": true, "our": true,
}

// plainWords are short and common enough that recognisers seldom take one for
// another; being alike means nothing between them.
var plainWords = map[string]bool{
	"what": true, "was": true, "that": true, "where": true, "when": true, "how": true, "who": true, "why": true, "then": true,
	"than": true, "there": true, "the": true, "you": true, "your": true, "our": true, "for": true, "from": true, "not": true,
	"now": true, "can": true, "and": true, "any": true, "all": true, "say": true, "day": true, "way": true, "are": true, "have": true,
	"has": true, "had": true, "he": true, "she": true, "they": true, "this": true, "these": true, "those": true, "could": true, "would": true,
}

// stopWeight is what a stop word counts for beside other words.
const stopWeight = 0.25

// matcher scores utterances against the example phrases of all intents.
type matcher struct {
	ids     map[string]int
	vocab   []word
	weight  []float64
	unheard float64 // weight of a word that no phrase has
	phrases []phrase
}

type phrase struct {
	intent *intentPlan
	words  []int
	weight float64
	alone  bool // one plain word: it means this only when nothing else is said
}

// match is the outcome of scoring an utterance.
type match struct {
	intent *intentPlan
	score  float64 // 0 to 1
	margin float64 // ahead of the best phrase of any other intent
}

// sure reports whether the match may be acted on.
func (m match) sure() bool {
	return m.intent != nil && m.score >= leastScore && m.margin >= leastMargin
}

func newMatcher(intents []*intentPlan) *matcher {
	m := &matcher{ids: make(map[string]int)}
	users := make(map[int]map[*intentPlan]bool)
	for _, in := range intents {
		for _, words := range in.phrases {
			p := phrase{intent: in}
			for _, w := range words {
				id, ok := m.ids[w]
				if !ok {
					id = len(m.vocab)
					m.ids[w] = id
					m.vocab = append(m.vocab, newWord(w))
					users[id] = make(map[*intentPlan]bool)
				}
				users[id][in] = true
				p.words = append(p.words, id)
			}
			p.alone = len(words) == 1 && plainWords[words[0]]
			m.phrases = append(m.phrases, p)
		}
	}
	m.weight = make([]float64, len(m.vocab))
	most := 0.0
	for id, w := range m.vocab {
		m.weight[id] = math.Log(float64(len(intents)+1) / (float64(len(users[id])) + 0.5))
		if stopWords[w.text] {
			m.weight[id] *= stopWeight
		}
		most = max(most, m.weight[id])
	}
	m.unheard = most / 2
	for i := range m.phrases {
		for _, id := range m.phrases[i].words {
			m.phrases[i].weight += m.weight[id]
		}
	}
	return m
}

// best finds the intent that an utterance is most like.
func (m *matcher) best(words []string) match {
	if len(words) == 0 {
		return match{}
	}
	words = words[:min(len(words), maxHeard)]
	h := m.hear(words)
	var first match
	second := 0.0
	for i := range m.phrases {
		p := &m.phrases[i]
		score := h.score(m, p)
		switch {
		case score > first.score:
			if first.intent != p.intent {
				second = first.score
			}
			first = match{intent: p.intent, score: score}
		case p.intent != first.intent && score > second:
			second = score
		}
	}
	first.margin = first.score - second
	return first
}

// hearing holds how much each word heard is like each word of the phrases.
type hearing struct {
	like   [][]float64 // by vocabulary id, then by word heard; then by each pair of neighbours taken as one word
	weight []float64   // by word heard
}

func (m *matcher) hear(words []string) hearing {
	n := len(words)
	heard := newWords(words)
	for i := range n - 1 {
		heard = append(heard, newWord(words[i]+words[i+1]))
	}
	h := hearing{like: make([][]float64, len(m.vocab)), weight: make([]float64, n)}
	cells := make([]float64, len(m.vocab)*len(heard))
	for id := range m.vocab {
		row := cells[id*len(heard) : (id+1)*len(heard)]
		h.like[id] = row
		for j := range heard {
			sim := similarity(&m.vocab[id], &heard[j])
			if j >= n && sim < 1 {
				sim *= 0.95
			}
			if sim < 1 && m.vocab[id].plain && heard[j].plain {
				sim = 0
			}
			if sim >= alike {
				row[j] = sim
			}
		}
	}
	for j, w := range words {
		id, known := m.ids[w]
		switch {
		case known:
			h.weight[j] = m.weight[id]
		case stopWords[w]:
			h.weight[j] = m.unheard * stopWeight
		default:
			h.weight[j] = m.unheard
		}
	}
	return h
}

// score weighs how much of the phrase was heard against how much of what was
// heard is in the phrase.
func (h *hearing) score(m *matcher, p *phrase) float64 {
	n := len(h.weight)
	if p.alone && n > 1 {
		return 0
	}
	var covered [maxHeard]float64
	found := 0.0
	for _, id := range p.words {
		best := 0.0
		for j, sim := range h.like[id] {
			if sim == 0 {
				continue
			}
			best = max(best, sim)
			if j < n {
				covered[j] = max(covered[j], sim)
			} else {
				covered[j-n] = max(covered[j-n], sim)
				covered[j-n+1] = max(covered[j-n+1], sim)
			}
		}
		found += best * m.weight[id]
	}
	said, explained := 0.0, 0.0
	for j, w := range h.weight {
		said += w
		explained += w * covered[j]
	}
	if p.weight == 0 || said == 0 {
		return 0
	}
	return math.Pow(found/p.weight, 0.6) * math.Pow(explained/said, 0.4)
}
