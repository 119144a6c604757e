// Package echo keeps the agent from hearing itself.
//
// Hybrids and speakerphones at the far end return the agent's own voice 20 to
// 600 ms late and 6 to 30 dB down. A Canceller compares each frame from the
// caller with what the call really played, in three steps of rising cost:
//
//   - levels of both directions, each frame: no sound while the agent speaks
//     means no echo, and nothing else runs;
//   - the delay, by a generalised cross-correlation with phase transform
//     (GCC-PHAT, Knapp and Carter 1976) at 2 kHz, when sound comes back while
//     the agent speaks, and now and then after that. A delay that stands out
//     is put on trial: a second filter learns from the recent past, a few
//     frames per frame, and takes over when it proves itself;
//   - on calls where an echo was found, an adaptive filter behind the delay: a
//     partitioned-block frequency-domain Kalman filter (Enzner and Vary 2006,
//     Kuech et al. 2014), whose step size follows from its own uncertainty and
//     from the near-end speech, so that it survives double talk without a
//     double-talk detector. A residual suppressor follows it, and puts the
//     line's own noise where the echo was.
//
// The Verdict says of each frame whether the sound in it is the agent's echo
// or the caller's, so that barge-in pauses for the caller alone.
//
// The line makes the calls, once per tick. The package starts no goroutine,
// reads no clock, spreads long work over frames, and allocates only in New and
// once more when an echo is found first.
package echo
