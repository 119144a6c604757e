package engine

import (
	"cmp"
	"time"

	"trunkline/config"
	"trunkline/pipeline"
	"trunkline/pipeline/failover"
	"trunkline/pipeline/realtime"
)

// realtime makes the agent's speech-to-speech model.
func (s *Set) realtime(a *config.Agent) error {
	r := a.Realtime
	k, err := key(&r.Service)
	if err != nil {
		return err
	}
	at := &Provider{
		Agent: s.name, Stage: pipeline.Converse, Order: 1, Name: "openai-realtime", Engine: "openai-realtime", Model: r.Model,
		Host: host(cmp.Or(r.BaseURL, realtime.BaseURL)), metrics: s.options.Metrics,
	}
	at.Breaker = s.options.Breakers.of(at, k, &r.Breaker)
	c := realtime.Config{
		BaseURL: r.BaseURL, Key: k, Model: r.Model, Voice: r.Voice, Speed: r.Speed, Detection: realtime.Detection(r.Detection),
		Threshold: r.Threshold, Silence: r.Silence, Eagerness: r.Eagerness, MaxTokens: r.MaxTokens, Noise: r.Noise,
		Price: realtime.Price(r.Price), Open: r.Open, Patience: r.Patience, Name: at.Name, Breaker: at.Breaker,
		Failed: func(err error) {
			s.watch(failover.Failure{Stage: at.Stage, Provider: at.Name, Kind: pipeline.Fault(err).Kind, Err: err, At: time.Now()})
		},
	}
	c.Transcription, c.Language = r.Transcription, cmp.Or(r.Language, base(a.Language))
	if err := c.Validate(); err != nil {
		return err
	}
	s.Realtime = realtime.NewProvider(c)
	at.using = s.Realtime
	s.providers = append(s.providers, at)
	s.closers = append(s.closers, s.Realtime)

	return nil
}
