package acceptance

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"trunkline/config"
)

// patience bounds every wait that has no bound of its own. The machine may be
// very busy.
const patience = time.Minute

// process is a running trunkline.
type process struct {
	cmd    *exec.Cmd
	stdout string // files
	stderr string
	killed bool
	done   chan struct{}
}

// start runs trunkline. At the end of the test it is killed if it still runs,
// and its standard error must hold no data race.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{
		cmd:    exec.Command(program, args...),
		stdout: filepath.Join(dir, "stdout"),
		stderr: filepath.Join(dir, "stderr"),
		done:   make(chan struct{}),
	}
	p.cmd.Env = environment(env...)
	p.cmd.WaitDelay = time.Second
	stdout, err := os.Create(p.stdout)
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	stderr, err := os.Create(p.stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the exit code tells
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.done
		said := read(t, p.stderr)
		if strings.Contains(said, "DATA RACE") || strings.Contains(said, "panic:") {
			t.Errorf("trunkline %s:\n%s", strings.Join(args, " "), said)
		} else if t.Failed() {
			t.Logf("trunkline %s said:\n%s", strings.Join(args, " "), tail(said))
		}
	})

	return p
}

// environment is ours without the operator's own database.
func environment(extra ...string) []string {
	return append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, config.DatabaseURLEnv+"=")
	}), extra...)
}

// wait waits for the end and returns the exit code.
func (p *process) wait(t *testing.T, bound time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(bound):
		t.Fatalf("%s has not ended after %v:\n%s", p.cmd, bound, tail(read(t, p.stderr)))
	}

	return p.cmd.ProcessState.ExitCode()
}

// stop ends the process as an operator does and returns its exit code.
func (p *process) stop(t *testing.T) int {
	t.Helper()
	p.signal(t, syscall.SIGTERM)

	return p.wait(t, patience)
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	select {
	case <-p.done:
		return
	default:
	}
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// kill is kill -9.
func (p *process) kill(t *testing.T) {
	t.Helper()
	p.killed = true
	p.signal(t, syscall.SIGKILL)
	p.wait(t, patience)
}

// result is what a command left.
type result struct {
	code           int
	stdout, stderr string
}

// command runs a command of trunkline to its end.
func command(t *testing.T, args ...string) result {
	t.Helper()
	p := start(t, nil, args...)
	code := p.wait(t, 2*patience)

	return result{code, read(t, p.stdout), read(t, p.stderr)}
}

// lastLine is the last line of standard error: what went wrong.
func (r *result) lastLine() string {
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")

	return lines[len(lines)-1]
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	return string(data)
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

// eventually waits until the condition holds. what is told when it does not.
func eventually(t *testing.T, bound time.Duration, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("after %v still not: %s", bound, what)
		case <-tick.C:
		}
	}
}

// peer runs another program to its end, and fails the test with what it said.
func peer(t *testing.T, bound time.Duration, dir, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = environment("TERM=dumb")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, tail(out.String()))
	}
}
