package script

import (
	"strconv"
	"strings"
)

var units = map[string]int{
	"zero": 0, "nought": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
	"eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14,
	"fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}

var tens = map[string]int{
	"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}

var unitWords, tenWords = reverse(units, "nought"), reverse(tens, "")

func reverse(m map[string]int, except string) map[int]string {
	r := make(map[int]string, len(m))
	for w, n := range m {
		if w != except {
			r[n] = w
		}
	}
	return r
}

// belowHundred reads a number from 0 to 99 at the start of words and says how
// many words it took; 0 words when there is none.
func belowHundred(words []string) (n, took int) {
	if len(words) == 0 {
		return 0, 0
	}
	if n, ok := units[words[0]]; ok {
		return n, 1
	}
	if n, ok := tens[words[0]]; ok {
		if len(words) > 1 {
			if u, ok := units[words[1]]; ok && u > 0 && u < 10 {
				return n + u, 2
			}
		}
		return n, 1
	}
	if n, err := strconv.ParseUint(words[0], 10, 8); err == nil && n < 100 {
		return int(n), 1
	}
	return 0, 0
}

// cardinal reads a number from 0 to 999,999 at the start of words.
func cardinal(words []string) (n, took int) {
	if len(words) == 0 {
		return 0, 0
	}
	if v, err := strconv.ParseUint(words[0], 10, 32); err == nil && v < 1_000_000 {
		return int(v), 1
	}
	total, part := 0, 0
	for took < len(words) {
		v, used := belowHundred(words[took:])
		switch {
		case used > 0 && part%100 == 0:
			part += v
			took += used
		case words[took] == "hundred" && part > 0 && part < 10:
			part *= 100
			took++
		case words[took] == "thousand" && total == 0 && part > 0:
			total, part = part*1000, 0
			took++
		case words[took] == "and" && took > 0 && (words[took-1] == "hundred" || words[took-1] == "thousand") && took+1 < len(words):
			if _, more := belowHundred(words[took+1:]); more == 0 {
				return total + part, took
			}
			took++
		default:
			return total + part, took
		}
		if used > 0 && v == 0 {
			break
		}
	}
	return total + part, took
}

// sayNumber spells a number from 0 to 999,999 out.
func sayNumber(n int) string {
	switch {
	case n < 20:
		return unitWords[n]
	case n < 100:
		s := tenWords[n/10*10]
		if n%10 != 0 {
			s += " " + unitWords[n%10]
		}
		return s
	case n < 1000:
		s := unitWords[n/100] + " hundred"
		if n%100 != 0 {
			s += " and " + sayNumber(n%100)
		}
		return s
	default:
		s := sayNumber(n/1000) + " thousand"
		if n%1000 != 0 {
			s += " " + sayNumber(n%1000)
		}
		return s
	}
}

// spokenDigits reads a run of digits at the start of words: "five five oh
// two", "double five", "forty two", "5502".
func spokenDigits(words []string) (digits string, took int) {
	var b strings.Builder
	times := 1
	for ; took < len(words); took++ {
		w := words[took]
		var d string
		switch n, isUnit := units[w]; {
		case w == "oh" || w == "o":
			d = "0"
		case w == "double":
			times = 2
			continue
		case w == "triple" || w == "treble":
			times = 3
			continue
		case isUnit:
			d = strconv.Itoa(n)
		case tens[w] > 0:
			n, used := belowHundred(words[took:])
			d = strconv.Itoa(n)
			took += used - 1
		case strings.Trim(w, "0123456789") == "":
			d = w
		default:
			return b.String(), took
		}
		b.WriteString(strings.Repeat(d, times))
		times = 1
	}
	return b.String(), took
}

// sayDigits reads digits one by one, with a pause after each third.
func sayDigits(digits string) string {
	var b strings.Builder
	for i, d := range digits {
		if i > 0 {
			if i%3 == 0 && len(digits)-i > 1 {
				b.WriteByte(',')
			}
			b.WriteByte(' ')
		}
		b.WriteString(unitWords[int(d-'0')])
	}
	return b.String()
}
