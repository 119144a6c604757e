package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"syscall"

	"trunkline/bench"
)

// benchCmd measures.
type benchCmd struct {
	Names   []string `arg:"" optional:"" help:"Benchmarks to run: turn, endpoint, bargein, yield, media, twilio, jitter, loss, echo, dtmf, asr, noise, tts, providers, dial, calls, failover, evidence; all by default." name:"name"`
	Quick   bool     `help:"A smoke test of some seconds each."`
	Profile string   `help:"Write the gateway's CPU profiles to this directory." placeholder:"DIR" type:"path"`

	// The benchmarks start the program again in these parts.
	Gateway string `help:"Serve, and profile between two SIGUSR1 into this file." hidden:"" type:"path"`
	Bare    int    `help:"Be the bare loop of this many calls." hidden:""`
	Vendors string `help:"Stand in for the vendors; write the certificate to this file." hidden:"" type:"path"`
	Socket  bool   `help:"Be the bare loop of media streams." hidden:"" name:"bare-socket"`
	Leg     bool   `help:"Be the door of media streams without an agent." hidden:"" name:"stream-leg"`
}

func (b benchCmd) Run(ctx context.Context, c *cli, std *streams) error {
	if b.Bare > 0 {
		return bench.Bare(ctx, b.Bare, std.out)
	}
	if b.Vendors != "" {
		return bench.Vendors(ctx, b.Vendors, std.out)
	}
	if b.Socket {
		return bench.BareSocket(ctx, std.out)
	}
	if b.Leg {
		if b.Profile != "" {
			stop, err := profileOnSignal(filepath.Join(b.Profile, "twilio-leg.pprof"))
			if err != nil {
				return err
			}
			defer stop()
		}

		return bench.StreamLeg(ctx, std.out)
	}
	if b.Gateway != "" {
		stop, err := profileOnSignal(b.Gateway)
		if err != nil {
			return err
		}
		defer stop()

		return serveCmd{}.Run(ctx, c, std)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if b.Profile != "" {
		if err := os.MkdirAll(b.Profile, 0o750); err != nil {
			return err
		}
	}

	return bench.Run(ctx, bench.Options{
		Names: b.Names, Quick: b.Quick, Profile: b.Profile,
		Executable: self, Version: version, Out: std.out, Progress: std.err,
	})
}

// profileOnSignal writes a CPU profile from one SIGUSR1 to the next.
func profileOnSignal(path string) (stop func(), err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer f.Close()
		defer pprof.StopCPUProfile()
		for on := false; ; on = !on {
			select {
			case <-quit:
				return
			case <-signals:
			}
			if on {
				pprof.StopCPUProfile()
			} else if err := pprof.StartCPUProfile(f); err != nil {
				return
			}
		}
	}()

	return func() {
		signal.Stop(signals)
		close(quit)
		<-done
	}, nil
}
