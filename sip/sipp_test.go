package sip_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"trunkline/loopback"
	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/rtp"
	"trunkline/sip"
)

// Loopback sockets cannot be part of a synctest bubble: these tests run in
// real time, each within sippLimit.
const sippLimit = 20 * time.Second

// needSipp skips the test when sipp is not installed, unless the environment
// says that it must be.
func needSipp(t *testing.T) {
	t.Helper()

	if _, err := exec.LookPath("sipp"); err == nil {
		return
	}

	if os.Getenv("TRUNKLINE_REQUIRE_PEERS") != "" {
		t.Fatal("sipp is not installed: apt-get install sip-tester")
	}

	t.Skip("sipp is not installed: apt-get install sip-tester")
}

// gateway is a UA on loopback sockets.
type gateway struct {
	ua    *sip.UA
	pool  *rtp.Pool
	calls chan *sip.Dialog
}

// startGateway starts a UA that leaves calls to handle. T1 is short, so that
// a lost ACK is given up after 6.4 s, which is long enough for a busy machine.
func startGateway(t *testing.T, handle func(*sip.Dialog), with ...func(*sip.Trunk)) *gateway {
	t.Helper()

	loopback := netip.MustParseAddr("127.0.0.1")

	pool, err := rtp.NewPool(loopback, 22000, 23999)
	if err != nil {
		t.Fatal(err)
	}

	trunk := sip.Trunk{Name: "sipp", Sources: []netip.Prefix{netip.PrefixFrom(loopback, 32)}}
	for _, change := range with {
		change(&trunk)
	}

	g := &gateway{pool: pool, calls: make(chan *sip.Dialog, 64)}

	g.ua, err = sip.New(sip.Config{
		Listen: []sip.Listen{{Network: "udp", Addr: "127.0.0.1:0"}, {Network: "tcp", Addr: "127.0.0.1:0"}},
		Trunks: []sip.Trunk{trunk},
		Media:  sip.RTP(pool, rtp.Options{}),
		Timers: sip.Timers{T1: 100 * time.Millisecond, T2: 400 * time.Millisecond},
		Log:    slog.New(slog.DiscardHandler),
	}, handler(func(d *sip.Dialog) {
		g.calls <- d
		handle(d)
	}))
	if err != nil {
		t.Fatal(err)
	}

	if err := g.ua.Start(); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), sippLimit)
		defer cancel()

		if err := g.ua.Stop(ctx); err != nil {
			t.Error(err)
		}

		if n := pool.InUse(); n != 0 {
			t.Errorf("%d RTP ports still in use", n)
		}
	})

	return g
}

type handler func(*sip.Dialog)

func (h handler) Incoming(d *sip.Dialog) { h(d) }

// echo answers and sends back what it hears until the call ends.
func echo(d *sip.Dialog) {
	_ = d.Ring()

	talkBack(d)
}

// talkBack answers a call that rings, as echo does.
func talkBack(d *sip.Dialog) {
	leg, err := d.Answer(context.Background())
	if err != nil {
		return
	}

	tick := time.NewTicker(media.FrameDuration)
	defer tick.Stop()

	var f media.Frame

	for {
		select {
		case <-tick.C:
			leg.Read(&f)
			leg.Write(&f)
		case <-d.Done():
			return
		}
	}
}

// run runs a scenario to its end and fails unless sipp reports success.
func (g *gateway) run(t *testing.T, network, scenario, dir string) {
	t.Helper()

	file, err := filepath.Abs(filepath.Join("..", "testdata", "sipp", scenario+".xml"))
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), sippLimit)
	defer cancel()

	mode := map[string]string{"udp": "u1", "tcp": "t1"}[network]

	runSipp(t, ctx, dir, g.ua.Addr(network).String(), "-sf", file, "-t", mode, "-p", fmt.Sprint(freePort(t)), "-mi", "127.0.0.1")
}

// runSipp runs one call of sipp, which must go as its scenario says.
func runSipp(t *testing.T, ctx context.Context, dir string, args ...string) {
	t.Helper()

	cmd := exec.CommandContext(ctx, "sipp", append(args,
		"-m", "1", "-i", "127.0.0.1", "-nostdin", "-timeout", "15s", "-timeout_error", "-trace_err", "-error_file", filepath.Join(dir, "errors"))...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TERM=dumb")

	var out bytes.Buffer

	cmd.Stdout, cmd.Stderr = &out, &out

	if err := cmd.Run(); err != nil {
		details, _ := os.ReadFile(filepath.Join(dir, "errors"))
		t.Fatalf("sipp %v: %v\n%s\n%s", args, err, details, tail(out.Bytes()))
	}
}

func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }

// freePort finds a port that is free for UDP and TCP.
func freePort(t *testing.T) int {
	t.Helper()

	at, err := loopback.Free()
	if err != nil {
		t.Fatal(err)
	}

	return int(at.Port())
}

func (g *gateway) call(t *testing.T) *sip.Dialog {
	t.Helper()

	select {
	case d := <-g.calls:
		return d
	case <-time.After(sippLimit):
		t.Fatal("no call came")
		return nil
	}
}

func TestSipp(t *testing.T) {
	needSipp(t)

	tests := []struct {
		scenario string
		handle   func(*sip.Dialog)
		cause    error // of the call's end; nil when no call is offered
	}{
		{"call", echo, sip.ErrRemoteBye},
		{"late_offer", echo, sip.ErrRemoteBye},
		{"late_offer_no_answer", echo, sip.ErrBadAnswer},
		{"hold", echo, sip.ErrRemoteBye},
		{"cancel", func(d *sip.Dialog) { _ = d.Ring(); <-d.Done() }, sip.ErrCancelled},
		{"lost_ack", echo, sip.ErrNoACK},
		{"lost_bye", func(d *sip.Dialog) {
			go echo(d)
			time.Sleep(300 * time.Millisecond)
			_ = d.Hangup(context.Background(), "done")
		}, sip.ErrHungUp},
		{"info", echo, sip.ErrRemoteBye},
		{"reliable", func(d *sip.Dialog) {
			_ = d.Ring()
			time.Sleep(100 * time.Millisecond) // for the PRACK, so that the two 200s come in their order
			talkBack(d)
		}, sip.ErrRemoteBye},
		{"midcall", echo, sip.ErrRemoteBye},
		{"early_update", func(d *sip.Dialog) {
			if _, err := d.EarlyMedia(context.Background()); err != nil {
				return
			}

			for start := time.Now(); time.Since(start) < sippLimit; time.Sleep(10 * time.Millisecond) {
				if codec, _ := d.Codec(); codec == g711.PCMA { // the UPDATE has come
					break
				}
			}

			time.Sleep(100 * time.Millisecond) // so that the two 200s come in their order
			talkBack(d)
		}, sip.ErrRemoteBye},
		{"recode", func(d *sip.Dialog) {
			if _, err := d.Answer(context.Background()); err != nil {
				return
			}

			if d.Recode(context.Background(), g711.PCMA) == nil {
				_ = d.Recode(context.Background(), g711.PCMU) // refused
			}

			<-d.Done()
		}, sip.ErrRemoteBye},
		{"options", echo, nil},
		{"malformed_sdp", echo, nil},
		{"unacceptable_sdp", echo, nil},
		{"unknown_method", echo, nil},
		{"unknown_extension", echo, nil},
		{"wrong_content_type", echo, nil},
		{"unknown_dialog", echo, nil},
	}
	for _, test := range tests {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(test.scenario+"/"+network, func(t *testing.T) {
				t.Parallel()

				g := startGateway(t, test.handle)
				g.run(t, network, test.scenario, t.TempDir())

				if test.cause == nil {
					if len(g.calls) != 0 {
						t.Error("the Handler got a call")
					}

					return
				}

				d := g.call(t)

				select {
				case <-d.Done():
				case <-time.After(sippLimit):
					t.Fatal("the call did not end")
				}

				if !errors.Is(d.Cause(), test.cause) {
					t.Errorf("Cause = %v, want %v", d.Cause(), test.cause)
				}

				if got := keys(d); test.scenario == "info" && got != "4*#" {
					t.Errorf("keys by INFO: %q, want 4*#", got)
				}

				if again := g.ua.Stats().Retransmitted; test.scenario == "lost_ack" && again < 5 {
					t.Errorf("the 200 was sent again %d times", again)
				}
			})
		}
	}
}

// keys are the keys that a call told by INFO and nobody took.
func keys(d *sip.Dialog) string {
	var all []byte

	for {
		select {
		case k := <-d.Keys():
			all = append(all, k.Key)
		default:
			return string(all)
		}
	}
}

func TestSippWithAudio(t *testing.T) {
	needSipp(t)
	t.Parallel()

	legs := make(chan media.Leg, 1)
	g := startGateway(t, func(d *sip.Dialog) {
		go func() {
			<-d.Done()
			legs <- d.Leg()
		}()
		echo(d)
	})

	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "caller.ulaw"), bytes.Repeat([]byte{0x1c, 0x9c}, 8000), 0o600); err != nil {
		t.Fatal(err)
	}

	g.run(t, "udp", "call_rtp", dir)

	stats := (<-legs).Stats()
	if stats.PacketsIn < 50 || stats.PacketsOut < 50 || stats.Codec != "PCMU" {
		t.Errorf("two seconds of audio: %+v", stats)
	}
}
