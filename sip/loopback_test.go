package sip_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/rtp"
	"trunkline/sip"
)

// TestLoopback lets one UA call another over real sockets, a few calls at
// once, with audio both ways.
func TestLoopback(t *testing.T) {
	t.Parallel()

	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()

			g := startGateway(t, echo)
			phone := startPhone(t)

			var calls sync.WaitGroup

			for range 4 {
				calls.Go(func() {
					phoneCall(t, phone, "sip:agent@"+g.ua.Addr(network).String()+";transport="+network, sip.DialOptions{})
				})
			}

			calls.Wait()
		})
	}
}

func startPhone(t *testing.T) *sip.UA {
	t.Helper()

	pool, err := rtp.NewPool(netip.MustParseAddr("127.0.0.1"), 24000, 25999)
	if err != nil {
		t.Fatal(err)
	}

	phone, err := sip.New(sip.Config{
		Listen: []sip.Listen{{Network: "udp", Addr: "127.0.0.1:0"}, {Network: "tcp", Addr: "127.0.0.1:0"}},
		Media:  sip.RTP(pool, rtp.Options{}),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}

	if err := phone.Start(); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), sippLimit)
		defer cancel()

		if err := phone.Stop(ctx); err != nil {
			t.Error(err)
		}

		if n := pool.InUse(); n != 0 {
			t.Errorf("%d RTP ports still in use", n)
		}
	})

	return phone
}

// phoneCall sends a tone until it has come back for 200 ms, however busy the
// machine is.
func phoneCall(t *testing.T, phone *sip.UA, target string, options sip.DialOptions) {
	ctx, cancel := context.WithTimeout(context.Background(), sippLimit)
	defer cancel()

	d, err := phone.Dial(ctx, target, options)
	if err != nil {
		t.Error(err)
		return
	}

	leg := d.Leg()
	tick := time.NewTicker(media.FrameDuration)
	defer tick.Stop()

	var tone, heard media.Frame
	for i := range tone {
		tone[i] = int16(8000 * (1 - 2*(i/4%2))) // 1 kHz
	}

	loud := 0

	for loud < 10 && ctx.Err() == nil {
		<-tick.C
		leg.Write(&tone)

		if leg.Read(&heard); heard[3] > 4000 || heard[3] < -4000 {
			loud++
		}
	}

	if loud < 10 {
		t.Errorf("the tone came back in %d frames: %+v", loud, leg.Stats())
	}

	if err := d.Hangup(ctx, "done"); err != nil {
		t.Error(err)
	}

	if !errors.Is(d.Cause(), sip.ErrHungUp) {
		t.Errorf("Cause = %v", d.Cause())
	}
}
