// Package softphone is a headless caller: a real SIP user agent client with
// real RTP sockets that plays recorded speech in turn with an agent, or over
// it, records both directions, and measures on the wire how the agent took its
// turns.
//
// The commands call and demo, the acceptance tests and the benchmarks use it.
// Place makes one call and returns its Report. A Station holds what many calls
// at once share: one sip.UA, one pool of RTP ports and one clock.
//
// What a call does is its plan, a list of Steps. The plan is walked by a pure
// state machine (stepper), which sees only when the agent speaks; a call's
// driver (handset) feeds it from the leg and sends what it says, on the shared
// clock, without allocation. Speech is found by sub-room talkspurt, which
// sub-room wire also applies to packet captures.
//
// # What is measured
//
// Response is the time from sending the last packet of the caller's turn that
// carried speech to the arrival of the first packet of the agent's next
// talkspurt. Yield is the time from sending the first packet of an
// interruption to the arrival of the agent's last packet with audio. Arrival
// is stamped at the socket, before the jitter buffer. Greeting is the time
// from the 200 OK to the agent's first packet with audio.
//
// The package judges nothing and knows nothing of the gateway's inside; the
// transcript, when wanted, comes from the gateway's HTTP API.
package softphone
