package dutysuite

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/media/player"
	"trunkline/pipeline"
	"trunkline/pipeline/pipelinetest"
	"trunkline/pipeline/turn"
)

const ms = time.Millisecond

// Conversation is one that is held to its duties.
type Conversation interface {
	pipelinetest.Conversation

	Prepare(ctx context.Context) error
	Listen()
	Start()
	Finish(l turn.Line, reason string)
	Resume(l turn.Line)
}

// Setup is what a test wants of a conversation.
type Setup struct {
	Config   pipeline.Config
	Lines    *pipeline.Lines
	Player   *player.Player
	Observer pipeline.Observer
	Says     []string // the caller, talkspurt by talkspurt
	Replies  []Reply  // of the model, one after the other; the last one stays
}

// Reply is what the model does when it is asked.
type Reply struct {
	Text   string
	Call   bool // of the tool Pay, after the text
	Silent bool // nothing ever comes
}

// Held is a conversation as Setup wants it, in the bubble of the test.
type Held struct {
	Conversation Conversation
	Told         func() string // all that the model was told in words
	Close        func()        // after the conversation's Stop; nil: there is nothing to close
}

// New makes a conversation.
type New func(t *testing.T, s *Setup) Held

var texts = pipelinetest.Texts

// finals are the caller's words as they were understood, talkspurt by talkspurt.
func finals(n *pipelinetest.Notes) (all []string) {
	for _, e := range n.Of(turn.Final) {
		if e.Text != "" {
			all = append(all, e.Text)
		}
	}

	return all
}

// rig is one call.
type rig struct {
	*pipelinetest.Call

	held Held
}

// inBubble runs a call in virtual time, and replays its log.
func inBubble(t *testing.T, open New, s Setup, test func(r *rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{Call: pipelinetest.New(t)}
		s.Lines = pipelinetest.Lines(t, pipelinetest.Voice{}, &s.Config, truth)
		s.Player, s.Observer = r.Player, r.Notes
		r.held = open(t, &s)
		if r.held.Close != nil {
			defer r.held.Close()
		}
		conv := r.held.Conversation
		r.Connect(conv)
		defer conv.Stop()
		if err := conv.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		test(r)
		r.End(s.Config.Turn)
	})
}
