package bench

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"trunkline/bench/chaos"
)

// outages takes the database away as planned.
func (r *chaosRun) outages(ctx context.Context) error {
	for i := range r.plan.Outages {
		o := &r.plan.Outages[i]
		if !r.sleepUntil(ctx, o.At) {
			return nil
		}
		if err := r.outage(ctx, o); err != nil {
			return fmt.Errorf("the database was to be %v: %w", o.Fault, err)
		}
	}

	return nil
}

func (r *chaosRun) outage(ctx context.Context, o *chaos.Outage) error {
	begin, end := r.database.Stop, r.database.Start
	switch o.Fault {
	case chaos.Pause:
		begin, end = r.all(syscall.SIGSTOP), r.all(syscall.SIGCONT)
	case chaos.Crash: // it comes back by itself
		begin, end = r.all(syscall.SIGKILL), func(context.Context) error { return nil }
	}
	if err := begin(ctx); err != nil {
		return err
	}
	// The rest is done even when ctx has ended: a server that is left paused
	// cannot be stopped.
	_ = rest(ctx, o.For/2)
	r.moment(chaos.Spooling)
	_ = rest(ctx, o.For-o.For/2)

	return end(context.WithoutCancel(ctx))
}

// all signals the database server and its processes, the server first, which
// starts no further ones then.
func (r *chaosRun) all(s syscall.Signal) func(context.Context) error {
	return func(context.Context) error {
		data := filepath.Join(r.dir, "pg", "data")
		file, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it has not come back from its crash yet
		}
		if err != nil {
			return err
		}
		first, _, _ := strings.Cut(string(file), "\n")
		server, err := strconv.Atoi(first)
		if err != nil {
			return err
		}
		if err := syscall.Kill(server, s); err != nil {
			return err
		}
		dirs, err := filepath.Glob("/proc/[0-9]*")
		if err != nil {
			return err
		}
		for _, dir := range dirs {
			// All of them stay in the data directory.
			if cwd, err := os.Readlink(filepath.Join(dir, "cwd")); err != nil || cwd != data {
				continue
			}
			pid, err := strconv.Atoi(filepath.Base(dir))
			if err != nil || pid == server {
				continue
			}
			if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
				return err
			}
		}

		return nil
	}
}
