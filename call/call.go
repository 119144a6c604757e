package call

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"trunkline/media"
	"trunkline/media/line"
	"trunkline/media/player"
	"trunkline/media/record"
	"trunkline/media/vad"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// call is one call's life. The goroutine of live owns every deadline.
type call struct {
	m     *Manager
	agent *Agent
	door  door
	log   *slog.Logger
	rec   storage.Call
	notes *notes

	conv     *pipeline.Conversation
	player   *player.Player
	leg      media.Leg
	recorder *record.Recorder
	remove   func() // takes the line off the clock
}

func newCall(m *Manager, a *Agent, d door, rec storage.Call) *call {
	rec.ID = storage.NewID()
	rec.State = storage.Ringing
	rec.Agent = a.Name
	rec.StartedAt = time.Now()
	c := &call{m: m, agent: a, door: d, rec: rec, log: m.cfg.Log.With(slog.String("call", rec.ID.String()))}
	c.notes = newNotes(&m.cfg, rec)

	return c
}

// refused records a call that was turned away.
func (c *call) refused(r Reason) {
	c.m.cfg.Journal.Begin(c.rec)
	c.close(r)
}

// live is the whole life: ring, prepare, answer, talk, end.
func (c *call) live(ctx context.Context) {
	c.m.cfg.Journal.Begin(c.rec)
	c.log.Info("call offered", slog.String("door", string(c.rec.Door)), slog.String("trunk", c.rec.Trunk),
		slog.Any("from", c.rec.From), slog.String("agent", c.rec.Agent))
	reason, err := c.answer(ctx)
	if err != nil {
		c.log.Warn("call not answered", slog.String("reason", string(reason)), slog.Any("error", err))
	} else {
		reason = c.talk(ctx)
		c.hangUp(reason)
	}
	c.tearDown()
	c.close(reason)
}

// answer makes the agent ready while the phone rings, and takes the call.
func (c *call) answer(ctx context.Context) (Reason, error) {
	if err := c.door.Ring(); err != nil {
		return c.refuse(), fmt.Errorf("ring: %w", err)
	}
	detector, err := vad.New()
	if err != nil {
		return c.refuse(), err
	}
	c.player = player.New(player.Options{Notify: func(e player.Event) { c.conv.Played(e) }})
	c.conv = pipeline.NewConversation(c.agent.Conversation, c.agent.Providers, c.player, c.notes)
	if err := c.prepare(ctx); err != nil {
		return c.refuse(), err
	}
	if c.leg, err = c.door.Answer(ctx, c.rec.ID.String()); err != nil {
		return c.refuse(), err
	}
	c.rec.AnsweredAt, c.rec.State = time.Now(), storage.InProgress
	parts := line.Config{Leg: c.leg, Player: c.player, VAD: detector, Ear: c.conv}
	if c.startRecording() {
		parts.Tap = c.recorder
	}
	c.m.cfg.Journal.Update(c.rec)
	c.notes.live(Live{Kind: LiveAnswered})
	c.conv.Start()
	c.remove = c.m.cfg.Clock.Add(line.New(parts))

	return "", nil
}

// prepare gives the conversation a bounded time, and stops when the caller
// gives up.
func (c *call) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.m.cfg.Limits.Prepare)
	defer cancel()
	gone := make(chan struct{})
	defer close(gone)
	go func() {
		select {
		case <-c.door.Done():
			cancel()
		case <-gone:
		}
	}()
	if err := c.conv.Prepare(ctx); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}

	return nil
}

// refuse ends a call that could not be answered, and says why it ended: the
// door's reason when that came first.
func (c *call) refuse() Reason {
	select {
	case <-c.door.Done():
		return c.door.Cause()
	default:
	}
	if err := c.door.Refuse(NotPrepared); err != nil {
		c.log.Debug("refusing the call", slog.Any("error", err))
	}

	return NotPrepared
}

// startRecording begins the recording when recordings are wanted. A disk that
// fails does not cost the caller the call.
func (c *call) startRecording() bool {
	if c.m.cfg.Recordings == "" {
		return false
	}
	path := filepath.Join(c.m.cfg.Recordings, c.rec.ID.String()+".wav")
	r, err := record.Create(path)
	if err != nil {
		c.log.Error("the call is not recorded", slog.Any("error", err))

		return false
	}
	c.recorder, c.rec.Recording = r, path

	return true
}

// talk runs the deadlines until the call is to end, and says why.
func (c *call) talk(ctx context.Context) Reason {
	l := c.m.cfg.Limits
	limit := time.NewTimer(l.Cap)
	defer limit.Stop()
	warning := time.NewTimer(l.Cap - l.WarnBefore)
	defer warning.Stop()
	if l.WarnBefore == 0 {
		warning.Stop()
	}
	force := time.NewTimer(time.Hour) // a last line that does not end
	force.Stop()
	defer force.Stop()
	media := time.NewTicker(max(l.NoMedia/10, 100*time.Millisecond))
	defer media.Stop()
	var ending Reason
	finish := func(line turn.Line, r Reason) {
		if ending == "" {
			ending = r
			c.conv.Finish(line, string(r))
			force.Reset(l.Farewell)
		}
	}
	stop := ctx.Done()
	for {
		select {
		case <-c.door.Done():
			return c.door.Cause()
		case out := <-c.conv.Done():
			return Reason(out.Reason)
		case <-force.C:
			return ending
		case <-warning.C:
			c.conv.Announce(turn.CapWarning)
		case <-limit.C:
			finish(turn.CapGoodbye, CapReached)
		case <-stop:
			stop = nil
			finish(turn.Goodbye, Shutdown)
		case <-c.door.HoldChanged():
			c.conv.Hold(c.door.OnHold())
		case now := <-media.C:
			if c.deaf(now) {
				return NoMedia
			}
		}
	}
}

// deaf reports whether the caller's audio has been missing for too long.
func (c *call) deaf(now time.Time) bool {
	s := c.leg.Stats()
	if s.OnHold || c.door.OnHold() {
		return false
	}
	last := s.LastPacket
	if last.IsZero() {
		last = c.rec.AnsweredAt
	}

	return now.Sub(last) > c.m.cfg.Limits.NoMedia
}

// hangUp ends the call at the door, unless that ended it.
func (c *call) hangUp(r Reason) {
	select {
	case <-c.door.Done():
		return
	default:
	}
	// The call's own time is over: what is left is bounded by itself.
	ctx, cancel := context.WithTimeout(context.Background(), c.m.cfg.Limits.Hangup)
	defer cancel()
	if err := c.door.Hangup(ctx, r); err != nil {
		c.log.Warn("the far end did not confirm the hang-up", slog.Any("error", err))
	}
}

// tearDown leaves nothing of the call behind.
func (c *call) tearDown() {
	if c.remove != nil {
		c.remove()
	}
	if c.conv != nil {
		c.conv.Stop()
	}
	if c.leg != nil {
		c.rec.Media = mediaRecord(c.leg.Stats())
		_ = c.leg.Close() // its door has closed it already
	}
	if c.recorder == nil {
		return
	}
	if err := c.recorder.Close(); err != nil {
		c.log.Error("the recording is incomplete", slog.Any("error", err))
	}
	if n := c.recorder.Dropped(); n > 0 {
		c.log.Warn("the disk was too slow for the recording", slog.Uint64("silent_ticks", n))
	}
}

// close writes the final record.
func (c *call) close(r Reason) {
	c.rec.State = storage.Ended
	c.rec.EndedAt = time.Now()
	c.rec.EndReason, c.rec.Fault = string(r), r.Fault()
	c.m.cfg.Journal.Update(c.rec)
	c.notes.end(c.rec)
	c.log.Info("call ended", slog.String("reason", string(r)), slog.String("fault", string(c.rec.Fault)),
		slog.Duration("after", c.rec.EndedAt.Sub(c.rec.StartedAt)))
}

func mediaRecord(s media.LegStats) *storage.Media {
	return &storage.Media{
		Codec: s.Codec, Local: s.Local, Remote: s.Remote,
		PacketsIn: s.PacketsIn, PacketsOut: s.PacketsOut,
		Lost: s.Lost, Late: s.Late, Reordered: s.Reordered, Duplicates: s.Duplicates,
		Foreign: s.Foreign, Malformed: s.Malformed, Concealed: s.Concealed, SendDropped: s.SendDropped,
		JitterMS: storage.Milliseconds(s.Jitter), DelayMS: storage.Milliseconds(s.Delay),
	}
}
