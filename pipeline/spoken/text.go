package spoken

import "strings"

// Text is a sentence in its two forms.
type Text struct {
	units []unit
}

// unit is the least part of a text that has both forms.
type unit struct {
	written string
	spoken  string // words with single spaces; never empty
}

// Spoken is what the voice says; empty when there is nothing to say.
func (t Text) Spoken() string {
	var b strings.Builder
	for i, u := range t.units {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(u.spoken)
	}

	return b.String()
}

// Written is the text as the model wrote it, without what is not read.
func (t Text) Written() string {
	var b strings.Builder
	for i, u := range t.units {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(u.written)
	}

	return b.String()
}

// Heard gives the written form of what was heard, which is a beginning of
// Spoken that ends with a word. Of a unit that was heard in part it has the
// spoken words.
func (t Text) Heard(spoken string) string {
	rest := strings.Join(strings.Fields(spoken), " ")
	var heard []string
	for _, u := range t.units {
		if rest == "" {
			break
		}
		after, whole := strings.CutPrefix(rest, u.spoken)
		if !whole || after != "" && after[0] != ' ' {
			break
		}
		heard = append(heard, u.written)
		rest = strings.TrimPrefix(after, " ")
	}
	if rest != "" {
		heard = append(heard, rest)
	}

	return strings.Join(heard, " ")
}

// Script is the texts of one utterance, in the order in which they are said.
type Script struct {
	texts []Text
}

// Add appends a text that has something to say.
func (s *Script) Add(t Text) { s.texts = append(s.texts, t) }

// Written is all of it in the written form.
func (s *Script) Written() string {
	written := make([]string, len(s.texts))
	for i, t := range s.texts {
		written[i] = t.Written()
	}

	return strings.Join(written, " ")
}

// Heard is Text.Heard over all texts, whose spoken forms are joined by spaces.
// A text that was heard in part may be followed by another one, when its voice
// failed; then the rest is told as it was heard.
func (s *Script) Heard(spoken string) string {
	rest := strings.Join(strings.Fields(spoken), " ")
	var heard []string
	for _, t := range s.texts {
		if rest == "" {
			break
		}
		said := t.Spoken()
		after, whole := strings.CutPrefix(rest, said)
		if !whole || after != "" && after[0] != ' ' {
			heard = append(heard, t.Heard(rest))
			rest = ""

			break
		}
		heard = append(heard, t.Written())
		rest = strings.TrimPrefix(after, " ")
	}
	if rest != "" {
		heard = append(heard, rest)
	}

	return strings.Join(heard, " ")
}

// Join appends the texts of another Script.
func (s *Script) Join(o *Script) { s.texts = append(s.texts, o.texts...) }

// Begin takes the Script's part from the beginning of what was heard: its
// written form, and what is left for the Scripts after it.
func (s *Script) Begin(heard string) (written, rest string) {
	rest = strings.Join(strings.Fields(heard), " ")
	said := make([]string, len(s.texts))
	for i, t := range s.texts {
		said[i] = t.Spoken()
	}
	after, whole := strings.CutPrefix(rest, strings.Join(said, " "))
	if !whole || after != "" && after[0] != ' ' {
		return s.Heard(rest), ""
	}

	return s.Written(), strings.TrimPrefix(after, " ")
}
