package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"trunkline/config"
	"trunkline/media/clean"
	"trunkline/pipeline"
	"trunkline/pipeline/asr/sphinx"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/llm/script"
	"trunkline/pipeline/tts/flite"
	"trunkline/pipeline/turn"
	"trunkline/testdata"
)

// engines are an agent's three providers.
type engines struct {
	recogniser pipeline.Recognizer
	model      pipeline.Model
	voice      pipeline.Synthesizer
	script     *script.Script // of the scripted model; nil for others
	closers    []io.Closer
}

// newEngines makes what an agent listens, thinks and speaks with.
func newEngines(ctx context.Context, c *config.Config, a *config.Agent, log *slog.Logger) (*engines, error) {
	e := &engines{}
	for _, step := range []func() error{
		func() error { return e.openModel(a) },
		func() error { return e.openVoice(a) },
		func() error { return e.openRecogniser(ctx, c, a, log) },
	} {
		if err := step(); err != nil {
			return nil, errors.Join(fmt.Errorf("agent %q: %w", a.Name, err), e.Close())
		}
	}

	return e, nil
}

func (e *engines) openModel(a *config.Agent) error {
	if a.Model.Engine == "declared" {
		d := a.Model.Declared
		e.model = &declared.Model{
			FirstToken: d.FirstToken, TokensPerSecond: d.TokensPerSecond, Reply: declared.Replies(d.Replies...),
		}

		return nil
	}
	s, err := loadScript(a)
	if err != nil {
		return err
	}
	e.model, e.script = s, s

	return nil
}

// loadScript reads the agent's dialogue file, or the built-in one.
func loadScript(a *config.Agent) (*script.Script, error) {
	if a.Model.Script != "" {
		return script.Load(a.Model.Script)
	}
	src, err := testdata.Files.ReadFile(testdata.ReceptionScript)
	if err != nil {
		return nil, fmt.Errorf("built-in script: %w", err)
	}

	return script.Parse(src, "reception.yaml (built in)")
}

func (e *engines) openVoice(a *config.Agent) error {
	if a.Voice.Engine == "declared" {
		d := a.Voice.Declared
		e.voice = &declared.Voice{FirstAudio: d.FirstAudio, Speed: d.Speed}

		return nil
	}
	v, err := flite.New(flite.Options{Voice: a.Voice.Name})
	if err != nil {
		return fmt.Errorf("voice: %w", err)
	}
	e.voice = v

	return nil
}

func (e *engines) openRecogniser(ctx context.Context, c *config.Config, a *config.Agent, log *slog.Logger) error {
	r := a.Recogniser
	if r.Engine == "declared" {
		d := r.Declared
		e.recogniser = &declared.Recognizer{
			Ready: d.Ready, FirstPartial: d.FirstPartial, PartialEvery: d.PartialEvery, Final: d.Final,
			Says: declared.InTurn(d.Says...), Lasts: declared.For(d.Lasts...), Streams: r.Pool,
		}

		return nil
	}
	cfg := sphinx.Config{
		Cache: filepath.Join(c.StateDir, "speech"),
		Mode:  sphinx.Mode(r.Mode),
		Pool:  r.Pool,
		Log:   log,
	}
	if e.script != nil {
		cfg.Phrases = e.script.Phrases()
	}
	s, err := sphinx.New(ctx, cfg)
	if err != nil {
		return fmt.Errorf("recogniser: %w", err)
	}
	e.recogniser = s
	e.closers = append(e.closers, s)

	return nil
}

// conversation is how an agent holds its conversations.
func conversation(a *config.Agent) pipeline.Config {
	t := turn.Config{Idle: a.Idle}
	for _, l := range a.Protected {
		t.Protected = append(t.Protected, turn.Line(l))
	}
	if a.Speculates() {
		t.Speculation = turn.Speculation{PerTurn: a.Speculation.PerTurn, Stable: a.Speculation.Stable}
	}

	return pipeline.Config{Turn: t, Front: front(a)}
}

// front treats what the agent's recogniser hears; nil: nothing does.
func front(a *config.Agent) func() pipeline.Front {
	if a.Recogniser.Clean == "off" {
		return nil
	}

	return func() pipeline.Front { return clean.New() }
}

// fillers are what is said when an answer takes a while.
func fillers(own []string) []string {
	if own != nil {
		return own
	}

	return []string{"One moment, please.", "Just a moment longer.", "I am nearly there."}
}

// Close gives the engines back.
func (e *engines) Close() error {
	var errs []error
	for _, c := range e.closers {
		errs = append(errs, c.Close())
	}

	return errors.Join(errs...)
}

// texts are the agent's fixed sentences: the configuration's, else the
// script's, else plain ones.
func (e *engines) texts(a *config.Agent) pipeline.Texts {
	var s script.Lines
	if e.script != nil {
		s = e.script.Lines()
	}
	l := a.Lines
	idle := l.Idle
	if len(idle) == 0 {
		idle = s.Idle
	}
	if len(idle) == 0 {
		idle = []string{"Are you still there?"}
	}

	return pipeline.Texts{
		Greeting:   cmp.Or(a.Greeting, s.Greeting, "Hello. How can I help you?"),
		Idle:       idle,
		Filler:     fillers(l.Filler),
		NotHeard:   cmp.Or(l.NotHeard, s.NotHeard, "I am sorry, I did not hear you. Could you say it again?"),
		Goodbye:    cmp.Or(l.Goodbye, s.Goodbye, "Thank you for calling. Goodbye."),
		HandOff:    cmp.Or(l.HandOff, s.HandOff, "I will put you through. One moment, please."),
		Busy:       cmp.Or(l.Busy, s.Busy, "All our lines are busy. Please call again later. Goodbye."),
		Apology:    cmp.Or(l.Apology, s.Apology, "I am sorry, something went wrong on our side. Could you say that again?"),
		Trouble:    cmp.Or(l.Trouble, s.Trouble, "I am sorry, we are having trouble on our side. Please call again later. Goodbye."),
		CapWarning: cmp.Or(l.CapWarning, s.CapWarning, "Just so you know, our time on this call is nearly over."),
		Language:   a.Language,
		CapGoodbye: cmp.Or(l.CapGoodbye, s.CapGoodbye, "Our time on this call is over. Thank you for calling. Goodbye."),
	}
}
