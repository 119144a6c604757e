package pipeline

import (
	"trunkline/media/player"
	"trunkline/pipeline/turn"
)

// Requests is what a call asks of its conversation, whoever hears and speaks
// in it.
type Requests struct {
	send func(turn.Event)
}

// NewRequests makes the Requests of a conversation whose loop send hands an
// event that happens now.
func NewRequests(send func(turn.Event)) Requests { return Requests{send: send} }

// Announce has a line said as soon as nobody speaks.
func (r Requests) Announce(l turn.Line) { r.send(turn.Event{Kind: turn.AnnounceAsked, Line: l}) }

// Finish drops whatever goes on, has a last line said, and then wants the call
// to end for the given reason.
func (r Requests) Finish(l turn.Line, reason string) {
	r.send(turn.Event{Kind: turn.FinishAsked, Line: l, Reason: reason})
}

// Resume has the agent go on after Done said that the call goes to somebody
// else, who was not reached; l is said first.
func (r Requests) Resume(l turn.Line) { r.send(turn.Event{Kind: turn.ResumeAsked, Line: l}) }

// Hold tells that the caller holds, or came back.
func (r Requests) Hold(on bool) {
	kind := turn.HoldOff
	if on {
		kind = turn.HoldOn
	}
	r.send(turn.Event{Kind: kind})
}

// played are the player's events as the machine's.
var played = [...]turn.EventKind{
	player.Started: turn.AudioStarted, player.Finished: turn.AudioFinished,
	player.Starved: turn.AudioStarved, player.Fed: turn.AudioFed,
	player.Protecting: turn.ProtectedBegan, player.Protected: turn.ProtectedEnded,
}

// Played is a player's event as the machine's. It is false for a mark, which is
// not the conversation's.
func Played(e player.Event) (turn.Event, bool) {
	if e.Mark != 0 {
		return turn.Event{}, false
	}

	return turn.Event{Kind: played[e.Kind], Utterance: e.Utterance, Silence: e.Silence}, true
}
