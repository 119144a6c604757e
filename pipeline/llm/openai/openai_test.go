package openai

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"trunkline/pipeline"
	"trunkline/pipeline/llm/llmsuite"
	"trunkline/pipeline/llm/llmtest"
	"trunkline/pipeline/llm/openai/openaitest"
	"trunkline/pipeline/vendor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestModel(t *testing.T) {
	t.Parallel()
	llmsuite.Run(t,
		func() llmtest.Vendor { return openaitest.New() },
		func(url, key string) pipeline.Model {
			return New(Config{BaseURL: url, Key: vendor.Key(key), Model: "test", MaxTokens: 300})
		})
}

func TestCallsWithoutIndexesOrIDs(t *testing.T) { // as Ollama sends them
	t.Parallel()
	r := reading{client: vendor.NewClient("openai")}
	for range 2 {
		if err := r.event([]byte(`{"choices":[{"delta":{"tool_calls":[{"function":{"name":"ping","arguments":"{\"a\":1}"}}]}}]}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.event([]byte(`{"choices":[{"delta":{},"finish_reason":"stop"}]}`)); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	r.end(t.Context(), func(d pipeline.Delta, err error) bool {
		if err != nil || string(d.Call.Args) != `{"a":1}` {
			t.Errorf("%+v, %v", d, err)
		} else {
			seen[d.Call.ID] = true
		}

		return true
	})
	if len(seen) != 2 {
		t.Errorf("ids: %v", seen)
	}
}

// OpenAI itself takes max_completion_tokens alone, other servers max_tokens.
func TestHowTheBoundOfAReplyIsNamed(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"": "max_completion_tokens", BaseURL: "max_completion_tokens", BaseURL + "/": "max_completion_tokens",
		"http://127.0.0.1:11434/v1": "max_tokens", "https://api.openai.com.example.net/v1": "max_tokens",
	} {
		b := New(Config{BaseURL: address, Model: "test", MaxTokens: 300}).body(&pipeline.Request{})
		if b[want] != 300 {
			t.Errorf("%q: %v", address, b)
		}
	}
}

func FuzzEvent(f *testing.F) {
	f.Add(`{"choices":[{"delta":{"content":"a","tool_calls":[{"index":0,"id":"x","function":{"name":"n","arguments":"{"}}]}}],"usage":{"prompt_tokens":1}}`)
	f.Add(`[DONE]`)
	f.Add(`{"error":{"code":"server_error"}}`)
	f.Add(`{"choices":[{"delta":{"tool_calls":[{"index":-5}]}}]}`)
	f.Fuzz(func(t *testing.T, data string) {
		r := reading{client: vendor.NewClient("openai")}
		for line := range strings.Lines(data) {
			if err := r.event([]byte(strings.TrimSpace(line))); err != nil {
				return
			}
		}
		r.end(t.Context(), func(d pipeline.Delta, err error) bool {
			if err == nil && d.Call != nil && (d.Call.Name == "" || d.Call.ID == "" || d.Call.Args[0] != '{') {
				t.Fatalf("%+v", d.Call)
			}

			return true
		})
	})
}
