package cost

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errRefused = errors.New("connection refused")

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

// bill gives a context that sums what is charged, by provider.
func bill(ctx context.Context) (context.Context, func() map[string]string) {
	var mu sync.Mutex
	all := map[string]pipeline.Money{}

	return pipeline.WithNews(ctx, func(n pipeline.News) {
			mu.Lock()
			defer mu.Unlock()
			all[string(n.Stage)+" "+n.Provider] += n.Cost
		}), func() map[string]string {
			mu.Lock()
			defer mu.Unlock()
			out := map[string]string{}
			for k, m := range all {
				out[k] = Format(m)
			}

			return out
		}
}

func same(t *testing.T, what string, want, got map[string]string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestAVoiceIsChargedOncePerText(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		faults declared.Plan
		cut    bool
		want   map[string]string
	}{
		"whole":            {want: map[string]string{"speak aura": "0.00011"}},
		"cut":              {cut: true, want: map[string]string{"speak aura": "0.00011"}},
		"refused":          {faults: declared.Every(declared.Fault{Err: errRefused}), want: map[string]string{}},
		"failed in middle": {faults: declared.Every(declared.Fault{After: 1, Err: errRefused}), want: map[string]string{"speak aura": "0.00011"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, total := bill(t.Context())
			voice := Synthesizer{Synthesizer: &declared.Voice{Faults: tc.faults}, Name: "aura", Price: Price{CharsPerMillion: 10}}
			for range voice.Synthesize(ctx, "hello there") {
				if tc.cut {
					break
				}
			}
			same(t, "charged", tc.want, total())
		})
	}
}

func TestARecogniserIsChargedForWhatItHeard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, total := bill(t.Context())
		ear, err := Recognizer{
			Recognizer: &declared.Recognizer{Final: time.Millisecond}, Name: "nova", Price: Price{PerMinute: 0.6},
		}.Open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		hear := func(n, frames int) {
			ear.Begin(n)
			for range frames {
				ear.Write(&media.Frame{})
			}
		}
		for n, want := range []string{"0.01", "0.03"} { // one second, then two
			hear(n, 50*(n+1))
			ear.End()
			<-ear.Transcripts()
			same(t, "after talkspurt "+strconv.Itoa(n), map[string]string{"recognise nova": want}, total())
		}
		hear(2, 50) // without last words
		for range 2 {
			if err := ear.Close(); err != nil {
				t.Error(err)
			}
		}
		same(t, "at the end", map[string]string{"recognise nova": "0.04"}, total())
	})
}

// counted is a model that writes a token and then tells its usage.
type counted struct{}

func (counted) Generate(context.Context, pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		if yield(pipeline.Delta{Text: "Hello there."}, nil) {
			yield(pipeline.Delta{Usage: &pipeline.Usage{InputTokens: 1000, OutputTokens: 500}}, nil)
		}
	}
}

func TestAReplyIsChargedAlsoWhenItIsCut(t *testing.T) {
	t.Parallel()
	m := Model{Model: counted{}, Name: "gpt", Price: Price{InputPerMillion: 1000, OutputPerMillion: 2000}}
	req := pipeline.Request{System: "Be brief.", History: []pipeline.Message{{Role: pipeline.Caller, Text: "Good morning!!!"}}}
	for name, tc := range map[string]struct {
		cut  bool
		want string
	}{
		"whole": {want: "2.00"},
		"cut":   {cut: true, want: "0.012"}, // 24 and 12 characters: 6 and 3 tokens
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, total := bill(t.Context())
			for range m.Generate(ctx, req) {
				if tc.cut {
					break
				}
			}
			same(t, "charged", map[string]string{"think gpt": tc.want}, total())
		})
	}
	ctx, total := bill(t.Context())
	refused := Model{Model: &declared.Model{Faults: declared.Every(declared.Fault{Err: errRefused})}, Name: "gpt", Price: m.Price}
	for range refused.Generate(ctx, req) { //nolint:revive // to its end
	}
	same(t, "a refused request", map[string]string{}, total())
}
