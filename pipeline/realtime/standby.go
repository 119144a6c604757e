package realtime

import (
	"context"
	"errors"
	"sync"

	"trunkline/media"
	"trunkline/media/line"
	"trunkline/media/player"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
)

// Standby is one call that is held by the model when a session can be opened
// while the phone rings, else by an ordinary conversation. Its methods are those
// of pipeline.Conversation, and come in the same order.
type Standby struct {
	model *Conversation
	other func() *pipeline.Conversation

	mu      sync.Mutex
	holds   holder // the call
	stopped bool
}

// holder holds a call.
type holder interface {
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
	Charges() []pipeline.Charge
}

var (
	_ holder = (*Conversation)(nil)
	_ holder = (*pipeline.Conversation)(nil)
	_ holder = (*Standby)(nil)
)

// NewStandby makes a Standby. other makes the ordinary conversation when it is
// wanted.
func NewStandby(model *Conversation, other func() *pipeline.Conversation) *Standby {
	return &Standby{model: model, other: other, holds: model}
}

// Prepare opens a session, or makes the ordinary conversation ready.
func (s *Standby) Prepare(ctx context.Context) error {
	err := s.model.open(ctx)
	if err == nil || ctx.Err() != nil || errors.Is(err, errOver) {
		return err
	}
	s.model.Stop()
	other := s.other()
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		other.Stop()

		return errOver
	}
	s.holds = other
	s.mu.Unlock()
	other.News(pipeline.News{Kind: pipeline.Failed, Stage: pipeline.Converse, Provider: s.model.provider.cfg.Name, Err: err})

	return other.Prepare(ctx)
}

// held is who holds the call.
func (s *Standby) held() holder {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.holds
}

// Start begins the conversation.
func (s *Standby) Start() { s.held().Start() }

// Done receives, once, when the conversation wants the call to end.
func (s *Standby) Done() <-chan pipeline.Outcome { return s.held().Done() }

// Announce has a line said as soon as nobody speaks.
func (s *Standby) Announce(l turn.Line) { s.held().Announce(l) }

// Finish has a last line said, and then wants the call to end.
func (s *Standby) Finish(l turn.Line, reason string) { s.held().Finish(l, reason) }

// Hold tells that the caller holds, or came back.
func (s *Standby) Hold(on bool) { s.held().Hold(on) }

// Played takes the player's events.
func (s *Standby) Played(e player.Event) { s.held().Played(e) }

// Hear implements line.Ear.
func (s *Standby) Hear(f *media.Frame, in media.Inbound, voiced bool) { s.held().Hear(f, in, voiced) }

// Key implements line.Ear.
func (s *Standby) Key(d media.Digit) { s.held().Key(d) }

// Lost counts what did not fit into the conversation's queues.
func (s *Standby) Lost() uint64 { return s.held().Lost() }

// Charges is what the call has cost so far.
func (s *Standby) Charges() []pipeline.Charge { return s.held().Charges() }

// Stop ends the conversation and waits until all of it is quiet.
func (s *Standby) Stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.held().Stop()
}
