package cost

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"trunkline/pipeline"
)

// Unit is one unit of the currency.
const Unit pipeline.Money = 1_000_000_000

// Price is what a provider charges, each in units of the currency. Fields that
// do not fit its stage are zero.
type Price struct {
	InputPerMillion  float64 // tokens
	CachedPerMillion float64 // tokens read from the provider's cache; 0: as InputPerMillion
	OutputPerMillion float64 // tokens
	PerMinute        float64 // of audio heard
	CharsPerMillion  float64 // characters spoken, as Unicode code points
}

// Reply is the price of a model's reply.
func (p Price) Reply(u *pipeline.Usage) pipeline.Money {
	cached := p.CachedPerMillion
	if cached == 0 {
		cached = p.InputPerMillion
	}

	return money((float64(u.InputTokens-u.CachedTokens)*p.InputPerMillion +
		float64(u.CachedTokens)*cached + float64(u.OutputTokens)*p.OutputPerMillion) / 1e6)
}

// Audio is the price of audio heard.
func (p Price) Audio(d time.Duration) pipeline.Money { return money(d.Minutes() * p.PerMinute) }

// Text is the price of a text spoken.
func (p Price) Text(s string) pipeline.Money {
	return money(float64(utf8.RuneCountInString(s)) * p.CharsPerMillion / 1e6)
}

func money(units float64) pipeline.Money {
	return pipeline.Money(math.Round(units * float64(Unit)))
}

// Amount is so many units of the currency.
func Amount(units float64) pipeline.Money { return money(units) }

// Parse reads an amount such as "0.25".
func Parse(s string) (pipeline.Money, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 || math.IsInf(f, 0) || math.IsNaN(f) || f > 1e9 {
		return 0, fmt.Errorf("%q is no amount of money: write it like 0.25", s)
	}

	return money(f), nil
}

// Format writes an amount with at least two places and no more than it needs.
func Format(m pipeline.Money) string {
	s := strconv.FormatFloat(float64(m)/float64(Unit), 'f', 9, 64)
	whole, places, _ := strings.Cut(s, ".")
	places = strings.TrimRight(places, "0")
	for len(places) < 2 {
		places += "0"
	}

	return whole + "." + places
}
