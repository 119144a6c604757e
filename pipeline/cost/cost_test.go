package cost

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPrices(t *testing.T) {
	t.Parallel()
	p := Price{InputPerMillion: 2, CachedPerMillion: 0.5, OutputPerMillion: 8, PerMinute: 0.006, CharsPerMillion: 15}
	for name, tc := range map[string]struct {
		got  pipeline.Money
		want string
	}{
		"reply":      {p.Reply(&pipeline.Usage{InputTokens: 1000, CachedTokens: 400, OutputTokens: 50}), "0.0018"},
		"no cache":   {Price{InputPerMillion: 2}.Reply(&pipeline.Usage{InputTokens: 1000, CachedTokens: 400}), "0.002"},
		"audio":      {p.Audio(90 * time.Second), "0.009"},
		"text":       {p.Text("Grüß Gott"), "0.000135"},
		"whole unit": {3 * Unit, "3.00"},
		"nothing":    {0, "0.00"},
	} {
		if s := Format(tc.got); s != tc.want {
			t.Errorf("%s: %s, want %s", name, s, tc.want)
		}
	}
}

func TestAmountsSurviveARoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := pipeline.Money(rapid.Int64Range(0, 1e15).Draw(t, "money"))
		got, err := Parse(Format(m))
		if err != nil || got != m {
			t.Fatalf("%d became %q, %d, %v", m, Format(m), got, err)
		}
	})
	for _, bad := range []string{"", "free", "-1", "NaN", "Inf", "1e99"} {
		if m, err := Parse(bad); err == nil {
			t.Errorf("%q is %d", bad, m)
		}
	}
}

func TestRouterChoosesByTimeAndTokens(t *testing.T) {
	t.Parallel()
	dear, plain, cheap := &declared.Model{}, &declared.Model{}, &declared.Model{}
	r := &Router{First: dear, Rules: []Rule{{After: 10 * time.Minute, Model: plain}, {Tokens: 5000, Model: cheap}}}
	for i, tc := range []struct {
		req  pipeline.Request
		want pipeline.Model
	}{
		{pipeline.Request{}, dear},
		{pipeline.Request{Elapsed: 9 * time.Minute, Tokens: 4999}, dear},
		{pipeline.Request{Elapsed: 10 * time.Minute}, plain},
		{pipeline.Request{Tokens: 5000}, cheap},
		{pipeline.Request{Elapsed: time.Hour, Tokens: 9000}, cheap},
	} {
		if got := r.choose(&tc.req); got != tc.want {
			t.Errorf("case %d: another model", i)
		}
	}
	if err := r.Validate(); err != nil {
		t.Error(err)
	}
	if err := (&Router{First: dear, Rules: []Rule{{Model: cheap}}}).Validate(); err == nil {
		t.Error("a rule without a bound is valid")
	}
}

func TestWhatProvidersGiveCarriesItsCost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		voice := Synthesizer{&declared.Voice{}, Price{CharsPerMillion: 10}}
		var total pipeline.Money
		for c, err := range voice.Synthesize(t.Context(), "hello there") {
			if err != nil {
				t.Fatal(err)
			}
			total += c.Cost
		}
		if Format(total) != "0.00011" {
			t.Errorf("the voice cost %s", Format(total))
		}

		ear, err := Recognizer{&declared.Recognizer{Final: time.Millisecond}, Price{PerMinute: 0.6}}.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for n := range 2 {
			ear.Begin(n)
			for range 50 * (n + 1) { // one second, two seconds
				ear.Write(&media.Frame{})
			}
			ear.End()
			got := <-ear.Transcripts()
			if want := "0.0" + strconv.Itoa(n+1); Format(got.Cost) != want {
				t.Errorf("talkspurt %d cost %s, want %s", n, Format(got.Cost), want)
			}
		}
		for range 2 {
			if err := ear.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
