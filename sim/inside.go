package sim

import (
	"context"
	"strings"
	"time"

	"trunkline/call"
	"trunkline/media"
	"trunkline/media/echo"
	"trunkline/media/line"
	"trunkline/media/player"
	"trunkline/media/vad"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
)

// Ends of a call that the conversation does not decide. They are the records'.
const (
	endCaller = "caller_hangup"
	endCap    = "cap_reached"
)

// longest is a bound on a run that never ends.
const longest = 10 * time.Minute

// inside is a call in this process: the conversation, its line and the
// caller's end of it, ticked by one goroutine.
type inside struct {
	*handset

	agent  *Party
	conv   call.Conversation
	player *player.Player
	line   *line.Line

	held   bool
	keys   []media.Digit
	act    act
	over   bool // the caller hung up
	warned bool
	capped bool
}

// Read implements media.Leg: the caller's next frame.
func (c *inside) Read(f *media.Frame) media.Inbound {
	now := time.Now()
	c.act = c.handset.act(now, f)
	if c.act.key != 0 {
		c.keys = append(c.keys, media.Digit{Key: c.act.key, Duration: keyHold})
	}
	if c.act.hold != c.held {
		c.held = c.act.hold
		c.conv.Hold(c.held)
	}
	c.over = c.over || c.act.hangUp

	return media.Inbound{Kind: media.Received, Arrived: now}
}

// Write implements media.Leg: the agent's next frame.
func (c *inside) Write(f *media.Frame) bool {
	if c.held {
		c.hear(&media.Frame{}, time.Now())

		return false
	}
	c.hear(f, time.Now())

	return true
}

// Digit implements media.Leg.
func (c *inside) Digit() (media.Digit, bool) {
	if len(c.keys) == 0 {
		return media.Digit{}, false
	}
	d := c.keys[0]
	c.keys = c.keys[1:]

	return d, true
}

// Stats implements media.Leg.
func (*inside) Stats() media.LegStats { return media.LegStats{} }

// Close implements media.Leg.
func (*inside) Close() error { return nil }

// typedVAD hears the sound of typed words.
type typedVAD struct{}

func (typedVAD) Voiced(f *media.Frame) bool { return f[0] > typedLevel/2 }

// callInside holds one call in this process and tells what happened.
func callInside(ctx context.Context, r *run) (*Trace, error) {
	rec := &recorder{fillers: r.agent.Texts.Filler}
	c := &inside{agent: r.agent}
	c.player = player.New(player.Options{Notify: func(e player.Event) { c.conv.Played(e) }})
	if converse := r.converse(); converse != nil {
		c.conv = converse(r.agent.Conversation, c.player, rec)
	} else {
		c.conv = pipeline.NewConversation(r.agent.Conversation, r.agent.Providers, c.player, rec)
	}
	defer c.conv.Stop()
	c.handset = r.handset(rec, func() string { return c.player.Heard(rec.utterance()).Text })
	parts := line.Config{Leg: c, Player: c.player, Ear: c.conv, VAD: typedVAD{}}
	if r.mode != Text {
		detector, err := vad.New()
		if err != nil {
			return nil, err
		}
		parts.VAD, parts.Echo = detector, echo.New()
	}
	c.line = line.New(parts)
	if err := c.conv.Prepare(ctx); err != nil {
		return nil, err
	}
	rec.answer(time.Now())
	c.conv.Start()
	end, target, err := c.run(ctx)
	if err != nil {
		return nil, err
	}
	c.stop()
	c.conv.Stop()

	t := rec.finish(c.steps, c.voice, end, target)
	t.Cuts = c.cuts(t.Turns, r.voice)
	t.Tools = r.tools.traces(rec.since)

	return t, nil
}

// run ticks until the call is over, and says why it is.
func (c *inside) run(ctx context.Context) (end, target string, err error) {
	start := time.Now()
	for due := start; ; due = due.Add(media.FrameDuration) {
		time.Sleep(time.Until(due))
		select {
		case <-ctx.Done():
			return "", "", context.Cause(ctx)
		case out := <-c.conv.Done():
			return out.Reason, out.Args["target"], nil
		default:
		}
		c.line.Tick(time.Now())
		if c.over {
			return endCaller, "", nil
		}
		c.deadlines(time.Since(start))
	}
}

// deadlines are those that a call has apart from the conversation's.
func (c *inside) deadlines(elapsed time.Duration) {
	limit := c.agent.Cap
	if limit <= 0 {
		limit = longest
	}
	if w := c.agent.WarnBefore; w > 0 && !c.warned && elapsed >= limit-w {
		c.warned = true
		c.conv.Announce(turn.CapWarning)
	}
	if !c.capped && elapsed >= limit {
		c.capped = true
		c.conv.Finish(turn.CapGoodbye, endCap)
	}
}

func countWords(s string) int { return len(strings.Fields(s)) }
