// Command learn makes the endpoint's table of weights: it renders the training
// turns of corpus, hears them as a call would, and fits a logistic regression to
// the silences of the turns. It prints how well the table does on the turns kept
// for testing, and on its own.
//
//	go generate ./pipeline/endpoint
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"trunkline/pipeline/endpoint"
	"trunkline/pipeline/endpoint/corpus"
	"trunkline/pipeline/tts/flite"
)

func main() {
	out := flag.String("o", "weights.json", "file for the table")
	seeds := flag.Uint64("seeds", 4, "how many renderings of the turns to learn from: other pauses, voices and lines")
	flag.Parse()
	if err := run(context.Background(), *out, *seeds, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "learn:", err)
		os.Exit(1) //nolint:forbidigo // it is a main
	}
}

// example is one silence of a turn, and whether the turn was over.
type example struct {
	v    endpoint.Vector
	over bool
	text string
}

func run(ctx context.Context, path string, seeds uint64, log io.Writer) error {
	var train, test []example
	for seed := range seeds {
		set, err := corpus.Make(seed+1, flite.Voices()...)
		if err != nil {
			return err
		}
		a, b, err := examples(ctx, set)
		if err != nil {
			return err
		}
		train, test = append(train, a...), append(test, b...)
		fmt.Fprintf(log, "seed %d: %d turns of %d callers\n", seed+1, len(set.Turns), len(set.Callers))
	}
	w := fit(train)
	report(log, "train", &w, train)
	report(log, "test", &w, test)
	b, err := json.MarshalIndent(struct {
		About   string            `json:"about"`
		Weights *endpoint.Weights `json:"weights"`
	}{
		About:   fmt.Sprintf("Made by: go run -tags offline ./pipeline/endpoint/learn -seeds %d. Fitted to %d silences, tested on %d others.", seeds, len(train), len(test)),
		Weights: &w,
	}, "", "  ")
	if err != nil {
		return err
	}

	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// examples are the silences that the ear notices.
func examples(ctx context.Context, set *corpus.Set) (train, test []example, err error) {
	for n, c := range set.Callers {
		voice, err := flite.New(flite.Options{Voice: c.Voice})
		if err != nil {
			return nil, nil, err
		}
		err = set.Hear(ctx, n, voice, func(h corpus.Heard, _ *corpus.Audio) error {
			for _, b := range h.Boundaries {
				text := h.Turn.Before(b.Parts)
				v, words := endpoint.Extract(endpoint.DefaultLanguage, text, h.Asked, b.Talkspurt.Prosody)
				if endpoint.Holds(endpoint.DefaultLanguage, words) {
					continue // it has a wait of its own
				}
				x := example{v: v, over: b.Silence == 0, text: text}
				if h.Turn.Test {
					test = append(test, x)
				} else {
					train = append(train, x)
				}
			}

			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	if len(train) == 0 || len(test) == 0 {
		return nil, nil, errors.New("there is nothing to learn from")
	}

	return train, test, nil
}

// bounds say in which direction alone a feature may speak. What leaves a turn
// open never makes it wholer, whatever a few hundred turns say.
var bounds = map[endpoint.Feature]float64{
	endpoint.Conjunction: -1, endpoint.Preposition: -1, endpoint.Determiner: -1, endpoint.Auxiliary: -1, endpoint.Subject: -1,
	endpoint.Verb: -1, endpoint.Adverb: -1, endpoint.Filled: -1, endpoint.Clause: -1, endpoint.BareQuestion: -1,
	endpoint.NumberOpen: -1, endpoint.NumberRun: -1, endpoint.NumberShort: -1, endpoint.SpellingShort: -1, endpoint.SpellingOpen: -1, endpoint.SpellingBegun: -1, endpoint.EmailOpen: -1, endpoint.Unanswered: -1,
	endpoint.NameFirst: -1, endpoint.Trailing: -1, endpoint.Comma: -1, endpoint.DateOpen: -1,
	endpoint.WholeQuestion: 1, endpoint.WholeAnswer: 1, endpoint.AnswersYesNo: 1, endpoint.NumberWhole: 1, endpoint.NumberLong: 1,
	endpoint.SpellingWhole: 1, endpoint.EmailWhole: 1, endpoint.DateWhole: 1, endpoint.NameWhole: 1, endpoint.Period: 1, endpoint.Stranded: 1,
	endpoint.Falling: 1, endpoint.Lowered: 1, endpoint.Faded: 1,
}

// Of what the texts do not show, the prior says as much: they have no
// punctuation, and nobody in them spells a name that was said.
var prior = endpoint.Weights{endpoint.Trailing: -3, endpoint.Comma: -1.5, endpoint.Period: 1, endpoint.SpellingBegun: -2}

// The fit: gradient descent on the mean loss, with a pull of strength ridge
// towards the prior.
const (
	rounds = 6000
	rate   = 0.5
	ridge  = 0.002
)

// fit finds the weights by projected gradient descent.
func fit(xs []example) endpoint.Weights {
	w := prior
	var scale endpoint.Weights // of the gradient, so that decibels do not outrun flags
	for f := range scale {
		sum := 0.0
		for i := range xs {
			sum += xs[i].v[f] * xs[i].v[f]
		}
		scale[f] = 1 / math.Max(1, math.Sqrt(sum/float64(len(xs))))
	}
	for range rounds {
		var g endpoint.Weights
		for i := range xs {
			miss := endpoint.Chance(w.Odds(&xs[i].v))
			if xs[i].over {
				miss--
			}
			for f, x := range xs[i].v {
				g[f] += miss * x
			}
		}
		for f := range w {
			pull := ridge * (w[f] - prior[f])
			if endpoint.Feature(f) == endpoint.Bias {
				pull = 0
			}
			w[f] -= rate * scale[f] * scale[f] * (g[f]/float64(len(xs)) + pull)
			if b := bounds[endpoint.Feature(f)]; b*w[f] < 0 {
				w[f] = 0
			}
		}
	}
	for f := range w {
		w[f] = math.Round(w[f]*1000) / 1000
	}

	return w
}

// report prints how well weights tell the silences apart.
func report(log io.Writer, name string, w *endpoint.Weights, xs []example) {
	loss, over := 0.0, 0
	for i := range xs {
		p := endpoint.Chance(w.Odds(&xs[i].v))
		if xs[i].over {
			over++
			loss -= math.Log(p)
		} else {
			loss -= math.Log(1 - p)
		}
	}
	fmt.Fprintf(log, "%s: %d silences, %d of them the end of a turn; log loss %.3f, area under the curve %.3f\n",
		name, len(xs), over, loss/float64(len(xs)), area(w, xs))
	worst := slices.Clone(xs)
	slices.SortFunc(worst, func(a, b example) int {
		return int(math.Copysign(1, wrong(w, &b)-wrong(w, &a)))
	})
	for _, x := range worst[:min(30, len(worst))] {
		fmt.Fprintf(log, "  %5.1f %% whole, over: %-5t %q\n", 100*endpoint.Chance(w.Odds(&x.v)), x.over, x.text)
	}
}

// wrong is how far the odds are on the wrong side.
func wrong(w *endpoint.Weights, x *example) float64 {
	if x.over {
		return -w.Odds(&x.v)
	}

	return w.Odds(&x.v)
}

// area is how often a random end has better odds than a random pause.
func area(w *endpoint.Weights, xs []example) float64 {
	won, pairs := 0.0, 0.0
	for i := range xs {
		for k := range xs {
			if !xs[i].over || xs[k].over {
				continue
			}
			pairs++
			switch a, b := w.Odds(&xs[i].v), w.Odds(&xs[k].v); {
			case a > b:
				won++
			case a == b:
				won += 0.5
			}
		}
	}

	return won / pairs
}
