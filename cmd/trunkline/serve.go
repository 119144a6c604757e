package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"trunkline/config"
)

// serveCmd answers calls until it is told to stop.
type serveCmd struct{}

func (serveCmd) Run(ctx context.Context, c *cli, std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	g := &gateway{cfg: cfg, log: newLogger(&cfg, std), asked: make(chan struct{})}
	if err := g.start(ctx); err != nil {
		return err
	}
	fmt.Fprint(std.out, howToCall(g))
	select {
	case <-signals:
	case <-g.asked:
	case <-ctx.Done():
		if context.Cause(ctx) != context.Canceled { //nolint:errorlint // a signal's cause wraps it, and that signal comes here too
			<-signals
		}
	}
	n := g.drain() // before it is said
	if n > 0 {
		fmt.Fprintf(std.out, "draining: no new calls; %d running, each to its end; a second signal has the agents say goodbye\n", n)
	}
	if lastCall(g.calls.Drain(), signals, cfg.Calls.Cap+drainSpare) != drained {
		fmt.Fprintln(std.out, "stopping: running calls say goodbye")
	}
	signal.Stop(signals) // a third one ends the process at once

	if err := g.stop(context.Background()); err != nil { // bounded by its own steps
		return err
	}
	_, err = fmt.Fprintln(std.out, "stopped")

	return err
}

// howToCall tells a newcomer what to do with a running gateway.
func howToCall(g *gateway) string {
	addr := g.sip.Addr("udp")
	if !addr.IsValid() {
		addr = g.sip.Addr("tcp")
	}
	program := "trunkline"
	if len(os.Args) > 0 {
		program = os.Args[0]
	}

	return fmt.Sprintf(`trunkline %s answers calls.
  softphone   sip:%s@%s
  from here   %s call sip:%s@%s --api http://%s --play FILE.wav
  pages       http://%s/calls
Stop it with ^C.
`, version, g.cfg.SIP.Trunks[0].Agent, addr, program, g.cfg.SIP.Trunks[0].Agent, addr, g.http, g.http)
}

// quiet is the log's level in commands whose own words are the answer.
const quiet = "warn"

// newLogger logs to standard error as the configuration says.
func newLogger(c *config.Config, std *streams) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Log.Level)) // validated
	opts := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(std.err, opts))
	}

	return slog.New(slog.NewTextHandler(std.err, opts))
}
