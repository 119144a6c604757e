package main

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestLastCall holds the bound of draining: the longest call and a minute.
func TestLastCall(t *testing.T) {
	t.Parallel()
	const bound = 30*time.Minute + drainSpare
	for name, c := range map[string]struct {
		quiet, urged time.Duration // 0: never
		want         farewell
		after        time.Duration
	}{
		"the last call ends":     {quiet: 29 * time.Minute, want: drained, after: 29 * time.Minute},
		"the operator is urging": {quiet: 29 * time.Minute, urged: time.Minute, want: urged, after: time.Minute},
		"a call has no end":      {want: overtime, after: 31 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				quiet, again, began := make(chan struct{}), make(chan os.Signal, 1), time.Now()
				if c.quiet > 0 {
					time.AfterFunc(c.quiet, func() { close(quiet) })
				}
				if c.urged > 0 {
					time.AfterFunc(c.urged, func() { again <- syscall.SIGTERM })
				}
				got := lastCall(quiet, again, bound)
				if took := time.Since(began); got != c.want || took != c.after {
					t.Errorf("%d after %v, want %d after %v", got, took, c.want, c.after)
				}
			})
		})
	}
}
