package spoken

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// abbreviations are read in full. Those with a full stop need it.
var abbreviations = map[string]string{
	"mr.": "Mister", "mrs.": "Missus", "ms.": "Miss", "mx.": "Mix", "prof.": "Professor", "rev.": "Reverend", "hon.": "Honorable",
	"capt.": "Captain", "col.": "Colonel", "gen.": "General", "lt.": "Lieutenant", "sgt.": "Sergeant", "gov.": "Governor", "sen.": "Senator",
	"mr": "Mister", "mrs": "Missus", "dr": "Doctor",
	"ave.": "Avenue", "blvd.": "Boulevard", "rd.": "Road", "ln.": "Lane", "hwy.": "Highway", "pkwy.": "Parkway", "sq.": "Square", "ct.": "Court",
	"apt.": "Apartment", "ste.": "Suite", "bldg.": "Building", "fl.": "Floor", "rm.": "Room", "mt.": "Mount", "ft.": "Fort",
	"vs.": "versus", "vs": "versus", "e.g.": "for example", "eg.": "for example", "i.e.": "that is", "ie.": "that is", "etc.": "et cetera", "etc": "et cetera",
	"approx.": "approximately", "dept.": "Department", "est.": "established", "min.": "minutes", "max.": "maximum", "hr.": "hour", "hrs.": "hours", "mins.": "minutes",
	"ext.": "extension", "fig.": "figure", "vol.": "volume", "tel.": "telephone", "inc.": "Incorporated", "ltd.": "Limited", "co.": "Company",
	"corp.": "Corporation", "jr.": "Junior", "sr.": "Senior", "a.m.": "A M", "p.m.": "P M", "no.": "No", "nos.": "numbers", "incl.": "including", "excl.": "excluding",
	"jan.": "January", "feb.": "February", "mar.": "March", "apr.": "April", "jun.": "June", "jul.": "July", "aug.": "August", "sep.": "September",
	"sept.": "September", "oct.": "October", "nov.": "November", "dec.": "December", "appt.": "appointment", "acct.": "account", "addr.": "address",
	"u.s.": "U S", "u.k.": "U K", "u.s.a.": "U S A", "e.u.": "E U", "ph.d.": "P H D", "m.d.": "M D", "a.k.a.": "also known as", "p.s.": "P S",
	"n/a": "not applicable", "w/": "with", "w/o": "without", "c/o": "care of", "b/c": "because", "asap": "as soon as possible", "aka": "also known as",
	"&": "and", "+": "plus", "=": "equals", "@": "at", "%": "percent", "#": "number", "≥": "at least", "≤": "at most", "×": "times", "÷": "divided by",
	"§": "section", "°": "degrees", "±": "plus or minus", "ok": "okay", "o.k.": "okay", "thx": "thanks", "pls": "please", "appts": "appointments",
}

// abbreviated reports whether a word's full stop belongs to it.
func abbreviated(w string) bool {
	if !strings.HasSuffix(w, ".") {
		return false
	}
	low := strings.ToLower(w)
	_, known := abbreviations[low]

	return known && low != "no." || low == "dr." || low == "st." || initials(w)
}

// initials reports whether a word is capitals each with a full stop: "J.",
// "U.N.".
func initials(w string) bool {
	if w == "I." || w == "A." {
		return false
	}
	for len(w) > 0 {
		if len(w) < 2 || w[0] < 'A' || w[0] > 'Z' || w[1] != '.' {
			return false
		}
		w = w[2:]
	}

	return true
}

// say reads a word that no form covers. Brief says that a last full stop of it
// is part of an abbreviation.
func (s *scanner) say(w string) (said string, brief bool) {
	low := strings.ToLower(w)
	next := s.following(len(w))
	switch low {
	case "dr.":
		return s.titleOr("Doctor", "Drive", next), true
	case "st.":
		return s.titleOr("Saint", "Street", next), true
	case "min.":
		if !hasDigit(s.previous) {
			return "minimum", true
		}
	}
	if full, known := abbreviations[low]; known && (low != "ok" || w != "Ok") {
		return full, strings.HasSuffix(low, ".")
	}
	if strings.HasSuffix(w, ".") && initials(w) {
		return spell(w), true
	}
	if r := s.roman(w); r != "" {
		return r, false
	}
	if hasDigit(w) {
		return mixedToken(w, s.identifies()), false
	}
	if a := s.acronym(w); a != "" {
		return a, false
	}

	return s.compound(w), false
}

// titleOr is a title before a name, and a kind of street behind one.
func (s *scanner) titleOr(title, street, next string) string {
	r, _ := utf8.DecodeRuneInString(next)
	p, _ := utf8.DecodeRuneInString(s.previous)
	named := unicode.IsUpper(p) || hasDigit(s.previous)
	if named && len(s.units) > 0 && !unicode.IsUpper(r) {
		return street
	}
	if next == "" && s.previous != "" {
		return street
	}

	return title
}

// acronym spells a word of capitals, unless it is read as a word. It is empty
// when w is no acronym.
func (s *scanner) acronym(w string) string {
	stem, tail := w, ""
	for _, suffix := range []string{"'s", "s"} {
		if t, found := strings.CutSuffix(w, suffix); found && len(t) > 1 && capitals(t) {
			stem, tail = t, suffix

			break
		}
	}
	if len(stem) < 2 || len(stem) > 6 || !capitals(stem) {
		if capitals(stem) && len(stem) > 6 {
			return strings.ToLower(w)
		}

		return ""
	}
	if sayAsWord[stem] || s.shouted && !spelled[stem] {
		return strings.ToLower(stem) + tail
	}
	if !spelled[stem] && len(stem) > 3 && strings.ContainsAny(stem, "AEIOU") {
		return strings.ToLower(stem) + tail
	}

	return spell(stem) + tail
}

func capitals(w string) bool {
	for _, r := range w {
		if r < 'A' || r > 'Z' {
			return false
		}
	}

	return w != ""
}

var (
	// sayAsWord are acronyms that are words, and words that are stressed by
	// capitals.
	sayAsWord = set("NASA", "NATO", "OPEC", "UNICEF", "PIN", "SIM", "ZIP", "RAM", "GIF", "COVID", "AIDS", "SARS", "FEMA", "OSHA", "HIPAA",
		"NOT", "AND", "ALL", "YES", "NO", "STOP", "NEVER", "MUST", "ONLY", "VERY", "PLEASE", "FREE", "NOW", "THE", "YOU", "ARE", "CAN", "ONE",
		"ANY", "OR", "IF", "DO", "IS", "BE", "TO", "IN", "ON", "OF", "AT", "MY", "WE", "HE", "SO", "UP", "GO", "AN", "AS", "BY", "OUR", "YOUR",
		"TWO", "NEW", "OUT", "OFF", "BUT", "FOR", "HOW", "WHO", "WHY", "DAY", "DID", "GET", "HAS", "HAD", "HER", "HIM", "HIS", "ITS", "LET", "MAY",
		"OLD", "PUT", "SAY", "SEE", "SHE", "TOO", "USE", "WAS", "WAY", "BAD", "BIG", "END", "FAR", "FEW", "LOW", "OWN", "RUN", "TOP", "TRY", "YET",
		"SAVE", "EAT", "ASK", "PAY", "BUY", "ADD", "BOX", "CAR", "CUT", "HOT", "JOB", "KEY", "LOT", "MAN", "MEN", "ME", "WIFI", "SAT", "SUN", "MON",
		"WHEN", "WITH", "THIS", "THAT", "FROM", "WILL", "HERE", "NEXT", "FIRST", "LASER", "RADAR", "VISA", "DIM", "MIX")
	// spelled are acronyms with a vowel that are spelled all the same.
	spelled = set("US", "IT", "USA", "FAQ", "FAQS", "API", "ATM", "CEO", "CFO", "COO", "CIA", "FBI", "IRS", "EST", "EDT", "PST", "DIY", "ETA", "AI", "UK",
		"EU", "UN", "ID", "IP", "IPO", "IQ", "ISP", "MRI", "OTP", "PO", "QA", "ROI", "SEO", "SUV", "TBA", "UFO", "UPS", "URL", "USB", "VAT", "VIP", "AC",
		"AAA", "AOL", "BBQ", "IBAN", "IOU", "IV", "IVR", "VOIP", "HVAC", "AED", "ACH", "APR", "APY", "IRA", "HOA", "DOB", "EIN", "UTC", "USPS", "YMCA",
		"NAACP", "UCLA", "ASPCA", "OTC", "ER", "ICU", "EMT", "UI", "HTML", "IMAP")
)

// compound reads a word with signs in it.
func (s *scanner) compound(w string) string {
	switch {
	case strings.HasPrefix(w, "#"):
		return s.compound(w[1:])
	case strings.HasPrefix(w, "@"):
		return "at " + s.compound(w[1:])
	}
	if strings.ContainsAny(w, "/_&+=@\\<>|^~") {
		parts := strings.FieldsFunc(w, func(r rune) bool { return strings.ContainsRune("/_&+=@\\<>|^~", r) })
		if len(parts) == 0 {
			return ""
		}
		for i, p := range parts {
			if len(parts) > 1 || p != w {
				parts[i], _ = s.say(p)
			}
		}
		between := " "
		switch {
		case strings.Contains(w, "&"):
			between = " and "
		case strings.Contains(w, "+") && len(parts) > 1:
			between = " plus "
		case strings.EqualFold(w, "and/or"):
			between = " "
		case strings.Contains(w, "/") && len(parts) == 2:
			between = " or "
		}

		return strings.Join(parts, between)
	}
	if strings.Contains(w, "-") && strings.ToUpper(w) == w && !s.shouted {
		parts := strings.Split(w, "-")
		for i, p := range parts {
			if a := s.acronym(p); a != "" {
				parts[i] = a
			}
		}

		return strings.Join(parts, " ")
	}

	return w
}
