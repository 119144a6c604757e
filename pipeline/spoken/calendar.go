package spoken

import "strings"

var monthNames = []string{
	"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
}

var dayNames = map[string]string{
	"Mon": "Monday", "Tue": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday", "Fri": "Friday", "Sat": "Saturday", "Sun": "Sunday",
}

// monthOf is the number of a month's name or abbreviation, from 1.
func monthOf(name string) int64 {
	for i, m := range monthNames {
		if len(name) >= 3 && strings.HasPrefix(m, name[:3]) {
			return int64(i + 1)
		}
	}

	return 0
}

// date is "November twenty first, twenty twenty six"; a year of zero is not
// said, a day of zero neither. It is empty when there is no such day.
func date(y, month, day int64) string {
	if month < 1 || month > 12 || day < 0 || day > 31 {
		return ""
	}
	said := monthNames[month-1]
	if day > 0 {
		said += " " + ordinal(day)
	}
	switch {
	case y == 0:
	case day > 0:
		said += ", " + year(y)
	default:
		said += " " + year(y)
	}

	return said
}

func isoDate(_ *scanner, m []string) string {
	said := date(atoi(m[1]), atoi(m[2]), max(1, atoi(m[3])))
	if said == "" {
		return spell(m[1] + "-" + m[2] + "-" + m[3])
	}
	if m[4] != "" {
		said += " at " + clock(m[4], m[5], "")
	}

	return said
}

func slashDate(s *scanner, m []string) string {
	month, day := atoi(m[1]), atoi(m[2])
	if s.dayFirst || month > 12 || strings.Contains(m[0], ".") {
		month, day = day, month
	}
	y := atoi(m[3])
	if len(m[3]) == 2 {
		y += 2000
		if y > 2060 {
			y -= 100
		}
	}
	if day == 0 {
		return ""
	}

	return date(y, month, day)
}

func monthDay(_ *scanner, m []string) string {
	if atoi(m[2]) == 0 {
		return ""
	}
	said := date(atoi(m[3]), monthOf(m[1]), atoi(m[2]))
	if said != "" && m[4] != "" {
		if m[3] != "" {
			return ""
		}
		said += " to " + ordinal(atoi(m[4]))
	}

	return said
}

func dayMonth(_ *scanner, m []string) string {
	if atoi(m[1]) == 0 {
		return ""
	}

	return date(atoi(m[3]), monthOf(m[2]), atoi(m[1]))
}

func monthYear(_ *scanner, m []string) string { return date(atoi(m[2]), monthOf(m[1]), 0) }

func dayRange(_ *scanner, m []string) string { return dayNames[m[1][:3]] + " to " + dayNames[m[2][:3]] }

func yearRange(s *scanner, m []string) string {
	from, to := atoi(m[1]), atoi(m[2])
	if s.identifies() || from >= 2100 || from < 1100 {
		return ""
	}
	if len(m[2]) == 2 {
		return year(from) + " to " + cardinal(to)
	}

	return year(from) + " to " + year(to)
}

func decade(_ *scanner, m []string) string {
	if m[1] != "" {
		return plural(cardinal(atoi(m[1])))
	}

	return plural(year(atoi(m[2])))
}

// dayOrFraction reads "11/21": a day when a word before says so, or when it is
// no fraction in use.
func dayOrFraction(s *scanner, m []string) string {
	first, second := atoi(m[1]), atoi(m[2])
	if m[3] != "" {
		return ""
	}
	month, day := first, second
	if s.dayFirst {
		month, day = second, first
	}
	said := ""
	if day > 0 {
		said = date(0, month, day)
	}
	dated := set("on", "by", "until", "since", "from", "before", "after", "due", "through", "till", "dated")[s.last()]
	switch {
	case dated && said != "":
		return said
	case second >= 2 && second <= 16 && first > 0 && first < second && (second <= 6 || second == 8 || second == 10 || second == 12 || second == 16):
		return fraction(first, second)
	case said != "" && second > 12:
		return said
	default:
		return whole(m[1]) + " out of " + whole(m[2])
	}
}

// clock reads a time of day. An hour of the 24-hour clock is told by its half
// of the day.
func clock(hours, minutes, half string) string {
	h, m := atoi(hours), atoi(minutes)
	if h > 24 || m > 59 {
		return ""
	}
	mark := ""
	if half != "" {
		mark = strings.ToUpper(half[:1]) + " M"
	}
	switch {
	case half != "" && h > 12:
		h -= 12
	case half == "" && (h == 0 || h == 24):
		h, mark = 12, "A M"
	case half == "" && h > 12:
		h, mark = h-12, "P M"
	}
	switch {
	case m > 9:
		return joined(cardinal(h), cardinal(m), mark)
	case m > 0:
		return joined(cardinal(h), "oh", cardinal(m), mark)
	case mark != "":
		return joined(cardinal(h), mark)
	default:
		return cardinal(h) + " o'clock"
	}
}

func clockRange(_ *scanner, m []string) string {
	from := clock(m[1], m[2], m[3])
	if m[3] == "" {
		from = strings.TrimSuffix(from, " o'clock")
	}
	to := clock(m[4], m[5], m[6])
	if from == "" || to == "" {
		return ""
	}

	return from + " to " + to
}
