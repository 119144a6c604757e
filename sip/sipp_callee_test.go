package sip_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"trunkline/media/g711"
	"trunkline/sip"
)

// callSipp has sipp play a scenario as the callee, and calls it until call
// returns.
func callSipp(t *testing.T, scenario string, call func(ctx context.Context, g *gateway)) {
	t.Helper()
	needSipp(t)
	t.Parallel()

	dir, port := t.TempDir(), freePort(t)
	// Early media of callee_early: half a second of a loud tone.
	if err := os.WriteFile(filepath.Join(dir, "early.ulaw"), bytes.Repeat([]byte{0x1c, 0x9c}, 2000), 0o600); err != nil {
		t.Fatal(err)
	}

	file, err := filepath.Abs(filepath.Join("..", "testdata", "sipp", scenario+".xml"))
	if err != nil {
		t.Fatal(err)
	}

	g := startGateway(t, echo, func(trunk *sip.Trunk) {
		trunk.Targets = []sip.Target{{URI: fmt.Sprintf("sip:127.0.0.1:%d", port)}}
	})

	ctx, cancel := context.WithTimeout(context.Background(), sippLimit)
	defer cancel()

	done := make(chan struct{})

	go func() {
		defer close(done)

		if listening(ctx, port) {
			call(ctx, g)
		}
	}()

	runSipp(t, ctx, dir, "-sf", file, "-p", fmt.Sprint(port), "-mi", "127.0.0.1", "-d", "300")
	<-done
}

// listening waits until a UDP port of loopback is taken.
func listening(ctx context.Context, port int) bool {
	for ctx.Err() == nil {
		c, err := new(net.ListenConfig).ListenPacket(ctx, "udp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return true
		}

		_ = c.Close() // it was ours alone

		time.Sleep(10 * time.Millisecond)
	}

	return false
}

// placed places a call and returns its early responses, once it is answered
// or refused.
func placed(ctx context.Context, t *testing.T, g *gateway) (d *sip.Dialog, early []sip.Progress, err error) {
	t.Helper()

	d, err = g.ua.Call(ctx, "sipp", "+15550100777", sip.CallOptions{})
	if err != nil {
		t.Error(err)
		return nil, nil, err
	}

	for p := range d.Progress() {
		early = append(early, p)
	}

	_, err = d.Answered(ctx)

	return d, early, err
}

func hangUp(ctx context.Context, t *testing.T, d *sip.Dialog) {
	t.Helper()

	if err := d.Hangup(ctx, "done"); err != nil {
		t.Error(err)
	}
}

// TestSippAnswersLate: 183 with audio, 180 and 200 are told in this order, and
// the early audio goes on as the call's.
func TestSippAnswersLate(t *testing.T) {
	callSipp(t, "callee_early", func(ctx context.Context, g *gateway) {
		d, early, err := placed(ctx, t, g)
		if err != nil {
			t.Error(err)
			return
		}

		if len(early) != 2 || early[0].Status != 183 || early[0].Leg == nil || early[0].Leg != d.Leg() || early[1].Status != 180 {
			t.Errorf("before the answer: %+v", early)
		}

		hangUp(ctx, t, d)
	})
}

func TestSippIsBusy(t *testing.T) {
	callSipp(t, "callee_refuses", func(ctx context.Context, g *gateway) {
		_, early, err := placed(ctx, t, g)

		var status *sip.StatusError
		if !errors.As(err, &status) || status.Code != 486 || len(early) != 1 || early[0].Status != 180 {
			t.Errorf("%+v, then %v", early, err)
		}
	})
}

// TestSippForks: of two telephones that answer the first is kept until it hangs
// up, and the other hung up on.
func TestSippForks(t *testing.T) {
	callSipp(t, "callee_forked", func(ctx context.Context, g *gateway) {
		d, _, err := placed(ctx, t, g)
		if err != nil {
			t.Error(err)
			return
		}

		select {
		case <-d.Done():
		case <-ctx.Done():
		}

		if !errors.Is(d.Cause(), sip.ErrRemoteBye) {
			t.Errorf("Cause = %v", d.Cause())
		}
	})
}

// TestSippTakesAnotherCodec: the codec that is wanted is offered first, and asked
// for when the callee took the other one.
func TestSippTakesAnotherCodec(t *testing.T) {
	callSipp(t, "callee_recode", func(ctx context.Context, g *gateway) {
		law := g711.PCMA

		d, err := g.ua.Call(ctx, "sipp", "+15550100777", sip.CallOptions{Codec: &law})
		if err != nil {
			t.Error(err)
			return
		}

		if _, err := d.Answered(ctx); err != nil {
			t.Error(err)
			return
		}

		before, _ := d.Codec()
		err = d.Recode(ctx, law)

		if after, _ := d.Codec(); err != nil || before != g711.PCMU || after != law {
			t.Errorf("%v, then %v: %v", before, after, err)
		}

		hangUp(ctx, t, d)
	})
}

// TestSippRefreshes: a callee that wants a longer session gets it, and keeps
// the call alive by UPDATE and by re-INVITE.
func TestSippRefreshes(t *testing.T) {
	callSipp(t, "callee_timer", func(ctx context.Context, g *gateway) {
		d, _, err := placed(ctx, t, g)
		if err != nil {
			t.Error(err)
			return
		}

		for ctx.Err() == nil && (g.ua.Stats().Requests["UPDATE"] == 0 || g.ua.Stats().Requests["INVITE"] == 0 || g.ua.Stats().Requests["ACK"] == 0) {
			time.Sleep(10 * time.Millisecond)
		}

		hangUp(ctx, t, d)
	})
}
