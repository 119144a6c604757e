// Package redact takes payment card numbers and their security codes out of
// text, written or spoken: transcripts, prompts to models, traces (PCI DSS
// 4.0.1, 3.3.1 and 3.5.1).
//
// It is a backstop. The way to keep card numbers out is not to hear them: a
// masked capture in which recorder, recogniser and key log see nothing. What
// gets past that is found here by its shape: 13 to 19 digits whose last one is
// right by Luhn's rule, 13 and more digits that were spoken as words, and
// three or four digits near the name of a security code.
//
// It finds numbers of the languages whose words it has (words/*.yaml), all at
// once, also in pieces over several turns of one speaker. A turn of nine to twelve
// digits is a number by itself, such as a telephone's: with its neighbours it is
// a card's only if the whole begins as issuers' numbers do. It does not find a
// number whose digits two speakers say in turns, nor one in another script; and
// long numbers that are no cards are sometimes taken for one.
package redact
