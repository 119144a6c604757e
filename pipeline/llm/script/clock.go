package script

import (
	"strconv"
	"strings"
	"time"
)

// clockTime is a time of day in minutes after midnight.
type clockTime int

const noon clockTime = 12 * 60

// parseClock reads "HH:MM" from a script.
func parseClock(s string) (clockTime, bool) {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, false
	}
	return clockTime(t.Hour()*60 + t.Minute()), true
}

// say words a time as it is spoken: "ten thirty in the morning".
func (t clockTime) say() string {
	if t == noon {
		return "noon"
	}
	if t == 0 {
		return "midnight"
	}
	h, m := int(t)/60, int(t)%60
	part := "in the morning"
	switch {
	case h >= 18:
		part = "in the evening"
	case h >= 12:
		part = "in the afternoon"
	}
	h = (h+11)%12 + 1
	switch {
	case m == 0:
		return sayNumber(h) + " " + part
	case m < 10:
		return sayNumber(h) + " oh " + sayNumber(m) + " " + part
	default:
		return sayNumber(h) + " " + sayNumber(m) + " " + part
	}
}

// homophones are what recognisers write for an hour after "at".
var homophones = map[string]int{"won": 1, "to": 2, "too": 2, "tree": 3, "for": 4, "fore": 4, "ate": 8}

// spokenTime is a time as heard, before it is known which half of the day
// was meant.
type spokenTime struct {
	at         clockTime // as said; below 13:00 unless the 24-hour clock was used
	half       int       // 0 unknown, 1 before noon, 2 after noon
	from, to   int       // the words that name it
	deliberate bool      // more than a bare number: "at three", "half past", "oclock", "in the morning"
}

// findTime looks for a time of day in words.
func findTime(words []string) (spokenTime, bool) {
	half, mark := halfOfDay(words)
	best, found := spokenTime{}, false
	for i := range words {
		t, ok := timeAt(words, i)
		if !ok || found && (best.deliberate || !t.deliberate) {
			continue
		}
		best, found = t, true
	}
	if !found {
		return spokenTime{}, false
	}
	if best.half == 0 && half != 0 {
		best.half, best.deliberate = half, true
		if mark >= best.to && mark-best.to <= 3 {
			best.to = mark + 1
		}
	}
	return best, true
}

// halfOfDay finds the words that say which half of the day is meant.
func halfOfDay(words []string) (half, at int) {
	for i, w := range words {
		switch w {
		case "am", "morning", "mornings":
			return 1, i
		case "pm", "afternoon", "evening", "tonight":
			return 2, i
		case "noon":
			if i > 0 && words[i-1] == "after" {
				return 2, i
			}
		case "m":
			if i > 0 && words[i-1] == "a" {
				return 1, i
			}
			if i > 0 && words[i-1] == "p" {
				return 2, i
			}
		}
	}
	return 0, 0
}

// timeAt reads a time that begins at words[i].
func timeAt(words []string, i int) (spokenTime, bool) {
	rest := words[i:]
	after := i > 0 && (words[i-1] == "at" || words[i-1] == "around" || words[i-1] == "about" || words[i-1] == "by")
	switch rest[0] {
	case "noon", "midday":
		if i > 0 && words[i-1] == "after" {
			return spokenTime{}, false
		}
		return spokenTime{at: noon, half: 2, from: i, to: i + 1, deliberate: true}, true
	case "midnight":
		return spokenTime{at: 0, half: 1, from: i, to: i + 1, deliberate: true}, true
	}
	if t, ok := relativeTime(rest); ok {
		t.from, t.to = i, i+t.to
		return t, true
	}
	if t, ok := numeralTime(rest[0]); ok {
		t.from, t.to = i, i+1
		t.deliberate = t.deliberate || after
		return t, true
	}
	h, took := belowHundred(rest)
	if took == 0 && after {
		if v, ok := homophones[rest[0]]; ok {
			h, took = v, 1
		}
	}
	if took == 0 || h > 23 {
		return spokenTime{}, false
	}
	t := spokenTime{at: clockTime(h * 60), from: i, deliberate: after}
	if took < len(rest) {
		if m, used := minutes(rest[took:]); used > 0 {
			t.at += clockTime(m)
			took += used
			t.deliberate = true
		}
	}
	if took < len(rest) && rest[took] == "oclock" {
		took++
		t.deliberate = true
	}
	t.to = i + took
	t.half = half24(h)
	return t, true
}

// minutes reads the minutes after an hour: "thirty", "forty five", "oh five".
func minutes(words []string) (n, took int) {
	if words[0] == "oh" || words[0] == "o" {
		if m, used := belowHundred(words[1:]); used > 0 && m < 10 {
			return m, used + 1
		}
		return 0, 0
	}
	m, used := belowHundred(words)
	if used == 0 || m < 10 || m > 59 {
		return 0, 0
	}
	return m, used
}

// relativeTime reads "half past ten", "quarter to nine", "ten past three".
func relativeTime(words []string) (spokenTime, bool) {
	var m, took int
	switch words[0] {
	case "half":
		m, took = 30, 1
	case "quarter":
		m, took = 15, 1
	default:
		m, took = belowHundred(words)
		if took > 0 && took < len(words) && strings.HasPrefix(words[took], "minute") {
			took++
		}
	}
	if took == 0 || took >= len(words) || m > 59 {
		return spokenTime{}, false
	}
	sign := 0
	switch words[took] {
	case "past", "after", "passed", "pass":
		sign = 1
	case "to", "before", "till", "of":
		sign = -1
	}
	if sign == 0 && words[0] == "half" { // "half ten" is half past ten
		sign, took = 1, took-1
	}
	if sign == 0 {
		return spokenTime{}, false
	}
	h, used := belowHundred(words[min(took+1, len(words)):])
	if used == 0 || h < 1 || h > 23 || m == 0 {
		return spokenTime{}, false
	}
	at := clockTime(h*60 + sign*m)
	return spokenTime{at: at, half: half24(h), to: took + 1 + used, deliberate: true}, true
}

// numeralTime reads "10:30", "1030", "10", "10am".
func numeralTime(w string) (spokenTime, bool) {
	t := spokenTime{}
	digits := w
	if d, ok := strings.CutSuffix(w, "am"); ok {
		digits, t.half, t.deliberate = d, 1, true
	} else if d, ok := strings.CutSuffix(w, "pm"); ok {
		digits, t.half, t.deliberate = d, 2, true
	}
	hours, mins, colon := strings.Cut(digits, ":")
	if !colon && len(digits) >= 3 && len(digits) <= 4 {
		hours, mins, colon = digits[:len(digits)-2], digits[len(digits)-2:], true
	}
	h, err := strconv.ParseUint(hours, 10, 8)
	if err != nil || h > 23 {
		return spokenTime{}, false
	}
	t.at = clockTime(h * 60)
	if colon {
		m, err := strconv.ParseUint(mins, 10, 8)
		if err != nil || m > 59 || len(mins) != 2 {
			return spokenTime{}, false
		}
		t.at += clockTime(m)
		t.deliberate = true
	}
	if t.half == 0 {
		t.half = half24(int(h))
	}
	return t, true
}

// half24 is what an hour of the 24-hour clock says about the half of the day.
func half24(h int) int {
	switch {
	case h == 0:
		return 1
	case h > 12:
		return 2
	default:
		return 0
	}
}

// resolve decides which half of the day is meant: as said, else the one that
// falls between from and to, else the half in which people make appointments.
func (s spokenTime) resolve(from, to clockTime) clockTime {
	t := s.at % noon
	switch s.half {
	case 1:
		return t
	case 2:
		return t + noon
	}
	if t >= from && t <= to {
		return t
	}
	if t+noon >= from && t+noon <= to {
		return t + noon
	}
	if t >= 7*60 {
		return t
	}
	return t + noon
}
