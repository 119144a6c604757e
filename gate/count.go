package gate

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"trunkline/compliance"
)

// counts keeps how many of campaigns' calls were abandoned. A count reads all
// calls of a month that were answered, so that decisions share it for as long
// as the rules allow.
type counts struct {
	count func(ctx context.Context, tenant, campaign string, from, to time.Time, within time.Duration) (compliance.Abandonment, error)

	mu sync.Mutex
	of map[counted]*count
}

// counted is what a count is of.
type counted struct {
	tenant, campaign string
	window, within   time.Duration
}

// count is the newest of one kind.
type count struct {
	turn chan struct{} // capacity 1: holds a token while somebody counts

	mu    sync.Mutex
	value compliance.Abandonment // To is zero before the first
	took  time.Duration
}

const (
	// countShare is which part of the time goes into counting at most: one in so
	// many.
	countShare = 100
	// countEach is how old a count that costs nothing may become.
	countEach = time.Second
)

// abandonment counts as the rules ask for an attempt of a known campaign.
func (g *Gate) abandonment(ctx context.Context, a *compliance.Attempt,
	by func(context.Context, counted, time.Time, time.Duration) (compliance.Abandonment, error),
) compliance.Fact[compliance.Abandonment] {
	if g.cfg.Abandoning == nil {
		return compliance.Unknown[compliance.Abandonment]("no rules say how it is counted")
	}
	most := g.cfg.Abandoning(a)
	if _, known := g.cfg.Campaigns[a.Campaign]; !known || most.Window == 0 {
		return compliance.Unknown[compliance.Abandonment]("no rule asks for it, or the campaign is not known")
	}
	n, err := by(ctx, counted{a.Tenant, a.Campaign, most.Window, most.SpeakWithin}, a.At, most.MaxAge)
	if err != nil {
		return compliance.Unknown[compliance.Abandonment](fmt.Sprintf("it could not be counted: %v", err))
	}

	g.alarm(a.Campaign, n, most)

	return compliance.Know(n)
}

// alarm tells a person when a campaign's calls begin to be abandoned so often
// that the rules want somebody to look, long before they stop the dialing.
func (g *Gate) alarm(campaign string, n compliance.Abandonment, most compliance.AbandonmentCap) {
	high := most.Alarm > 0 && n.Live > 0 && n.Abandoned*1000 >= most.Alarm*n.Live
	g.mu.Lock()
	told := g.alarmed[campaign]
	if high {
		g.alarmed[campaign] = true
	} else {
		delete(g.alarmed, campaign)
	}
	g.mu.Unlock()
	if high && !told {
		g.cfg.Log.Warn("calls of a campaign are abandoned often; it stops dialing at the rules' limit", slog.String("campaign", campaign),
			slog.Int("abandoned", n.Abandoned), slog.Int("answered_live", n.Live), slog.Int("alarm_permille", most.Alarm), slog.Int("stops_permille", most.Pause))
	}
}

// now counts, whatever was counted before: an attempt that is only thought of
// may lie at any time.
func (c *counts) now(ctx context.Context, of counted, at time.Time, _ time.Duration) (compliance.Abandonment, error) {
	return c.count(ctx, of.tenant, of.campaign, at.Add(-of.window), at, of.within)
}

// recent gives a count that is not older than maxAge. One caller counts again
// when it is due; the others take the one before it, or wait where that is too
// old.
func (c *counts) recent(ctx context.Context, of counted, at time.Time, maxAge time.Duration) (compliance.Abandonment, error) {
	n := c.find(of)
	value, due, usable := n.look(at, maxAge)
	if !due {
		return value, nil
	}
	if usable {
		select {
		case n.turn <- struct{}{}:
		default:
			return value, nil
		}
	} else {
		select {
		case n.turn <- struct{}{}:
		case <-ctx.Done():
			return compliance.Abandonment{}, context.Cause(ctx)
		}
	}
	defer func() { <-n.turn }()
	if value, due, _ := n.look(at, maxAge); !due {
		return value, nil // somebody else has counted
	}
	began := time.Now()
	value, err := c.now(ctx, of, at, maxAge)
	if err != nil {
		return value, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.value, n.took = value, time.Since(began)

	return value, nil
}

func (c *counts) find(of counted) *count {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[counted]*count{}
	}
	n := c.of[of]
	if n == nil {
		n = &count{turn: make(chan struct{}, 1)}
		c.of[of] = n
	}

	return n
}

// look gives the newest count, whether it is time for another, and whether it
// may still be used. A count of the future, after a step of the clock, may not.
func (n *count) look(at time.Time, maxAge time.Duration) (value compliance.Abandonment, due, usable bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	age := at.Sub(n.value.To)
	usable = !n.value.To.IsZero() && age >= -countEach && age <= maxAge
	due = !usable || age >= min(max(countEach, countShare*n.took), maxAge/2)

	return n.value, due, usable
}
