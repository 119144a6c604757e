// Package clock ticks calls, each once per 20 ms, for as long as they last.
//
// Deadlines are absolute: tick n of a call is due n × 20 ms after its first
// one, whatever the ticks before it took, so that a call neither drifts nor
// drains a jitter buffer. A few goroutines, the shards, serve all calls: about
// one per core. Each shard has ten phases, 2 ms apart, and the shards' phases
// interleave; a new call goes to the emptiest phase. 500 calls on two shards
// are thus 20 batches of 25 calls spread over the 20 ms, not one burst, and a
// shard without calls sleeps.
//
// After a stall a call gets its missed ticks at once, five at most. When it is
// further behind, its schedule moves forward by whole ticks and the missed ones
// are counted as skipped: audio older than 100 ms is worth less than the burst
// that it would make.
//
// A call may ask for its ticks to come a phase earlier or later, so that the
// packets of its caller wait less for them (Shifter).
//
// The call package adds every line; the clock knows nothing of audio. A Tick
// must never block: it holds up the calls of its shard.
package clock
