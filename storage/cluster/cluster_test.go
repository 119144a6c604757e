package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"trunkline/storage/cluster"
	"trunkline/storage/cluster/clustertest"
)

// childDir names the environment variable that turns the test binary into a
// gateway which starts the cluster there and then waits to be killed.
const childDir = "TRUNKLINE_TEST_CLUSTER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := cluster.New(cluster.Options{Dir: dir, Scratch: true}).Start(context.Background()); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("up")
		select {}
	}
	os.Exit(clustertest.Main(m))
}

func setup(t *testing.T) (context.Context, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx, filepath.Join(clustertest.Dir(t), "pg")
}

func start(ctx context.Context, t *testing.T, o cluster.Options) *cluster.Cluster {
	t.Helper()
	o.Scratch = true
	c := cluster.New(o)
	err := c.Start(ctx)
	if errors.Is(err, cluster.ErrNoPrograms) && os.Getenv("TRUNKLINE_REQUIRE_PEERS") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func query(ctx context.Context, url, sql string) (string, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	var s string
	err = conn.QueryRow(ctx, sql).Scan(&s)
	return s, errors.Join(err, conn.Close(ctx))
}

func expect(ctx context.Context, t *testing.T, url, sql, want string) {
	t.Helper()
	if got, err := query(ctx, url, sql); err != nil || got != want {
		t.Errorf("%s: got %q, %v, want %q", sql, got, err, want)
	}
}

func TestStartsStopsAndKeepsData(t *testing.T) {
	t.Parallel()
	ctx, dir := setup(t)
	c := start(ctx, t, cluster.Options{Dir: dir})
	expect(ctx, t, c.URL(), "SELECT current_database()", "trunkline")
	expect(ctx, t, c.URL(), "SELECT current_user", "trunkline")
	expect(ctx, t, c.URL(), "SHOW listen_addresses", "")
	expect(ctx, t, c.URL(), "SHOW shared_buffers", "32MB")
	conn, err := pgx.Connect(ctx, c.URL())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, "CREATE TABLE kept AS SELECT 'still here'::text AS what"); err != nil {
		t.Fatal(err)
	}
	url := c.URL()
	for range 2 { // with a connection open, and twice
		if err := c.Stop(ctx); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.Close(ctx)
	if _, err := query(ctx, url, "SELECT 'x'"); err == nil {
		t.Fatal("the server answers after Stop")
	}
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	expect(ctx, t, c.URL(), "SELECT what FROM kept", "still here")
}

func TestNeverRunsAsRoot(t *testing.T) {
	t.Parallel()
	ctx, dir := setup(t)
	start(ctx, t, cluster.Options{Dir: dir})
	info, err := os.Stat(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Skip("no owners on this system")
	}
	if stat.Uid == 0 {
		t.Error("the data belongs to root")
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the data's mode is %v, want 0700", info.Mode())
	}
}

func TestGatewaysShareTheServer(t *testing.T) {
	t.Parallel()
	ctx, dir := setup(t)
	first := start(ctx, t, cluster.Options{Dir: dir})
	second := start(ctx, t, cluster.Options{Dir: dir})
	if first.URL() != second.URL() {
		t.Errorf("URLs differ: %s, %s", first.URL(), second.URL())
	}
	if err := first.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	expect(ctx, t, second.URL(), "SELECT 'up'", "up")
	url := second.URL()
	if err := second.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := query(ctx, url, "SELECT 'up'"); err == nil {
		t.Error("the server answers after the last gateway has left")
	}
}

func TestTakesOverAfterAKilledGateway(t *testing.T) {
	t.Parallel()
	ctx, dir := setup(t)
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 2048)
	n, _ := out.Read(line)
	if got := string(line[:n]); got != "up\n" {
		if strings.Contains(got, cluster.ErrNoPrograms.Error()) && os.Getenv("TRUNKLINE_REQUIRE_PEERS") == "" {
			t.Skip(got)
		}
		t.Fatalf("the child says %q", got)
	}
	pid := postmaster(t, dir)
	_ = child.Process.Kill()
	_ = child.Wait()

	c := start(ctx, t, cluster.Options{Dir: dir})
	if now := postmaster(t, dir); now != pid {
		t.Errorf("the server's pid is %s, the killed gateway's was %s", now, pid)
	}
	expect(ctx, t, c.URL(), "SELECT 'up'", "up")
	url := c.URL()
	if err := c.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := query(ctx, url, "SELECT 'up'"); err == nil {
		t.Error("the server answers after Stop")
	}
}

func TestAKilledServerIsStartedAgain(t *testing.T) {
	t.Parallel()
	ctx, dir := setup(t)
	first := start(ctx, t, cluster.Options{Dir: dir})
	second := start(ctx, t, cluster.Options{Dir: dir}) // sees it too, without being its parent
	for range 2 {
		old := postmaster(t, dir)
		kill(t, old)
		for {
			pid, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
			up, queryErr := query(ctx, second.URL(), "SELECT 'up'")
			if err == nil && !strings.HasPrefix(string(pid), old+"\n") && queryErr == nil && up == "up" {
				break
			}
			if ctx.Err() != nil {
				t.Fatalf("the server does not come back: %v, %v", err, queryErr)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	if err := first.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	expect(ctx, t, second.URL(), "SELECT 'up'", "up")
}

func TestStopsAfterTheServerWasKilled(t *testing.T) {
	t.Parallel()
	ctx, dir := setup(t)
	c := start(ctx, t, cluster.Options{Dir: dir})
	kill(t, postmaster(t, dir))
	if err := c.Stop(ctx); err != nil {
		t.Error(err)
	}
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	expect(ctx, t, c.URL(), "SELECT 'up'", "up")
}

func TestAStalePidFileOfAnotherProgramIsNoObstacle(t *testing.T) {
	t.Parallel()
	ctx, dir := setup(t)
	c := start(ctx, t, cluster.Options{Dir: dir})
	file := filepath.Join(dir, "data", "postmaster.pid")
	stale, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	// A process of the server's own account, which is no server of this data.
	other := start(ctx, t, cluster.Options{Dir: filepath.Join(dir, "other")})
	_, rest, _ := strings.Cut(string(stale), "\n")
	if err := os.WriteFile(file, []byte(postmaster(t, filepath.Join(dir, "other"))+"\n"+rest), 0o600); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Dir(file)); err == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			_ = os.Chown(file, int(stat.Uid), int(stat.Gid)) // it is ours already unless we are root
		}
	}
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	expect(ctx, t, c.URL(), "SELECT 'up'", "up")
	expect(ctx, t, other.URL(), "SELECT 'up'", "up")
}

func kill(t *testing.T, pid string) {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func postmaster(t *testing.T, dir string) string {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, _, _ := strings.Cut(string(file), "\n")
	return pid
}

func TestLongPathsHaveTheSocketElsewhere(t *testing.T) {
	t.Parallel()
	ctx, dir := setup(t)
	c := start(ctx, t, cluster.Options{Dir: filepath.Join(dir, strings.Repeat("a long way/", 12))})
	expect(ctx, t, c.URL(), "SELECT 'up'", "up")
	config, err := pgx.ParseConfig(c.URL())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(config.Host); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's directory %s is left after Stop: %v", config.Host, err)
	}
}

func TestAFailingServerShowsItsLog(t *testing.T) {
	t.Parallel()
	ctx, dir := setup(t)
	c := start(ctx, t, cluster.Options{Dir: dir})
	if err := c.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "data", "postgresql.conf")
	if err := os.WriteFile(conf, []byte("work_mem = plenty\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := cluster.New(cluster.Options{Dir: dir}).Start(ctx)
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "work_mem"`) {
		t.Errorf("the error is %v, want the server's own words", err)
	}
}

func TestUnreachableDirectoryIsNamed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root runs the server as another user")
	}
	ctx, dir := setup(t)
	closed := filepath.Join(dir, "closed")
	if err := os.MkdirAll(closed, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	err := cluster.New(cluster.Options{Dir: filepath.Join(closed, "pg")}).Start(ctx)
	if err == nil || !strings.Contains(err.Error(), "may not enter "+closed+" ") {
		t.Errorf("the error is %v, want the directory %s named", err, closed)
	}
}

func TestStopBeforeStart(t *testing.T) {
	t.Parallel()
	if err := cluster.New(cluster.Options{Dir: t.TempDir()}).Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
