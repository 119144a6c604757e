package vendorsuite

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Server is a vendor's stand-in behind a socket on loopback.
type Server struct {
	URL string // http

	mu    sync.Mutex
	peers map[string]bool
}

// Serve starts a vendor's stand-in, over HTTP/1 and over HTTP/2 without TLS,
// until the test ends.
func Serve(t *testing.T, vendor http.Handler) *Server {
	t.Helper()
	s := &Server{peers: make(map[string]bool)}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.peers[r.RemoteAddr] = true
		s.mu.Unlock()
		vendor.ServeHTTP(w, r)
	}))
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetHTTP1(true)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	t.Cleanup(srv.Close)
	s.URL = srv.URL

	return s
}

// Connections is how many connections requests have come over.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return len(s.peers)
}

// CloseAtEnd closes a provider that can be closed when the test ends, before
// its Server.
func CloseAtEnd(t *testing.T, provider any) {
	t.Helper()
	c, can := provider.(interface{ Close() error })
	if !can {
		return
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}
