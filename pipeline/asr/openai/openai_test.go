package openai

import (
	"testing"

	"go.uber.org/goleak"

	"trunkline/pipeline"
	"trunkline/pipeline/asr/asrsuite"
	"trunkline/pipeline/asr/asrtest"
	"trunkline/pipeline/asr/openai/openaitest"
	"trunkline/pipeline/vendor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRecognizer(t *testing.T) {
	t.Parallel()
	asrsuite.Run(t,
		func() asrtest.Vendor { return openaitest.New() },
		func(url, key string) pipeline.Recognizer {
			return New(Config{BaseURL: url, Key: vendor.Key(key), Model: "gpt-live-transcribe"})
		})
}

func FuzzRead(f *testing.F) {
	f.Add(`{"type":"conversation.item.input_audio_transcription.delta","item_id":"a","delta":"x"}`)
	f.Add(`{"type":"error","error":{"code":"x"}}`)
	f.Fuzz(func(t *testing.T, data string) {
		p := protocol{client: vendor.NewClient("openai")}
		if e, ok := p.Read([]byte(data)); !ok && e.Err != nil {
			t.Fatal("an error that says nothing")
		}
	})
}
