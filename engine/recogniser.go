package engine

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"

	"trunkline/config"
	"trunkline/pipeline"
	"trunkline/pipeline/asr/assemblyai"
	"trunkline/pipeline/asr/deepgram"
	"trunkline/pipeline/asr/google"
	"trunkline/pipeline/asr/openai"
	"trunkline/pipeline/asr/sphinx"
	"trunkline/pipeline/asr/whisper"
	"trunkline/pipeline/bargein"
	"trunkline/pipeline/cost"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/failover"
	"trunkline/pipeline/vendor"
)

var recognise = &stage[pipeline.Recognizer]{
	is:      pipeline.Recognise,
	measure: func(r pipeline.Recognizer, p *Provider) pipeline.Recognizer { return measuredRecognizer{r, p} },
	join: func(w failover.Watch, o ...failover.Option[pipeline.Recognizer]) pipeline.Recognizer {
		return failover.NewRecognizer(w, o...)
	},
}

// recognisers makes a recogniser of a list.
func (t *tongue) recognisers(ctx context.Context) func(*config.Recogniser) (pipeline.Recognizer, error) {
	return func(first *config.Recogniser) (pipeline.Recognizer, error) {
		l := &list[pipeline.Recognizer]{tongue: t, stage: recognise}
		var errs []error
		for i, r := range append([]config.Recogniser{*first}, first.Fallback...) {
			m, err := t.recogniser(ctx, &r)
			if err != nil {
				errs = append(errs, at("recogniser", i, r.Engine, err))

				continue
			}
			l.add(r.Engine, m, &r.Patience, hearingCosts(r.Price))
		}
		if len(errs) > 0 {
			return nil, errors.Join(errs...)
		}

		return l.one(), nil
	}
}

func hearingCosts(c config.RecogniserPrice) func(pipeline.Recognizer, *Provider) pipeline.Recognizer {
	if c == (config.RecogniserPrice{}) {
		return nil
	}

	return func(r pipeline.Recognizer, p *Provider) pipeline.Recognizer {
		p.price = cost.Price{PerMinute: c.PerMinute}

		return cost.Recognizer{Recognizer: r, Name: p.Name, Price: p.price}
	}
}

// recogniserDiffers tells whether a recogniser is another one for another
// language.
func recogniserDiffers(r *config.Recogniser) bool {
	for _, r := range append([]config.Recogniser{*r}, r.Fallback...) {
		switch {
		case r.Engine == "deepgram" && r.Deepgram.Language == "", r.Engine == "openai" && r.OpenAI.Language == "",
			r.Engine == "whisper" && r.Whisper.Language == "", r.Engine == "google" && len(r.Google.Languages) == 0:
			return true
		}
	}

	return false
}

// recogniser makes one recogniser.
func (t *tongue) recogniser(ctx context.Context, r *config.Recogniser) (m made[pipeline.Recognizer], err error) {
	switch r.Engine {
	case "offline":
		return t.sphinx(ctx, r)
	case "declared":
		d := r.Declared
		m.provider = &declared.Recognizer{
			Ready: d.Ready, FirstPartial: d.FirstPartial, PartialEvery: d.PartialEvery, Final: d.Final,
			Says: declared.InTurn(d.Says...), Lasts: declared.For(d.Lasts...), Streams: r.Pool,
		}
	case "deepgram":
		d := r.Deepgram
		c := deepgram.Config{
			BaseURL: d.BaseURL, Model: d.Model, Language: cmp.Or(d.Language, base(t.speaks())), KeyTerms: d.KeyTerms, KeepAlive: d.KeepAlive,
		}
		c.Key, err = key(&d.Service)
		m = made[pipeline.Recognizer]{deepgram.New(c), d.Model, cmp.Or(d.BaseURL, deepgram.BaseURL), c.Key}
	case "assemblyai":
		d := r.AssemblyAI
		c := assemblyai.Config{BaseURL: d.BaseURL, Model: d.Model, KeyTerms: d.KeyTerms}
		c.Key, err = key(&d.Service)
		m = made[pipeline.Recognizer]{assemblyai.New(c), d.Model, cmp.Or(d.BaseURL, assemblyai.BaseURL), c.Key}
	case "google":
		return t.google(&r.Google)
	case "openai":
		d := r.OpenAI
		c := openai.Config{BaseURL: d.BaseURL, Model: d.Model, Language: cmp.Or(d.Language, base(t.speaks())), Prompt: d.Prompt}
		c.Key, err = key(&d.Service)
		m = made[pipeline.Recognizer]{openai.New(c), d.Model, cmp.Or(d.BaseURL, openai.BaseURL), c.Key}
	case "whisper":
		d := r.Whisper
		c := whisper.Config{
			BaseURL: d.BaseURL, Path: d.Path, Model: d.Model, Language: cmp.Or(d.Language, base(t.speaks())), Prompt: d.Prompt,
			Rate: d.Rate, Verbose: d.Verbose, NoSpeech: d.NoSpeech, Interim: d.Interim, Longest: d.Longest, Timeout: d.Timeout,
		}
		c.Key, err = key(&d.Service)
		m = made[pipeline.Recognizer]{whisper.New(c), d.Model, cmp.Or(d.BaseURL, whisper.BaseURL), c.Key}
	}

	return m, err
}

// google makes Google's recogniser.
func (t *tongue) google(d *config.GoogleRecogniser) (made[pipeline.Recognizer], error) {
	c := google.Config{
		Project: d.Project, Location: d.Location, Endpoint: d.Endpoint, Model: d.Model, Languages: d.Languages, Phrases: d.Phrases,
		Credentials: d.Credentials, Connections: d.Connections, Longest: d.Longest,
	}
	if len(c.Languages) == 0 {
		c.Languages = []string{t.speaks()}
	}
	if err := c.Validate(); err != nil {
		return made[pipeline.Recognizer]{}, err
	}
	r, err := google.New(c)
	if err != nil {
		return made[pipeline.Recognizer]{}, err
	}

	return made[pipeline.Recognizer]{
		r, d.Model, "https://" + cmp.Or(d.Endpoint, "speech.googleapis.com"), vendor.Key(d.Credentials),
	}, nil
}

// sphinx makes the offline recogniser, which knows the script's phrases.
func (t *tongue) sphinx(ctx context.Context, r *config.Recogniser) (made[pipeline.Recognizer], error) {
	c := sphinx.Config{
		Cache: filepath.Join(t.set.options.StateDir, "speech"), Mode: sphinx.Mode(r.Mode), Pool: r.Pool, Log: t.set.options.Log,
		Interjections: bargein.Phrases("en"), // all that it knows is English
	}
	if t.set.Script != nil {
		c.Phrases = t.set.Script.Phrases()
	}
	s, err := sphinx.New(ctx, c)
	if err != nil {
		return made[pipeline.Recognizer]{}, err
	}

	return made[pipeline.Recognizer]{provider: s, model: r.Mode}, nil
}
