package console

import (
	"cmp"
	"context"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/google/uuid"

	"trunkline/media/record/seal"
	"trunkline/storage"
)

// A Reader reads the records; *storage.Store is one. Call returns an error
// that is storage.ErrNotFound when there is no such call.
type Reader interface {
	Calls(ctx context.Context, f storage.Filter) (storage.Page, error)
	Call(ctx context.Context, id uuid.UUID) (storage.History, error)
}

// A Check is one condition of readiness.
type Check struct {
	Name string
	Run  func(ctx context.Context) error // nil when all is well; called by many at once
}

// Config sets up the console.
type Config struct {
	Reader     Reader
	Recordings string        // directory of the recordings; empty: none are shown
	Keys       *seal.Keyring // opens encrypted recordings; nil: none can be
	// Pause pauses or resumes the recording of a running call; the error is
	// ErrNotRunning or ErrNotRecorded when there is none. nil: not possible.
	Pause func(call uuid.UUID, paused bool) error
	// Providers tells how the agents' providers do, by agent and stage in their
	// order; it is called by many at once. nil: not found.
	Providers func() []Provider
	Checks    []Check      // of readiness
	Metrics   http.Handler // answers GET /metrics; nil: not found
	Log       *slog.Logger // nil: silent
}

type console struct {
	Config

	drawing chan struct{} // a place for each page that draws a recording
}

// drawings is how many recordings are drawn at once: a 30-minute one takes
// some 120 MB while it is.
const drawings = 2

// New returns the handler of the API and the pages.
func New(c Config) http.Handler {
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	s := &console{Config: c, drawing: make(chan struct{}, drawings)}
	api, page := s.answering(s.apiProblem), s.answering(s.pageProblem)

	mux := http.NewServeMux()
	mux.Handle("/healthz", api(s.healthz))
	mux.Handle("/readyz", api(s.readyz))
	if c.Metrics != nil {
		mux.Handle("/metrics", c.Metrics)
	}
	mux.Handle("/v1/calls", api(s.apiCalls))
	mux.Handle("/v1/calls/{id}", api(s.apiCall))
	mux.Handle("POST /v1/calls/{id}/recording", s.changing(s.apiPause))
	mux.Handle("/v1/calls/{id}/recording", api(s.recording))
	mux.Handle("/v1/providers", api(s.apiProviders))
	mux.Handle("/v1/", api(noSuchPath))

	mux.Handle("/{$}", http.RedirectHandler("/calls", http.StatusFound))
	mux.Handle("/calls", page(s.pageCalls))
	mux.Handle("/calls/{id}", page(s.pageCall))
	mux.Handle("/calls/{id}/recording", page(s.recording))
	mux.Handle("/", page(noSuchPath))
	return guard(mux, s.apiProblem)
}

// An action answers a request, or returns why it cannot, having written
// nothing.
type action func(w http.ResponseWriter, r *http.Request) error

// answering makes actions into handlers that tell problems through report.
func (s *console) answering(report func(http.ResponseWriter, *http.Request, error)) func(action) http.Handler {
	return func(do action) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err := error(errMethod)
			if r.Method == http.MethodGet || r.Method == http.MethodHead {
				err = do(w, r)
			}
			if err != nil {
				report(w, r, err)
			}
		})
	}
}

// changing makes an action that changes something into a handler. A page of
// another site cannot have the operator's browser send it: such a request
// carries no JSON unless this server allows it, which it does not.
func (s *console) changing(do action) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := error(errNotJSON)
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
			r.Body = http.MaxBytesReader(w, r.Body, 4096)
			err = do(w, r)
		}
		if err != nil {
			s.apiProblem(w, r, err)
		}
	})
}

func noSuchPath(http.ResponseWriter, *http.Request) error { return errPath }

// guard sets the headers of every answer, and refuses requests that a page of
// a stranger's domain, made to point at this machine's loopback address, has
// the operator's browser send.
func guard(next http.Handler, report func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store") // numbers and words of callers
		if onLoopback(r) && !namesThisMachine(r.Host) {
			report(w, r, errHost)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func onLoopback(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && local.IP.IsLoopback()
}

func namesThisMachine(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil
}
