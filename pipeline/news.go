package pipeline

import (
	"context"
	"time"
)

// Stage is what a provider does in a turn.
type Stage string

// The stages.
const (
	Recognise Stage = "recognise"
	Think     Stage = "think"
	Speak     Stage = "speak"
	Converse  Stage = "converse" // all three at once: a speech-to-speech model
)

// News is what a provider tells the conversation that uses it, besides its
// results.
type News struct {
	Kind     NewsKind
	Stage    Stage
	Provider string        // its name in the configuration
	Err      error         // of Failed; Fault tells its kind
	Took     time.Duration // of TookOver: from the failure's detection to the first sign of life
	Cost     Money         // of Charged
}

// NewsKind says what News tells.
type NewsKind uint8

// The kinds of News.
const (
	Failed   NewsKind = iota + 1 // it failed, or rests after failures
	TookOver                     // it works in place of one that failed
	Charged                      // it was used, for Cost
)

type newsKey struct{}

// WithNews gives a context whose providers tell what they have to tell. They
// call tell from their own goroutines, also after the context has ended.
func WithNews(ctx context.Context, tell func(News)) context.Context {
	return context.WithValue(ctx, newsKey{}, tell)
}

// Tell gives news to whoever asked for them with WithNews, if anybody did.
func Tell(ctx context.Context, n News) {
	if tell, ok := ctx.Value(newsKey{}).(func(News)); ok {
		tell(n)
	}
}
