package assemblyai

import (
	"testing"

	"go.uber.org/goleak"

	"trunkline/pipeline"
	"trunkline/pipeline/asr/asrsuite"
	"trunkline/pipeline/asr/asrtest"
	"trunkline/pipeline/asr/assemblyai/assemblyaitest"
	"trunkline/pipeline/vendor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRecognizer(t *testing.T) {
	t.Parallel()
	asrsuite.Run(t,
		func() asrtest.Vendor { return assemblyaitest.New() },
		func(url, key string) pipeline.Recognizer {
			return New(Config{BaseURL: url, Key: vendor.Key(key), KeyTerms: []string{"Harbor Street"}})
		})
}

func FuzzRead(f *testing.F) {
	f.Add(`{"type":"Turn","end_of_turn":true,"transcript":"a","words":[{"text":"a","confidence":1}]}`)
	f.Add(`{"type":"Error","error":"x"}`)
	f.Fuzz(func(t *testing.T, data string) {
		p := protocol{client: vendor.NewClient("assemblyai")}
		if e, ok := p.Read([]byte(data)); !ok && e.Err != nil {
			t.Fatal("an error that says nothing")
		}
	})
}
