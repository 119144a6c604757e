package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

// drainSpare is how long after the longest call draining goes on: what rings
// may still be answered, and a goodbye takes its time.
const drainSpare = time.Minute

// drainCmd drains the running gateway by its HTTP API.
type drainCmd struct{}

func (drainCmd) Run(ctx context.Context, c *cli, std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	var left struct {
		Running int `json:"running"`
	}
	if err := ask(ctx, &cfg, http.MethodPost, "/v1/drain", struct{}{}, &left); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "draining: no new calls; %d running, each to its end\n", left.Running)

	return nil
}

// drain takes no call any more, in or out, and tells how many run. serve goes
// on to end the process when none does.
func (g *gateway) drain() int {
	g.drains.Store(true)
	g.closeDoors()
	g.calls.Drain()
	g.once.Do(func() { close(g.asked) })

	return g.calls.Active()
}

// closeDoors has the doors take no call any more.
func (g *gateway) closeDoors() {
	g.sip.Drain()
	if g.twilio != nil {
		g.twilio.Drain()
	}
}

var errDraining = errors.New("the gateway drains: it takes no new call")

// takesCalls is the check of readiness that fails from drain on.
func (g *gateway) takesCalls(context.Context) error {
	if g.drains.Load() {
		return errDraining
	}

	return nil
}

// farewell is why draining ends.
type farewell uint8

const (
	drained  farewell = iota // no call runs
	urged                    // the operator asked again
	overtime                 // a call lasts longer than any may
)

// lastCall waits while calls run, until the operator sends another signal, and
// for bound at most.
func lastCall(quiet <-chan struct{}, again <-chan os.Signal, bound time.Duration) farewell {
	limit := time.NewTimer(bound)
	defer limit.Stop()
	select {
	case <-quiet:
		return drained
	case <-again:
		return urged
	case <-limit.C:
		return overtime
	}
}
