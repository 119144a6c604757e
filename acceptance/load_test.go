package acceptance

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"trunkline/softphone"
	"trunkline/storage"
)

// What a gateway may hold more after 125 calls than after its first ones.
// Goroutines and descriptors include those of the database's pool, whose
// connections come and go (at most four, a descriptor and a goroutine each).
const (
	spareGoroutines  = 6
	spareDescriptors = 8       // the pool of the database may have opened all its connections
	spareHeap        = 4 << 20 // bytes
)

// heldUp is for how long a softphone may be kept from running, in milliseconds.
const heldUp = 50

// footprint is what a gateway holds.
type footprint struct{ goroutines, descriptors, ports, dialogs, transactions, active, heap float64 }

func (g *gateway) footprint(t *testing.T) footprint {
	t.Helper()

	return footprint{
		goroutines:   g.metric(t, "go_goroutines"),
		descriptors:  g.metric(t, "process_open_fds"),
		ports:        g.metric(t, "trunkline_rtp_ports_in_use"),
		dialogs:      g.metric(t, "trunkline_sip_dialogs"),
		transactions: g.metric(t, "trunkline_sip_transactions"),
		active:       g.metric(t, "trunkline_calls_active"),
		heap:         g.metric(t, "go_memstats_heap_inuse_bytes"),
	}
}

func (f footprint) empty() bool {
	return f.ports == 0 && f.dialogs == 0 && f.transactions == 0 && f.active == 0
}

// TestNothingIsLeftOfManyCalls makes 100 calls one after another and 25 at
// once. SIP remembers a call for 32 s (RFC 3261 timers H and J).
func TestNothingIsLeftOfManyCalls(t *testing.T) {
	t.Parallel()
	// Collecting at every tenth of growth shows the live heap, not its slack.
	g := serve(t, desk(), nil, "GOGC=10")
	station, err := softphone.NewStation(softphone.StationConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := station.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := station.Stop(ctx); err != nil {
			t.Error(err)
		}
	})

	const after, atOnce, warm = 100, 25, 4
	g.sipp(t, "brief", t.TempDir(), "-m", strconv.Itoa(warm/2), "-l", "1")
	g.together(t, station, warm/2)
	g.ended(t, warm)
	eventually(t, patience, "nothing of the first calls is left", func() bool { return g.footprint(t).empty() })
	before := g.footprint(t)

	g.sipp(t, "brief", t.TempDir(), "-m", strconv.Itoa(after), "-l", "1", "-r", "100")
	g.together(t, station, atOnce)
	all := g.ended(t, warm+after+atOnce)
	if len(all) != warm+after+atOnce {
		t.Errorf("%d calls are recorded, want %d", len(all), warm+after+atOnce)
	}
	for i := range all {
		checkEnd(t, &all[i], "caller_hangup", storage.FaultCaller)
	}
	var now footprint
	fits := func() bool {
		now = g.footprint(t)

		return now.empty() && now.goroutines <= before.goroutines+spareGoroutines &&
			now.descriptors <= before.descriptors+spareDescriptors && now.heap <= before.heap+spareHeap
	}
	deadline := time.Now().Add(patience)
	for !fits() && time.Now().Before(deadline) {
		select {
		case <-time.After(200 * time.Millisecond):
		case <-t.Context().Done():
			return
		}
	}
	t.Logf("before %+v, after %+v", before, now)
	if !fits() {
		t.Errorf("left behind: %+v, before the calls %+v", now, before)
	}
}

// together makes calls at once, each with a turn of the caller.
func (g *gateway) together(t *testing.T, station *softphone.Station, n int) {
	t.Helper()
	plan := says(t, "what-are-your-opening-hours")
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() {
			report, err := station.Place(t.Context(), softphone.Config{
				Target: g.target(), From: fmt.Sprintf("caller-%d", i), Plan: plan, HangupAfter: time.Second,
			})
			if err != nil {
				t.Errorf("call %d: %v", i, err)

				return
			}
			// An answer that a softphone measures while the machine stands still is in doubt.
			if report.Media.Verdict != "both ways" || report.Response.Count != 1 && report.HeldUpMS < heldUp {
				t.Errorf("call %d: audio %s, %d answers: %q", i, report.Media.Verdict, report.Response.Count, report.Warnings)
			}
		})
	}
	calls.Wait()
}
