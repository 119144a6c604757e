package failover

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"trunkline/pipeline"
	"trunkline/pipeline/breaker"
	"trunkline/pipeline/declared"
)

func TestTheNextModelAnswers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault declared.Fault
		kind  string
		took  time.Duration
	}{
		"refused": {declared.Fault{Err: errDown}, "first unavailable", 300 * time.Millisecond},
		"hangs":   {declared.Fault{Stall: true}, "first slow", 1600 * time.Millisecond},
		"limited": {
			declared.Fault{Err: &pipeline.ProviderError{Provider: "first", Kind: pipeline.RateLimited, RetryAfter: time.Minute, Err: errDown}},
			"first rate_limited", 300 * time.Millisecond,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var seen failures
				first := &declared.Model{FirstToken: 200 * time.Millisecond, Faults: declared.Every(tc.fault)}
				second := &declared.Model{FirstToken: 100 * time.Millisecond, Reply: said("We open at nine.")}
				m := NewModel(seen.watch, option[pipeline.Model]("first", first), option[pipeline.Model]("second", second))
				began := time.Now()
				text, err := read(t.Context(), m, pipeline.Request{})
				if err != nil || text != "We open at nine." {
					t.Fatalf("%q, %v", text, err)
				}
				if d := cmp.Diff([]string{tc.kind}, seen.kinds()); d != "" {
					t.Error(d)
				}
				if took := time.Since(began); took != tc.took {
					t.Errorf("it took %v, want %v", took, tc.took)
				}
			})
		})
	}
}

func TestTheNextModelGoesOnWhereTheFirstStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := &declared.Model{
			Reply:  said("We open at nine and close at five."),
			Faults: declared.Every(declared.Fault{After: 4, Err: errDown}), TokensPerSecond: 10,
		}
		var asked pipeline.Request
		second := scripted(func(_ context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
			asked = req

			return func(yield func(pipeline.Delta, error) bool) { yield(pipeline.Delta{Text: " and close at six."}, nil) }
		})
		m := NewModel(nil, option[pipeline.Model]("first", first), option[pipeline.Model]("second", second))
		text, err := read(t.Context(), m, pipeline.Request{})
		if err != nil || text != "We open at nine and close at six." {
			t.Fatalf("%q, %v", text, err)
		}
		if asked.Said != "We open at nine" {
			t.Errorf("the second model was told %q", asked.Said)
		}
	})
}

func TestAFailureAfterACallEndsTheReply(t *testing.T) {
	t.Parallel()
	first := scripted(func(context.Context, pipeline.Request) iter.Seq2[pipeline.Delta, error] {
		return func(yield func(pipeline.Delta, error) bool) {
			if yield(pipeline.Delta{Call: &pipeline.ToolCall{ID: "1", Name: "book"}}, nil) {
				yield(pipeline.Delta{}, errDown)
			}
		}
	})
	second := &declared.Model{}
	m := NewModel(nil, option[pipeline.Model]("first", first), option[pipeline.Model]("second", second))
	calls := 0
	for d, err := range m.Generate(t.Context(), pipeline.Request{}) {
		if err != nil {
			t.Fatal(err)
		}
		if d.Call != nil {
			calls++
		} else {
			t.Errorf("the second model said %q", d.Text)
		}
	}
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}

func TestWhenAllModelsFailEachIsNamed(t *testing.T) {
	t.Parallel()
	bad := declared.Every(declared.Fault{Err: errDown})
	m := NewModel(nil,
		option[pipeline.Model]("first", &declared.Model{Faults: bad}),
		option[pipeline.Model]("second", &declared.Model{Faults: bad}))
	_, err := read(t.Context(), m, pipeline.Request{})
	if !errors.Is(err, errDown) {
		t.Fatal(err)
	}
	want := "first: declared model: connection refused\nsecond: declared model: connection refused"
	if err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}

func TestAModelThatFailedRestsAndComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := &declared.Model{Reply: said("first"), Faults: func(n int) declared.Fault {
			if n < 3 {
				return declared.Fault{Err: errDown}
			}

			return declared.Fault{}
		}}
		m := NewModel(nil,
			option[pipeline.Model]("first", first),
			option[pipeline.Model]("second", &declared.Model{Reply: said("second")}))
		for i := range 5 { // three failures open the breaker
			if text, err := read(t.Context(), m, pipeline.Request{}); err != nil || text != "second" {
				t.Fatalf("reply %d: %q, %v", i, text, err)
			}
		}
		time.Sleep(5 * time.Second)
		if text, err := read(t.Context(), m, pipeline.Request{}); err != nil || text != "first" {
			t.Fatalf("after the cool-down: %q, %v", text, err)
		}
	})
}

func TestAnInterruptionIsNoFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen failures
		first := option[pipeline.Model]("first", &declared.Model{FirstToken: time.Second})
		m := NewModel(seen.watch, first, option[pipeline.Model]("second", &declared.Model{}))
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			if _, err := read(ctx, m, pipeline.Request{}); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			cancel()
		}
		if len(seen.kinds()) != 0 || first.Breaker.State(time.Now()) != breaker.Closed {
			t.Errorf("it was told of %v, the breaker is %s", seen.kinds(), first.Breaker.State(time.Now()))
		}
	})
}
