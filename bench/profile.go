package bench

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
)

const (
	// lockSampling is of how many contended locks one is looked at while
	// a profile runs.
	lockSampling = 5
	// blockSampling is how many nanoseconds of waiting make one sample.
	blockSampling = 50_000
)

// profile is what a process does between two moments: its processor time in
// the file named, and beside it, under NAME-KIND.pprof, what it allocates
// (allocs, since the start of the process, with allocs-before as its base),
// which locks it waits for (mutex), where goroutines wait (block) and what
// they are at the end (goroutine).
type profile struct {
	path string
	cpu  *os.File
}

// startProfile begins a profile of this process.
func startProfile(path string) (*profile, error) {
	p := &profile{path: path}
	if err := p.write("allocs", "allocs-before"); err != nil {
		return nil, err
	}
	var err error
	if p.cpu, err = os.Create(path); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	runtime.SetMutexProfileFraction(lockSampling)
	runtime.SetBlockProfileRate(blockSampling)
	if err := pprof.StartCPUProfile(p.cpu); err != nil {
		return nil, errors.Join(fmt.Errorf("profile: %w", err), p.cpu.Close())
	}

	return p, nil
}

// stop ends the profile and writes it.
func (p *profile) stop() error {
	pprof.StopCPUProfile()
	runtime.SetMutexProfileFraction(0)
	runtime.SetBlockProfileRate(0)
	errs := []error{p.cpu.Close()}
	for _, kind := range []string{"allocs", "mutex", "block", "goroutine"} {
		errs = append(errs, p.write(kind, kind))
	}

	return errors.Join(errs...)
}

// write writes one of Go's own profiles.
func (p *profile) write(kind, name string) error {
	f, err := os.Create(strings.TrimSuffix(p.path, ".pprof") + "-" + name + ".pprof")
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}

	return errors.Join(pprof.Lookup(kind).WriteTo(f, 0), f.Close())
}

// ProfileOnSignal profiles this process from one SIGUSR1 to the next, into
// path and files beside it.
func ProfileOnSignal(path string) (stop func() error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	quit, done := make(chan struct{}), make(chan error, 1)
	go func() {
		var running *profile
		var errs []error
		for {
			select {
			case <-quit:
				if running != nil {
					errs = append(errs, running.stop())
				}
				done <- errors.Join(errs...)

				return
			case <-signals:
			}
			var err error
			if running != nil {
				err, running = running.stop(), nil
			} else {
				running, err = startProfile(path)
			}
			errs = append(errs, err)
		}
	}()

	return func() error {
		signal.Stop(signals)
		close(quit)

		return <-done
	}
}

// profiled runs f, and has the process profiled meanwhile if profiles are
// wanted.
func (b *bench) profiled(p *process, f func() error) error {
	if b.Profile == "" {
		return f()
	}
	if err := p.signal(syscall.SIGUSR1); err != nil {
		return err
	}

	return errors.Join(f(), p.signal(syscall.SIGUSR1))
}

// profiledSelf runs f, and profiles this process meanwhile if profiles are
// wanted.
func (b *bench) profiledSelf(name string, f func() error) error {
	if b.Profile == "" {
		return f()
	}
	p, err := startProfile(filepath.Join(b.Profile, name+".pprof"))
	if err != nil {
		return err
	}

	return errors.Join(f(), p.stop())
}
