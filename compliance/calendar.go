package compliance

import (
	"errors"
	"fmt"
	"time"

	"github.com/rickar/cal/v2"
)

// holiday is a day of a pack's calendar: on a date each year (month, day), on
// the nth weekday of a month (month, weekday, nth; -1 is the last), so many
// days from Easter Sunday, or on the listed dates alone.
type holiday struct {
	Name    string `yaml:"name"`
	Month   int    `yaml:"month"`
	Day     int    `yaml:"day"`
	Weekday string `yaml:"weekday"`
	Nth     int    `yaml:"nth"`
	Plus    int    `yaml:"plus"` // days after the nth weekday
	Easter  *int   `yaml:"easter"`
	Dates   []Day  `yaml:"dates"`
	Since   int    `yaml:"since"` // first year
	Every   int    `yaml:"every"` // only in years that it divides, such as 2 for elections
	// Observed is "weekend" when a Saturday's holiday is also kept on Friday
	// and a Sunday's on Monday, "sunday" for the latter alone.
	Observed string `yaml:"observed"`
}

// civil is a calendar day as a number, 20261120.
type civil int

func civilOf(t time.Time) civil {
	y, m, d := t.Date()

	return civil(y*10000 + int(m)*100 + d)
}

// calendar names its holidays, both the days themselves and those on which
// they are observed.
type calendar map[civil]string

var weekdays = map[string]time.Weekday{
	"sunday": time.Sunday, "monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday,
	"thursday": time.Thursday, "friday": time.Friday, "saturday": time.Saturday,
}

var errHoliday = errors.New("needs a name, and month with day, month with weekday and nth, easter, or dates")

func makeCalendar(all []holiday) (calendar, error) {
	days := make(calendar)
	for _, h := range all {
		if h.Name == "" {
			return nil, errHoliday
		}
		for _, d := range h.Dates {
			days[civilOf(d.start)] = h.Name
		}
		if len(h.Dates) > 0 {
			continue
		}
		rule, err := h.rule()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", h.Name, err)
		}
		for year := firstYear - 1; year <= lastYear+1; year++ {
			if year < h.Since || h.Every > 0 && year%h.Every != 0 {
				continue
			}
			actual, observed := rule.Calc(year)
			days[civilOf(actual)] = h.Name
			if civilOf(observed) != civilOf(actual) {
				days[civilOf(observed)] = h.Name + " (observed)"
			}
		}
	}

	return days, nil
}

// rule is the holiday as the library computes it.
func (h *holiday) rule() (*cal.Holiday, error) {
	r := &cal.Holiday{Name: h.Name, Month: time.Month(h.Month), Day: h.Day}
	switch h.Observed {
	case "":
	case "weekend":
		r.Observed = []cal.AltDay{{Day: time.Saturday, Offset: -1}, {Day: time.Sunday, Offset: 1}}
	case "sunday":
		r.Observed = []cal.AltDay{{Day: time.Sunday, Offset: 1}}
	default:
		return nil, fmt.Errorf("observed %q is unknown; write weekend or sunday", h.Observed)
	}
	switch {
	case h.Easter != nil:
		r.Offset, r.Func = *h.Easter, cal.CalcEasterOffset
	case h.Month < 1 || h.Month > 12:
		return nil, errHoliday
	case h.Weekday != "":
		day, ok := weekdays[h.Weekday]
		if !ok || h.Nth == 0 {
			return nil, errHoliday
		}
		r.Weekday, r.Offset, r.CalcOffset, r.Func = day, h.Nth, h.Plus, cal.CalcWeekdayOffset
	case h.Day >= 1 && h.Day <= 31:
		r.Func = cal.CalcDayOfMonth
	default:
		return nil, errHoliday
	}

	return r, nil
}
