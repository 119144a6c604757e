package anthropic

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"trunkline/pipeline"
	"trunkline/pipeline/llm/anthropic/anthropictest"
	"trunkline/pipeline/llm/llmsuite"
	"trunkline/pipeline/llm/llmtest"
	"trunkline/pipeline/vendor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestModel(t *testing.T) {
	t.Parallel()
	llmsuite.Run(t,
		func() llmtest.Vendor { return anthropictest.New() },
		func(url, key string) pipeline.Model {
			return New(Config{BaseURL: url, Key: vendor.Key(key), Model: "test"})
		})
}

func FuzzEvent(f *testing.F) {
	f.Add(`{"type":"message_start","message":{"usage":{"input_tokens":3}}}
{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"ping"}}
{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{}"}}
{"type":"content_block_stop","index":0}
{"type":"message_stop"}`)
	f.Add(`{"type":"error","error":{"type":"overloaded_error"}}`)
	f.Add(`{"type":"content_block_delta"}`)
	f.Fuzz(func(t *testing.T, data string) {
		r := reading{client: vendor.NewClient("anthropic")}
		for line := range strings.Lines(data) {
			d, err := r.event([]byte(line))
			if err != nil {
				return
			}
			if d.Call != nil && (d.Call.Name == "" || d.Call.ID == "" || d.Call.Args[0] != '{') {
				t.Fatalf("%+v", d.Call)
			}
		}
	})
}
