// Package spoken turns what a model writes into what a voice can say: text
// normalisation, from the written form to the spoken form.
//
// Numbers, money, dates, times, telephone numbers, account numbers, addresses
// of e-mail and web, units, abbreviations, Roman numerals and acronyms become
// words. Markup, emoji, code and JSON are never read. What a voice is given
// has letters, spaces and . , ? ! ; : ' - alone.
//
// A Reader takes the sentences of one reply, in order, from package sentence;
// it remembers what a sentence leaves open, such as a block of code. Each Text
// it gives has both forms, word against word, so that the heard-ledger can
// tell in the written form what was heard: the history and the records hold
// "$25.50" and not "twenty five dollars and fifty cents". A written word that
// was cut in its middle is told by the spoken words that were heard of it.
//
// English is spoken in full. Of other languages only markup, emoji, code and
// JSON are taken out: their voices read numbers themselves.
//
// The package is pure. Package pipeline calls it, before synthesis.
package spoken
