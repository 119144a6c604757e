package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrNoPrograms says that PostgreSQL is not installed.
var ErrNoPrograms = errors.New("PostgreSQL's server programs are not installed: apt-get install postgresql, or set a database URL")

// debianBins is where Debian puts the programs of each major version.
const debianBins = "/usr/lib/postgresql/*/bin"

// programs is a directory with initdb, postgres and pg_ctl.
type programs string

// findPrograms finds the newest programs, or those of a major version.
func findPrograms(version string) (programs, error) {
	dirs, err := filepath.Glob(debianBins)
	if err != nil {
		return "", err
	}
	dirs = slices.DeleteFunc(dirs, func(dir string) bool { return !complete(dir) })
	slices.SortFunc(dirs, func(a, b string) int { return major(b) - major(a) })
	for _, dir := range dirs {
		if version == "" || filepath.Base(filepath.Dir(dir)) == version {
			return programs(dir), nil
		}
	}
	if postgres, err := exec.LookPath("postgres"); err == nil {
		if dir := filepath.Dir(postgres); complete(dir) {
			return programs(dir), nil // it refuses data of another version itself
		}
	}
	if len(dirs) > 0 {
		return "", fmt.Errorf("the data was made by PostgreSQL %s, whose programs are not installed: apt-get install postgresql-%s, or move the data away", version, version)
	}
	return "", ErrNoPrograms
}

func complete(dir string) bool {
	for _, name := range []string{"initdb", "postgres", "pg_ctl"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.IsDir() {
			return false
		}
	}
	return true
}

// major is the version in a directory's name; 0 when there is none.
func major(dir string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
	if err != nil {
		return 0
	}
	return n
}

// command prepares a program, run by the home's account in the home.
func (p programs) command(ctx context.Context, h *home, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(string(p), name), args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"} // no PG* of the operator's
	cmd.SysProcAttr = h.account.procAttr()
	return cmd
}

// programs finds those that fit the home's data.
func (h *home) programs() (programs, error) {
	version, err := os.ReadFile(filepath.Join(h.data(), "PG_VERSION"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return findPrograms(strings.TrimSpace(string(version)))
}
