package twilio

import (
	"context"
	"log/slog"
	"time"
)

// asking is how long the answer to one question may take.
const asking = time.Second

// seek asks now and then whether a call whose audio does not come is another
// node's, and lets it go then, until ctx ends.
func (c *Call) seek(ctx context.Context) {
	if c.ours || c.server.cfg.Elsewhere == nil {
		return
	}
	ticks := time.NewTicker(c.server.cfg.Ask)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.done:
			return
		case <-ticks.C:
		}
		if node, err := c.elsewhere(ctx); err == nil && node != "" {
			c.leaveTo(node)

			return
		}
	}
}

// streamed reports whether the call has had audio here.
func (c *Call) streamed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.leg != nil
}

// elsewhere is the other node that the call is at; "" when there is none.
func (c *Call) elsewhere(ctx context.Context) (node string, err error) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()

	return c.server.cfg.Elsewhere(ctx, c.Info().ID, c.came)
}

// leaveTo lets a call without audio go to another node. The carrier is asked for
// nothing: it is that node's to end it.
func (c *Call) leaveTo(node string) {
	if c.streamed() || !c.end(&ElsewhereError{node}) {
		return
	}
	c.server.counts.elsewhere.Add(1)
	c.server.cfg.Log.Warn("the carrier asked another node about a call that was answered here: it did not get our answer in time, or not at all",
		slog.String("account", c.account.Name), slog.String("call", c.Info().ID), slog.String("node", node))
	c.finish()
}

// isElsewhere is asked before the carrier's API is told to end a call that had no
// audio here: another node may be talking on it. Where that cannot be found out
// the call is left alone, for the carrier ends one without instructions by itself.
func (c *Call) isElsewhere() bool {
	if c.ours || c.streamed() || c.server.cfg.Elsewhere == nil {
		return false
	}
	node, err := c.elsewhere(c.server.stopping)
	if err != nil {
		c.server.cfg.Log.Warn("a call without audio is not ended at the carrier: whether another node has it cannot be found out",
			slog.String("account", c.account.Name), slog.String("call", c.Info().ID), slog.Any("error", err))
	}

	return err != nil || node != ""
}
