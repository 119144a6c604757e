package sim

import (
	"context"
	"encoding/json"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/pipeline"
	toolset "trunkline/pipeline/tools"
)

// switching is a model that changes to German when it is first asked.
type switching struct{ german bool }

func (s switching) Generate(_ context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		switch last := req.History[len(req.History)-1]; {
		case last.Role != pipeline.Tool && !s.german:
			yield(pipeline.Delta{Call: &pipeline.ToolCall{Name: toolset.SwitchLanguage, Args: json.RawMessage(`{"language": "de"}`)}}, nil)
		case s.german:
			yield(pipeline.Delta{Text: "Um neun machen wir auf."}, nil)
		default:
			yield(pipeline.Delta{Text: "Gerne auf Deutsch."}, nil)
		}
	}
}

func TestAnAgentWithTwoLanguages(t *testing.T) {
	t.Parallel()
	set, err := toolset.New(toolset.Options{BuiltIn: toolset.BuiltIn{Languages: []string{"en-US", "de"}}})
	if err != nil {
		t.Fatal(err)
	}
	s := &Scenario{
		Name: "two languages", Runs: 1, Pass: 1, Steps: []Step{
			{Say: "do you speak german", Expect: StepExpect{Says: Patterns{"Deutsch"}}},
			{Say: "wann machen sie auf", Expect: StepExpect{Says: Patterns{"Um neun"}}},
		},
	}
	synctest.Test(t, func(t *testing.T) {
		play(t, s, Options{Mode: Text, Seed: 1, Agent: &Party{
			Name: "reception", Conversation: pipeline.Config{Tools: set}, Cap: time.Minute,
			Providers: pipeline.Providers{
				Model: switching{}, Languages: []pipeline.Language{{Tag: "de", Model: switching{german: true}}},
			},
			Texts: pipeline.Texts{Greeting: "Hello."}, OtherTexts: []pipeline.Texts{{Greeting: "Hallo.", Language: "de"}},
		}})
	})
}
