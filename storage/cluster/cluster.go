package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser = "trunkline" // of the cluster, and owner of the database
	database  = "trunkline"
	port      = "5432" // names the socket; nothing listens on the network
)

// Options sets up a Cluster.
type Options struct {
	// Dir holds the cluster and belongs to it alone. It is made when it is
	// missing; the account that runs the server must be able to reach it.
	Dir string

	Log *slog.Logger // nil: silent

	// Connections is how many the server accepts; 0: 50.
	Connections int

	// Scratch gives up safety against power loss for speed. For tests.
	Scratch bool
}

// Cluster is a PostgreSQL server of our own, or a share in one.
type Cluster struct {
	opts Options
	log  *slog.Logger

	mu      sync.Mutex
	started bool
	url     string
	sockets string // directory
	home    *home
	share   *flock  // held while this gateway uses the server
	server  *server // nil when another gateway started it; belongs to watch while that runs

	unwatch context.CancelFunc
	watched chan struct{} // closed when watch has ended
}

// New prepares a cluster; nothing runs before Start.
func New(o Options) *Cluster {
	o.Connections = cmp.Or(o.Connections, 50)
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Cluster{opts: o, log: log}
}

// Start makes the cluster when the directory has none, and returns when its
// server answers. A server that runs there already is used as it is. An error
// holds the end of the server's log.
func (c *Cluster) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started {
		return errors.New("cluster: start: it runs already")
	}
	if err := c.start(ctx); err != nil {
		return fmt.Errorf("private PostgreSQL cluster in %s: %w", c.opts.Dir, err)
	}
	c.started = true
	ctx, c.unwatch = context.WithCancel(context.Background())
	c.watched = make(chan struct{})
	go func() {
		defer close(c.watched)
		c.watch(ctx)
	}()
	return nil
}

func (c *Cluster) start(ctx context.Context) (err error) {
	h, err := openHome(c.opts.Dir)
	if err != nil {
		return err
	}
	// One gateway at a time starts or stops the server.
	turn, err := lock(ctx, h.startLock(), exclusive)
	if err != nil {
		return err
	}
	defer turn.release()
	share, err := lock(ctx, h.usersLock(), shared)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			share.release()
		}
	}()

	sockets, srv, err := c.serve(ctx, h)
	if err != nil {
		return err
	}
	c.home, c.share, c.server = h, share, srv
	c.sockets, c.url = sockets, connString(sockets, database)
	c.log.Info("private PostgreSQL is up", slog.String("dir", h.dir),
		slog.Bool("shared", srv == nil), slog.String("account", h.account.name))
	return nil
}

// serve finds the server that runs on the data, or starts one, and makes sure
// that it answers and has the database. The start lock is held meanwhile.
func (c *Cluster) serve(ctx context.Context, h *home) (sockets string, srv *server, err error) {
	for {
		sockets, running := h.running(ctx)
		if !running {
			vacant, err := h.vacant(ctx)
			if err != nil {
				return "", nil, err
			}
			if !vacant {
				continue
			}
			if sockets, err = h.socketDir(); err != nil {
				return "", nil, err
			}
			if err = h.initialize(ctx, c.opts.Scratch, c.log); err != nil {
				return "", nil, err
			}
			if srv, err = startServer(h, sockets, c.opts, c.log); err != nil {
				return "", nil, err
			}
		}
		err = prepare(ctx, h, sockets, srv)
		switch {
		case err == nil:
			return sockets, srv, nil
		case srv != nil:
			return "", nil, errors.Join(err, srv.stop(context.WithoutCancel(ctx)))
		case !errors.Is(err, errEnded):
			return "", nil, err
		}
	}
}

// Pauses before a server that has ended is started again, and between looks
// at one that is not our child.
const (
	restartMin = 100 * time.Millisecond
	restartMax = 30 * time.Second
	restartMay = time.Minute // last; recovery reads the log since the last checkpoint
	look       = 500 * time.Millisecond
)

// watch starts the server again whenever it ends by itself, until ctx ends.
// Of several gateways one does it, and the others find it running.
func (c *Cluster) watch(ctx context.Context) {
	pause := restartMin
	for c.ended(ctx) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		srv, err := c.restart(ctx)
		if err != nil {
			c.log.Error("private PostgreSQL does not start again", slog.String("dir", c.home.dir), slog.Any("error", err))
			pause = min(2*pause, restartMax)
			continue
		}
		c.server, pause = srv, restartMin
		c.log.Info("private PostgreSQL is up again", slog.String("dir", c.home.dir))
	}
}

// ended waits until the server has ended; it is false when ctx ended first.
func (c *Cluster) ended(ctx context.Context) bool {
	if c.server != nil {
		select {
		case <-c.server.exited:
			return true
		case <-ctx.Done():
			return false
		}
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
		if !c.home.hasPostmaster() {
			return true
		}
	}
}

func (c *Cluster) restart(ctx context.Context) (*server, error) {
	turn, err := lock(ctx, c.home.startLock(), exclusive)
	if err != nil {
		return nil, err
	}
	defer turn.release()
	// Stop lets this attempt end: given up half-way, it would take down a
	// server that other gateways use already.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restartMay)
	defer cancel()
	_, srv, err := c.serve(ctx, c.home)
	return srv, err
}

// URL is the connection string of the database "trunkline" in the cluster. It
// holds no secret; it is empty before Start.
func (c *Cluster) URL() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.url
}

// Stop ends this gateway's use of the cluster. The last gateway stops the
// server, which aborts open transactions, writes everything down and exits;
// Stop returns when it is gone. It may be called twice, and before Start.
func (c *Cluster) Stop(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.started {
		return nil
	}
	c.unwatch()
	<-c.watched
	if err := c.stop(ctx); err != nil {
		return fmt.Errorf("stop the private PostgreSQL cluster in %s: %w", c.opts.Dir, err)
	}
	c.started, c.url = false, ""
	return nil
}

func (c *Cluster) stop(ctx context.Context) error {
	turn, err := lock(ctx, c.home.startLock(), exclusive)
	if err != nil {
		return err
	}
	defer turn.release()
	if !c.share.alone() {
		c.share.release()
		c.log.Info("private PostgreSQL stays up for another gateway", slog.String("dir", c.home.dir))
		if c.server != nil {
			c.server.leave()
		}
		return nil
	}
	if c.server != nil {
		err = c.server.stop(ctx)
	} else {
		err = c.home.pgCtlStop(ctx)
	}
	if err != nil {
		return err
	}
	c.share.release()
	// A server that was killed left its socket and the socket's lock there.
	for _, path := range []string{socketIn(c.sockets), socketIn(c.sockets) + ".lock", c.sockets} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the socket's directory: %w", err)
		}
	}
	return nil
}

// prepare waits until the server answers and makes the database.
func prepare(ctx context.Context, h *home, sockets string, srv *server) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("no answer for a minute"))
	defer cancel()
	conn, err := connect(ctx, h, sockets, srv)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // the server forgets it anyway
	var there bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database).Scan(&there)
	if err == nil && !there {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+database)
	}
	if err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	return nil
}

// errEnded says that a server which is not our child has ended.
var errEnded = errors.New("the server that was running has ended")

// connect tries until the server takes a connection or ends, or ctx ends. srv
// is nil when the server is not our child.
func connect(ctx context.Context, h *home, sockets string, srv *server) (*pgx.Conn, error) {
	var exited <-chan struct{}
	if srv != nil {
		exited = srv.exited
	}
	for {
		conn, err := pgx.Connect(ctx, connString(sockets, "postgres"))
		if err == nil {
			return conn, nil
		}
		if _, running := h.running(ctx); !running && srv == nil && ctx.Err() == nil {
			return nil, errEnded
		}
		select {
		case <-exited:
			return nil, fmt.Errorf("the server ended at its start: %w", srv.failure())
		case <-ctx.Done():
			err = fmt.Errorf("the server does not answer: %w: %w", context.Cause(ctx), err)
			if srv != nil {
				err = fmt.Errorf("%w\n%s", err, srv.logTail())
			}
			return nil, err
		case <-time.After(25 * time.Millisecond):
		}
	}
}

func connString(sockets, name string) string {
	q := url.Values{"host": {sockets}, "port": {port}}
	return "postgres://" + superuser + "@/" + name + "?" + q.Encode()
}

// home is the directory of a cluster: the data, the socket, the server's log
// and the locks of the gateways that use it.
type home struct {
	dir     string // absolute
	account account
}

func openHome(dir string) (*home, error) {
	if dir == "" {
		return nil, errors.New("no directory is set")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	h := &home{dir: dir}
	if h.account, err = serverAccount(h.data()); err != nil {
		return nil, err
	}
	if err := h.account.reach(dir); err != nil {
		return nil, err
	}
	return h, nil
}

func (h *home) data() string      { return filepath.Join(h.dir, "data") }
func (h *home) logFile() string   { return filepath.Join(h.dir, "postgresql.log") }
func (h *home) startLock() string { return filepath.Join(h.dir, "start.lock") }
func (h *home) usersLock() string { return filepath.Join(h.dir, "users.lock") }

// own makes dir, for the server's account only.
func (h *home) own(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if uid := ownerOf(info); !info.IsDir() || (uid != h.account.uid && uid != uint32(os.Geteuid())) {
		return fmt.Errorf("%s belongs to somebody else (user %d): remove it", dir, uid)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	return h.account.give(dir)
}

// longestSocket is how long the path of a Unix socket may be, without the NUL
// that ends it (unix(7)).
const longestSocket = 107

// socketDir makes the directory of the server's socket: in the cluster's own,
// or under the one for temporary files where that path is too long.
func (h *home) socketDir() (string, error) {
	dir := filepath.Join(h.dir, "socket")
	if len(socketIn(dir)) > longestSocket {
		dir = filepath.Join(os.TempDir(), "trunkline-"+shortHash(h.dir))
	}
	if len(socketIn(dir)) > longestSocket {
		return "", fmt.Errorf("the socket's path %s is longer than %d bytes: set TMPDIR to a shorter one", socketIn(dir), longestSocket)
	}
	if err := h.own(dir); err != nil {
		return "", fmt.Errorf("socket directory: %w", err)
	}
	return dir, h.account.reach(dir)
}

func socketIn(dir string) string { return filepath.Join(dir, ".s.PGSQL."+port) }

// maxLog is how long the server's log may be when a new server goes on with it.
const maxLog = 1 << 20

func (h *home) openLog() (file *os.File, size int64, err error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if info, err := os.Stat(h.logFile()); err == nil && info.Size() < maxLog {
		size = info.Size()
	} else {
		flags |= os.O_TRUNC
	}
	file, err = os.OpenFile(h.logFile(), flags, 0o600)
	return file, size, err
}
