// Package corpus makes the turns on which the endpoint is trained and measured:
// what callers answer to an agent's questions, with pauses in it, as the words
// (turns.txt, values.txt) and as audio over a telephone line.
//
// The texts are spoken by the voices that the caller of Render brings. Where a
// turn pauses, for how long, which voice speaks and how noisy its line is
// follows from a seed: the same seed makes the same set. Lines of turns.txt are
// either for training or for testing, whole: no sentence, and no pattern of one,
// is in both.
//
// The command learn and the benchmark of the endpoint call it. It is no part
// of a call.
package corpus
