// Package tracetest has a small OTLP/HTTP collector for tests: it takes real
// requests, decodes them and keeps the spans. Its network are pipes in memory,
// so that it works in virtual time.
package tracetest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Endpoint is the Collector's URL.
const Endpoint = "http://collector/v1/traces"

// Collector takes spans.
type Collector struct {
	Client *http.Client // reaches the Collector, and nothing else

	t      *testing.T
	server *http.Server
	pipes  *pipes
	quiet  chan struct{}

	mu     sync.Mutex
	refuse int // HTTP status of answers; 0: spans are taken
	body   bytes.Buffer
	header http.Header
	spans  []*Span
}

// Span is one that arrived.
type Span struct {
	*otlp.Span

	Began, Ended time.Time
	Attrs        map[string]any // strings, int64, float64, bool and []string
	Schema       string
	Resource     map[string]any
}

// New starts a Collector. Stop ends it.
func New(t *testing.T) *Collector {
	t.Helper()
	c := &Collector{t: t, pipes: &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}, quiet: make(chan struct{})}
	c.server = &http.Server{Handler: c, ReadHeaderTimeout: time.Hour}
	go func() {
		defer close(c.quiet)
		_ = c.server.Serve(c.pipes)
	}()
	c.Client = &http.Client{Transport: &http.Transport{DialContext: c.pipes.dial}}

	return c
}

// Stop ends the Collector and its connections.
func (c *Collector) Stop() {
	_ = c.server.Close()
	c.Client.CloseIdleConnections()
	<-c.quiet
}

// Refuse has the next requests answered with an HTTP status; 0: they are
// taken.
func (c *Collector) Refuse(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = status
}

// Spans are what arrived, in order.
func (c *Collector) Spans() []*Span {
	c.mu.Lock()
	defer c.mu.Unlock()

	return append([]*Span(nil), c.spans...)
}

// Bytes are all messages that arrived.
func (c *Collector) Bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()

	return bytes.Clone(c.body.Bytes())
}

// Header is the latest request's.
func (c *Collector) Header() http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.header.Clone()
}

// ServeHTTP takes spans as OTLP/HTTP says.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse != 0 {
		w.WriteHeader(c.refuse)

		return
	}
	if kind := r.Header.Get("Content-Type"); r.URL.Path != "/v1/traces" || kind != "application/x-protobuf" {
		c.t.Errorf("%s %s of type %s", r.Method, r.URL, kind)
	}
	plain, err := gzip.NewReader(r.Body)
	if err != nil {
		c.t.Errorf("a body that is not gzip: %v", err)

		return
	}
	b, err := io.ReadAll(plain)
	if err != nil {
		c.t.Error(err)
	}
	var msg collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(b, &msg); err != nil {
		c.t.Errorf("a body that is no message: %v", err)
	}
	c.body.Write(b)
	c.header = r.Header.Clone()
	c.keep(&msg)
	out, _ := proto.Marshal(&collector.ExportTraceServiceResponse{})
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(out)
}

func (c *Collector) keep(msg *collector.ExportTraceServiceRequest) {
	for _, of := range msg.GetResourceSpans() {
		for _, scope := range of.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans = append(c.spans, &Span{
					Span: s, Schema: scope.GetSchemaUrl(), Resource: attributes(of.GetResource().GetAttributes()),
					Began: time.Unix(0, int64(s.GetStartTimeUnixNano())), Ended: time.Unix(0, int64(s.GetEndTimeUnixNano())),
					Attrs: attributes(s.GetAttributes()),
				})
			}
		}
	}
}

func attributes(all []*common.KeyValue) map[string]any {
	m := make(map[string]any, len(all))
	for _, a := range all {
		switch v := a.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			m[a.GetKey()] = v.StringValue
		case *common.AnyValue_IntValue:
			m[a.GetKey()] = v.IntValue
		case *common.AnyValue_DoubleValue:
			m[a.GetKey()] = v.DoubleValue
		case *common.AnyValue_BoolValue:
			m[a.GetKey()] = v.BoolValue
		case *common.AnyValue_ArrayValue:
			var texts []string
			for _, t := range v.ArrayValue.GetValues() {
				texts = append(texts, t.GetStringValue())
			}
			m[a.GetKey()] = texts
		}
	}

	return m
}

// ID is the span's, in hexadecimal.
func (s *Span) ID() string { return hex.EncodeToString(s.GetSpanId()) }

// Parent is its parent's; empty when it has none.
func (s *Span) Parent() string { return hex.EncodeToString(s.GetParentSpanId()) }

// Trace is its trace's.
func (s *Span) Trace() string { return hex.EncodeToString(s.GetTraceId()) }

// Events are the names of what happened within.
func (s *Span) Events() (names []string) {
	for _, e := range s.GetEvents() {
		names = append(names, e.GetName())
	}

	return names
}

// pipes is a network of one host.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })

	return nil
}

// Addr implements net.Listener.
func (*pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }
