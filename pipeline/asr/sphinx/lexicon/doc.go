// Package lexicon finds how words are pronounced: it takes the entries that a
// domain needs out of a large Sphinx dictionary, and guesses the sound of
// English words that the dictionary lacks, such as a surname or a street.
//
// Pronunciations are ARPAbet phones separated by spaces, as in "HH AH L OW".
package lexicon
