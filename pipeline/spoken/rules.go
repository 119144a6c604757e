package spoken

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// form reads one kind of written form. Its pattern begins at the start of a
// word; say gives the spoken form, or nothing when it is something else after
// all.
type form struct {
	pattern *regexp.Regexp
	say     func(s *scanner, m []string) string
}

const (
	num    = `\d{1,3}(?:,\d{3})+|\d+`
	dec    = `(?:(?:` + num + `)(?:\.\d+)?|\.\d+)`
	dash   = `\s?[-–—]\s?`
	months = `Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|June?\.?|July?\.?|Aug(?:ust|\.)?|Sept?(?:ember|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?`
	days   = `Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun`
	half   = `[AaPp]\.?\s?[Mm]\b\.?`
	coin   = `US\$|CA\$|A\$|[$€£¥₹]`
	size   = `thousand|million|billion|trillion|bn|[KkMB]`
)

// telephone finds the written forms of telephone numbers: of North America,
// with and without area code, and any in international form.
var telephone = regexp.MustCompile(`^(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]\d{2,4}){1,4}|\+\d{8,15}|` +
	`(?:1[ .-])?(?:\(\d{3}\)\s?|\d{3}[ .-])\d{3}[ .-]\d{4}|1-8\d\d-[A-Z]{4,10}|\d{3}-\d{4})(?:\s?(?:x|ext\.?|extension)\s?(\d{1,6}))?`)

// forms are tried in this order.
var forms []form

func init() {
	add := func(pattern string, say func(s *scanner, m []string) string) {
		forms = append(forms, form{regexp.MustCompile(`^(?:` + pattern + `)`), say})
	}
	add(`[A-Za-z0-9][\w.+%-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`, mail)
	add(`(?:(?:https?|ftp)://|www\.)[^\s<>"]*[\w/]`, address)
	add(`[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.(?:com|org|net|edu|gov|io|co|uk|de|fr|eu|us|ca|info|app|dev|ai|biz|me|tv|shop|online)(?:/[\w/.?=&%#-]*\w)?`, address)
	add(`(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}):(\d{2})(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?`, isoDate)
	add(`(\d{3})-(\d{2})-(\d{4})`, groups)
	add(`(?:\d{4}[ -]){3}\d{1,4}`, groups)
	forms = append(forms, form{telephone, phone})
	add(`(\d{1,2})[/.](\d{1,2})[/.](\d{4}|\d{2})`, slashDate)
	add(`(`+months+`)\s(\d{1,2})(?:st|nd|rd|th)?(?:,?\s(\d{4}))?(?:`+dash+`(\d{1,2})(?:st|nd|rd|th)?)?`, monthDay)
	add(`(\d{1,2})(?:st|nd|rd|th)?\s(?:of\s)?(`+months+`)(?:,?\s(\d{4}))?`, dayMonth)
	add(`(`+months+`)\s(\d{4})`, monthYear)
	add(`(`+days+`)\.?\s?[-–—]\s?(`+days+`)\b\.?`, dayRange)
	add(`(`+days+`)\.`, func(_ *scanner, m []string) string { return dayNames[m[1][:3]] })
	add(`(\d{1,2})(?::(\d{2}))?\s?(`+half+`)?`+dash+`(\d{1,2})(?::(\d{2}))?\s?(`+half+`)`, clockRange)
	add(`(\d{1,2}):(\d{2})`+dash+`(\d{1,2}):(\d{2})`, func(_ *scanner, m []string) string {
		return joined(clock(m[1], m[2], ""), "to", clock(m[3], m[4], ""))
	})
	add(`(\d{1,2}):(\d{2})(?::\d{2})?(?:\s?(`+half+`))?`, func(_ *scanner, m []string) string { return clock(m[1], m[2], m[3]) })
	add(`(\d{1,2})\s?(`+half+`)`, func(_ *scanner, m []string) string { return clock(m[1], "", m[2]) })
	add(`(\d{1,3}):(\d{1,3})`, func(_ *scanner, m []string) string { return whole(m[1]) + " to " + whole(m[2]) })
	add(`([-−])?(`+coin+`)\s?(`+dec+`)(?:\s?(`+size+`))?`+dash+`(?:`+coin+`)?\s?(`+dec+`)(?:\s?(`+size+`)\b)?`, func(_ *scanner, m []string) string {
		return joined(bareAmount(m[3], m[4]), "to", money(m[2], m[5], m[6]))
	})
	add(`([-−])?(`+coin+`)\s?([-−])?(`+dec+`)(?:\s?(`+size+`)\b)?(?:\s?/\s?([A-Za-z]+))?`, func(_ *scanner, m []string) string {
		said := money(m[2], m[4], m[5])
		if m[1]+m[3] != "" {
			said = "minus " + said
		}

		return joined(said, perWord(m[6]))
	})
	add(`(`+dec+`)\s?(?:(`+size+`)\s?)?([€£¥]|(?:USD|EUR|GBP|CAD)\b|¢)`, func(_ *scanner, m []string) string { return money(m[3], m[1], m[2]) })
	add(`(USD|EUR|GBP|CAD)\s?(`+dec+`)`, func(_ *scanner, m []string) string { return money(m[1], m[2], "") })
	add(`[xX]{2,}[- ]?(\d{2,6})`, func(_ *scanner, m []string) string { return "ending in " + digits(m[1]) })
	add(`([-−+]?`+dec+`)\s?%?`+dash+`(`+dec+`)\s?%`, func(_ *scanner, m []string) string {
		return joined(signed(m[1]), "to", number(m[2]), "percent")
	})
	add(`([-−+]?`+dec+`)\s?%`, func(_ *scanner, m []string) string { return signed(m[1]) + " percent" })
	add(`([-−+]?`+dec+`)\s?°(?:\s?([CF])\b)?`, degrees)
	add(`(\d)'\s?(\d{1,2})"`, func(_ *scanner, m []string) string { return joined(whole(m[1]), "foot", whole(m[2])) })
	add(`(`+dec+`)\s?[x×]\s?(`+dec+`)(?:\s?[x×]\s?(`+dec+`))?`, func(_ *scanner, m []string) string {
		said := number(m[1]) + " by " + number(m[2])
		if m[3] != "" {
			said += " by " + number(m[3])
		}

		return said
	})
	add(`(\d+)\s(\d{1,2})/(\d{1,3})`, func(_ *scanner, m []string) string { return mixed(m[1], m[2], m[3]) })
	add(`401\(?[kK]\)?`, func(*scanner, []string) string { return "four oh one K" })
	add(`24/7`, func(*scanner, []string) string { return "twenty four seven" })
	add(`(\d{1,2})/(\d{1,2})(?:/(\d{4}))?`, dayOrFraction)
	add(`(\d+)/(\d+)`, func(_ *scanner, m []string) string { return whole(m[1]) + " over " + whole(m[2]) })
	add(`(`+num+`)(st|nd|rd|th)\b`, func(_ *scanner, m []string) string { return orderly(m[1]) })
	add(`([12]\d{3})\s?[-–—]\s?([12]\d{3}|\d{2})`, yearRange)
	add(`(?:'(\d0)|([12]\d\d0))'?s\b`, decade)
	add(`v?(\d{1,3}(?:\.\d{1,3}){2,})`, version)
	add(`[vV](\d+(?:\.\d+)?)`, func(_ *scanner, m []string) string { return "version " + number(m[1]) })
	add(`(?:#|[Nn]o\.\s?|[Nn]r\.\s?)(\d[\d-]*)`, numbered)
	add(`([-−+]?`+dec+`)(-|\s?)(`+unitPattern+`)(?:/(h|hr|s|min|day|week|month|mo|year|yr))?`, measure)
	add(`(`+dec+`)`+dash+`(`+dec+`)(-|\s?)(`+unitPattern+`)`, measureRange)
	add(`(`+dec+`)\s?(million|billion|trillion|thousand|bn|[KkM])\b`, func(_ *scanner, m []string) string { return bareAmount(m[1], m[2]) })
	add(`(`+dec+`)`+dash+`(`+dec+`)`, numberRange)
	add(`\d+(?:-\d+)+`, groups)
	add(`([<>≤≥~±+−-])\s?(`+dec+`)`, compared)
	add(`(\d+)`, bareNumber)
	add(dec, func(_ *scanner, m []string) string { return number(m[0]) })
}

// match tries the forms at the start of a word. It gives how long the written
// form is, the spoken one, and whether a last full stop of the written one is
// part of an abbreviation.
func (s *scanner) match() (length int, said string, brief bool) {
	word := s.text[s.at : s.at+wordLen(s.text[s.at:])]
	if !strings.ContainsAny(word, "0123456789@.-–−#$€£¥₹<>~±+≤≥") && !headsForm(word) {
		return 0, "", false
	}
	rest := s.window()
	for _, f := range forms {
		m := f.pattern.FindStringSubmatch(rest)
		if m == nil || !bounded(s.text[s.at+len(m[0]):]) {
			continue
		}
		if said := f.say(s, m); said != "" {
			return len(m[0]), said, strings.HasSuffix(m[0], ".")
		}
	}

	return 0, "", false
}

// headsForm reports whether a word without digits may begin a form.
func headsForm(word string) bool {
	if len(word) < 3 || word[0] < 'A' || word[0] > 'Z' {
		return false
	}

	return monthOf(word) > 0 || dayNames[word[:3]] != "" || currencies[word][0] != ""
}

// longest bounds a written form, in bytes.
const longest = 160

// window is the text from here on, as far as a form may reach.
func (s *scanner) window() string {
	rest := s.text[s.at:]
	if len(rest) <= longest {
		return rest
	}
	n := longest
	for !utf8.RuneStart(rest[n]) {
		n--
	}

	return rest[:n]
}

// wordLen is how many bytes there are before the next space.
func wordLen(s string) int {
	if n := strings.IndexByte(s, ' '); n >= 0 {
		return n
	}

	return len(s)
}

// bounded reports whether a written form may end before rest.
func bounded(rest string) bool {
	if rest == "" {
		return true
	}
	r, n := utf8.DecodeRuneInString(rest)
	if r == ' ' {
		return true
	}
	if !strings.ContainsRune(closing, r) {
		return false
	}
	next, _ := utf8.DecodeRuneInString(rest[n:])

	return r == '—' || !unicode.IsLetter(next) && !unicode.IsDigit(next)
}

func joined(parts ...string) string {
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

// spell reads characters one by one, with a pause between groups.
func spell(s string) string {
	var parts []string
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			parts = append(parts, ones[r-'0'])
		case unicode.IsLetter(r):
			parts = append(parts, string(unicode.ToUpper(r)))
		case len(parts) > 0 && !strings.HasSuffix(parts[len(parts)-1], ","):
			parts[len(parts)-1] += ","
		}
	}

	return strings.TrimSuffix(strings.Join(parts, " "), ",")
}

func groups(_ *scanner, m []string) string { return spell(m[0]) }

// phone reads a telephone number digit by digit, with pauses between its
// groups.
func phone(_ *scanner, m []string) string {
	text := m[0]
	plus := ""
	if strings.HasPrefix(text, "+") {
		plus = "plus "
	}
	if m[1] != "" {
		text = text[:strings.IndexAny(text, "xe")]
	}
	var parts []string
	for _, g := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsDigit(r) && !unicode.IsLetter(r) }) {
		switch {
		case unicode.IsLetter(rune(g[0])):
			parts = append(parts, strings.ToLower(g))
		case len(g) == 3 && g[1:] == "00" && g[0] != '0':
			parts = append(parts, whole(g))
		case len(g) > 5:
			parts = append(parts, inThrees(g))
		default:
			parts = append(parts, digits(g))
		}
	}
	said := plus + strings.Join(parts, ", ")
	if m[1] != "" {
		said += ", extension " + digits(m[1])
	}

	return said
}

// inThrees reads a long row of digits with a pause after every third; a last
// group has two to four.
func inThrees(s string) string {
	var parts []string
	for len(s) > 4 {
		parts = append(parts, digits(s[:3]))
		s = s[3:]
	}

	return strings.Join(append(parts, digits(s)), ", ")
}

func mail(_ *scanner, m []string) string {
	user, host, _ := strings.Cut(m[0], "@")

	return symbols(user) + " at " + symbols(host)
}

// address reads a web address; of a long one the host alone.
func address(_ *scanner, m []string) string {
	text := m[0]
	if _, rest, found := strings.Cut(text, "://"); found {
		text = rest
	}
	if len(text) < 4 || !strings.Contains(text, ".") {
		return ""
	}
	host, path, _ := strings.Cut(strings.TrimPrefix(text, "www."), "/")
	path = strings.TrimSuffix(path, "/")
	if len(path) > 24 || strings.ContainsAny(path, "?=&%#") || host == "" {
		path = ""
	}
	said := symbols(host)
	if path != "" {
		said += " slash " + symbols(path)
	}

	return said
}

// symbols reads the parts of an address and names the signs between them.
func symbols(s string) string {
	names := map[rune]string{'.': "dot", '-': "dash", '_': "underscore", '+': "plus", '/': "slash", '%': "percent", '@': "at", ':': "colon"}
	var parts []string
	run := ""
	flush := func() {
		if run != "" {
			parts = append(parts, addressPart(run))
		}
		run = ""
	}
	for _, r := range s {
		name, sign := names[r]
		digit := unicode.IsDigit(r)
		switch {
		case sign:
			flush()
			parts = append(parts, name)
		case run != "" && digit != unicode.IsDigit(rune(run[0])):
			flush()
			run = string(r)
		default:
			run += string(r)
		}
	}
	flush()

	return strings.Join(parts, " ")
}

// addressPart reads letters as a word when they can be one, digits one by one.
func addressPart(s string) string {
	switch {
	case unicode.IsDigit(rune(s[0])):
		return digits(s)
	case len(s) > 1 && strings.ContainsAny(strings.ToLower(s), "aeiouy") && !spelledInAddress[strings.ToLower(s)]:
		return strings.ToLower(s)
	default:
		return spell(s)
	}
}

// spelledInAddress are parts of addresses with vowels that are no words.
var spelledInAddress = map[string]bool{"uk": true, "de": true, "eu": true, "us": true, "io": true, "ai": true, "tv": true, "ca": true, "ie": true, "au": true}

// numbered reads "#5" and "No. 5".
func numbered(s *scanner, m []string) string {
	said := ""
	if s.last() != "number" {
		said = "number "
	}
	if strings.Contains(m[1], "-") || len(m[1]) > 3 || s.identifies() {
		return said + spell(m[1])
	}

	return said + whole(m[1])
}

// identifies reports whether the words before say that a number is a name,
// read digit by digit.
func (s *scanner) identifies() bool {
	for n := 1; n <= 4; n++ {
		switch w := s.ago(n); {
		case identifiers[w]:
			return true
		case w == "in" && (s.ago(n+1) == "ending" || s.ago(n+1) == "ends"):
			return true
		case !linking[w]:
			return false
		}
	}

	return false
}

var (
	identifiers = set("account", "confirmation", "reference", "ref", "tracking", "invoice", "ticket", "case", "policy", "card",
		"routing", "member", "membership", "booking", "reservation", "code", "pin", "zip", "postcode", "id", "serial", "license",
		"flight", "extension", "ext", "passcode", "password", "iban", "order", "customer", "patient", "claim", "phone", "press", "dial", "ssn", "security")
	linking = set("number", "no", "code", "is", "the", "your", "it's", "was", "id", "key", "are", "digits", "with")
)

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}

	return m
}

// bareNumber reads a number by what stands around it.
func bareNumber(s *scanner, m []string) string {
	text := m[1]
	next := strings.ToLower(strings.Trim(s.following(len(text)), closing))
	switch {
	case s.identifies() && (len(text) > 2 || text[0] == '0'):
		if len(text) > 6 {
			return inThrees(text)
		}

		return digits(text)
	case len(text) == 5 && states[s.previous]:
		return digits(text)
	case len(text) == 4 && text >= "1100" && text < "2100" && s.yearly(next):
		return year(atoi(text))
	case len(text) == 3 && text == "911":
		return digits(text)
	case len(text) > 6 && text[0] != '0' && !strings.HasSuffix(text, "000"):
		return inThrees(text)
	case (len(text) == 3 || len(text) == 4) && streetWords[next] && text[len(text)-2:] != "00":
		return streetNumber(text)
	}

	return whole(text)
}

// yearly reports whether the word before, or the one after, says that a number
// of four digits is a year.
func (s *scanner) yearly(next string) bool {
	if counted[next] {
		return false
	}

	return beforeYears[s.last()]
}

var (
	beforeYears = set("in", "since", "year", "until", "till", "by", "from", "before", "after", "during", "early", "late", "mid",
		"of", "spring", "summer", "autumn", "fall", "winter", "circa", "and", "january", "february", "march", "april", "may", "june", "july",
		"august", "september", "october", "november", "december")
	counted = set("people", "dollars", "euros", "pounds", "percent", "miles", "units", "points", "items", "customers", "times", "hours",
		"minutes", "days", "of", "feet", "meters", "metres", "homes", "calls", "steps", "calories", "square")
	streetWords = set("street", "avenue", "road", "lane", "drive", "boulevard", "court", "st", "ave", "rd", "ln", "dr", "blvd",
		"main", "elm", "oak", "north", "south", "east", "west", "maple", "park", "broadway", "first", "second", "third", "market", "harbor")
	states = set("AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DE", "FL", "GA", "HI", "ID", "IL", "IN", "IA", "KS", "KY", "LA", "ME", "MD",
		"MA", "MI", "MN", "MS", "MO", "MT", "NE", "NV", "NH", "NJ", "NM", "NY", "NC", "ND", "OH", "OK", "OR", "PA", "RI", "SC", "SD", "TN",
		"TX", "UT", "VT", "VA", "WA", "WV", "WI", "WY", "DC")
)

// streetNumber reads a house number in pairs: "twelve thirty four".
func streetNumber(s string) string {
	high, low := atoi(s[:len(s)-2]), atoi(s[len(s)-2:])
	if low < 10 {
		return cardinal(high) + " oh " + cardinal(low)
	}

	return cardinal(high) + " " + cardinal(low)
}

func orderly(s string) string {
	plain := strings.ReplaceAll(s, ",", "")
	if len(plain) > 15 {
		return digits(plain)
	}

	return ordinal(atoi(plain))
}

func mixed(n, top, bottom string) string {
	if atoi(bottom) < 2 || atoi(top) == 0 || len(n) > 9 {
		return ""
	}
	f := fraction(atoi(top), atoi(bottom))
	switch f {
	case "one half":
		f = "a half"
	case "one quarter":
		f = "a quarter"
	}

	return whole(n) + " and " + f
}

func version(_ *scanner, m []string) string {
	parts := strings.Split(m[1], ".")
	between, read := " point ", whole
	if len(parts) == 4 {
		between, read = " dot ", func(s string) string {
			if len(s) > 2 {
				return digits(s)
			}

			return whole(s)
		}
	}
	for i, p := range parts {
		parts[i] = read(p)
	}
	said := strings.Join(parts, between)
	if strings.HasPrefix(m[0], "v") {
		said = "version " + said
	}

	return said
}

func numberRange(s *scanner, m []string) string {
	if s.identifies() || len(m[1]) > 1 && m[1][0] == '0' || len(m[1]) > 4 && !strings.ContainsAny(m[1], ".,") {
		return spell(m[1]) + ", " + spell(m[2])
	}

	return number(m[1]) + " to " + number(m[2])
}

func compared(s *scanner, m []string) string {
	names := map[string]string{
		"<": "less than", ">": "more than", "≤": "at most", "≥": "at least", "~": "about", "±": "plus or minus", "+": "plus", "-": "minus", "−": "minus",
	}
	if m[1] == "-" && s.at > 0 && len(s.units) > 0 && strings.HasPrefix(m[0], "- ") {
		return "" // a dash between words
	}

	return names[m[1]] + " " + number(m[2])
}

func degrees(_ *scanner, m []string) string {
	said := signed(m[1]) + " degree"
	if !single(m[1]) {
		said += "s"
	}
	switch {
	case strings.HasPrefix(m[2], "C"):
		said += " Celsius"
	case strings.HasPrefix(m[2], "F"):
		said += " Fahrenheit"
	}

	return said
}
