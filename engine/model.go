package engine

import (
	"cmp"
	"errors"
	"fmt"

	"trunkline/config"
	"trunkline/pipeline"
	"trunkline/pipeline/cost"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/failover"
	"trunkline/pipeline/llm/anthropic"
	"trunkline/pipeline/llm/gemini"
	"trunkline/pipeline/llm/openai"
	"trunkline/pipeline/llm/script"
	"trunkline/testdata"
)

var think = &stage[pipeline.Model]{
	is:      pipeline.Think,
	measure: func(m pipeline.Model, p *Provider) pipeline.Model { return measuredModel{m, p} },
	join: func(w failover.Watch, o ...failover.Option[pipeline.Model]) pipeline.Model {
		return failover.NewModel(w, o...)
	},
}

// models makes a model of a list, and of its rules.
func (t *tongue) models(first *config.Model) (pipeline.Model, error) {
	main := &list[pipeline.Model]{tongue: t, stage: think}
	errs := t.fillModels(main, first)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	router := &cost.Router{First: main.one()}
	for i := range first.Rules {
		r := &first.Rules[i]
		l := &list[pipeline.Model]{tongue: t, stage: think, rule: when(r)}
		for _, err := range t.fillModels(l, &r.Model) {
			errs = append(errs, fmt.Errorf("rules[%d]: %w", i, err))
		}
		if len(r.Model.Fallback) == 0 { // a cheaper model's failure is none of the call's
			l.options = append(l.options, main.options...)
		}
		if len(errs) == 0 {
			router.Rules = append(router.Rules, cost.Rule{After: r.After, Tokens: r.Tokens, Model: l.one()})
		}
	}
	switch {
	case len(errs) > 0:
		return nil, errors.Join(errs...)
	case len(router.Rules) == 0:
		return router.First, nil
	default:
		return router, nil
	}
}

// when says when a rule holds.
func when(r *config.ModelRule) string {
	switch {
	case r.After > 0 && r.Tokens > 0:
		return fmt.Sprintf("after %v or %d tokens", r.After, r.Tokens)
	case r.After > 0:
		return fmt.Sprintf("after %v", r.After)
	default:
		return fmt.Sprintf("after %d tokens", r.Tokens)
	}
}

func (t *tongue) fillModels(l *list[pipeline.Model], first *config.Model) (errs []error) {
	for i, c := range append([]config.Model{*first}, first.Fallback...) {
		m, err := t.model(&c)
		if err != nil {
			errs = append(errs, at("model", i, c.Engine, err))

			continue
		}
		l.add(c.Engine, m, &c.Patience, thinkingCosts(c.Price))
	}

	return errs
}

func thinkingCosts(c config.ModelPrice) func(pipeline.Model, *Provider) pipeline.Model {
	if c == (config.ModelPrice{}) {
		return nil
	}

	return func(m pipeline.Model, p *Provider) pipeline.Model {
		p.price = cost.Price{
			InputPerMillion: c.InputPerMillion, CachedPerMillion: c.CachedPerMillion, OutputPerMillion: c.OutputPerMillion,
		}

		return cost.Model{Model: m, Name: p.Name, Price: p.price}
	}
}

// model makes one model.
func (t *tongue) model(c *config.Model) (m made[pipeline.Model], err error) {
	switch c.Engine {
	case "script":
		s, err := loadScript(c.Script)
		if err == nil && t.set.Script == nil && t.language == "" {
			t.set.Script = s
		}

		return made[pipeline.Model]{provider: s, model: cmp.Or(c.Script, "built in")}, err
	case "declared":
		d := c.Declared
		m.provider = &declared.Model{
			FirstToken: d.FirstToken, TokensPerSecond: d.TokensPerSecond, Reply: declared.Replies(d.Replies...),
		}
	case "openai":
		d := c.OpenAI
		o := openai.Config{BaseURL: d.BaseURL, Model: d.Model, Temperature: d.Temperature, MaxTokens: d.MaxTokens, Effort: d.Effort}
		o.Key, err = key(&d.Service)
		m = made[pipeline.Model]{openai.New(o), d.Model, cmp.Or(d.BaseURL, openai.BaseURL), o.Key}
	case "anthropic":
		d := c.Anthropic
		o := anthropic.Config{BaseURL: d.BaseURL, Model: d.Model, Temperature: d.Temperature, MaxTokens: d.MaxTokens}
		o.Key, err = key(&d.Service)
		m = made[pipeline.Model]{anthropic.New(o), d.Model, cmp.Or(d.BaseURL, anthropic.BaseURL), o.Key}
	case "gemini":
		d := c.Gemini
		o := gemini.Config{BaseURL: d.BaseURL, Model: d.Model, Temperature: d.Temperature, MaxTokens: d.MaxTokens, Thinking: d.Thinking}
		o.Key, err = key(&d.Service)
		m = made[pipeline.Model]{gemini.New(o), d.Model, cmp.Or(d.BaseURL, gemini.BaseURL), o.Key}
	}

	return m, err
}

// loadScript reads a dialogue file, or the built-in one.
func loadScript(path string) (*script.Script, error) {
	if path != "" {
		return script.Load(path)
	}
	src, err := testdata.Files.ReadFile(testdata.ReceptionScript)
	if err != nil {
		return nil, fmt.Errorf("built-in script: %w", err)
	}

	return script.Parse(src, "reception.yaml (built in)")
}
