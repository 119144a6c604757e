package call

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

	"github.com/prometheus/client_golang/prometheus"

	"trunkline/loopback"
	"trunkline/media/clock"
	"trunkline/media/g711"
	"trunkline/media/rtp"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/sip"
	"trunkline/storage"
)

// wireLimit bounds each test against another program, in real time.
const wireLimit = 20 * time.Second

// wire is a Manager behind a real user agent on loopback, whose trunk is
// another program on port.
type wire struct {
	*rig

	port int
}

func onWire(t *testing.T) *wire {
	t.Helper()
	loopback := netip.MustParseAddr("127.0.0.1")
	pool, err := rtp.NewPool(loopback, 29000, 29999)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{rig: &rig{
		T: t, journal: &fakeJournal{}, clock: clock.New(clock.Options{Shards: 1}), log: &logged{},
	}, port: freePort(t)}
	w.gate = &fakeGate{journal: w.journal}
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pipeline.PrepareLines(t.Context(), &declared.Voice{}, texts)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	w.manager, err = NewManager(Config{
		Agents: map[string]*Agent{"reception": {Name: "reception", Providers: pipeline.Providers{
			Recognizer: &declared.Recognizer{}, Model: &declared.Model{}, Synthesizer: &declared.Voice{}, Lines: lines,
		}}},
		Routes: routes(t), Gate: w.gate,
		Limits: Limits{Cap: time.Minute, NoMedia: wireLimit, MaxCalls: 10},
		Clock:  w.clock, Journal: w.journal, Metrics: metrics, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	ua, err := sip.New(sip.Config{
		Listen: []sip.Listen{{Network: "udp", Addr: "127.0.0.1:0"}},
		Trunks: []sip.Trunk{{
			Name: "carrier", Sources: []netip.Prefix{netip.PrefixFrom(loopback, 32)},
			Targets: []sip.Target{{URI: fmt.Sprintf("sip:127.0.0.1:%d", w.port)}},
		}},
		Media: sip.RTP(pool, rtp.Options{}), Log: log,
	}, w.manager)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.clock.Start(), ua.Start()); err != nil {
		t.Fatal(err)
	}
	w.manager.PlaceBySIP(ua)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), wireLimit)
		defer cancel()
		if err := errors.Join(w.manager.Stop(ctx), ua.Stop(ctx)); err != nil {
			t.Error(err)
		}
		w.clock.Stop()
		if n := pool.InUse(); n != 0 {
			t.Errorf("%d RTP ports are still in use", n)
		}
		if t.Failed() {
			t.Log(w.log)
		}
	})

	return w
}

func freePort(t *testing.T) int {
	t.Helper()
	at, err := loopback.Free()
	if err != nil {
		t.Fatal(err)
	}

	return int(at.Port())
}

// peer starts a program that takes the trunk's calls.
func (w *wire) peer(dir, program string, args ...string) *exec.Cmd {
	w.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("TRUNKLINE_REQUIRE_PEERS") != "" {
			w.Fatalf("%s is not installed: scripts/deps.sh test", program)
		}
		w.Skipf("%s is not installed: scripts/deps.sh test", program)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(w.Context(), program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	cmd.Env = append(os.Environ(), "TERM=dumb")
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended unless the test failed
		_ = cmd.Wait()
		if w.Failed() {
			w.Logf("%s said:\n%s", program, out.Bytes())
		}
	})

	return cmd
}

// sipp has sipp take the trunk's calls by a scenario of testdata.
func (w *wire) sipp(dir, scenario string, change func([]byte) []byte, more ...string) *exec.Cmd {
	w.Helper()
	text, err := os.ReadFile("../testdata/sipp/" + scenario + ".xml")
	if err != nil {
		w.Fatal(err)
	}
	if change != nil {
		text = change(text)
	}
	file := filepath.Join(dir, "scenario.xml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		w.Fatal(err)
	}

	return w.peer(dir, "sipp", append([]string{
		"-sf", file, "-m", "1", "-i", "127.0.0.1", "-p", fmt.Sprint(w.port), "-mi", "127.0.0.1", "-nostdin", "-timeout", "15s", "-timeout_error",
	}, more...)...)
}

// wait lets real time pass until something is so.
func (w *wire) wait(what string, so func() bool) {
	w.Helper()
	for end := time.Now().Add(wireLimit); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("%s passed without %s", wireLimit, what)
		}
	}
}

func (w *wire) ends() storage.Call {
	w.Helper()
	w.wait("the end of the call", func() bool { return w.manager.Active() == 0 })

	return w.journal.last()
}

func (w *wire) happened(kind string) bool {
	for _, e := range w.journal.events() {
		if e.Kind == kind {
			return true
		}
	}

	return false
}

func TestCalleesThatRefuse(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]Reason{486: Busy, 600: Busy, 480: NoAnswer, 603: Rejected, 404: NoSuchNumber, 500: Unreachable} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			w := onWire(t)
			callee := w.sipp(t.TempDir(), "callee_refuses", func(x []byte) []byte {
				return bytes.Replace(x, []byte("486 Refused"), fmt.Appendf(nil, "%d Refused", status), 1)
			})
			w.place()
			c := w.ends()
			w.ended(c, want, want.Fault())
			w.same("it rang", true, w.happened("call_ringing"))
			if err := callee.Wait(); err != nil {
				w.Errorf("sipp: %v", err)
			}
		})
	}
}

func TestACalleeThatIsGivenUp(t *testing.T) {
	t.Parallel()
	w := onWire(t)
	callee := w.sipp(t.TempDir(), "callee_rings", nil)
	id := w.place()
	w.wait("ringing", func() bool { return w.happened("call_ringing") })
	if err := w.manager.Hangup(id, false); err != nil {
		t.Fatal(err)
	}
	w.ended(w.ends(), OperatorHangup, storage.FaultOperator)
	if err := callee.Wait(); err != nil {
		t.Errorf("sipp: %v", err)
	}
}

// A callee sends ringback as early media, and then talks.
func TestACalleeWithEarlyMedia(t *testing.T) {
	t.Parallel()
	w := onWire(t)
	dir := t.TempDir()
	payload := make([]byte, len(ringback())/10)
	g711.PCMU.Encode(payload, ringback()[:len(payload)])
	if err := os.WriteFile(filepath.Join(dir, "early.ulaw"), payload, 0o600); err != nil {
		t.Fatal(err)
	}
	callee := w.sipp(dir, "callee_early", nil, "-d", "3000")
	id := w.place()
	w.wait("the agent's first words", func() bool { return w.happened(string(agentHeard)) })
	if err := w.manager.Hangup(id, false); err != nil {
		t.Fatal(err)
	}
	c := w.ends()
	w.ended(c, OperatorHangup, storage.FaultOperator)
	// Whether sipp paces the ringback well enough to be known as such, it does not tell.
	for _, kind := range []string{"early_media", "call_ringing", string(calleeKnown)} {
		w.same(kind, true, w.happened(kind))
	}
	if err := callee.Wait(); err != nil {
		t.Errorf("sipp: %v", err)
	}
}

// baresip answers, and the agent speaks to it.
func TestBaresipIsCalled(t *testing.T) {
	t.Parallel()
	w := onWire(t)
	dir := t.TempDir()
	for name, content := range map[string]string{
		"config": fmt.Sprintf(`module_path /usr/lib/baresip/modules
module g711.so
module account.so
module aubridge.so
module menu.so
net_interface 127.0.0.1
sip_listen 127.0.0.1:%d
audio_source aubridge,nil
audio_player aubridge,nil
audio_alert aubridge,nil
`, w.port),
		"accounts": fmt.Sprintf("<sip:+15550100777@127.0.0.1:%d;transport=udp>;regint=0;answermode=auto\n", w.port),
		"contacts": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.peer(dir, "baresip", "-f", dir, "-t", "60")
	id := w.place()
	w.wait("the agent's first words", func() bool { return w.happened(string(agentHeard)) })
	if err := w.manager.Hangup(id, true); err != nil {
		t.Fatal(err)
	}
	c := w.ends()
	w.ended(c, OperatorHangup, storage.FaultOperator)
	w.same("who answered", "unknown", c.AnsweredBy) // it sends no sound
	if took := c.OpenedAt.Sub(c.AnsweredAt); took < 1150*time.Millisecond || took > wireLimit {
		t.Errorf("the agent was heard %s after the answer", took)
	}
}
