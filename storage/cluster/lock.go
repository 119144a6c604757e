package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// flock is a lock that gateways on one machine see of each other. The kernel
// releases it when the process ends, however it ends (flock(2)).
type flock struct{ file *os.File }

const (
	exclusive = syscall.LOCK_EX
	shared    = syscall.LOCK_SH
)

// lock waits for a lock until ctx ends.
func lock(ctx context.Context, path string, kind int) (*flock, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(file.Fd()), kind|syscall.LOCK_NB)
		switch {
		case err == nil:
			return &flock{file}, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			_ = file.Close() // the lock's error is the one to tell
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			_ = file.Close() // the same
			return nil, fmt.Errorf("another gateway starts or stops the cluster: %w", context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// alone turns a shared lock into an exclusive one, if nobody else has it.
func (l *flock) alone() bool {
	return syscall.Flock(int(l.file.Fd()), exclusive|syscall.LOCK_NB) == nil
}

func (l *flock) release() { _ = l.file.Close() } // closing unlocks, whatever it says
