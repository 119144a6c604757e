package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"trunkline/config"
)

// checkCmd validates the configuration and what it needs, without answering a
// call.
type checkCmd struct{}

// errCheck says that a check failed; the lines above it say which.
var errCheck = errors.New("not ready: see the lines marked FAIL")

func (checkCmd) Run(ctx context.Context, c *cli, std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	fmt.Fprintln(std.out, "ok    configuration")
	g := &gateway{cfg: cfg, log: newLogger(&cfg, std)}
	failed := false
	for _, check := range []struct {
		name string
		run  func() error
	}{
		{"ports", func() error { return portsFree(ctx, &cfg) }},
		{"database", func() error { return g.startDatabase(ctx) }},
		{"speech engines and voices", func() error { return g.startAgents(ctx) }},
		{"recordings", func() error { return recordingsWritable(&cfg) }},
	} {
		if err := check.run(); err != nil {
			failed = true
			fmt.Fprintf(std.out, "FAIL  %s: %v\n", check.name, err)

			continue
		}
		fmt.Fprintf(std.out, "ok    %s\n", check.name)
	}
	if err := g.stop(ctx); err != nil {
		return err
	}
	if failed {
		return errCheck
	}

	return nil
}

// portsFree binds each listening socket for a moment.
func portsFree(ctx context.Context, c *config.Config) error {
	var errs []error
	lc := new(net.ListenConfig)
	for _, l := range c.SIP.Listen {
		network, addr, err := config.ParseListen(l)
		if err != nil {
			return err
		}
		if network == "udp" {
			conn, err := lc.ListenPacket(ctx, network, addr.String())
			if err != nil {
				errs = append(errs, fmt.Errorf("sip.listen %s: %w", l, err))

				continue
			}
			conn.Close()

			continue
		}
		errs = append(errs, bindable(ctx, lc, "sip.listen "+l, addr.String()))
	}
	errs = append(errs, bindable(ctx, lc, "http.listen", c.HTTP.Listen))

	return errors.Join(errs...)
}

func bindable(ctx context.Context, lc *net.ListenConfig, what, addr string) error {
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("%s: %w; stop what uses it or choose another port", what, err)
	}

	return ln.Close()
}

func recordingsWritable(c *config.Config) error {
	if !c.Recording.Enabled {
		return nil
	}
	if err := os.MkdirAll(c.RecordingDir(), 0o750); err != nil {
		return fmt.Errorf("recording.directory: %w", err)
	}
	f, err := os.CreateTemp(c.RecordingDir(), ".writable")
	if err != nil {
		return fmt.Errorf("recording.directory: %w", err)
	}
	f.Close()

	return os.Remove(f.Name())
}
