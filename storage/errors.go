package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Kinds of failure, for errors.Is. The error's text says where it happened
// and what to do; it never holds the database URL or its password.
var (
	ErrURL        = errors.New("the database URL is not valid")
	ErrAway       = errors.New("the database is away")
	ErrLogin      = errors.New("the database refuses the login")
	ErrNoDatabase = errors.New("the database does not exist")
	ErrSchemaOld  = errors.New("the database's schema is too old")
	ErrSchemaNew  = errors.New("the database's schema is too new")
	ErrNotFound   = errors.New("not found")
	ErrCursor     = errors.New("the cursor is not one that a page of calls gave")
)

// Codes of PostgreSQL (appendix A, "PostgreSQL Error Codes").
const (
	codeInvalidPassword   = "28P01"
	codeInvalidLogin      = "28000"
	codeNoDatabase        = "3D000"
	codeUndefinedTable    = "42P01"
	codeUndefinedColumn   = "42703"
	codeTooManyConns      = "53300"
	codeAdminShutdown     = "57P01"
	codeCrashShutdown     = "57P02"
	codeCannotConnectNow  = "57P03"
	classConnection       = "08"
	classData             = "22" // a value that PostgreSQL cannot hold
	classConstraint       = "23" // a value that the schema does not allow
	classProgramLimit     = "54" // a value that is too large
	classCodeLength       = 2
	hintRunMigrate        = "run `trunkline migrate`"
	hintNewerTrunkline    = "a newer trunkline has migrated it: run that version, or give this one a database of its own"
	hintPasswordEncoding  = "write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE, with the special characters of the password percent-encoded"
	hintStartPostgres     = "start PostgreSQL there, or correct database.url"
	hintCorrectLogin      = "correct user and password in database.url, or the server's pg_hba.conf"
	hintCreateDatabase    = "create it with `createdb`, or correct database.url"
	hintRaiseConnectLimit = "raise max_connections of the server, or let fewer programs connect"
)

// classify wraps err, which came from op on the database at where, with its
// kind and what to do about it. Errors of no kind keep their own text.
func classify(op, where string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%s: %w", op, ErrNotFound)
	}
	hint, kind := kindOf(err)
	if kind == nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return &failure{op: op, where: where, kind: kind, hint: hint, cause: err}
}

func kindOf(err error) (hint string, kind error) {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code {
		case codeInvalidPassword, codeInvalidLogin:
			return hintCorrectLogin, ErrLogin
		case codeNoDatabase:
			return hintCreateDatabase, ErrNoDatabase
		case codeUndefinedTable, codeUndefinedColumn:
			return hintRunMigrate, ErrSchemaOld
		case codeTooManyConns:
			return hintRaiseConnectLimit, ErrAway
		case codeAdminShutdown, codeCrashShutdown, codeCannotConnectNow:
			return hintStartPostgres, ErrAway
		}
		if strings.HasPrefix(pg.Code, classConnection) {
			return hintStartPostgres, ErrAway
		}
		return "", nil
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		return "", nil
	case connecting, network, pgconn.SafeToRetry(err), pgconn.Timeout(err),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return hintStartPostgres, ErrAway
	}
	return "", nil
}

// refused reports whether PostgreSQL would refuse the same rows again.
func refused(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(pg.Code) < classCodeLength {
		return false
	}
	switch pg.Code[:classCodeLength] {
	case classData, classConstraint, classProgramLimit:
		return true
	}
	return false
}

// failure is an error of a known kind.
type failure struct {
	op, where, hint string
	kind, cause     error
}

func (f *failure) Error() string {
	return fmt.Sprintf("%s: %v (%s): %s: %s", f.op, f.kind, f.where, f.reason(), f.hint)
}

// reason is the cause in one line, without what pgconn adds about each
// address that it tried.
func (f *failure) reason() string {
	if pg, ok := errors.AsType[*pgconn.PgError](f.cause); ok {
		return pg.Message
	}
	if op, ok := errors.AsType[*net.OpError](f.cause); ok {
		return op.Error()
	}
	if errors.Is(f.cause, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return f.cause.Error()
}

func (f *failure) Unwrap() []error { return []error{f.kind, f.cause} }
