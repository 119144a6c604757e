package spoken

import (
	"strconv"
	"strings"
)

var (
	ones = []string{
		"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
		"thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
	}
	tens   = []string{"", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"}
	scales = []string{"", "thousand", "million", "billion", "trillion"}
)

// maxCardinal is the greatest number with a name here; longer ones are read
// digit by digit.
const maxCardinal = 999_999_999_999_999

// cardinal names n, from 0 to maxCardinal.
func cardinal(n int64) string {
	if n == 0 {
		return ones[0]
	}
	var groups []string
	for scale := 0; n > 0; scale++ {
		if part := int(n % 1000); part > 0 {
			words := belowThousand(part)
			if scale > 0 {
				words += " " + scales[scale]
			}
			groups = append([]string{words}, groups...)
		}
		n /= 1000
	}

	return strings.Join(groups, " ")
}

func belowThousand(n int) string {
	var parts []string
	if n >= 100 {
		parts = append(parts, ones[n/100], "hundred")
		n %= 100
	}
	switch {
	case n == 0:
	case n < 20:
		parts = append(parts, ones[n])
	default:
		parts = append(parts, tens[n/10])
		if n%10 > 0 {
			parts = append(parts, ones[n%10])
		}
	}

	return strings.Join(parts, " ")
}

// irregular are the ordinals that do not add "th".
var irregular = map[string]string{
	"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth", "twelve": "twelfth",
}

// ordinal is "twenty first" for 21.
func ordinal(n int64) string {
	words := strings.Fields(cardinal(n))
	last := words[len(words)-1]
	switch o, special := irregular[last]; {
	case special:
		last = o
	case strings.HasSuffix(last, "y"):
		last = strings.TrimSuffix(last, "y") + "ieth"
	default:
		last += "th"
	}
	words[len(words)-1] = last

	return strings.Join(words, " ")
}

// year is "nineteen oh five" for 1905: years are read in pairs, except those of
// the first decade of a millennium, which are numbers.
func year(n int64) string {
	high, low := n/100, n%100
	switch {
	case n < 1000 || n > 9999 || high%10 == 0 && low < 10:
		return cardinal(n)
	case low == 0:
		return cardinal(high) + " hundred"
	case low < 10:
		return cardinal(high) + " oh " + cardinal(low)
	default:
		return cardinal(high) + " " + cardinal(low)
	}
}

// plural is the plural of a number's last word, as in "the nineties".
func plural(words string) string {
	switch {
	case strings.HasSuffix(words, "y"):
		return strings.TrimSuffix(words, "y") + "ies"
	case strings.HasSuffix(words, "x"):
		return words + "es"
	default:
		return words + "s"
	}
}

// digits reads each digit of s; what is no digit is left out.
func digits(s string) string {
	var parts []string
	for _, r := range s {
		if r >= '0' && r <= '9' {
			parts = append(parts, ones[r-'0'])
		}
	}

	return strings.Join(parts, " ")
}

// whole reads a written whole number, with or without commas. Leading zeros
// and too many digits are read one by one.
func whole(s string) string {
	plain := strings.ReplaceAll(s, ",", "")
	n, err := strconv.ParseInt(plain, 10, 64)
	if err != nil || n > maxCardinal || len(plain) > 1 && plain[0] == '0' {
		return digits(plain)
	}

	return cardinal(n)
}

// number reads a whole or decimal number: "three point one four".
func number(s string) string {
	before, after, decimal := strings.Cut(s, ".")
	said := "zero"
	if before != "" {
		said = whole(before)
	}
	if decimal && after != "" {
		said += " point " + digits(after)
	}

	return said
}

// signed is number with its sign in words.
func signed(s string) string {
	switch {
	case strings.HasPrefix(s, "-"), strings.HasPrefix(s, "−"):
		return "minus " + number(strings.TrimLeft(s, "-−"))
	case strings.HasPrefix(s, "+"):
		return "plus " + number(s[1:])
	default:
		return number(s)
	}
}

// atoi is a number that a pattern has found: at most a few digits.
func atoi(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}

	return n
}

// single reports whether a written number is exactly one.
func single(s string) bool { return s == "1" || s == "-1" || s == "+1" }

// fraction is "three quarters".
func fraction(top, bottom int64) string {
	name := ordinal(bottom)
	switch bottom {
	case 2:
		name = "half"
	case 4:
		name = "quarter"
	}
	switch {
	case top == 1:
	case name == "half":
		name = "halves"
	default:
		name += "s"
	}

	return cardinal(top) + " " + name
}
