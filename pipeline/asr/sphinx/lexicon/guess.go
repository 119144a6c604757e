package lexicon

import "strings"

// Guess spells out how an English reader would say word, by letter-to-sound
// rules. It is right often enough for a name to be recognised now and then,
// and no better. It reports false for words with anything but the letters a-z
// and apostrophes, and for words without a vowel, which people spell.
func Guess(word string) (phones string, ok bool) {
	letters := strings.ReplaceAll(word, "'", "")
	if letters == "" || strings.Trim(letters, "abcdefghijklmnopqrstuvwxyz") != "" || !strings.ContainsAny(letters, vowels) {
		return "", false
	}
	var out []string
	for rest := letters; rest != ""; {
		r := match(letters[:len(letters)-len(rest)], rest)
		out = append(out, strings.Fields(r.phones)...)
		rest = rest[len(r.letters):]
	}
	return strings.Join(out, " "), len(out) > 0
}

const vowels = "aeiouy"

// rule says what letters sound like at a place in a word.
type rule struct {
	letters string
	phones  string
	place   place
}

// place is where in a word a rule holds.
type place uint8

const (
	anywhere place = iota
	first          // at the word's beginning
	last           // at its end
	soft           // before e, i or y
	open           // before one consonant and a final e, as in "lake"
)

// match is the first rule that holds for the beginning of rest, after before.
func match(before, rest string) rule {
	for _, r := range rules[rest[0]-'a'] {
		if strings.HasPrefix(rest, r.letters) && r.place.holds(before, rest[len(r.letters):]) {
			return r
		}
	}
	return rule{letters: rest[:1]} // unreachable: each letter has a rule that holds anywhere
}

func (p place) holds(before, after string) bool {
	switch p {
	case first:
		return before == ""
	case last:
		return after == ""
	case soft:
		return after != "" && strings.IndexByte("eiy", after[0]) >= 0
	case open:
		return len(after) == 2 && after[1] == 'e' && strings.IndexByte(vowels+"wx", after[0]) < 0
	default:
		return true
	}
}

// rules holds for each letter a to z what begins with it, most particular
// first.
var rules = [26][]rule{
	{ // a
		{"augh", "AO", anywhere},
		{"ai", "EY", anywhere},
		{"ay", "EY", anywhere},
		{"au", "AO", anywhere},
		{"aw", "AO", anywhere},
		{"all", "AO L", last},
		{"ar", "AA R", anywhere},
		{"air", "EH R", anywhere},
		{"a", "AH", last},
		{"a", "EY", open},
		{"a", "AE", anywhere},
	},
	{{"bb", "B", anywhere}, {"b", "B", anywhere}},
	{ // c
		{"ch", "CH", anywhere}, {"ck", "K", anywhere}, {"cc", "K", anywhere}, {"c", "S", soft}, {"c", "K", anywhere},
	},
	{{"dge", "JH", anywhere}, {"dd", "D", anywhere}, {"d", "D", anywhere}},
	{ // e
		{"eigh", "EY", anywhere},
		{"ee", "IY", anywhere},
		{"ea", "IY", anywhere},
		{"ei", "AY", anywhere},
		{"ey", "IY", last},
		{"ew", "UW", anywhere},
		{"eu", "OY", anywhere},
		{"ear", "IH R", anywhere},
		{"er", "ER", anywhere},
		{"es", "Z", last},
		{"e", "", last},
		{"e", "IY", open},
		{"e", "EH", anywhere},
	},
	{{"ff", "F", anywhere}, {"f", "F", anywhere}},
	{ // g
		{"gh", "G", first}, {"gh", "", anywhere}, {"gn", "N", first}, {"gg", "G", anywhere}, {"g", "JH", soft}, {"g", "G", anywhere},
	},
	{{"h", "HH", anywhere}},
	{ // i
		{"igh", "AY", anywhere}, {"ie", "IY", anywhere}, {"ir", "ER", anywhere}, {"ing", "IH NG", last}, {"i", "IY", last}, {"i", "AY", open}, {"i", "IH", anywhere},
	},
	{{"j", "JH", anywhere}},
	{{"kn", "N", first}, {"kk", "K", anywhere}, {"k", "K", anywhere}},
	{{"ll", "L", anywhere}, {"l", "L", anywhere}},
	{{"mm", "M", anywhere}, {"m", "M", anywhere}},
	{{"ng", "NG", last}, {"nn", "N", anywhere}, {"n", "N", anywhere}},
	{ // o
		{"ough", "OW", anywhere},
		{"oo", "UW", anywhere},
		{"ou", "AW", anywhere},
		{"ow", "OW", last},
		{"ow", "AW", anywhere},
		{"oa", "OW", anywhere},
		{"oi", "OY", anywhere},
		{"oy", "OY", anywhere},
		{"or", "AO R", anywhere},
		{"o", "OW", last},
		{"o", "OW", open},
		{"o", "AA", anywhere},
	},
	{{"ph", "F", anywhere}, {"pp", "P", anywhere}, {"p", "P", anywhere}},
	{{"qu", "K W", anywhere}, {"q", "K", anywhere}},
	{{"rr", "R", anywhere}, {"r", "R", anywhere}},
	{ // s
		{"sch", "SH", anywhere}, {"sh", "SH", anywhere}, {"ss", "S", anywhere}, {"sion", "ZH AH N", last}, {"s", "S", anywhere},
	},
	{ // t
		{"tion", "SH AH N", last}, {"tch", "CH", anywhere}, {"th", "TH", anywhere}, {"tt", "T", anywhere}, {"t", "T", anywhere},
	},
	{{"ur", "ER", anywhere}, {"u", "UW", open}, {"u", "AH", anywhere}},
	{{"vv", "V", anywhere}, {"v", "V", anywhere}},
	{{"wr", "R", first}, {"wh", "W", anywhere}, {"w", "W", anywhere}},
	{{"x", "Z", first}, {"x", "K S", anywhere}},
	{{"y", "Y", first}, {"y", "IY", last}, {"y", "IH", anywhere}},
	{{"zz", "Z", anywhere}, {"z", "Z", anywhere}},
}
