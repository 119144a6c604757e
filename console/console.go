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

	"trunkline/access"
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
	// Record begins, pauses, goes on with or stops the recording of a running
	// call: state is "recording", "paused" or "stopped", and by who asks. The
	// error is ErrNotRunning, ErrNotRecorded or ErrRecordingOver when that cannot
	// be. nil: not possible.
	Record func(call uuid.UUID, state, by string) error
	// Place places a call and returns its id, or an error of this package. Of
	// two orders with one ID the second returns it again. nil: not possible.
	Place func(ctx context.Context, o Order) (uuid.UUID, error)
	// HangUp ends a running call, after the agent's goodbye if that is wanted;
	// the error is ErrNotRunning when it does not run here. nil: not possible.
	HangUp func(call uuid.UUID, goodbye bool) error
	// Drain lets running calls go on and takes none any more; the process ends
	// when none runs. It returns how many do. nil: not possible.
	Drain func() int
	// Providers tells how the agents' providers do, by agent and stage in their
	// order; it is called by many at once. nil: not found.
	Providers func() []Provider
	// Trunks tells how the trunks do; it is called by many at once. nil: not
	// found.
	Trunks  func() []Trunk
	Checks  []Check      // of readiness
	Metrics http.Handler // answers GET /metrics; nil: not found
	Access  *access.Keys // nil: whoever reaches the listener may do all
	// Act records what somebody is about to do; when it cannot, that is not
	// done, unless it only runs calls. nil: nothing is recorded.
	Act      func(ctx context.Context, a Act) error
	Evidence Evidence     // nil: it is not served
	Jobs     Jobs         // nil: they are not served
	Log      *slog.Logger // nil: silent
}

type console struct {
	Config

	mux     *http.ServeMux
	drawing chan struct{} // a place for each page that draws a recording
}

// drawings is how many recordings are drawn at once: a 30-minute one takes
// some 120 MB while it is.
const drawings = 2

// New returns the handler of the API and the pages.
func New(c Config) http.Handler {
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	s := &console{Config: c, mux: http.NewServeMux(), drawing: make(chan struct{}, drawings)}

	// Probes of the node's own platform have no key, and learn nothing of calls.
	s.mux.Handle("/healthz", s.reading(s.apiProblem, s.healthz))
	s.mux.Handle("/readyz", s.reading(s.apiProblem, s.readyz))
	if c.Metrics != nil {
		s.mux.Handle("/metrics", s.holding(access.Read, s.apiProblem, c.Metrics))
	}
	s.api("/v1/calls", s.apiCalls)
	s.act("POST /v1/calls", "place a call", s.apiPlace)
	s.api("/v1/calls/{id}", s.apiCall)
	s.act("DELETE /v1/calls/{id}", "end a call", s.apiHangUp)
	s.act("POST /v1/drain", "drain the gateway", s.apiDrain)
	s.act("POST /v1/calls/{id}/recording", "begin, pause, resume or stop a recording", s.apiRecord)
	s.api("/v1/calls/{id}/recording", s.recording)
	s.api("/v1/providers", s.apiProviders)
	s.api("/v1/trunks", s.apiTrunks)
	s.evidenceRoutes()
	s.jobRoutes()
	s.api("/v1/", noSuchPath)

	s.page("/{$}", home)
	s.page("/calls", s.pageCalls)
	s.page("/calls/{id}", s.pageCall)
	s.page("/calls/{id}/recording", s.recording)
	s.page("/trunks", s.pageTrunks)
	s.mux.Handle("/jobs", s.holding(access.Prove, s.pageProblem, s.reading(s.pageProblem, s.pageJobs)))
	s.page("/", noSuchPath)

	return guard(s.mux, s.apiProblem)
}

// An action answers a request, or returns why it cannot, having written
// nothing.
type action func(w http.ResponseWriter, r *http.Request) error

// A report tells a client why an action was not done.
type report func(w http.ResponseWriter, r *http.Request, err error)

// api serves what programs read.
func (s *console) api(pattern string, do action) {
	s.mux.Handle(pattern, s.holding(access.Read, s.apiProblem, s.reading(s.apiProblem, do)))
}

// page serves what people read.
func (s *console) page(pattern string, do action) {
	s.mux.Handle(pattern, s.holding(access.Read, s.pageProblem, s.reading(s.pageProblem, do)))
}

// act serves what runs calls; what names it in the records. A page of
// another site cannot have the operator's browser send it: such a request
// carries no JSON, and is no DELETE, unless this server allows it, which it
// does not.
func (s *console) act(pattern, what string, do action) {
	s.mux.Handle(pattern, s.holding(access.Run, s.apiProblem, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" && r.Method != http.MethodDelete {
			s.apiProblem(w, r, errNotJSON)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 4096)
		err := s.note(r, access.Run, what)
		if err == nil {
			err = do(w, r)
		}
		if err != nil {
			s.apiProblem(w, r, err)
		}
	})))
}

// reading makes an action into a handler of requests that change nothing.
func (s *console) reading(tell report, do action) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := error(errMethod)
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			err = do(w, r)
		}
		if err != nil {
			tell(w, r, err)
		}
	})
}

func home(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/calls", http.StatusFound)
	return nil
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
