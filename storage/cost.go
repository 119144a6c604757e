package storage

import (
	"fmt"
	"strconv"
	"strings"
)

// Amount is money in billionths of the currency of the configured prices.
type Amount int64

// Cost is what one provider cost in one stage of a call.
type Cost struct {
	Stage    string `json:"stage"` // recognise, think, speak or converse
	Provider string `json:"provider"`
	Amount   Amount `json:"amount"`
}

// Cost is what the call's providers cost together.
func (c Call) Cost() Amount {
	var all Amount
	for i := range c.Costs {
		all += c.Costs[i].Amount
	}
	return all
}

const amountPlaces = 9

// String writes the amount with at least two places and no more than it needs.
func (a Amount) String() string {
	sign := ""
	if a < 0 {
		sign, a = "-", -a
	}
	digits := fmt.Sprintf("%0*d", amountPlaces+1, int64(a))
	whole, places := digits[:len(digits)-amountPlaces], strings.TrimRight(digits[len(digits)-amountPlaces:], "0")
	return sign + whole + "." + places + strings.Repeat("0", max(0, 2-len(places)))
}

// MarshalJSON writes the amount as a number.
func (a Amount) MarshalJSON() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalJSON reads a number with at most nine places.
func (a *Amount) UnmarshalJSON(data []byte) error {
	whole, places, _ := strings.Cut(string(data), ".")
	if len(places) > amountPlaces {
		return fmt.Errorf("amount %s: more than %d places", data, amountPlaces)
	}
	n, err := strconv.ParseInt(whole+places+strings.Repeat("0", amountPlaces-len(places)), 10, 64)
	if err != nil {
		return fmt.Errorf("amount %s: %w", data, err)
	}
	*a = Amount(n)
	return nil
}
