package twilio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"trunkline/twilio/dialect"
	"trunkline/twilio/rest"
	"trunkline/twilio/signature"
)

// Config sets up a Server.
type Config struct {
	// Listen is HOST:PORT of the carriers' requests. It speaks plain HTTP: TLS
	// ends at the load balancer or the tunnel before it.
	Listen string
	Socket net.Listener // that is open already, in place of Listen; may be nil
	// PublicURL is what the carriers reach it as, https://HOST and perhaps a
	// path. Requests are signed over it.
	PublicURL string
	// NodeURL is the same for this process alone, where PublicURL leads to
	// several: a call's socket and all that follows its first webhook must come
	// to who has the call. Empty: PublicURL.
	NodeURL  string
	Accounts []Account
	MaxCalls int // at once; 0: no limit
	Log      *slog.Logger
	// Elsewhere finds the other node that a call is at, or was, since a time, by
	// the carrier's name of it; "" when there is none. A carrier that does not get
	// our answer in time asks again, and another node may be asked: a call whose
	// audio does not come is left to that one. nil: there is one node.
	Elsewhere func(ctx context.Context, call string, since time.Time) (node string, err error)
	// FellBack is told of a call that gets the fallback's instructions and is none
	// of this node's. It must not block. nil: nobody is told.
	FellBack func(Info)

	// Bounds; zero: the default.
	Decide  time.Duration // for the Handler to take or refuse a call; 8 s of the 15 s that Twilio waits
	Start   time.Duration // from the answer to the stream's start; 10 s
	Confirm time.Duration // for the carrier to confirm an end before its API is asked; 5 s
	Ask     time.Duration // from the answer until Elsewhere is asked, and between two questions; 2 s
}

// An API ends an account's calls at the carrier.
type API interface {
	// End hangs a call up, repeatedly if need be; the channel is closed when
	// nothing more is to be done.
	End(call string) <-chan struct{}
	// Ended tells that a call was seen to be over.
	Ended(call string)
	// Transfer has a call go on with somebody else. The error is an *rest.Error
	// or says what is wrong with t.
	Transfer(ctx context.Context, call string, t rest.Transfer) error
}

// A Recorder records calls at the carrier, as *rest.Client does.
type Recorder interface {
	StartRecording(ctx context.Context, call string) error
	PauseRecording(ctx context.Context, call string) error
	ResumeRecording(ctx context.Context, call string) error
	StopRecording(ctx context.Context, call string) error
}

// Account is one account with one carrier.
type Account struct {
	Name     string   // in the configuration, the records and the URLs
	Carrier  string   // name of its dialect
	Tokens   []string // that requests are signed with: the current one and the one before
	Fallback Fallback
	API      API      // nil: calls end with their socket alone
	AMD      bool     // the carrier is to find out who answers calls of ours
	Recorder Recorder // nil: the carrier is not to record calls
}

// A Handler takes calls.
type Handler interface {
	// Incoming is called on a goroutine of its own and returns when the call
	// is over. It must answer or refuse soon: the carrier waits.
	Incoming(c *Call)
}

// lastAnswers is how long requests that are being answered hold up the end.
const lastAnswers = 2 * time.Second

// account is an Account in use.
type account struct {
	Account

	base    string // public URL of its requests
	dialect *dialect.Dialect
	words   carrier
	guard   guard
}

// Server is the door. Its methods may be called from any goroutine.
type Server struct {
	cfg      Config
	handler  Handler
	prefixes []string // paths of the two URLs, the longer one first
	accounts map[string]*account
	tokens   tokens
	counts   counts
	answers  prometheus.Histogram

	draining atomic.Bool
	stopping context.Context
	stop     context.CancelFunc
	http     *http.Server
	listener net.Listener
	work     sync.WaitGroup // calls, sockets, the HTTP server

	mu      sync.Mutex
	calls   map[string]*Call    // by our key
	ids     map[string]*Call    // by account and the carrier's name
	sockets map[net.Conn]func() // each with what closes it
}

// New makes a Server that does not serve yet.
func New(c Config, h Handler) (*Server, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Decide, c.Start, c.Confirm = or(c.Decide, 8*time.Second), or(c.Start, 10*time.Second), or(c.Confirm, 5*time.Second)
	c.Ask = or(c.Ask, 2*time.Second)
	bases, prefixes, err := bases(c.PublicURL, cmp.Or(c.NodeURL, c.PublicURL))
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: c, handler: h, answers: newAnswers(), prefixes: prefixes, accounts: map[string]*account{},
		calls: map[string]*Call{}, ids: map[string]*Call{}, sockets: map[net.Conn]func(){},
	}
	s.stopping, s.stop = context.WithCancel(context.Background())
	for _, a := range c.Accounts {
		in := &account{Account: a, base: bases[1] + "/" + a.Name}
		var ok bool
		if in.dialect, ok = dialect.ByName(a.Carrier); !ok {
			return nil, fmt.Errorf("twilio: account %q: there is no carrier %q; use one of: %s", a.Name, a.Carrier, strings.Join(dialect.Names(), ", "))
		}
		in.words = carriers[a.Carrier]
		if in.guard, err = newGuards(bases, &a); err != nil {
			return nil, fmt.Errorf("twilio: account %q: %w", a.Name, err)
		}
		if s.accounts[a.Name] != nil {
			return nil, fmt.Errorf("twilio: two accounts are called %q", a.Name)
		}
		s.accounts[a.Name] = in
	}

	return s, nil
}

// bases reads the public URL and the node's own, and their paths.
func bases(public, node string) (urls, paths []string, err error) {
	for _, text := range []string{public, node} {
		u, err := signature.ParseBase(text)
		if err != nil {
			return nil, nil, err
		}
		urls, paths = append(urls, u.String()), append(paths, u.Path)
	}
	slices.SortFunc(paths, func(a, b string) int { return len(b) - len(a) })

	return urls, slices.Compact(paths), nil
}

func or(d, standard time.Duration) time.Duration {
	if d == 0 {
		return standard
	}

	return d
}

// url is where the carrier finds something of the account's.
func (a *account) url(what string, socket bool) string {
	u := a.base + "/" + what
	if socket {
		u = strings.Replace(u, "http", "ws", 1)
	}

	return u
}

// refusal turns a call away.
func (a *account) refusal() (instructions, error) {
	if a.Fallback.Number != "" {
		return a.words.fallback(&a.Fallback)
	}

	return a.words.reject()
}

// Start begins to serve.
func (s *Server) Start(ctx context.Context) error {
	ln := s.cfg.Socket
	if ln == nil {
		var err error
		if ln, err = new(net.ListenConfig).Listen(ctx, "tcp", s.cfg.Listen); err != nil {
			return fmt.Errorf("twilio.listen: %w; is another gateway running?", err)
		}
	}
	s.listener = ln
	s.http = &http.Server{
		Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	s.work.Go(func() {
		if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.cfg.Log.Error("the carriers' HTTP server ended", slog.Any("error", err))
		}
	})

	return nil
}

// Addr is where the Server listens, once it has started.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Drain turns away all calls from now on.
func (s *Server) Drain() { s.draining.Store(true) }

// Stop ends what is left of calls and returns when nothing runs any more, or
// with an error when ctx ends first. It may be called twice, and before Start.
func (s *Server) Stop(ctx context.Context) error {
	s.Drain()
	s.stop()
	var err error
	if s.http != nil {
		soon, cancel := context.WithTimeout(ctx, lastAnswers)
		if s.http.Shutdown(soon) != nil {
			err = s.http.Close()
		}
		cancel()
	}
	s.mu.Lock()
	for _, shut := range s.sockets {
		shut()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.work.Wait()
	}()
	select {
	case <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("twilio: %d calls did not end: %w", s.Active(), context.Cause(ctx))
	}
}

// Active is how many calls the door has, those included whose end the carrier
// has yet to confirm.
func (s *Server) Active() int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return len(s.calls)
}

// enter finds a call by the carrier's name of it, or makes it. made is false
// for one that was there; c is nil when there is no place.
func (s *Server) enter(a *account, info Info) (c *Call, made bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c = s.ids[a.Name+"/"+info.ID]; c != nil {
		return c, false
	}
	if s.full() {
		return nil, false
	}
	c = newCall(s, a, info)
	s.add(c)

	return c, true
}

// add keeps a call until it is over and the carrier has confirmed that. The
// lock is held.
func (s *Server) add(c *Call) {
	s.calls[c.key] = c
	if c.info.ID != "" {
		s.ids[c.account.Name+"/"+c.info.ID] = c
	}
	s.work.Go(c.attend)
}

// full says that no further call is taken. The lock is held.
func (s *Server) full() bool {
	return s.draining.Load() || s.stopping.Err() != nil || s.cfg.MaxCalls > 0 && len(s.calls) >= s.cfg.MaxCalls
}

// find is the call of a request, by our key or the carrier's name; nil when
// there is none.
func (s *Server) find(a *account, key, id string) *Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.calls[key]; c != nil && c.account == a {
		return c
	}

	return s.ids[a.Name+"/"+id]
}

func (s *Server) forget(c *Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calls, c.key)
	if id := c.account.Name + "/" + c.Info().ID; s.ids[id] == c {
		delete(s.ids, id)
	}
}

// keep has Stop close a socket by shut, in place of what was said before. It
// reports false when it is too late for that, or there are too many.
func (s *Server) keep(conn net.Conn, shut func()) bool {
	const spare = 100 // sockets beyond those of calls, which have yet to say whose they are
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.sockets[conn]
	if s.stopping.Err() != nil || !known && s.cfg.MaxCalls > 0 && len(s.sockets) >= s.cfg.MaxCalls+spare {
		return false
	}
	s.sockets[conn] = shut

	return true
}

func (s *Server) lose(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sockets, conn)
}
