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

// Standby is one call that is held by the model while it can hold it, else by an
// ordinary conversation: from the beginning when no session can be opened while
// the phone rings, or from where the model's sessions fail. Its methods are
// those of pipeline.Conversation, and come in the same order.
type Standby struct {
	model *Conversation
	other func() *pipeline.Conversation

	// mu is held while a frame is heard, so that the call changes hands between
	// two frames.
	mu      sync.Mutex
	holds   holder                 // the call
	spare   *pipeline.Conversation // nil: none was made yet
	stopped bool
}

// holder holds a call.
type holder interface {
	line.Ear

	Prepare(ctx context.Context) error
	Listen()
	Start()
	Stop()
	Done() <-chan pipeline.Outcome
	Announce(l turn.Line)
	Finish(l turn.Line, reason string)
	Resume(l turn.Line)
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
	s := &Standby{model: model, other: other, holds: model}
	model.other, model.swap = s.makeReady, s.change

	return s
}

// Prepare opens a session, or makes the ordinary conversation ready.
func (s *Standby) Prepare(ctx context.Context) error {
	err := s.model.open(ctx)
	if err == nil || ctx.Err() != nil || errors.Is(err, errOver) {
		return err
	}
	s.model.Stop()
	other, err2 := s.ordinary()
	if err2 != nil {
		return err2
	}
	s.mu.Lock()
	s.holds = other
	s.mu.Unlock()
	other.News(pipeline.News{Kind: pipeline.Failed, Stage: pipeline.Converse, Provider: s.model.provider.cfg.Name, Err: err})

	return other.Prepare(ctx)
}

// ordinary makes the ordinary conversation, which Stop ends.
func (s *Standby) ordinary() (*pipeline.Conversation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil, errOver
	}
	s.spare = s.other()

	return s.spare, nil
}

// makeReady is the ordinary conversation, ready to hear a caller.
func (s *Standby) makeReady(ctx context.Context) (*pipeline.Conversation, error) {
	other, err := s.ordinary()
	if err != nil {
		return nil, err
	}
	if err := other.Prepare(ctx); err != nil {
		return nil, err
	}

	return other, other.Ready()
}

// change has the ordinary conversation hold the call from the next frame on, if
// that may be now; hand gives it the conversation.
func (s *Standby) change(to *pipeline.Conversation, may func() bool, hand func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || !may() {
		return false
	}
	hand()
	s.holds = to

	return true
}

// held is who holds the call.
func (s *Standby) held() holder {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.holds
}

// Listen begins to hear, when the agent is to speak later.
func (s *Standby) Listen() { s.held().Listen() }

// Start begins the conversation.
func (s *Standby) Start() { s.held().Start() }

// Done receives, once, when the conversation wants the call to end.
func (s *Standby) Done() <-chan pipeline.Outcome { return s.held().Done() }

// Announce has a line said as soon as nobody speaks.
func (s *Standby) Announce(l turn.Line) { s.held().Announce(l) }

// Finish has a last line said, and then wants the call to end.
func (s *Standby) Finish(l turn.Line, reason string) { s.held().Finish(l, reason) }

// Resume has the agent go on after nobody was reached.
func (s *Standby) Resume(l turn.Line) { s.held().Resume(l) }

// Hold tells that the caller holds, or came back.
func (s *Standby) Hold(on bool) { s.held().Hold(on) }

// Played takes the player's events.
func (s *Standby) Played(e player.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds.Played(e)
}

// Hear implements line.Ear.
func (s *Standby) Hear(f *media.Frame, in media.Inbound, voiced bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds.Hear(f, in, voiced)
}

// Key implements line.Ear.
func (s *Standby) Key(d media.Digit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds.Key(d)
}

// Lost counts what did not fit into the conversations' queues.
func (s *Standby) Lost() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.model.Lost()
	if s.spare != nil {
		n += s.spare.Lost()
	}

	return n
}

// Charges is what the call has cost so far.
func (s *Standby) Charges() []pipeline.Charge { return s.held().Charges() }

// Stop ends the conversation and waits until all of it is quiet.
func (s *Standby) Stop() {
	s.mu.Lock()
	s.stopped = true
	spare := s.spare
	s.mu.Unlock()
	s.model.Stop()
	if spare != nil {
		spare.Stop()
	}
}
