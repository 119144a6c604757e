package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"trunkline/config"
	"trunkline/pipeline"
	"trunkline/pipeline/failover"
	"trunkline/pipeline/llm/script"
	"trunkline/pipeline/realtime"
	"trunkline/pipeline/tts/kept"
)

// Options are what all agents share.
type Options struct {
	StateDir string       // for caches; empty: no lines are kept
	Metrics  *Metrics     // nil: nothing is measured
	Breakers *Breakers    // shared by all agents; nil: each provider has one of its own
	Log      *slog.Logger // nil: silent
}

// Speech is what an agent listens, thinks and speaks with in one language.
type Speech struct {
	Language    string // BCP 47 tag
	Recognizer  pipeline.Recognizer
	Model       pipeline.Model
	Synthesizer pipeline.Synthesizer
	Lines       pipeline.Synthesizer // says the fixed lines: those of an earlier start are kept
}

// Set is what one agent uses. It is safe for concurrent use.
type Set struct {
	Speech

	Script *script.Script // of the first model in the agent's own language; nil: it is no scripted one
	Others []Speech       // in the order of the configuration's languages

	Realtime *realtime.Provider // a model that hears and speaks by itself; nil: there is none

	kept      *kept.Store // lines of vendors' voices; nil: none are
	name      string
	options   Options
	providers []*Provider
	closers   []io.Closer
}

// Open makes an agent's providers. Recognizer and Model are nil when only a
// speech-to-speech model holds its calls. What its first use would find is found now
// where that needs no network: a key that is missing, a model that is not
// there. The error names all that is wrong.
func Open(ctx context.Context, o Options, a *config.Agent) (*Set, error) {
	return open(o, a, func(s *Set) error {
		var errs []error
		s.Language = a.Language
		own := tongue{set: s}
		if o.StateDir != "" {
			s.kept = note(&errs, s.keeping, filepath.Join(o.StateDir, "lines"))
		}
		if a.Realtime != nil {
			errs = append(errs, atRealtime(s.realtime(a)))
		}
		if a.Pipeline() {
			s.Model = note(&errs, own.models, &a.Model)
		}
		s.Synthesizer = note(&errs, s.speaking(&own), &a.Voice)
		if !a.Pipeline() {
			return errors.Join(errs...)
		}
		s.Recognizer = note(&errs, own.recognisers(ctx), &a.Recogniser)
		for i := range a.Languages {
			errs = append(errs, s.other(ctx, a, &a.Languages[i]))
		}

		return errors.Join(errs...)
	})
}

// keeping opens the kept lines.
func (s *Set) keeping(dir string) (*kept.Store, error) { return kept.Open(dir, s.options.Log) }

func atRealtime(err error) error {
	if err != nil {
		return fmt.Errorf("realtime: %w", err)
	}

	return nil
}

// OpenModel makes an agent's models alone, for conversations that are typed. A
// speech-to-speech model reads and writes then.
func OpenModel(o Options, a *config.Agent) (*Set, error) {
	return open(o, a, func(s *Set) error {
		var errs []error
		s.Language = a.Language
		if a.Realtime != nil {
			if err := atRealtime(s.realtime(a)); err != nil {
				return err
			}
			s.Model = s.Realtime.Typed()

			return nil
		}
		s.Model = note(&errs, (&tongue{set: s}).models, &a.Model)
		for i := range a.Languages {
			l := &a.Languages[i]
			o := Speech{Language: l.Language, Model: s.Model}
			if l.Model != nil {
				o.Model = note(&errs, (&tongue{set: s, language: l.Language}).models, l.Model)
			}
			s.Others = append(s.Others, o)
		}

		return errors.Join(errs...)
	})
}

func open(o Options, a *config.Agent, fill func(*Set) error) (*Set, error) {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	s := &Set{name: a.Name, options: o}
	if err := fill(s); err != nil {
		return nil, errors.Join(fmt.Errorf("agent %q: %w", a.Name, err), s.Close())
	}
	o.Metrics.add(s.providers)

	return s, nil
}

// note makes a stage, and keeps its error.
func note[C, T any](errs *[]error, open func(C) (T, error), c C) T {
	t, err := open(c)
	*errs = append(*errs, err)

	return t
}

// other makes what the agent uses in another language. It shares all that is
// not the language's own.
func (s *Set) other(ctx context.Context, a *config.Agent, l *config.AgentLanguage) error {
	var errs []error
	v := Speech{Language: l.Language, Recognizer: s.Recognizer, Model: s.Model, Synthesizer: s.Synthesizer, Lines: s.Lines}
	t := tongue{set: s, language: l.Language}
	if l.Model != nil {
		v.Model = note(&errs, t.models, l.Model)
	}
	switch {
	case l.Voice != nil:
		v.Synthesizer = note(&errs, v.speaking(&t), l.Voice)
	case voiceDiffers(&a.Voice):
		v.Synthesizer = note(&errs, v.speaking(&t), &a.Voice)
	}
	switch {
	case l.Recogniser != nil:
		v.Recognizer = note(&errs, t.recognisers(ctx), l.Recogniser)
	case recogniserDiffers(&a.Recogniser):
		v.Recognizer = note(&errs, t.recognisers(ctx), &a.Recogniser)
	}
	s.Others = append(s.Others, v)

	return errors.Join(errs...)
}

// Agent is the agent's name.
func (s *Set) Agent() string { return s.name }

// Providers are all of the agent's, stage by stage in their order.
func (s *Set) Providers() []*Provider { return slices.Clone(s.providers) }

// warmAtOnce bounds Warm.
const warmAtOnce = 5 * time.Second

// Warm opens connections before they are needed. What it cannot do is tried
// again at the first use: it is logged.
func (s *Set) Warm(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, warmAtOnce)
	defer cancel()
	done := make(chan struct{})
	for _, p := range s.providers {
		go func() {
			defer func() { done <- struct{}{} }()
			if _, err := p.Warm(ctx); err != nil {
				s.options.Log.Warn("a provider cannot be reached yet", slog.String("agent", s.name),
					slog.String("stage", string(p.Stage)), slog.String("provider", p.Name), slog.Any("error", err))
			}
		}()
	}
	for range s.providers {
		<-done
	}
}

// Close gives the providers back.
func (s *Set) Close() error {
	var errs []error
	for _, c := range slices.Backward(s.closers) {
		errs = append(errs, c.Close())
	}
	s.closers = nil

	return errors.Join(errs...)
}

// watch notes a provider's failure.
func (s *Set) watch(f failover.Failure) {
	s.options.Log.Warn("a provider failed", slog.String("agent", s.name), slog.String("stage", string(f.Stage)),
		slog.String("provider", f.Provider), slog.String("kind", string(f.Kind)), slog.Any("error", f.Err))
	for _, p := range s.providers {
		if p.Stage == f.Stage && p.Name == f.Provider {
			p.failed(f.Kind, f.At)
		}
	}
}

// base is the language's own tag, without region and script.
func base(language string) string {
	b, _, _ := strings.Cut(language, "-")

	return strings.ToLower(b)
}
