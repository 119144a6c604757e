package vendor

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"trunkline/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "sk-very-secret"

func TestKeysAreMasked(t *testing.T) {
	t.Parallel()
	k := Key(secret)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", k, "in", struct{ K Key }{k})
	raw, err := json.Marshal(map[string]Key{"key": k})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s %q", k, k, k, k, k), string(raw), log.String()} {
		if strings.Contains(s, "very") {
			t.Errorf("the key is in %s", s)
		}
	}
	if k.Reveal() != secret {
		t.Error("the key is lost")
	}
}

func TestKeyFromTheEnvironment(t *testing.T) {
	t.Setenv("TRUNKLINE_TEST_KEY", " "+secret+"\n")
	if k, err := KeyFrom("TRUNKLINE_TEST_KEY"); err != nil || k != secret {
		t.Errorf("%q, %v", k.Reveal(), err)
	}
	t.Setenv("TRUNKLINE_TEST_KEY", "a\nb")
	if _, err := KeyFrom("TRUNKLINE_TEST_KEY"); err == nil || strings.Contains(err.Error(), "a\nb") {
		t.Error(err)
	}
	t.Setenv("TRUNKLINE_TEST_KEY", "")
	if _, err := KeyFrom("TRUNKLINE_TEST_KEY"); err == nil || !strings.Contains(err.Error(), "TRUNKLINE_TEST_KEY") {
		t.Error(err)
	}
}

// serve starts a server and a client of it.
func serve(t *testing.T, h http.HandlerFunc) (*Client, string) {
	t.Helper()
	s := httptest.NewServer(h)
	c := NewClient("acme")
	t.Cleanup(func() {
		c.HTTP.CloseIdleConnections()
		s.Close()
	})

	return c, s.URL
}

func TestAnswersThatAreErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		header map[string]string
		body   string
		kind   pipeline.FaultKind
		wait   time.Duration
		text   string
	}{
		"bad key": {
			401, nil, `{"error":{"message":"wrong key sk-very-secret","code":"invalid_api_key"}}`,
			pipeline.Rejected, 0, "acme: rejected: HTTP 401 invalid_api_key",
		},
		"limit": {
			429,
			map[string]string{"Retry-After": "7"},
			`{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}`,
			pipeline.RateLimited, 7 * time.Second, "acme: rate_limited: HTTP 429 rate_limit_error",
		},
		"milliseconds": {429, map[string]string{"Retry-After-Ms": "250"}, "", pipeline.RateLimited, 250 * time.Millisecond, "acme: rate_limited: HTTP 429"},
		"absurd wait":  {503, map[string]string{"Retry-After": "1e12"}, "", pipeline.Unavailable, time.Hour, "acme: unavailable: HTTP 503"},
		"quota as 403": {403, nil, `{"detail":{"status":"quota_exceeded"}}`, pipeline.RateLimited, 0, "acme: rate_limited: HTTP 403 quota_exceeded"},
		"overloaded":   {529, nil, "<html>", pipeline.Unavailable, 0, "acme: unavailable: HTTP 529"},
		"gateway":      {504, nil, `{"error":"words of the call"}`, pipeline.Slow, 0, "acme: slow: HTTP 504"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range tc.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(tc.status)
				fmt.Fprint(w, tc.body)
			})
			resp, err := c.Post(t.Context(), url+"/v1?key="+secret, http.Header{"Authorization": {secret}}, nil)
			if err == nil {
				resp.Body.Close()
				t.Fatal("no error")
			}
			var p *pipeline.ProviderError
			if !errors.As(err, &p) || p.Kind != tc.kind || p.RetryAfter != tc.wait || err.Error() != tc.text {
				t.Errorf("%v (%+v), want %q after %v", err, p, tc.text, tc.wait)
			}
		})
	}
}

func TestAServerThatIsAwayIsUnavailableAndItsAddressNotTold(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	url := s.URL + "/?key=" + secret
	s.Close()
	c := NewClient("acme")
	for name, err := range map[string]error{
		"warm": c.Warm(t.Context(), url),
		"post": func() error {
			resp, err := c.Post(t.Context(), url, nil, nil)
			if err == nil {
				resp.Body.Close()
			}

			return err
		}(),
		"dial": func() error {
			conn, err := c.Dial(t.Context(), "ws"+strings.TrimPrefix(url, "http"), nil)
			if err == nil {
				conn.Close()
			}

			return err
		}(),
	} {
		if f := pipeline.Fault(err); err == nil || f.Kind != pipeline.Unavailable || strings.Contains(err.Error(), "very") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnInterruptionIsNoFault(t *testing.T) {
	t.Parallel()
	c, url := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	why := errors.New("the caller interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	resp, err := c.Post(ctx, url, nil, map[string]string{"words": "hello"})
	if err == nil {
		resp.Body.Close()
	}
	if !errors.Is(err, why) {
		t.Error(err)
	}
}

func TestAWarmConnectionIsUsedAgain(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	peers := map[string]int{}
	c, url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		peers[r.RemoteAddr]++
	})
	if err := c.Warm(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	resp, err := c.Post(t.Context(), url, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	mu.Lock()
	defer mu.Unlock()
	if len(peers) != 1 {
		t.Errorf("%d connections", len(peers))
	}
}

// TestConnectionsResumeTheSession proves a vendor's certificate once, whichever
// way connections are opened.
func TestConnectionsResumeTheSession(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var resumed []bool
	upgrader := websocket.Upgrader{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		resumed = append(resumed, r.TLS.DidResume)
		mu.Unlock()
		if websocket.IsWebSocketUpgrade(r) {
			if conn, err := upgrader.Upgrade(w, r, nil); err == nil {
				_ = conn.WriteMessage(websocket.TextMessage, []byte("hello")) // the ticket comes with it
				conn.Close()
			}
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	c := NewClient("acme")
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	c.secure.RootCAs = pool
	transport, ok := c.HTTP.Transport.(*http.Transport)
	if !ok {
		t.Fatalf("the transport is a %T", c.HTTP.Transport)
	}
	transport.TLSClientConfig.RootCAs = pool
	if err := c.Warm(t.Context(), server.URL); err != nil {
		t.Fatal(err)
	}
	transport.CloseIdleConnections()
	for range 2 {
		conn, err := c.Dial(t.Context(), "wss"+strings.TrimPrefix(server.URL, "https"), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _, _ = conn.ReadMessage() // until here the server's ticket has come
		conn.Close()
	}
	mu.Lock()
	defer mu.Unlock()
	if d := cmp.Diff([]bool{false, true, true}, resumed); d != "" {
		t.Errorf("resumed (-want +got):\n%s", d)
	}
}

// events reads all events of a body, and the error at its end.
func events(body string) (got []string, err error) {
	for e, err := range NewClient("acme").Events(context.Background(), strings.NewReader(body)) {
		if err != nil {
			return got, err
		}
		got = append(got, e.Name+"="+string(e.Data))
	}

	return got, nil
}

func TestEvents(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body string
		want []string
		kind pipeline.FaultKind // empty: no error
	}{
		"plain":          {"data: a\n\ndata:b\n\n", []string{"=a", "=b"}, ""},
		"named":          {"event: x\ndata: a\n\ndata: b\n\n", []string{"x=a", "=b"}, ""},
		"carriage":       {"event: x\r\ndata: a\r\n\r\n", []string{"x=a"}, ""},
		"two lines":      {"data: a\ndata: b\n\n", []string{"=a\nb"}, ""},
		"comments":       {": ping\n\ndata: a\n\n: ping\n\n", []string{"=a"}, ""},
		"no data":        {"event: x\n\ndata: a\n\n", []string{"=a"}, ""},
		"empty data":     {"data:\n\n", []string{"="}, ""},
		"empty":          {"", nil, ""},
		"cut":            {"data: a\n\ndata: b", []string{"=a"}, pipeline.Unavailable},
		"endless line":   {"data: " + strings.Repeat("x", maxEvent+1), nil, pipeline.Garbled},
		"endless event":  {strings.Repeat("data: "+strings.Repeat("x", 1<<16)+"\n", 20) + "\n", nil, pipeline.Garbled},
		"unknown fields": {"id: 7\nretry: 10\nx\ndata: a\n\n", []string{"=a"}, ""},
	} {
		got, err := events(tc.body)
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if tc.kind == "" && err != nil || tc.kind != "" && pipeline.Fault(err).Kind != tc.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzEvents(f *testing.F) {
	f.Add("event: x\ndata: a\n\ndata: b\r\n\r\n: c\n\n")
	f.Fuzz(func(t *testing.T, body string) {
		whole, _ := events(body)
		// What was whole stays whole, however the stream goes on.
		more, _ := events(body + "\n\ndata: end\n\n")
		if len(more) < len(whole) {
			t.Fatalf("%q, then %q", whole, more)
		}
	})
}

func FuzzCode(f *testing.F) {
	f.Add([]byte(`{"error":{"code":"invalid_api_key"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if c := Code(body); c != "" && !plainCode.MatchString(c) {
			t.Fatal(c)
		}
	})
}
