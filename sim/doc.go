// Package sim tries an agent out: it plays a caller from a scenario file
// against the real conversation, and says whether the call went as the
// scenario expects. `trunkline sim` is its caller; operators run it in CI.
//
// A scenario (see Load and docs/simulation.md) is a YAML file: who calls, over
// what line, what the caller does step by step, and what is expected of the
// agent. It is run in one of three modes, by the same caller and judged by the
// same rules:
//
//   - text: the words of both sides are typed. The caller's talkspurts have
//     their lengths and pauses, the recogniser gets each word when it would
//     have been spoken, the agent takes 300 ms for a word. No speech engine
//     runs; turn taking, timers and history are the real ones.
//   - audio: both sides speak. Speech, noise, the echo of the line and G.711
//     go through the line's own voice activity detection and echo canceller.
//   - sip: the same audio over a SIP call on loopback to a gateway in this
//     process, with lost and late packets where the scenario asks for them.
//
// The caller (caller.go) is pure and steps once per 20 ms frame; drivers own the
// time. What happened is a Trace, and judge.go compares it with what was
// expected, so that every mode fails for the same reasons.
//
// The package never decides what an agent says, and keeps no records.
package sim
