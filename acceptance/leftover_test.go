package acceptance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// processesOf are the processes whose command line names a directory or that
// work in it, other than trunkline's own.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, p := range entries {
		line, _ := os.ReadFile(filepath.Join(p, "cmdline")) // it may have ended
		cwd, _ := os.Readlink(filepath.Join(p, "cwd"))
		text := strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))
		if strings.HasPrefix(text, program) || !strings.Contains(text, dir) && !strings.HasPrefix(cwd, dir) {
			continue
		}
		found = append(found, filepath.Base(p)+" "+text)
	}

	return found
}
