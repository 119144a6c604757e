// Package ngram builds small statistical language models from example phrases.
//
// The recogniser gives it what callers of an agent are expected to say, and
// writes the result as an ARPA file for the decoder: a trigram model with
// Witten-Bell smoothing, which suits a few hundred short phrases better than
// methods that need counts of counts. The package is pure; it knows neither
// pronunciations nor decoders.
package ngram
