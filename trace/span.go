package trace

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	otel "go.opentelemetry.io/otel/trace"
)

// span is one that is over.
type span struct {
	id, parent   otel.SpanID // no parent: it is the call's
	name         string
	kind         otel.SpanKind
	began, ended time.Time
	attrs        []attribute.KeyValue
	marks        []mark
	failed       string // its error.type; empty: it did not fail
}

// mark is an event within a span.
type mark struct {
	name  string
	at    time.Time
	attrs []attribute.KeyValue
}

// marksBound is how many events a span holds at most.
const marksBound = 64

// add notes an event, unless there are many.
func add(all []mark, m mark) []mark {
	if len(all) >= marksBound {
		return all
	}

	return append(all, m)
}

// emit hands a span over for export.
func (c *Call) emit(s span) {
	ctx := context.WithValue(context.Background(), planKey{}, plan{c.id, s.id})
	if s.parent.IsValid() {
		ctx = otel.ContextWithSpanContext(ctx, otel.NewSpanContext(otel.SpanContextConfig{
			TraceID: c.id, SpanID: s.parent, TraceFlags: otel.FlagsSampled,
		}))
	}
	if s.ended.Before(s.began) { // clocks of two goroutines
		s.ended = s.began
	}
	_, out := c.t.tracer.Start(ctx, s.name, otel.WithTimestamp(s.began), otel.WithSpanKind(s.kind), otel.WithAttributes(s.attrs...))
	for _, m := range s.marks {
		out.AddEvent(m.name, otel.WithTimestamp(m.at), otel.WithAttributes(m.attrs...))
	}
	if s.failed != "" {
		out.SetAttributes(keyError.String(s.failed))
		out.SetStatus(codes.Error, "")
	}
	out.End(otel.WithTimestamp(s.ended))
}

// private gives attributes with personal data, when they are wanted and say
// anything.
func (c *Call) private(all ...attribute.KeyValue) []attribute.KeyValue {
	if !c.t.o.Private {
		return nil
	}
	kept := all[:0]
	for _, a := range all {
		if a.Value.Type() == attribute.STRINGSLICE && len(a.Value.AsStringSlice()) > 0 || a.Value.AsString() != "" {
			kept = append(kept, a)
		}
	}

	return kept
}

// who names a provider as the conventions do.
func who(e Engine) []attribute.KeyValue {
	if e.Provider == "" {
		return nil
	}
	name := e.Provider
	if known := knownProviders[name]; known != "" {
		name = known
	}
	all := []attribute.KeyValue{keyProvider.String(name)}
	if e.Model != "" {
		all = append(all, keyModel.String(e.Model))
	}

	return all
}
