package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// jiffy is the unit of processor time in /proc: USER_HZ is 100 on every
// architecture that Go runs on.
const jiffy = 10 * time.Millisecond

// usage is the processor time of a process since its start.
type usage struct{ user, system time.Duration }

func (u usage) total() time.Duration { return u.user + u.system }

func (u usage) since(before usage) usage {
	return usage{u.user - before.user, u.system - before.system}
}

// usageOf reads a process's processor time, proc_pid_stat(5).
func usageOf(pid int) (usage, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, fmt.Errorf("processor time: %w", err)
	}
	// The second field, the program's name, may hold anything and ends with
	// the last bracket: utime and stime are fields 14 and 15.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 13 {
		return usage{}, fmt.Errorf("processor time: /proc/%d/stat is %q", pid, data)
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return usage{}, fmt.Errorf("processor time: %w", err)
	}

	return usage{time.Duration(user) * jiffy, time.Duration(system) * jiffy}, nil
}

// residentOf is a process's memory in octets, proc_pid_statm(5).
func residentOf(pid int) (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("memory: %w", err)
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0, fmt.Errorf("memory: /proc/%d/statm is %q", pid, data)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("memory: %w", err)
	}

	return pages * int64(os.Getpagesize()), nil
}

// idleTime is how long all processors together have been idle since the
// machine started, proc_stat(5).
func idleTime() (time.Duration, error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("idle time: %w", err)
	}
	first, _, _ := strings.Cut(string(data), "\n")
	fields := strings.Fields(first) // cpu user nice system idle iowait ...
	if len(fields) < 6 {
		return 0, fmt.Errorf("idle time: /proc/stat begins with %q", first)
	}
	idle, err1 := strconv.ParseInt(fields[4], 10, 64)
	waiting, err2 := strconv.ParseInt(fields[5], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return 0, fmt.Errorf("idle time: %w", err)
	}

	return time.Duration(idle+waiting) * jiffy, nil
}

// watch measures what processes use over a stretch of time.
type watch struct {
	began  time.Time
	idle   time.Duration
	pids   []int
	before []usage
}

// watchOf begins to measure.
func watchOf(pids ...int) (*watch, error) {
	w := &watch{began: time.Now(), pids: pids}
	var err error
	if w.idle, err = idleTime(); err != nil {
		return nil, err
	}
	for _, pid := range pids {
		u, err := usageOf(pid)
		if err != nil {
			return nil, err
		}
		w.before = append(w.before, u)
	}

	return w, nil
}

// load is what was used in a stretch of time.
type load struct {
	took time.Duration
	idle time.Duration // of all processors
	used []usage       // by process, in the order in which they were named
}

// stop ends the measurement.
func (w *watch) stop() (load, error) {
	l := load{took: time.Since(w.began)}
	idle, err := idleTime()
	if err != nil {
		return l, err
	}
	l.idle = idle - w.idle
	for i, pid := range w.pids {
		u, err := usageOf(pid)
		if err != nil {
			return l, err
		}
		l.used = append(l.used, u.since(w.before[i]))
	}

	return l, nil
}

// cores prints a processor time as cores kept busy.
func (l *load) cores(d time.Duration) string {
	if l.took <= 0 {
		return "–"
	}

	return fmt.Sprintf("%.2f", d.Seconds()/l.took.Seconds())
}
