// Package clustertest gives tests databases in a private PostgreSQL cluster,
// one cluster per test binary. It is used by tests only.
//
//	func TestMain(m *testing.M) { os.Exit(clustertest.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		store, err := storage.Open(ctx, clustertest.URL(t), storage.Options{})
package clustertest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"trunkline/storage/cluster"
)

const patience = time.Minute

var instance struct {
	once    sync.Once
	err     error
	dir     string
	cluster *cluster.Cluster

	mu    sync.Mutex
	count int
}

// Main runs the tests, stops the cluster if one was started, and looks for
// leaked goroutines, but for those that ignore names. It returns the exit code.
func Main(m *testing.M, ignore ...goleak.Option) int {
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	if code == 0 {
		if err := goleak.Find(ignore...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

// URL makes an empty database for t, dropped at its end, and returns its
// connection string. The test binary must have Main in its TestMain. Without
// PostgreSQL the test is skipped, or fails if TRUNKLINE_REQUIRE_PEERS is set.
func URL(t testing.TB) string {
	t.Helper()
	instance.once.Do(func() { instance.err = start() })
	if errors.Is(instance.err, cluster.ErrNoPrograms) && os.Getenv("TRUNKLINE_REQUIRE_PEERS") == "" {
		t.Skip(instance.err)
	}
	if instance.err != nil {
		t.Fatal(instance.err)
	}
	instance.mu.Lock()
	instance.count++
	name := fmt.Sprintf("test_%d", instance.count)
	instance.mu.Unlock()
	if err := admin("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(instance.cluster.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// Dir makes a directory that the server's account can reach, removed at the
// end of t.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := tempDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // it is in the system's directory for such files
	return dir
}

func tempDir() (string, error) {
	dir, err := os.MkdirTemp("", "tl")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

func start() error {
	dir, err := tempDir()
	if err != nil {
		return err
	}
	instance.dir = dir
	instance.cluster = cluster.New(cluster.Options{Dir: filepath.Join(dir, "pg"), Scratch: true, Connections: 100})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return instance.cluster.Start(ctx)
}

func stop() error {
	if instance.cluster == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return errors.Join(instance.cluster.Stop(ctx), os.RemoveAll(instance.dir))
}

func admin(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, instance.cluster.URL())
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}
