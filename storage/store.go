package storage

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// connectTimeout bounds one attempt to connect, when the URL does not.
const connectTimeout = 5 * time.Second

// maxConns is the size of the pool, when the URL does not set pool_max_conns.
const maxConns = 8

// pingAfter is how long a connection may have been idle and be used unasked.
const pingAfter = 100 * time.Millisecond

// Store is the database. It is safe for concurrent use.
type Store struct {
	pool  *pgxpool.Pool
	where string // host and database, for messages
	log   *slog.Logger
}

// Open connects to the PostgreSQL database at url and checks that it answers.
// It does not look at the schema: see Migrate and CheckSchema. The error is
// ErrURL, ErrAway, ErrLogin or ErrNoDatabase; ctx bounds the wait.
func Open(ctx context.Context, url string, log *slog.Logger) (*Store, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		// The cause is left out: it may quote a part of the password.
		return nil, fmt.Errorf("open the database: %w: %s", ErrURL, hintPasswordEncoding)
	}
	conn := config.ConnConfig
	if conn.ConnectTimeout == 0 || !strings.Contains(url, "connect_timeout") {
		conn.ConnectTimeout = connectTimeout
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = maxConns
	}
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = "trunkline"
	}
	// A connection that the server has dropped while nobody used it is found
	// before it is used. Decisions come one after another and do not wait for it.
	config.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool { return p.IdleDuration > pingAfter }
	config.AfterConnect = takeRole
	where := place(conn.Host, conn.Port, conn.Database)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, classify("open the database", where, err)
	}
	s := &Store{pool: pool, where: where, log: log}
	if err := s.Ping(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

// becomeService gives up what the service does not need: where the schema has
// evidence and the login is a member of the role that may add to it and not
// change it, the connection goes on as that role.
const becomeService = `SELECT set_config('role', rolname, false) FROM pg_roles
	WHERE rolname = 'trunkline_service' AND pg_has_role(session_user, oid, 'MEMBER') AND to_regclass('ledger') IS NOT NULL`

func takeRole(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, becomeService)

	return err
}

// Pool gives the connections to the rooms beside this one that have queries of
// their own.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// NewPool makes further connections to the database, at most size, for work
// that must not wait for what else is asked, nor be waited for. Each begins
// with the given settings of PostgreSQL, by name. It connects when it is first
// used; the caller closes it.
func (s *Store) NewPool(size int32, settings map[string]string) (*pgxpool.Pool, error) {
	config := s.pool.Config()
	config.MaxConns, config.MinConns, config.MinIdleConns = size, 0, 0
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		for name, value := range settings {
			if _, err := conn.Exec(ctx, `SELECT set_config($1, $2, false)`, name, value); err != nil {
				return err
			}
		}

		return takeRole(ctx, conn)
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), config)

	return pool, classify("connect to the database", s.where, err)
}

// Explain gives an error of such a query its kind and what to do about it, as
// this package's own errors have. op says what was tried.
func (s *Store) Explain(op string, err error) error { return classify(op, s.where, err) }

// place names a database without its user and password.
func place(host string, port uint16, database string) string {
	if strings.HasPrefix(host, "/") {
		return host + ", " + database
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port))) + "/" + database
}

// Where names the database's host and name, without user and password.
func (s *Store) Where() string { return s.where }

// Ping checks that the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return classify("reach the database", s.where, s.pool.Ping(ctx))
}

// Close closes all connections. It waits for running queries.
func (s *Store) Close() { s.pool.Close() }
