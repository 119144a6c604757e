package deepgram

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"trunkline/pipeline"
	"trunkline/pipeline/asr/asrsuite"
	"trunkline/pipeline/asr/asrtest"
	"trunkline/pipeline/asr/deepgram/deepgramtest"
	"trunkline/pipeline/vendor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRecognizer(t *testing.T) {
	t.Parallel()
	asrsuite.Run(t,
		func() asrtest.Vendor { return deepgramtest.New() },
		func(url, key string) pipeline.Recognizer {
			return New(Config{BaseURL: url, Key: vendor.Key(key), Model: "nova-3", KeepAlive: 50 * time.Millisecond})
		})
}

func FuzzRead(f *testing.F) {
	f.Add(`{"type":"Results","is_final":true,"channel":{"alternatives":[{"transcript":"a","confidence":1,"languages":["en"]}]}}`)
	f.Add(`{"type":"Error","code":"NET-0001"}`)
	f.Add(`{"type":"Results","channel":{"alternatives":[]}}`)
	f.Fuzz(func(t *testing.T, data string) {
		p := protocol{vendor.NewClient("deepgram")}
		if e, ok := p.Read([]byte(data)); !ok && e.Err != nil {
			t.Fatal("an error that says nothing")
		}
	})
}
