package wire

import (
	"net/netip"

	"trunkline/softphone/talkspurt"
)

// Call is the two directions of one call.
type Call struct{ Caller, Agent Stream }

// Calls pairs streams that run between the same two addresses at the same
// time. agent tells which address is the agent's, such as by its range of
// ports. A stream without a counterpart is left out.
func Calls(streams []Stream, agent func(netip.AddrPort) bool) []Call {
	type line struct{ caller, agent netip.AddrPort }
	callers := make(map[line][]Stream)
	for _, s := range streams {
		if !agent(s.Source) && agent(s.Destination) {
			l := line{s.Source, s.Destination}
			callers[l] = append(callers[l], s)
		}
	}
	var calls []Call
	for _, s := range streams {
		l := line{caller: s.Destination, agent: s.Source}
		for i, c := range callers[l] {
			if !c.First.After(s.Last) && !s.First.After(c.Last) {
				calls = append(calls, Call{Caller: c, Agent: s})
				callers[l] = append(callers[l][:i:i], callers[l][i+1:]...)

				break
			}
		}
	}

	return calls
}

// Responses is the caller's turns with what the agent did about each. On
// loopback both ends of the line see a packet at the same instant; elsewhere
// the figures are those of the place of the capture.
func Responses(caller, agent Stream) []talkspurt.Exchange {
	turns := talkspurt.Turns(caller.Spurts, agent.Spurts, talkspurt.TurnPause)

	return talkspurt.Exchanges(turns, agent.Spurts, talkspurt.ReplyPause)
}
