package spoken

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// markup takes out of a reply what is written for the eye. It remembers what a
// sentence leaves open.
type markup struct {
	fenced bool   // within a block of code
	hidden string // the element whose content is not read; empty: none
	depth  int    // open brackets of JSON
	quoted bool   // within a string of that JSON
}

var (
	// mute are elements whose content is no speech: what a model thinks, and
	// calls that it writes as text.
	mute      = regexp.MustCompile(`(?i)<(think|thinking|reasoning|tool_call|tool_calls|function_call|tool_response|script|style|code|pre)\b[^<>]*>`)
	tag       = regexp.MustCompile(`</?[A-Za-z][^<>]*>|<!--.*?-->`)
	image     = regexp.MustCompile(`!\[([^\]]*)\]\([^)\s]*(?:\s+"[^"]*")?\)`)
	link      = regexp.MustCompile(`\[([^\]]+)\]\((?:[^)\s]*)(?:\s+"[^"]*")?\)`)
	direction = regexp.MustCompile(`\[[a-z][a-z ]*\]`) // what is to be done, not said
	reference = regexp.MustCompile(`\[([^\]]+)\]\[[^\]]*\]|【[^】]*】|\[\^?\d+\](?:\([^)]*\))?`)
	inline    = regexp.MustCompile("`+([^`]*)`+")
	calling   = regexp.MustCompile(`\b[A-Za-z_][\w.]*\([^()]*=[^()]*\)`)
	heading   = regexp.MustCompile(`^\s*#{1,6}\s+`)
	quoteMark = regexp.MustCompile(`^\s*(?:>\s*)+`)
	bullet    = regexp.MustCompile(`^\s*(?:[-*+•‣◦▪–—]|\[[ xX]\])\s+(?:\[[ xX]\]\s+)?`)
	innerItem = regexp.MustCompile(`\s[*•‣◦▪]\s+`)
	rule      = regexp.MustCompile(`^[\s|:*_=~-]+$`)
	stars     = regexp.MustCompile(`\*+|~~|__+|\\([\\*_{}\[\]()#+.!|-])`)
	italic    = regexp.MustCompile(`(^|[\s("'])_([^_\s](?:[^_]*[^_\s])?)_([\s.,;:!?)"']|$)`)
	simple    = regexp.MustCompile(`^[\pL\d][\pL\d '.,$%@:-]*$`)
	emoticon  = regexp.MustCompile(`(^|\s)(?:[:;=]'?-?[)(DPpO/|]|<3|\^_\^)(?:\s|$)`)
	loose     = regexp.MustCompile(`\s+([.,;:!?]+)(\s|$)`)
	// hiddenDigits are those of a card, of which the last are shown.
	hiddenDigits = regexp.MustCompile(`[*•]{2,}\s?(\d{2,6})\b`)
	jsonStart    = regexp.MustCompile(`\{\s*(?:"|$|\})|\[\s*(?:\{|"[^"]*"\s*[,\]])`)
)

// strip gives the text of a sentence in plain words and marks, with single
// spaces; empty when nothing of it is for the ear.
func (m *markup) strip(s string) string {
	item := false
	s = m.fences(s)
	s = m.muted(s)
	s = m.json(s)
	s = tag.ReplaceAllString(s, " ")
	if rule.MatchString(s) {
		return ""
	}
	s = image.ReplaceAllString(s, "$1")
	s = link.ReplaceAllString(s, "$1")
	s = reference.ReplaceAllString(s, "$1")
	s = direction.ReplaceAllString(s, "")
	s = inline.ReplaceAllStringFunc(s, func(code string) string {
		if c := strings.Trim(code, "` "); simple.MatchString(c) {
			return c
		}

		return " "
	})
	s = calling.ReplaceAllString(s, " ")
	for {
		before := s
		s = heading.ReplaceAllString(s, "")
		s = quoteMark.ReplaceAllString(s, "")
		if bullet.MatchString(s) {
			s, item = bullet.ReplaceAllString(s, ""), true
		}
		if s == before {
			break
		}
	}
	s = hiddenDigits.ReplaceAllString(s, "xx$1")
	s = innerItem.ReplaceAllString(s, ", ")
	s = cells(s)
	s = stars.ReplaceAllString(s, "$1")
	s = italic.ReplaceAllString(s, "$1$2$3")
	s = emoticon.ReplaceAllString(s, "$1")
	s = tidy(s)
	if item && s != "" && letterLast(s) {
		s += "."
	}

	return s
}

// fences drops blocks of code between ``` or ~~~.
func (m *markup) fences(s string) string {
	s = strings.ReplaceAll(s, "~~~", "```")
	parts := strings.Split(s, "```")
	kept := ""
	for i, part := range parts {
		if i > 0 {
			m.fenced = !m.fenced
		}
		if !m.fenced {
			kept += " " + part
		}
	}

	return strings.TrimSpace(kept)
}

// muted drops elements whose content is no speech.
func (m *markup) muted(s string) string {
	kept := ""
	for {
		if m.hidden == "" {
			at := mute.FindStringSubmatchIndex(s)
			if at == nil {
				return kept + s
			}
			kept += s[:at[0]] + " "
			m.hidden = strings.ToLower(s[at[2]:at[3]])
			s = s[at[1]:]
		}
		end := strings.Index(strings.ToLower(s), "</"+m.hidden+">")
		if end < 0 || len(s) < end+len(m.hidden)+3 {
			return kept
		}
		s = s[end+len(m.hidden)+3:]
		m.hidden = ""
	}
}

// json drops objects, and lists of objects or strings.
func (m *markup) json(s string) string {
	kept := ""
	for {
		if m.depth == 0 {
			at := jsonStart.FindStringIndex(s)
			if at == nil {
				return kept + s
			}
			kept += s[:at[0]] + " "
			s = s[at[0]:]
		}
		n := m.skip(s)
		s = s[n:]
		if m.depth > 0 {
			return kept
		}
	}
}

// skip is the length of the JSON at the start of s; depth stays above zero when
// it does not end there.
func (m *markup) skip(s string) int {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case m.quoted && c == '\\':
			i++
		case c == '"':
			m.quoted = !m.quoted
		case m.quoted:
		case c == '{', c == '[':
			m.depth++
		case c == '}', c == ']':
			m.depth--
			if m.depth == 0 {
				return i + 1
			}
		}
	}

	return len(s)
}

// cells reads a row of a table as a list.
func cells(s string) string {
	t := strings.TrimSpace(s)
	if !strings.HasPrefix(t, "|") && strings.Count(t, "|") < 2 {
		return strings.ReplaceAll(s, "||", " or ")
	}
	var all []string
	for c := range strings.SplitSeq(t, "|") {
		if c = strings.TrimSpace(c); c != "" && !rule.MatchString(c) {
			all = append(all, c)
		}
	}

	return strings.Join(all, ", ")
}

// before are the signs that are replaced before normalisation would change
// them, and what a voice is to make of them.
var before = strings.NewReplacer(
	"½", " 1/2", "¼", " 1/4", "¾", " 3/4", "⅓", " 1/3", "⅔", " 2/3", "⅛", " 1/8", "⅜", " 3/8", "⅝", " 5/8", "⅞", " 7/8", "⅕", " 1/5",
	"m²", "m^2", "m³", "m^3", "ft²", "sq ft", "²", " squared", "³", " cubed", "…", "... ", "™", "", "®", "", "©", "", "ª", "", "№", "No. ",
	"℃", "°C", "℉", "°F", "“", "\"", "”", "\"", "‘", "'", "’", "'", "–", "–", "‑", "-", "‐", "-", "−", "-", "—", "—", "\u00a0", " ",
	"→", ", ", "⇒", ", ", "•", ", ",
)

// tidy brings a text to one way of writing and drops emoji and what has no
// sound. Digits of other scripts become ours.
func tidy(s string) string {
	s = norm.NFKC.String(before.Replace(s))
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '⁄': // of a fraction
			return '/'
		case r < 0x80 && r >= ' ', unicode.Is(unicode.Sc, r), strings.ContainsRune("—–°×÷±≥≤§", r):
			return r
		case unicode.IsLetter(r), unicode.IsMark(r) && !unicode.Is(unicode.Me, r) && r != 0xFE0F && r != 0xFE0E:
			return r
		case unicode.IsDigit(r):
			return digitOf(r)
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPunct(r):
			return r
		default:
			return -1
		}
	}, s)

	return loose.ReplaceAllString(strings.Join(strings.Fields(s), " "), "$1$2")
}

// digitOf is the ASCII digit of a decimal digit: each script has its ten in a
// row, and a row of several scripts is a multiple of ten long.
func digitOf(r rune) rune {
	first := r
	for unicode.IsDigit(first - 1) {
		first--
	}

	return '0' + (r-first)%10
}
