// Package declared has a recogniser, a model and a voice that answer after
// stated delays, without recognising, thinking or speaking. What a turn takes
// beyond their delays is trunkline's own share: benchmarks subtract the one
// from the other. Tests use the same three under virtual time, and let them
// fail or stall where they choose.
//
//   - The recogniser is there Ready after Open. It gives its first partial
//     FirstPartial after Begin, one more word every PartialEvery after that (or
//     as the words are said in a time that is told), and the final Final after
//     the end was told, or foretold. It never looks at the audio; the words are
//     given to it.
//   - The model yields its first token FirstToken after the first iteration of
//     the sequence, and token n comes n/TokensPerSecond after that one.
//   - The voice yields its first chunk FirstAudio after the first iteration of
//     the sequence; chunk n comes when Speed times real time has covered the
//     chunks before it.
//
// All delays are counted from the call itself, on absolute deadlines: a slow
// consumer does not push them back. The providers start no goroutine and hold
// no more than one timer per answer, so hundreds of calls cost next to nothing.
package declared
