package endpoint

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
)

//go:generate go run -tags offline ./learn -o weights.json

//go:embed weights.json
var weightsFile []byte

// Weights are what each feature adds to the logarithm of the odds that the turn
// is whole.
type Weights [Features]float64

// learned are the weights of this folder's table. The file is part of the
// program: a mistake in it is found by the tests.
var learned, _ = ReadWeights(weightsFile)

// ReadWeights reads a table of weights, by feature name.
func ReadWeights(b []byte) (Weights, error) {
	var w Weights
	var table struct {
		About   string             `json:"about"`
		Weights map[string]float64 `json:"weights"`
	}
	if err := json.Unmarshal(b, &table); err != nil {
		return w, fmt.Errorf("endpoint: weights: %w", err)
	}
	for f, name := range featureNames {
		x, ok := table.Weights[name]
		if !ok {
			return w, fmt.Errorf("endpoint: weights: there is none for %q", name)
		}
		w[f] = x
	}
	if len(table.Weights) != len(w) {
		return w, fmt.Errorf("endpoint: weights: %d for %d features", len(table.Weights), len(w))
	}

	return w, nil
}

// MarshalJSON writes the table of weights.
func (w *Weights) MarshalJSON() ([]byte, error) {
	m := make(map[string]float64, len(w))
	for f, x := range w {
		m[featureNames[f]] = x
	}

	return json.Marshal(m)
}

// Odds is the logarithm of the odds that a turn with these features is whole.
func (w *Weights) Odds(v *Vector) float64 {
	sum := 0.0
	for f, x := range v {
		sum += w[f] * x
	}

	return sum
}

// Chance is the probability of logarithmic odds.
func Chance(odds float64) float64 { return 1 / (1 + math.Exp(-odds)) }
