package sim

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"trunkline/media"
	"trunkline/media/rtp"
	"trunkline/sip"
	"trunkline/softphone/impair"
)

// answerBound is the longest wait for an answer.
const answerBound = 30 * time.Second

// dial places the run's call and plays its caller until the call is over.
func (p *phone) dial(ctx context.Context, target string, r *run, h *handset) (err error) {
	door, err := p.media(&r.scenario.Line, r.seed)
	if err != nil {
		return err
	}
	ua, err := sip.New(sip.Config{
		Listen: []sip.Listen{{Network: "udp", Addr: netip.AddrPortFrom(p.address, 0).String()}},
		Media:  door, UserAgent: "trunkline-sim",
	}, nil)
	if err != nil {
		return err
	}
	if err := ua.Start(); err != nil {
		return err
	}
	defer func() {
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopBound)
		defer cancel()
		err = errors.Join(err, ua.Stop(bound))
	}()
	soon, cancel := context.WithTimeout(ctx, answerBound)
	defer cancel()
	d, err := ua.Dial(soon, target, sip.DialOptions{User: "sim"})
	if err != nil {
		return fmt.Errorf("call %s: %w", target, err)
	}
	h.recorder.answer(time.Now())
	c := &carried{handset: h, leg: d.Leg(), hangUp: make(chan struct{}, 1)}
	remove := p.clock.Add(c)
	select {
	case <-d.Done():
	case <-c.hangUp:
	case <-ctx.Done():
	}
	remove()
	h.stop()
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopBound)
	defer cancel()
	_ = d.Hangup(bound, "") // the far end may have hung up before

	return context.Cause(ctx)
}

// media opens the calls' audio, behind the network that the scenario
// describes.
func (p *phone) media(l *Line, seed uint64) (sip.Media, error) {
	open := sip.RTP(p.pool, rtp.Options{})
	if l.Loss == 0 && l.Jitter == 0 {
		return open, nil
	}
	way := impair.Network{Loss: l.Loss / 100, Jitter: l.Jitter, Seed: seed}
	back := way
	back.Seed++

	return impair.Media(open, way, back)
}

// carried is the caller's end of a SIP call. It belongs to the clock.
type carried struct {
	*handset

	leg     media.Leg
	hangUp  chan struct{}
	in, out media.Frame
	arrived time.Time
}

// keySender is a leg that presses keys.
type keySender interface {
	SendDigit(key byte, d time.Duration) error
}

// Tick implements clock.Ticker.
func (c *carried) Tick(now time.Time) {
	switch in := c.leg.Read(&c.in); in.Kind {
	case media.Received:
		c.arrived = in.Arrived
	case media.Concealed: // when it would have come
		c.arrived = c.arrived.Add(media.FrameDuration)
	case media.Quiet:
		c.arrived = now
		clear(c.in[:])
	}
	c.hear(&c.in, c.arrived)
	a := c.act(now, &c.out)
	c.leg.Write(&c.out)
	if a.key != 0 {
		c.press(&a, now)
	}
	if a.hangUp {
		select {
		case c.hangUp <- struct{}{}:
		default:
		}
	}
}

func (c *carried) press(a *act, now time.Time) {
	leg := c.leg
	if behind, ok := leg.(*impair.Session); ok {
		leg = behind.MediaSession
	}
	s, ok := leg.(keySender)
	if !ok {
		c.recorder.notef(c.recorder.since(now), "key %c was not sent: the far end takes no telephone events", a.key)

		return
	}
	if err := s.SendDigit(a.key, keyHold); err != nil {
		c.recorder.notef(c.recorder.since(now), "key %c was not sent: %v", a.key, err)
	}
}
