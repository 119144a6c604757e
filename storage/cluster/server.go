package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// initialize makes the cluster's files when there are none. They appear under
// their name only when they are complete.
func (h *home) initialize(ctx context.Context, scratch bool, log *slog.Logger) error {
	if _, err := os.Stat(h.data()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	bin, err := h.programs()
	if err != nil {
		return err
	}
	log.Info("making a private PostgreSQL cluster", slog.String("dir", h.dir), slog.String("programs", string(bin)))
	fresh := h.data() + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := h.own(fresh); err != nil {
		return err
	}
	args := []string{"-D", fresh, "-U", superuser, "-E", "UTF8", "--no-locale", "--auth-local=trust", "--auth-host=reject"}
	if scratch {
		args = append(args, "--no-sync")
	}
	if out, err := bin.command(ctx, h, "initdb", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, lastLines(out))
	}
	return os.Rename(fresh, h.data())
}

// running finds the socket directory of a server that runs on the data.
func (h *home) running(ctx context.Context) (sockets string, ok bool) {
	// Line 5 of postmaster.pid is the socket's directory.
	file, err := os.ReadFile(filepath.Join(h.data(), "postmaster.pid"))
	if err != nil {
		return "", false
	}
	lines := strings.Split(string(file), "\n")
	if len(lines) < 5 || lines[4] == "" {
		return "", false
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socketIn(lines[4]))
	if err != nil {
		return "", false
	}
	_ = conn.Close() // only whether it answers was asked
	return lines[4], true
}

// vacant reports that no server works on the data, after it has waited for the
// processes of one that was killed; it is false when a server answers now. It
// clears away the pid file of a killed server, whose number may belong to
// another program by now and would keep a new server from starting.
func (h *home) vacant(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("they do not end in a minute"))
	defer cancel()
	for {
		if _, running := h.running(ctx); running {
			return false, nil
		}
		pids := h.processes()
		if len(pids) == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("processes %v work on the data, but no server answers: %w", pids, context.Cause(ctx))
		case <-time.After(25 * time.Millisecond):
		}
	}
	if err := os.Remove(filepath.Join(h.data(), "postmaster.pid")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return true, nil
}

// processes lists the server's processes that work on the data.
func (h *home) processes() []string {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	var pids []string
	for _, dir := range dirs {
		if pid := filepath.Base(dir); h.has(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// has reports whether the process is a server's that works on the data: each
// of them stays in the data directory all its life.
func (h *home) has(pid string) bool {
	cwd, err := os.Readlink(filepath.Join("/proc", pid, "cwd"))
	if err != nil {
		return false
	}
	data, err := filepath.EvalSymlinks(h.data())
	if err != nil || cwd != data {
		return false
	}
	// The name ends with " (deleted)" after an upgrade of the package. A process
	// that is just ending has none, and may still hold the server's shared memory.
	program, err := os.Readlink(filepath.Join("/proc", pid, "exe"))
	return err != nil || strings.HasPrefix(filepath.Base(program), "postgres")
}

// hasPostmaster reports whether the process that owns the data lives.
func (h *home) hasPostmaster() bool {
	file, err := os.ReadFile(filepath.Join(h.data(), "postmaster.pid"))
	if err != nil {
		return false
	}
	pid, _, _ := strings.Cut(string(file), "\n")
	return h.has(pid)
}

// server is a server process that we started.
type server struct {
	home    *home
	cmd     *exec.Cmd
	logFrom int64 // where its own part of the log begins
	exited  chan struct{}
	err     error // how it exited; after exited is closed
	leaving atomic.Bool
}

// startServer starts the process; it does not wait for an answer.
func startServer(h *home, sockets string, o Options, log *slog.Logger) (*server, error) {
	bin, err := h.programs()
	if err != nil {
		return nil, err
	}
	out, size, err := h.openLog()
	if err != nil {
		return nil, err
	}
	defer out.Close() // the server has its own
	args := append([]string{"-D", h.data(), "-k", sockets, "-p", port}, settings(o)...)
	s := &server{home: h, logFrom: size, exited: make(chan struct{})}
	s.cmd = bin.command(context.Background(), h, "postgres", args...)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	go func() {
		defer close(s.exited)
		s.err = s.cmd.Wait()
		if !s.leaving.Load() {
			log.Error("private PostgreSQL ended by itself", slog.Any("error", s.err), slog.String("server_log", s.logTail()))
		}
	}()
	return s, nil
}

// stop stops the server and waits until it is gone.
func (s *server) stop(ctx context.Context) error {
	s.leave()
	select {
	case <-s.exited:
		return nil
	default:
	}
	err := s.home.pgCtlStop(ctx)
	select {
	case <-s.exited:
		return nil
	case <-ctx.Done():
		return errors.Join(err, context.Cause(ctx))
	case <-time.After(10 * time.Second):
		return errors.Join(err, errors.New("the server does not end"))
	}
}

// leave says that an exit is expected from now on.
func (s *server) leave() { s.leaving.Store(true) }

// failure tells how the server exited, with the end of its log.
func (s *server) failure() error { return fmt.Errorf("%w\n%s", s.err, s.logTail()) }

func (s *server) logTail() string {
	log, err := os.ReadFile(s.home.logFile())
	if err != nil {
		return err.Error()
	}
	return lastLines(log[min(s.logFrom, int64(len(log))):])
}

// pgCtlStop stops whatever server runs on the data in PostgreSQL's fast mode,
// and waits until it is gone.
func (h *home) pgCtlStop(ctx context.Context) error {
	bin, err := h.programs()
	if err != nil {
		return err
	}
	out, err := bin.command(ctx, h, "pg_ctl", "stop", "-D", h.data(), "-m", "fast", "-w", "-t", "60").CombinedOutput()
	if err == nil {
		return nil
	}
	if _, gone := os.Stat(filepath.Join(h.data(), "postmaster.pid")); errors.Is(gone, fs.ErrNotExist) {
		return nil // it had ended by itself
	}
	return fmt.Errorf("pg_ctl stop: %w\n%s", err, lastLines(out))
}

// lastLines is the end of a program's output.
func lastLines(out []byte) string {
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-12):], []byte("\n")))
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}
