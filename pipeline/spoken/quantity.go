package spoken

import (
	"strings"
)

// currencies name a coin: one, several, and their hundredths.
var currencies = map[string][4]string{
	"$":   {"dollar", "dollars", "cent", "cents"},
	"US$": {"US dollar", "US dollars", "cent", "cents"},
	"CA$": {"Canadian dollar", "Canadian dollars", "cent", "cents"},
	"A$":  {"Australian dollar", "Australian dollars", "cent", "cents"},
	"€":   {"euro", "euros", "cent", "cents"},
	"£":   {"pound", "pounds", "penny", "pence"},
	"¥":   {"yen", "yen", "sen", "sen"},
	"₹":   {"rupee", "rupees", "paisa", "paise"},
	"¢":   {"cent", "cents", "", ""},
	"USD": {"US dollar", "US dollars", "cent", "cents"},
	"EUR": {"euro", "euros", "cent", "cents"},
	"GBP": {"pound", "pounds", "penny", "pence"},
	"CAD": {"Canadian dollar", "Canadian dollars", "cent", "cents"},
}

// multiples are what stands behind a number for its thousands.
var multiples = map[string]string{
	"k": "thousand", "K": "thousand", "M": "million", "B": "billion", "bn": "billion",
	"thousand": "thousand", "million": "million", "billion": "billion", "trillion": "trillion",
}

// bareAmount is a number and its multiple.
func bareAmount(n, multiple string) string { return joined(number(n), multiples[multiple]) }

// money is an amount with its currency.
func money(coin, amount, multiple string) string {
	c := currencies[coin]
	before, after, decimal := strings.Cut(amount, ".")
	if multiple != "" || len(after) > 2 || c[2] == "" {
		name := c[1]
		if multiple == "" && amount == "1" {
			name = c[0]
		}

		return joined(number(amount), multiples[multiple], name)
	}
	if len(after) == 1 {
		after += "0"
	}
	main, parts := "", ""
	if strings.Trim(before, "0,") != "" || !decimal || after == "00" {
		name := c[1]
		if before == "1" {
			name = c[0]
		}
		if before == "" {
			before = "0"
		}
		main = whole(before) + " " + name
	}
	if decimal && after != "00" {
		name := c[3]
		if after == "01" {
			name = c[2]
		}
		parts = cardinal(atoi(after)) + " " + name
	}
	if main != "" && parts != "" {
		return main + " and " + parts
	}

	return main + parts
}

// perWord reads what an amount is paid for: "per month".
func perWord(w string) string {
	if w == "" {
		return ""
	}
	short := map[string]string{"mo": "month", "yr": "year", "hr": "hour", "h": "hour", "wk": "week", "min": "minute", "ea": "each", "pp": "person", "d": "day", "s": "second"}
	if long, known := short[strings.ToLower(w)]; known {
		w = long
	}

	return "per " + strings.ToLower(w)
}

// unitPattern finds the abbreviations in units.
const unitPattern = `km/h|mph|kph|kWh|kW|MW|W|km|cm|mm|mi|ft|in\.|in|lbs?|kg|mg|µg|g|oz|ml|mL|l|L|TB|GB|MB|KB|kB|Mbps|Gbps|kbps|` +
	`GHz|MHz|kHz|Hz|mAh|sq\.? ?ft|sq\.? ?m|m\^2|m\^3|mins?|hrs?|secs?|ms|yrs?|wks?|m|h|s|V|A|px|dB`

// units names them: one and several.
var units = map[string][2]string{
	"km/h": {"kilometer per hour", "kilometers per hour"}, "mph": {"mile per hour", "miles per hour"}, "kph": {"kilometer per hour", "kilometers per hour"},
	"kWh": {"kilowatt hour", "kilowatt hours"}, "kW": {"kilowatt", "kilowatts"}, "MW": {"megawatt", "megawatts"}, "W": {"watt", "watts"},
	"km": {"kilometer", "kilometers"}, "cm": {"centimeter", "centimeters"}, "mm": {"millimeter", "millimeters"}, "m": {"meter", "meters"},
	"mi": {"mile", "miles"}, "ft": {"foot", "feet"}, "in": {"inch", "inches"}, "in.": {"inch", "inches"},
	"lb": {"pound", "pounds"}, "lbs": {"pound", "pounds"}, "kg": {"kilogram", "kilograms"}, "mg": {"milligram", "milligrams"},
	"µg": {"microgram", "micrograms"}, "μg": {"microgram", "micrograms"}, "g": {"gram", "grams"}, "oz": {"ounce", "ounces"},
	"ml": {"milliliter", "milliliters"}, "mL": {"milliliter", "milliliters"}, "l": {"liter", "liters"}, "L": {"liter", "liters"},
	"TB": {"terabyte", "terabytes"}, "GB": {"gigabyte", "gigabytes"}, "MB": {"megabyte", "megabytes"}, "KB": {"kilobyte", "kilobytes"}, "kB": {"kilobyte", "kilobytes"},
	"Mbps": {"megabit per second", "megabits per second"}, "Gbps": {"gigabit per second", "gigabits per second"}, "kbps": {"kilobit per second", "kilobits per second"},
	"GHz": {"gigahertz", "gigahertz"}, "MHz": {"megahertz", "megahertz"}, "kHz": {"kilohertz", "kilohertz"}, "Hz": {"hertz", "hertz"},
	"mAh": {"milliamp hour", "milliamp hours"}, "sqft": {"square foot", "square feet"}, "sqm": {"square meter", "square meters"},
	"m^2": {"square meter", "square meters"}, "m^3": {"cubic meter", "cubic meters"},
	"min": {"minute", "minutes"}, "mins": {"minute", "minutes"}, "hr": {"hour", "hours"}, "hrs": {"hour", "hours"}, "h": {"hour", "hours"},
	"sec": {"second", "seconds"}, "secs": {"second", "seconds"}, "s": {"second", "seconds"}, "ms": {"millisecond", "milliseconds"},
	"yr": {"year", "years"}, "yrs": {"year", "years"}, "wk": {"week", "weeks"}, "wks": {"week", "weeks"},
	"V": {"volt", "volts"}, "A": {"amp", "amps"}, "px": {"pixel", "pixels"}, "dB": {"decibel", "decibels"},
}

// attached are units that are words or letters of their own: they count only
// when no space is before them.
var attached = set("in", "A", "s", "h", "V", "W", "l", "m")

func unitName(name string, one bool) string {
	key := strings.NewReplacer(" ", "", "sq.", "sq").Replace(name)
	if one {
		return units[key][0]
	}

	return units[key][1]
}

func measure(_ *scanner, m []string) string {
	if strings.TrimSpace(m[2]) == "" && m[2] != "" && attached[m[3]] {
		return ""
	}
	// "a five-pound bag": a hyphen makes it an adjective.
	said := joined(signed(m[1]), unitName(m[3], single(m[1]) || m[2] == "-"))
	if m[4] != "" {
		said += " " + perWord(m[4])
	}

	return said
}

func measureRange(_ *scanner, m []string) string {
	if strings.TrimSpace(m[3]) == "" && m[3] != "" && attached[m[4]] {
		return ""
	}

	return joined(number(m[1]), "to", number(m[2]), unitName(m[4], m[3] == "-"))
}

// romans are the numerals that are read, from 1 to 39.
var romans = func() map[string]int64 {
	m := make(map[string]int64)
	for n := int64(1); n < 40; n++ {
		s := strings.Repeat("X", int(n/10))
		s += []string{"", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"}[n%10]
		m[s] = n
	}

	return m
}()

// roman reads a Roman numeral where it is sure to be one: after the title of a
// part or the name of a ruler.
func (s *scanner) roman(w string) string {
	n, ok := romans[w]
	switch {
	case !ok:
		return ""
	case rulers[s.previous], s.ago(2) == "king" || s.ago(2) == "queen" || s.ago(2) == "pope":
		if w == "I" && !rulers[s.previous] {
			return ""
		}

		return "the " + ordinal(n)
	case parts[strings.ToLower(s.previous)] && s.previous != "" && (s.previous[0] <= 'Z' || len(w) > 1):
		return cardinal(n)
	case s.last() == "war" && s.ago(2) == "world", s.last() == "bowl" && s.ago(2) == "super":
		return cardinal(n)
	}

	return ""
}

var (
	rulers = set("Henry", "Elizabeth", "Charles", "Louis", "George", "Edward", "William", "Richard", "Philip", "Benedict", "Pius", "Napoleon", "Nicholas", "Catherine")
	parts  = set("chapter", "part", "section", "volume", "act", "phase", "type", "class", "level", "stage", "article", "title", "appendix", "book", "grade", "step", "tier", "division")
)

// mixedToken reads a token of letters and digits: words stay words, capitals
// are spelled, short numbers are numbers.
func mixedToken(w string, identifies bool) string {
	if identifies || strings.Count(w, "-") > 1 {
		return spell(w)
	}
	var said []string
	for run := range runs(w) {
		switch {
		case run[0] >= '0' && run[0] <= '9' && len(run) <= 2 && run[0] != '0':
			said = append(said, whole(run))
		case run[0] >= '0' && run[0] <= '9':
			said = append(said, digits(run))
		case sayAsWord[run]:
			said = append(said, strings.ToLower(run))
		case strings.ToUpper(run) == run || len(run) == 1:
			said = append(said, spell(run))
		default:
			said = append(said, run)
		}
	}

	return strings.Join(said, " ")
}

// runs cuts a token where letters meet digits.
func runs(w string) func(func(string) bool) {
	return func(yield func(string) bool) {
		start := 0
		kind := func(c byte) int {
			switch {
			case c >= '0' && c <= '9':
				return 1
			case c == '-' || c == '_' || c == '/' || c == '.' || c == '\'' || c == ',':
				return 2
			default:
				return 0
			}
		}
		for i := 1; i <= len(w); i++ {
			if i < len(w) && kind(w[i]) == kind(w[start]) {
				continue
			}
			if kind(w[start]) != 2 && !yield(w[start:i]) {
				return
			}
			start = i
		}
	}
}

// hasDigit reports whether a token has an ASCII digit.
func hasDigit(w string) bool { return strings.ContainsAny(w, "0123456789") }
