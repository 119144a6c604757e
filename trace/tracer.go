package trace

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	otel "go.opentelemetry.io/otel/trace"

	"trunkline/storage"
)

// How long exports may take. They hold up nothing but further exports.
const (
	exportTimeout = 10 * time.Second // of one request
	retryFirst    = 500 * time.Millisecond
	retryLongest  = 5 * time.Second
	retryFor      = 30 * time.Second // then the batch is dropped
)

// Options say where traces go and what is in them.
type Options struct {
	Endpoint string             // the collector's URL with its path, such as http://127.0.0.1:4318/v1/traces
	Headers  map[string]string  // sent along, such as an API key
	Sample   float64            // part of the calls that are traced, 0 to 1
	Private  bool               // export personal data too: see PrivatePrefix
	Node     string             // this node's name
	Version  string             // of trunkline
	Engines  map[string]Engines // by agent
	Log      *slog.Logger

	Client *http.Client // nil: one of its own
}

// Engines are who works for an agent, as configured first.
type Engines struct {
	Recogniser, Model, Voice Engine
}

// Engine is a provider with its model.
type Engine struct {
	Provider string // such as openai
	Model    string // such as gpt-4o-mini; empty: it has one only
}

// Stats count spans since the start.
type Stats struct {
	Exported uint64 // taken by the collector
	Dropped  uint64 // the queue was full, or the collector did not take them
	Queued   int    // waiting now
}

// Tracer makes the traces of all calls. It is safe for concurrent use.
type Tracer struct {
	o        Options
	queue    *queue
	provider *sdk.TracerProvider
	tracer   otel.Tracer
}

// New starts a Tracer. It does not try to reach the collector.
func New(o Options) (*Tracer, error) {
	if o.Endpoint == "" || o.Log == nil {
		return nil, errors.New("trace: Options need an Endpoint and a Log")
	}
	options := []otlptracehttp.Option{
		otlptracehttp.WithEndpointURL(o.Endpoint),
		otlptracehttp.WithHeaders(o.Headers),
		otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
		otlptracehttp.WithTimeout(exportTimeout),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
			Enabled: true, InitialInterval: retryFirst, MaxInterval: retryLongest, MaxElapsedTime: retryFor,
		}),
	}
	if o.Client != nil {
		options = append(options, otlptracehttp.WithHTTPClient(o.Client))
	}
	exporter, err := otlptracehttp.New(context.Background(), options...)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	t := &Tracer{o: o, queue: newQueue(exporter, o.Log)}
	t.provider = sdk.NewTracerProvider(
		sdk.WithSpanProcessor(t.queue), sdk.WithIDGenerator(planned{}), sdk.WithSampler(sdk.AlwaysSample()),
		sdk.WithResource(resource.NewWithAttributes(SchemaURL,
			keyService.String(serviceTitle), keyVersion.String(o.Version), keyInstance.String(o.Node))),
	)
	t.tracer = t.provider.Tracer(serviceTitle, otel.WithInstrumentationVersion(o.Version), otel.WithSchemaURL(SchemaURL))

	return t, nil
}

// Stop exports what waits, until ctx ends, and drops the rest. No call runs
// any more. It may be called twice.
func (t *Tracer) Stop(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// Stats counts.
func (t *Tracer) Stats() Stats {
	return Stats{Exported: t.queue.exported.Load(), Dropped: t.queue.dropped.Load(), Queued: len(t.queue.spans)}
}

// Begin follows a call that was offered.
func (t *Tracer) Begin(rec storage.Call) *Call {
	c := &Call{
		t: t, name: rec.Agent, conversation: rec.ID.String(), engines: t.o.Engines[rec.Agent], offered: rec.StartedAt, id: otel.TraceID(rec.ID),
		root: newSpanID(), utterances: map[int]*utterance{}, spurts: map[int]*spurt{}, tools: map[string]*tool{},
	}
	c.sampled = sampled(c.id, t.o.Sample)

	return c
}

// sampled chooses by the randomness in a trace's last seven bytes, as others
// do who see the same trace (W3C Trace Context Level 2, random trace-id flag).
// Call IDs are random there (RFC 9562 section 5.7).
func sampled(id otel.TraceID, part float64) bool {
	const space = 1 << 56
	chance := binary.BigEndian.Uint64(id[8:]) & (space - 1)

	return float64(chance) < part*space
}

func newSpanID() (id otel.SpanID) {
	binary.BigEndian.PutUint64(id[:], rand.Uint64()|1) // none is zero

	return id
}

// planned gives spans the IDs that were made for them before: children may be
// told, and requests may name their span, before it begins.
type planned struct{}

type planKey struct{}

type plan struct {
	trace otel.TraceID
	span  otel.SpanID
}

// NewIDs implements sdk.IDGenerator.
func (planned) NewIDs(ctx context.Context) (otel.TraceID, otel.SpanID) {
	p, _ := ctx.Value(planKey{}).(plan)

	return p.trace, p.span
}

// NewSpanID implements sdk.IDGenerator.
func (planned) NewSpanID(ctx context.Context, _ otel.TraceID) otel.SpanID {
	p, _ := ctx.Value(planKey{}).(plan)

	return p.span
}
