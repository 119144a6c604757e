package openai

import (
	"bytes"
	"testing"
	"testing/iotest"

	"go.uber.org/goleak"

	"trunkline/pipeline"
	"trunkline/pipeline/tts/openai/openaitest"
	"trunkline/pipeline/tts/ttssuite"
	"trunkline/pipeline/tts/ttstest"
	"trunkline/pipeline/vendor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSynthesizer(t *testing.T) {
	t.Parallel()
	ttssuite.Run(t,
		func() ttstest.Vendor { return openaitest.New() },
		func(url, key string) pipeline.Synthesizer {
			return New(Config{BaseURL: url, Key: vendor.Key(key), Voice: "anna", Model: "test"})
		})
}

func TestSamplesMayComeInHalves(t *testing.T) {
	t.Parallel()
	s := New(Config{})
	whole := make([]byte, 4800)
	for i := range whole {
		whole[i] = byte(i * 7 / 3)
	}
	convert := func(one bool) (got []int16) {
		body := bytes.NewReader(whole)
		yield := func(c pipeline.Speech, err error) bool {
			got = append(got, c.Samples...)

			return err == nil
		}
		var err error
		if one {
			err = s.convert(t.Context(), iotest.OneByteReader(body), yield)
		} else {
			err = s.convert(t.Context(), body, yield)
		}
		if err != nil {
			t.Fatal(err)
		}

		return got
	}
	a, b := convert(false), convert(true)
	if len(a) != 800 || len(b) != 800 {
		t.Fatalf("%d and %d samples", len(a), len(b))
	}
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("sample %d differs", i)
		}
	}
}
