package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/dutysuite"
	"trunkline/pipeline/pipelinetest"
)

func TestDuties(t *testing.T) {
	dutysuite.Run(t, func(_ *testing.T, s *dutysuite.Setup) dutysuite.Held {
		model := &overheard{Model: &inTurn{replies: s.Replies}}
		with := pipeline.Providers{
			Recognizer: &declared.Recognizer{FirstPartial: 160 * ms, PartialEvery: 100 * ms, Final: 100 * ms, Says: declared.InTurn(s.Says...)},
			Model:      model, Synthesizer: pipelinetest.Voice{}, Lines: s.Lines,
		}

		return dutysuite.Held{
			Conversation: pipeline.NewConversation(s.Config, with, s.Player, s.Observer),
			Told:         func() string { return fmt.Sprintf("%+v", model.asked()) },
		}
	})
}

// inTurn is a model that replies one after the other; the last one stays.
type inTurn struct {
	mu      sync.Mutex
	replies []dutysuite.Reply
}

func (m *inTurn) Generate(ctx context.Context, _ pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		m.mu.Lock()
		r := m.replies[0]
		if len(m.replies) > 1 {
			m.replies = m.replies[1:]
		}
		m.mu.Unlock()
		delay := 100 * ms
		if r.Silent {
			delay = time.Hour
		}
		wait := time.NewTimer(delay)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
			yield(pipeline.Delta{}, context.Cause(ctx))

			return
		}
		if r.Text != "" && !yield(pipeline.Delta{Text: r.Text}, nil) {
			return
		}
		if r.Call {
			yield(pipeline.Delta{Call: &pipeline.ToolCall{ID: "1", Name: dutysuite.Pay, Args: json.RawMessage("{}")}}, nil)
		}
	}
}
