// Package sentence cuts the text that a model streams into pieces that a
// synthesiser can speak well: whole sentences, and clauses where a sentence
// grows long, so that the first audio comes early.
//
// It knows that the points in "Dr. Reed", "3.50" and "9 a.m." end nothing. It
// changes no words: the pieces joined by spaces are the text with its white
// space normalised.
package sentence
