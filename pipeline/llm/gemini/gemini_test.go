package gemini

import (
	"testing"

	"go.uber.org/goleak"

	"trunkline/pipeline"
	"trunkline/pipeline/llm/gemini/geminitest"
	"trunkline/pipeline/llm/llmsuite"
	"trunkline/pipeline/llm/llmtest"
	"trunkline/pipeline/vendor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestModel(t *testing.T) {
	t.Parallel()
	llmsuite.Run(t,
		func() llmtest.Vendor { return geminitest.New() },
		func(url, key string) pipeline.Model {
			return New(Config{BaseURL: url, Key: vendor.Key(key), Model: "test"})
		})
}

func TestThoughtsAreNotSpoken(t *testing.T) {
	t.Parallel()
	r := reading{client: vendor.NewClient("gemini")}
	got, err := r.event([]byte(`{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"Nine."}]},"finishReason":"STOP"}]}`))
	if err != nil || len(got) != 1 || got[0].Text != "Nine." {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzEvent(f *testing.F) {
	f.Add(`{"candidates":[{"content":{"parts":[{"functionCall":{"name":"a","args":{}}},{"text":"x"}]},"finishReason":"STOP"}],"usageMetadata":{}}`)
	f.Add(`{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}`)
	f.Add(`{"promptFeedback":{"blockReason":"SAFETY"}}`)
	f.Fuzz(func(t *testing.T, data string) {
		r := reading{client: vendor.NewClient("gemini")}
		got, _ := r.event([]byte(data))
		for _, d := range got {
			if d.Call != nil && (d.Call.Name == "" || d.Call.ID == "" || d.Call.Args[0] != '{') {
				t.Fatalf("%+v", d.Call)
			}
		}
	})
}
