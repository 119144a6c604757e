package softphone

import (
	"bufio"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trunkline/softphone/wire"
)

// tolerance between two measurements of one event on a machine that is not
// held up. Most differ by less than 0.5 ms.
const tolerance = 30 * time.Millisecond

// startCapture has dumpcap capture the test gateways' RTP. The result stops it
// and returns the streams; nil when this machine cannot capture.
func startCapture(t *testing.T) (stop func() []wire.Stream) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "call.pcap")
	c := exec.Command("dumpcap", "-P", "-i", "lo", "-f", "udp portrange 20000-29999", "-w", file)
	notes, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	cannot := func(err error) func() []wire.Stream {
		if os.Getenv("TRUNKLINE_REQUIRE_PEERS") != "" {
			t.Fatalf("dumpcap: %v", err)
		}
		t.Logf("not compared with a capture: dumpcap: %v", err)

		return func() []wire.Stream { return nil }
	}
	if err := c.Start(); err != nil {
		return cannot(err)
	}
	lines := bufio.NewScanner(notes)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "File: ") { // told when it captures
	}
	if !strings.HasPrefix(lines.Text(), "File: ") {
		return cannot(c.Wait())
	}

	return func() []wire.Stream {
		t.Helper()
		time.Sleep(100 * time.Millisecond) // dumpcap takes packets from the kernel in batches
		if err := c.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // until it closes its end
		}
		if err := c.Wait(); err != nil {
			t.Fatalf("dumpcap: %v", err)
		}
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		streams, err := wire.Analyse(f)
		if err != nil {
			t.Fatal(err)
		}

		return streams
	}
}

// checkCapture compares what the softphone measured with what was captured.
func (c *receptionCall) checkCapture(t *testing.T, streams []wire.Stream) {
	t.Helper()
	if streams == nil {
		return // said already
	}
	local := netip.MustParseAddrPort(c.report.Media.Local)
	for _, call := range wire.Calls(streams, func(a netip.AddrPort) bool { return a.Port() < 30000 }) {
		if call.Caller.Source != local {
			continue
		}
		got := wire.Responses(call.Caller, call.Agent)
		if len(got) != len(c.report.Turns) {
			t.Fatalf("captured turns %+v, reported %+v", got, c.report.Turns)
		}
		for i := range got {
			want := &c.report.Turns[i].Exchange
			captured, _ := got[i].Response()
			reported, ok := want.Response()
			if !ok || (captured-reported).Abs() > tolerance {
				t.Errorf("turn %d: response %v captured, %v reported", i+1, captured, reported)
			}
			capturedYield, interrupted := got[i].Yield()
			reportedYield, _ := want.Yield()
			if interrupted != want.Interrupted || interrupted && (capturedYield-reportedYield).Abs() > tolerance {
				t.Errorf("turn %d: yield %v captured, %v reported", i+1, capturedYield, reportedYield)
			}
			t.Logf("turn %d: response %v captured, %v reported; yield %v, %v", i+1, captured, reported, capturedYield, reportedYield)
		}

		return
	}
	t.Errorf("no call of %v in %d captured streams", local, len(streams))
}
