package route

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// number is a telephone number as it was understood.
type number struct {
	e164   string
	parsed *phonenumbers.PhoneNumber
	region string // ISO 3166 code; "001" for a network of no country; empty: of none in use
}

// parse reads a number as people write it; one without a country code is of
// the region home.
func parse(text, home string) (number, error) {
	p, err := phonenumbers.Parse(text, home)
	if err != nil {
		return number{}, fmt.Errorf("is no telephone number: %w", err)
	}
	n := number{e164: phonenumbers.Format(p, phonenumbers.E164), parsed: p, region: phonenumbers.GetRegionCodeForNumber(p)}
	if len(n.e164) > 16 { // ITU-T E.164 section 6.2.1
		return number{}, fmt.Errorf("is no telephone number: %d digits, of which E.164 allows 15", len(n.e164)-1)
	}

	return n, nil
}

// Normalise is a number in E.164 form, such as +15550100123. One without a
// country code is of the region home, an ISO 3166 code.
func Normalise(text, home string) (string, error) {
	n, err := parse(text, home)

	return n.e164, err
}

// called is the number that a carrier says was called, in E.164 form when it
// can be told. What is no number of a telephone network, such as an extension,
// stays as it is.
func called(text, home string) string {
	n, err := parse(text, home)
	if err != nil || !strings.HasPrefix(text, "+") && !phonenumbers.IsValidNumber(n.parsed) {
		// Carriers in North America also send eleven digits without a plus,
		// for numbers too that are in no plan yet.
		if plus, err := parse("+"+text, home); err == nil && phonenumbers.IsValidNumber(plus.parsed) {
			return plus.e164
		}

		return text
	}

	return n.e164
}

// dear is why a number costs the caller much, or reaches no ordinary
// telephone; empty for others.
func (n *number) dear() string {
	code := strings.TrimPrefix(n.e164, "+")
	for _, s := range []struct{ prefix, what string }{
		// ITU-T E.164 list of assigned country codes, "global services".
		{"870", "Inmarsat, a satellite network"},
		{"881", "a satellite network (GMSS)"},
		{"882", "an international network, mostly satellites"},
		{"883", "an international network"},
		{"979", "international premium rate"},
		{"808", "international shared cost"},
		{"878", "universal personal numbers"},
	} {
		if strings.HasPrefix(code, s.prefix) {
			return s.what
		}
	}
	if strings.HasPrefix(code, "1") && len(code) == 11 {
		switch area, exchange := code[1:4], code[4:7]; {
		case area == "900":
			return "premium rate (area code 900)"
		case exchange == "976":
			return "premium rate (exchange 976)"
		}
	}
	switch phonenumbers.GetNumberType(n.parsed) {
	case phonenumbers.PREMIUM_RATE:
		return "premium rate"
	case phonenumbers.SHARED_COST:
		return "shared cost"
	case phonenumbers.PAGER:
		return "a pager"
	default:
		return ""
	}
}

// area is the area code of a number of the North American plan; empty for
// others.
func area(e164 string) string {
	if len(e164) == 12 && strings.HasPrefix(e164, "+1") {
		return e164[2:5]
	}

	return ""
}

// nearest is the one of own numbers that a callee knows best: of the same area
// code, else of the same country, else the first.
func nearest(own []string, to *number) (best, why string) {
	if a := area(to.e164); a != "" {
		if i := slices.IndexFunc(own, func(o string) bool { return area(o) == a }); i >= 0 {
			return own[i], "of area code " + a
		}
	}
	i := slices.IndexFunc(own, func(o string) bool {
		n, err := parse(o, "")

		return err == nil && n.parsed.GetCountryCode() == to.parsed.GetCountryCode()
	})
	if i >= 0 {
		return own[i], fmt.Sprintf("of country code +%d", to.parsed.GetCountryCode())
	}

	return own[0], "the route's first"
}
