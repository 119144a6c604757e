package sip_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"trunkline/media/rtp"
	"trunkline/sip"
	"trunkline/sip/digest"
	"trunkline/sip/registration"
)

// TestSippProvesItself: sipp answers our challenge.
func TestSippProvesItself(t *testing.T) {
	needSipp(t)
	t.Parallel()

	g := startGateway(t, echo, func(trunk *sip.Trunk) {
		trunk.Challenge, trunk.ChallengeMD5 = digest.Credentials{User: "sipp", Password: "wonderland"}, true
	})
	g.run(t, "udp", "digest", t.TempDir())

	d := g.call(t)

	select {
	case <-d.Done():
	case <-time.After(sippLimit):
		t.Fatal("the call did not end")
	}

	if !errors.Is(d.Cause(), sip.ErrRemoteBye) {
		t.Errorf("Cause = %v", d.Cause())
	}
}

// TestSippIsTheRegistrar: sipp checks our proof, asks for a longer life, and
// is told of our end.
func TestSippIsTheRegistrar(t *testing.T) {
	needSipp(t)
	t.Parallel()

	port := freePort(t)

	ua, err := sip.New(sip.Config{
		Listen: []sip.Listen{{Network: "udp", Addr: "127.0.0.1:0"}},
		Trunks: []sip.Trunk{{
			Name: "sipp", Account: digest.Credentials{User: "acct1", Password: "wonderland"},
			Register: &sip.Registration{Registrar: fmt.Sprintf("sip:127.0.0.1:%d", port)},
		}},
		Media: sip.RTP(nil, rtp.Options{}), // no call is placed
		Log:   slog.New(slog.DiscardHandler),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}

	file, err := filepath.Abs(filepath.Join("..", "testdata", "sipp", "registrar.xml"))
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), sippLimit)
	defer cancel()

	stopped := make(chan struct{})

	go func() {
		defer close(stopped)

		if err := ua.Start(); err != nil {
			t.Error(err)
			return
		}

		for ctx.Err() == nil && ua.Trunks()[0].Registration.State != registration.Registered {
			time.Sleep(10 * time.Millisecond)
		}

		if s := ua.Trunks()[0].Registration; time.Until(s.Until) < 7000*time.Second {
			t.Errorf("%+v", s)
		}

		if err := ua.Stop(ctx); err != nil {
			t.Error(err)
		}
	}()

	runSipp(t, ctx, t.TempDir(), "-sf", file, "-p", fmt.Sprint(port))
	<-stopped
}
