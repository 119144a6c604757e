package main

import (
	"cmp"
	"context"
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"

	"trunkline/call"
	"trunkline/config"
	"trunkline/storage"
	"trunkline/trace"
)

// startTraces has the calls traced, when there is a collector.
func (g *gateway) startTraces(context.Context) error {
	stats := func() trace.Stats { return trace.Stats{} }
	if t := &g.cfg.Traces; t.Endpoint != "" {
		// What the library has to say, such as spans that a collector refuses, goes to our log.
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { g.log.Warn("traces", slog.Any("error", err)) }))
		tracer, err := trace.New(trace.Options{
			Endpoint: t.Endpoint, Headers: headers(t), Sample: t.Sample, Private: t.Private,
			Node: g.cfg.Node, Version: version, Engines: engineNames(&g.cfg), Log: g.log,
		})
		if err != nil {
			return err
		}
		g.trace = func(rec storage.Call) call.Trace { return tracer.Begin(rec) }
		stats = tracer.Stats
		g.onStop("the traces", partStop, tracer.Stop)
	}

	return registerTraces(g.registry, stats)
}

// headers are sent along with traces; their values stand in the environment.
func headers(t *config.Traces) map[string]string {
	all := make(map[string]string, len(t.HeadersEnv))
	for name, env := range t.HeadersEnv {
		all[name] = os.Getenv(env)
	}

	return all
}

// engineNames are the agents' engines with their models.
func engineNames(c *config.Config) map[string]trace.Engines {
	all := make(map[string]trace.Engines, len(c.Agents))
	for i := range c.Agents {
		a := &c.Agents[i]
		r, m, v := &a.Recogniser, &a.Model, &a.Voice // only the block of the own engine holds anything
		if rt := a.Realtime; rt != nil {             // one engine does all
			e := trace.Engine{Provider: "openai-realtime", Model: rt.Model}
			all[a.Name] = trace.Engines{Recogniser: e, Model: e, Voice: e}

			continue
		}
		all[a.Name] = trace.Engines{
			Recogniser: trace.Engine{Provider: r.Engine, Model: cmp.Or(r.Deepgram.Model, r.AssemblyAI.Model, r.OpenAI.Model)},
			Model:      trace.Engine{Provider: m.Engine, Model: cmp.Or(m.OpenAI.Model, m.Anthropic.Model, m.Gemini.Model)},
			Voice:      trace.Engine{Provider: v.Engine, Model: cmp.Or(v.ElevenLabs.Model, v.Cartesia.Model, v.OpenAI.Model)},
		}
	}

	return all
}

// registerTraces exposes what became of the calls' spans.
func registerTraces(r prometheus.Registerer, stats func() trace.Stats) error {
	for _, c := range []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "trunkline_trace_spans_exported_total", Help: "Spans that the traces' collector took.",
		}, func() float64 { return float64(stats().Exported) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "trunkline_trace_spans_dropped_total", Help: "Spans given up: the queue was full, or the collector did not take them.",
		}, func() float64 { return float64(stats().Dropped) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "trunkline_trace_spans_queued", Help: "Spans that wait to be exported.",
		}, func() float64 { return float64(stats().Queued) }),
	} {
		if err := r.Register(c); err != nil {
			return err
		}
	}

	return nil
}
