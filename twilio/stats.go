package twilio

import "sync/atomic"

// counts is Stats while it grows.
type counts struct {
	webhooks, forged, malformed       atomic.Uint64
	calls, refused, undecided         atomic.Uint64
	stale, unknown                    atomic.Uint64
	sockets, strangers, late, replays atomic.Uint64
	streams, noStream, elsewhere      atomic.Uint64
}

// Stats counts what came to a Server. All counters start at zero.
type Stats struct {
	Webhooks  uint64 // requests that were signed, sockets apart
	Forged    uint64 // requests, sockets among them, that were not
	Malformed uint64 // requests that could not be understood
	Calls     uint64 // offered to the Handler
	Refused   uint64 // turned away at once: no place, or stopping
	Undecided uint64 // that the Handler neither took nor refused in time
	Stale     uint64 // callbacks that came twice, or after a later one
	Unknown   uint64 // callbacks for a call that is not here, or not any more
	Sockets   uint64 // opened
	Strangers uint64 // of them, those that were no stream of ours
	Late      uint64 // of them, those that did not say in time whose they are
	Replays   uint64 // of them, those whose token was unknown, spent or another call's
	Streams   uint64 // of them, those that became a call's audio
	NoStream  uint64 // calls that were answered and whose socket never came
	Elsewhere uint64 // calls that were answered and went on at another node
	Active    int    // calls that are here
	Tokens    int    // that wait for their socket
}

// Stats is a snapshot of the counters.
func (s *Server) Stats() Stats {
	c := &s.counts

	return Stats{
		Webhooks: c.webhooks.Load(), Forged: c.forged.Load(), Malformed: c.malformed.Load(),
		Calls: c.calls.Load(), Refused: c.refused.Load(), Undecided: c.undecided.Load(),
		Stale: c.stale.Load(), Unknown: c.unknown.Load(),
		Sockets: c.sockets.Load(), Strangers: c.strangers.Load(), Late: c.late.Load(), Replays: c.replays.Load(),
		Streams: c.streams.Load(), NoStream: c.noStream.Load(), Elsewhere: c.elsewhere.Load(),
		Active: s.Active(), Tokens: s.tokens.outstanding(),
	}
}
