package sip

import (
	"context"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/media"
	"trunkline/sip/sdp"
)

// countedMedia opens sessions that carry nothing, and keeps none of them.
type countedMedia struct{ open atomic.Int64 }

func (m *countedMedia) Open() (MediaSession, error) {
	m.open.Add(1)

	return &countedSession{media: m}, nil
}

type countedSession struct{ media *countedMedia }

func (*countedSession) Read(f *media.Frame) media.Inbound {
	*f = media.Frame{}

	return media.Inbound{}
}
func (*countedSession) Write(*media.Frame) bool    { return true }
func (*countedSession) Digit() (media.Digit, bool) { return media.Digit{}, false }
func (*countedSession) Stats() media.LegStats      { return media.LegStats{} }
func (*countedSession) Local() netip.AddrPort      { return netip.MustParseAddrPort("10.0.0.1:20000") }
func (*countedSession) Apply(sdp.Audio) error      { return nil }

func (s *countedSession) Close() error {
	s.media.open.Add(-1)

	return nil
}

// TestFiveHundredSessionsForHalfAnHour keeps calls up between two UAs, one half
// in each direction, for 31 minutes with sessions of ten: each is refreshed by
// whoever called. When they are over no goroutine of them is left, and no memory
// beyond what as many calls before them left.
//
// It is serial: the goroutines and the memory of other tests would count.
func TestFiveHundredSessionsForHalfAnHour(t *testing.T) { //nolint:paralleltest // see above
	const (
		calls    = 500
		lasts    = 31 * time.Minute
		interval = 10 * time.Minute
		spare    = 256 << 10 // bytes: half a kilobyte of each call would be more
	)

	synctest.Test(t, func(t *testing.T) {
		var (
			network           = newMemNet()
			updates, byes     atomic.Int64
			ours, theirs      countedMedia
			near, far, ending = uaAddr, farAddr, 2 * time.Minute
		)

		network.lose = func(data string) bool {
			switch {
			case strings.HasPrefix(data, "UPDATE "):
				updates.Add(1)
			case strings.HasPrefix(data, "BYE "):
				byes.Add(1)
			}

			return false
		}

		a, b := sessionUA(t, network, near, far, interval, &ours), sessionUA(t, network, far, near, interval, &theirs)

		settle := func() (goroutines int, heap uint64) {
			time.Sleep(ending) // transactions outlive their calls by 32 s
			synctest.Wait()
			runtime.GC()
			runtime.GC() // what the first one finalised

			var m runtime.MemStats
			runtime.ReadMemStats(&m)

			return runtime.NumGoroutine(), m.HeapAlloc
		}

		run := func(n int, d time.Duration) {
			dialogs := make([]*Dialog, 0, n)

			for i := range n {
				ua := a
				if i%2 == 1 {
					ua = b
				}

				d, err := ua.Call(t.Context(), "other", "+12025550123", CallOptions{})
				if err != nil {
					t.Fatal(err)
				}

				if _, err := d.Answered(t.Context()); err != nil {
					t.Fatal(err)
				}

				dialogs = append(dialogs, d)

				time.Sleep(20 * time.Millisecond)
			}

			time.Sleep(d)

			for i, d := range dialogs {
				if d.Cause() != nil {
					t.Fatalf("call %d ended by itself: %v", i, d.Cause())
				}

				if err := d.Hangup(t.Context(), ""); err != nil {
					t.Fatalf("call %d: %v", i, err)
				}
			}
		}

		run(calls, 0) // maps and buffers have grown to their size now

		goroutines, heap := settle()

		updates.Store(0)
		byes.Store(0)
		run(calls, lasts)

		if want := int64(calls * int(lasts/(interval/2))); updates.Load() < want || updates.Load() > want+calls {
			t.Errorf("%d refreshes of %d calls in %v, want %d, or one more of each", updates.Load(), calls, lasts, want)
		}

		if byes.Load() != calls {
			t.Errorf("%d BYEs for %d calls", byes.Load(), calls)
		}

		after, left := settle()
		t.Logf("goroutines %d before, %d after; heap %d KiB before, %d KiB after", goroutines, after, heap>>10, left>>10)

		if after != goroutines {
			t.Errorf("%d goroutines after the calls, %d before", after, goroutines)
		}

		if left > heap+spare {
			t.Errorf("%d KiB after the calls, %d KiB before", left>>10, heap>>10)
		}

		for name, ua := range map[string]*UA{"ours": a, "theirs": b} {
			if s := ua.Stats(); s.Dialogs != 0 || s.Transactions != 0 {
				t.Errorf("%s still has %d dialogs and %d transactions", name, s.Dialogs, s.Transactions)
			}
		}

		if n := ours.open.Load() + theirs.open.Load(); n != 0 {
			t.Errorf("the audio of %d calls is still open", n)
		}
	})
}

// sessionUA is a UA that answers every call and has a trunk to another one.
func sessionUA(t *testing.T, network *memNet, own, other string, interval time.Duration, audio *countedMedia) *UA {
	t.Helper()

	from := netip.MustParseAddrPort(other)

	ua, err := New(Config{
		Listen: []Listen{{"udp", own}},
		Trunks: []Trunk{{
			Name: "other", Sources: []netip.Prefix{netip.PrefixFrom(from.Addr(), 32)}, Targets: []Target{{URI: "sip:" + other}},
		}},
		Media: audio, Session: SessionTimer{Interval: interval},
	}, handlerFunc(func(d *Dialog) {
		if _, err := d.Answer(context.Background()); err != nil {
			t.Error(err)
		}

		<-d.Done()
	}))
	if err != nil {
		t.Fatal(err)
	}

	ua.net = network.kernel(netip.MustParseAddrPort(own).Addr().String())

	if err := ua.Start(); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := ua.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})

	return ua
}
