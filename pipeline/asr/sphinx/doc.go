// Package sphinx is the offline recogniser: pocketsphinx, in process, on
// telephone audio, for English.
//
// A [Recognizer] holds a bounded pool of decoders and gives one to each call.
// Each stream feeds its decoder in its own goroutine from a bounded queue, so
// that writing a frame never waits for the search. What a decoder needs is
// made once at start and kept in a cache directory: the acoustic model
// projected onto the telephone band ([trunkline/pipeline/asr/sphinx/narrowband]),
// and a language model and a dictionary of the agent's own phrases
// ([trunkline/pipeline/asr/sphinx/ngram], [trunkline/pipeline/asr/sphinx/lexicon]).
//
// The engine is Debian's libpocketsphinx by cgo and is linked only with the
// build tag offline; without it [New] returns [ErrNotBuilt]. The package
// decides nothing about turns: it hears only what voice activity lets through,
// and reports words.
//
// docs/speech.md tells how well it does.
package sphinx
