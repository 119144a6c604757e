package bench

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// heading says on what the figures were measured.
func (b *bench) heading() error {
	_, err := fmt.Fprintf(b.Out, "# trunkline %s on %s\n\n- %s, %d processors, Linux %s\n- %s, GOMAXPROCS %d\n- load average at the start: %s\n",
		b.Version, time.Now().UTC().Format("2006-01-02 15:04 MST"),
		firstOf("/proc/cpuinfo", "model name"), runtime.NumCPU(), kernel(),
		runtime.Version(), runtime.GOMAXPROCS(0), loadAverage())
	if b.Quick {
		_, e := fmt.Fprint(b.Out, "- quick: a smoke test, the figures mean little\n")
		err = errors.Join(err, e)
	}
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}

	return nil
}

// firstOf is the value of the first line "key : value" of a file.
func firstOf(path, key string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}

	return "unknown"
}

func kernel() string {
	data, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}

	return strings.TrimSpace(string(data))
}

// loadAverage is the machine's over the last minute.
func loadAverage() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(data), " ")

	return one
}
