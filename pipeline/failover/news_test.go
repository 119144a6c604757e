package failover

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/breaker"
	"trunkline/pipeline/declared"
)

// news gives a context that remembers what is told, in words.
func news(ctx context.Context) (context.Context, func() []string) {
	var mu sync.Mutex
	var all []string

	return pipeline.WithNews(ctx, func(n pipeline.News) {
			mu.Lock()
			defer mu.Unlock()
			if n.Kind == pipeline.Failed {
				all = append(all, fmt.Sprintf("%s: %s failed, %s", n.Stage, n.Provider, pipeline.Fault(n.Err).Kind))
			} else {
				all = append(all, fmt.Sprintf("%s: %s took over after %v", n.Stage, n.Provider, n.Took))
			}
		}), func() []string {
			mu.Lock()
			defer mu.Unlock()

			return append([]string(nil), all...)
		}
}

func TestEachCallIsToldOfItsOwnFailures(t *testing.T) {
	t.Parallel()
	down := declared.Every(declared.Fault{Err: errDown})
	for name, tc := range map[string]struct {
		use  func(ctx context.Context)
		want []string
	}{
		"model": {
			use: func(ctx context.Context) {
				m := NewModel(nil, option[pipeline.Model]("a", &declared.Model{Faults: down}),
					option[pipeline.Model]("b", &declared.Model{FirstToken: 40 * time.Millisecond, Reply: said("Hello.")}))
				_, _ = read(ctx, m, pipeline.Request{})
			},
			want: []string{"think: a failed, unavailable", "think: b took over after 40ms"},
		},
		"one that rests": {
			use: func(ctx context.Context) {
				rests := Option[pipeline.Model]{Name: "a", Provider: &declared.Model{}, Breaker: breaker.New(breaker.Config{})}
				a, _ := rests.Breaker.Try(time.Now())
				a.Fail(time.Now(), time.Minute)
				m := NewModel(nil, rests, option[pipeline.Model]("b", &declared.Model{Reply: said("Hello.")}))
				_, _ = read(ctx, m, pipeline.Request{})
			},
			want: []string{"think: a failed, unavailable", "think: b took over after 0s"},
		},
		"voice in mid-sentence": {
			use: func(ctx context.Context) {
				v := NewSynthesizer(nil,
					option[pipeline.Synthesizer]("a", &declared.Voice{Faults: declared.Every(declared.Fault{After: 1, Err: errDown})}),
					option[pipeline.Synthesizer]("b", &declared.Voice{FirstAudio: 90 * time.Millisecond})).Voice()
				_, _ = spoken(ctx, v, "one two three")
				_, _ = spoken(ctx, v, "one two three")
				_, _ = spoken(ctx, v, "four")
			},
			want: []string{"speak: a failed, unavailable", "speak: b took over after 90ms"},
		},
		"recogniser": {
			use: func(ctx context.Context) {
				r := NewRecognizer(nil, option[pipeline.Recognizer]("a", &declared.Recognizer{Faults: down}),
					option[pipeline.Recognizer]("b", &declared.Recognizer{Says: declared.InTurn("yes"), Final: 50 * time.Millisecond}))
				s, err := r.Open(ctx)
				if err != nil {
					return
				}
				s.Begin(1)
				s.Write(&media.Frame{})
				s.End()
				<-s.Transcripts()
				_ = s.Close() // it cannot fail
			},
			want: []string{"recognise: a failed, unavailable", "recognise: b took over after 0s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, told := news(t.Context())
				tc.use(ctx)
				if d := cmp.Diff(tc.want, told()); d != "" {
					t.Errorf("told (-want +got):\n%s", d)
				}
			})
		})
	}
}
