package softphone

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"trunkline/softphone/dumpcap"
	"trunkline/softphone/wire"
)

// tolerance between two measurements of one event on a machine that is not
// held up. Most differ by less than 0.5 ms.
const tolerance = 30 * time.Millisecond

// startCapture has dumpcap capture the test gateways' RTP. The result stops it
// and returns the streams; nil when this machine cannot capture.
func startCapture(t *testing.T) (stop func() []wire.Stream) {
	t.Helper()
	c, err := dumpcap.Start(t.Context(), filepath.Join(t.TempDir(), "call.pcap"), 20000, 29999)
	if err != nil {
		if os.Getenv("TRUNKLINE_REQUIRE_PEERS") != "" {
			t.Fatal(err)
		}
		t.Logf("not compared with a capture: %v", err)

		return func() []wire.Stream { return nil }
	}
	t.Cleanup(c.End)

	return func() []wire.Stream {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		streams, _, err := c.Stop(ctx)
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
