package call

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"trunkline/media/line"
	"trunkline/media/player"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
)

// Agent is who answers: the settings of its conversations and the providers
// that they use. One Agent serves many calls at once.
type Agent struct {
	Name         string
	Conversation pipeline.Config
	Providers    pipeline.Providers

	// Transfers are whom the agent may put callers through to, by the names that
	// its model uses. A hand-off to any other ends the call.
	Transfers map[string]Target

	// Converse makes the conversation of one call. nil: a
	// pipeline.Conversation with the Providers.
	Converse func(pipeline.Config, *player.Player, pipeline.Observer) Conversation
}

// converse makes the conversation of one call.
func (a *Agent) converse(c pipeline.Config, p *player.Player, o pipeline.Observer) Conversation {
	if a.Converse != nil {
		return a.Converse(c, p, o)
	}

	return pipeline.NewConversation(c, a.Providers, p, o)
}

// hasMessage says whether the agent knows what to tell an answering machine.
func (a *Agent) hasMessage() bool {
	if a.Providers.Lines == nil {
		return false
	}
	samples, _ := a.Providers.Lines.Audio(turn.Message)

	return len(samples) > 0
}

// A Conversation is what a call carries: pipeline.Conversation says what its
// methods do and in which order they come.
type Conversation interface {
	line.Ear

	Prepare(ctx context.Context) error
	Start()
	Stop()
	Done() <-chan pipeline.Outcome
	Announce(l turn.Line)
	Finish(l turn.Line, reason string)
	Hold(on bool)
	Played(e player.Event)
	Lost() uint64
}

// Limits bounds every call. Fields with a default may be zero.
type Limits struct {
	Cap        time.Duration // longest call from its answer
	WarnBefore time.Duration // spoken warning this long before Cap; 0: none
	NoMedia    time.Duration // no audio from the caller for this long ends the call, except on hold
	MaxCalls   int           // at once

	Prepare  time.Duration // longest time to make the agent ready while the phone rings; 0: 5 s
	Admit    time.Duration // longest time for a decision about a call of ours; 0: 5 s
	Answer   time.Duration // longest time from there to the caller's audio; 0: 40 s, above the 32 s in which an ACK may come
	Farewell time.Duration // longest time from a last line's order to the hang-up; 0: 15 s
	Hangup   time.Duration // longest wait for the far end to confirm a hang-up; 0: 3 s
	Stop     time.Duration // longest wait for providers and disk, before the record is closed without them; 0: 3 s
}

// withDefaults fills the fields that are zero.
func (l Limits) withDefaults() Limits {
	l.Prepare = cmp.Or(l.Prepare, 5*time.Second)
	l.Admit = cmp.Or(l.Admit, 5*time.Second)
	l.Answer = cmp.Or(l.Answer, 40*time.Second)
	l.Farewell = cmp.Or(l.Farewell, 15*time.Second)
	l.Hangup = cmp.Or(l.Hangup, 3*time.Second)
	l.Stop = cmp.Or(l.Stop, 3*time.Second)

	return l
}

// validate says what no call could live with.
func (l Limits) validate() error {
	switch {
	case l.Cap <= 0:
		return errors.New("call: Limits.Cap must be longer than 0")
	case l.WarnBefore < 0 || l.WarnBefore >= l.Cap:
		return fmt.Errorf("call: Limits.WarnBefore of %s does not lie before the cap of %s", l.WarnBefore, l.Cap)
	case l.NoMedia <= 0:
		return errors.New("call: Limits.NoMedia must be longer than 0")
	case l.MaxCalls <= 0:
		return errors.New("call: Limits.MaxCalls must be at least 1")
	}

	return nil
}
