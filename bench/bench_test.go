package bench

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"trunkline/config"
	"trunkline/media"
	"trunkline/media/vad"
	"trunkline/softphone"
	"trunkline/softphone/talkspurt"
)

func TestTableIsAligned(t *testing.T) {
	t.Parallel()
	table := newTable("calls", "p50 ms")
	table.row(1, "9.5")
	table.row(200, "–")
	var out strings.Builder
	table.write(&out)
	want := `
| calls | p50 ms |
|-------|-------:|
| 1     |    9.5 |
| 200   |      – |
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Fatal(d)
	}
}

func TestQuantilesAreByNearestRank(t *testing.T) {
	t.Parallel()
	var s sample
	for i := 100; i > 0; i-- {
		s = append(s, time.Duration(i)*time.Millisecond)
	}
	for q, want := range map[float64]string{0.001: "1.0", 0.5: "50.0", 0.95: "95.0", 0.99: "99.0", 1: "100.0"} {
		if got := s.ms(q); got != want {
			t.Errorf("quantile %v: got %s, want %s", q, got, want)
		}
	}
	if s[0] != 100*time.Millisecond {
		t.Error("the sample was sorted in place")
	}
	if got := (sample{}).ms(0.5); got != "–" {
		t.Errorf("of nothing: got %s", got)
	}
}

func TestMedianAndSpread(t *testing.T) {
	t.Parallel()
	if got := median([]float64{3, 1, 2}); got != 2 {
		t.Errorf("median of three: %v", got)
	}
	if got := median([]float64{4, 1, 2, 3}); got != 2.5 {
		t.Errorf("median of four: %v", got)
	}
	if got := median(nil); got != 0 {
		t.Errorf("median of none: %v", got)
	}
	if least, greatest := spread([]float64{2, 3, 1}); least != 1 || greatest != 3 {
		t.Errorf("spread: %v to %v", least, greatest)
	}
}

// A configuration that the gateway would refuse, or read otherwise than it was
// meant, makes the figures wrong.
func TestConfigurationIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	for name, agent := range map[string]config.Agent{
		"turn": turnAgent(), "bargein": bargeinAgent(), "media": mediaAgent("Hello."),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := gatewayConfig(t.TempDir(), agent)
			if err != nil {
				t.Fatal(err)
			}
			src, err := yaml.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			got, err := config.Parse("bench.yaml", src, config.Overrides{})
			if err != nil {
				t.Fatal(err)
			}
			// What is left out is filled with defaults: they are what the measured agent has.
			want, a := &c.Agents[0], &got.Agents[0]
			for what, d := range map[string]string{
				"recogniser": cmp.Diff(want.Recogniser.Declared, a.Recogniser.Declared, cmpopts.EquateEmpty()),
				"model":      cmp.Diff(want.Model.Declared, a.Model.Declared, cmpopts.EquateEmpty()),
				"voice":      cmp.Diff(want.Voice.Declared, a.Voice.Declared),
				"greeting":   cmp.Diff(want.Greeting, a.Greeting),
				"lines":      cmp.Diff(want.Lines, a.Lines, cmpopts.EquateEmpty()),
				"idle":       cmp.Diff(want.Idle, a.Idle),
				"sip":        cmp.Diff(c.SIP, got.SIP, cmpopts.EquateEmpty()),
				"calls":      cmp.Diff(c.Calls, got.Calls),
				"media":      cmp.Diff(c.Media, got.Media),
			} {
				if d != "" {
					t.Errorf("%s: %s", what, d)
				}
			}
		})
	}
}

// Turns in which the agent cut in are counted apart, and a turn that nobody
// answered is told.
func TestTurnRow(t *testing.T) {
	t.Parallel()
	start := time.Unix(0, 0)
	reply := func(after time.Duration) talkspurt.Exchange {
		return talkspurt.Exchange{Caller: talkspurt.Spurt{First: start, Last: start.Add(time.Second)}, Reply: start.Add(time.Second + after)}
	}
	cutIn := reply(100 * time.Millisecond)
	cutIn.CutIn = true
	h := &heard{reports: []*softphone.Report{{}}, captured: true}
	h.exchange("a", reply(500*time.Millisecond), reply(700*time.Millisecond), cutIn, talkspurt.Exchange{})
	table := newTable("speculation", "calls", "turns", "p50 ms", "p95 ms", "p99 ms", "max ms", "cut in")
	notes := turnRow(table, h, true, 1, 4)
	if d := cmp.Diff([]string{"on", "1", "2", "500.0", "700.0", "700.0", "700.0", "1"}, table.rows[0]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if last := notes[len(notes)-1]; !strings.Contains(last, "3 of 4 turns were answered") {
		t.Errorf("the notes are %q", notes)
	}
}

func TestCrispClipIsLoudAtBothEnds(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"what-are-your-opening-hours", "where-are-you-located"} {
		c, err := crispClip(name)
		if err != nil {
			t.Fatal(err)
		}
		n := len(c.Samples)
		for _, edge := range [][]int16{c.Samples[:media.FrameSamples], c.Samples[n-media.FrameSamples:]} {
			f := media.Frame(edge)
			if l := vad.Level(&f); l <= crispEnd {
				t.Errorf("%s: an end has %v dBov", name, l)
			}
		}
	}
	if _, err := crispClip("room"); err == nil {
		t.Error("a quiet room has a crisp clip")
	}
}

func TestRoomNoiseIsNoSpeech(t *testing.T) {
	t.Parallel()
	for _, f := range roomNoise() {
		if l := vad.Level(&f); l < -62 || l > -58 {
			t.Fatalf("level %v dBov, want about -60", l)
		}
	}
}

func TestWhatTheCaptureMissed(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"Packets captured: 9\nPackets received/dropped on interface 'Loopback: lo': 970/3 (pcap:3/dumpcap:0/flushed:0/ps_ifdrop:0) (99.7%)\n": "the capture has 970 packets and missed 3",
		"nothing": "",
	} {
		if got := missed(said); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestPortsTellTheGateway(t *testing.T) {
	t.Parallel()
	for port, want := range map[uint16]bool{gatewayLow: true, gatewayTop: true, callersLow: false, callersTop: false} {
		if got := ofGateway(netip.AddrPortFrom(netip.IPv4Unspecified(), port)); got != want {
			t.Errorf("port %d: got %v", port, got)
		}
	}
}

func TestUnknownBenchmarkIsNamed(t *testing.T) {
	t.Parallel()
	err := Run(context.Background(), Options{Names: []string{"turn", "trun"}, Out: io.Discard, Progress: io.Discard})
	if err == nil || !strings.Contains(err.Error(), `"trun"`) || !strings.Contains(err.Error(), "bargein") {
		t.Fatalf("got %v", err)
	}
}

func TestUsageOfThisProcess(t *testing.T) {
	t.Parallel()
	before, err := usageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); time.Since(start) < 20*time.Second; {
		after, err := usageOf(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after.since(before).total() >= 3*jiffy {
			break
		}
	}
	after, err := usageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if used := after.since(before).total(); used < 3*jiffy || used > time.Minute {
		t.Errorf("this process used %v", used)
	}
	if n, err := residentOf(os.Getpid()); err != nil || n < 1<<20 {
		t.Errorf("this process has %d octets of memory: %v", n, err)
	}
	if _, err := usageOf(1 << 30); err == nil {
		t.Error("a process that does not exist has processor time")
	}
}

// A whole benchmark: calls, capture and records, against a real gateway.
func TestQuickTurn(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a gateway twice and calls it for some 15 s")
	}
	t.Parallel()
	var out, progress bytes.Buffer
	err := Run(t.Context(), Options{
		Names: []string{"turn"}, Quick: true, Executable: program(t), Version: "test", Out: &out, Progress: &progress,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	for _, want := range []string{"\n| off         |     1 |     2 |", "\n| on          |     5 |    10 |", "own share"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the tables lack %q:\n%s", want, out.String())
		}
	}
}

// program builds trunkline as it is, without the offline engines.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trunkline")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "trunkline/cmd/trunkline")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build trunkline: %v\n%s", err, out)
	}

	return path
}
