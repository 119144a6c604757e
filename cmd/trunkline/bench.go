package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"trunkline/bench"
)

// benchCmd measures.
type benchCmd struct {
	Names   []string `arg:"" optional:"" help:"Benchmarks to run: ${benchmarks}; all by default." name:"name"`
	Quick   bool     `help:"A smoke test of some seconds each."`
	People  int      `help:"Of decide: search so many suppressions and half as many consents, in place of ten and five million." placeholder:"N" name:"suppressions"`
	Soak    int      `help:"Of calls: make so many between two looks at the memory." placeholder:"N"`
	Seed    uint64   `help:"Of chaos: do again what this seed draws." placeholder:"N"`
	Profile string   `help:"Write profiles (processor, allocations, locks, waiting) of what is measured to this directory." placeholder:"DIR" type:"path"`

	// The benchmarks start the program again in these parts.
	Gateway string `help:"Serve, and profile between two SIGUSR1 into this file." hidden:"" type:"path"`
	Bare    int    `help:"Be the bare loop of this many calls." hidden:""`
	Echo    bool   `help:"Send every datagram back." hidden:"" name:"bare-echo"`
	Vendors string `help:"Stand in for the vendors; write the certificate to this file." hidden:"" type:"path"`
	Socket  bool   `help:"Be the bare loop of media streams." hidden:"" name:"bare-socket"`
	Leg     bool   `help:"Be the door of media streams without an agent." hidden:"" name:"stream-leg"`
}

func (b benchCmd) Run(ctx context.Context, c *cli, std *streams) error {
	if b.Bare > 0 {
		return bench.Bare(ctx, b.Bare, std.out)
	}
	if b.Echo {
		return bench.BareEcho(ctx, std.out)
	}
	if b.Vendors != "" {
		return bench.Vendors(ctx, b.Vendors, std.out)
	}
	if b.Socket {
		return bench.BareSocket(ctx, std.out)
	}
	if b.Leg {
		if b.Profile == "" {
			return bench.StreamLeg(ctx, std.out)
		}
		stop := bench.ProfileOnSignal(filepath.Join(b.Profile, "twilio-leg.pprof"))
		err := bench.StreamLeg(ctx, std.out)

		return errors.Join(err, stop())
	}
	if b.Gateway != "" {
		stop := bench.ProfileOnSignal(b.Gateway)
		err := serveCmd{}.Run(ctx, c, std)

		return errors.Join(err, stop())
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
		Names: b.Names, Quick: b.Quick, Seed: b.Seed, Soak: b.Soak, People: b.People, Profile: b.Profile,
		Executable: self, Version: version, Out: std.out, Progress: std.err,
	})
}
