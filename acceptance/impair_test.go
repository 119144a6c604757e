package acceptance

import (
	"context"
	"fmt"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"

	"trunkline/config"
	"trunkline/sip"
	"trunkline/softphone"
	"trunkline/softphone/impair"
	"trunkline/storage"
)

// bad is a line with 40 ms of jitter that loses 2 % of the packets.
func bad(shape impair.Shape, burst float64) impair.Network {
	return impair.Network{Delay: 30 * time.Millisecond, Jitter: 40 * time.Millisecond, Shape: shape, Loss: 0.02, Burst: burst, Seed: 11}
}

// through is a softphone behind a bad network, the same in both directions.
func through(t *testing.T, n impair.Network) *softphone.Station {
	t.Helper()
	station, err := softphone.NewStation(softphone.StationConfig{Through: func(m sip.Media) (sip.Media, error) {
		back := n
		back.Seed++

		return impair.Media(m, n, back)
	}})
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

	return station
}

// The reception desk, which hears offline, understands a caller on a line with
// 40 ms of jitter and 2 % of loss, to the goodbye, and the record says what the
// line was like.
func TestConversationOnABadLine(t *testing.T) {
	t.Parallel()
	desk := config.Default().Agents[0]
	desk.Greeting = "Good morning, how can I help you?"
	g := serve(t, desk, nil)
	for name, n := range map[string]impair.Network{
		"queue": bad(impair.Queue, 3),
		"even":  bad(impair.Uniform, 0),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calmly(t, func(a *attempt) { badConversation(a, g, n, fmt.Sprintf("%s-%d", name, a.number)) })
		})
	}
}

// badConversation is one call over a bad line.
func badConversation(a *attempt, g *gateway, n impair.Network, from string) {
	a.Helper()
	ctx, cancel := context.WithTimeout(a.Context(), 2*patience)
	defer cancel()
	report, err := through(a.T, n).Place(ctx, softphone.Config{
		Target: g.target(), From: from, Plan: says(a.T, "what-are-your-opening-hours", "thank-you-goodbye"),
	})
	if err != nil {
		a.Fatal(err)
	}
	if report.EndedBy != "agent" || report.Media.Verdict != "both ways" {
		a.Errorf("ended by the %s, audio %s: %q", report.EndedBy, report.Media.Verdict, report.Warnings)
	}
	h := g.from(a.T, from)
	checkEnd(a, h, "agent_goodbye", storage.FaultAgent)
	checkReception(a, h)
	m := h.Call.Media
	a.Logf("lost %d of %d, late %d, concealed %d, jitter %.1f ms, delay %.1f ms, MOS in %.2f out %.2f, round trip %.0f ms",
		m.Lost, m.PacketsIn+m.Lost, m.Late, m.Concealed, m.JitterMS, m.DelayMS, m.MOSIn, m.MOSOut, m.RTTMS)
	share := float64(m.Lost) / float64(m.PacketsIn+m.Lost)
	if share < 0.003 || share > 0.06 || m.Concealed == 0 || m.JitterMS < 3 || m.DelayMS > 150 || m.MOSIn > 4.35 || m.MOSIn < 3 {
		a.Errorf("the record has %+v", m)
	}
	if m.RemoteReports > 0 && (m.RTTMS < 60 || math.IsNaN(m.RTTMS)) {
		a.Errorf("the round trip is %.1f ms over two ways of 30 ms and more", m.RTTMS)
	}
}

// Calls at once on the worst lines end, one way or another, and leave nothing
// behind: no call is stuck.
func TestNoStuckCallOnTheWorstLines(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), func(c *config.Config) { c.Calls.NoMedia = 5 * time.Second })
	worst := map[string]impair.Network{
		"half lost":   {Jitter: 60 * time.Millisecond, Loss: 0.5, Burst: 2, Seed: 1},
		"spikes":      {Jitter: 300 * time.Millisecond, Shape: impair.Spikes, Seed: 2},
		"doubled":     {Duplicates: 1, Reordered: 0.3, Hold: 60 * time.Millisecond, Seed: 3},
		"narrow":      {Rate: 70_000, Seed: 4},
		"nothing but": {Loss: 1, Seed: 5},
	}
	t.Run("calls", func(t *testing.T) {
		for name, n := range worst {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
				defer cancel()
				report, err := through(t, n).Place(ctx, softphone.Config{
					Target: g.target(), From: strings.ReplaceAll(name, " ", "-"),
					Plan: says(t, "what-are-your-opening-hours"), MaxDuration: 20 * time.Second, HangupAfter: time.Second,
				})
				if n.Loss < 1 && (err != nil || report.Media.Verdict != "both ways") {
					t.Errorf("%v: %+v", err, report)
				}
			})
		}
	})
	for _, h := range g.ended(t, len(worst)) {
		if h.Call.EndReason == "" || h.Call.EndReason == "gateway_crashed" {
			t.Errorf("%s ended as %q", h.Call.From, h.Call.EndReason)
		}
	}
	eventually(t, patience, "no port in use", func() bool { return g.metric(t, "trunkline_rtp_ports_in_use") == 0 })
}

// The kernel's own bad network, in a namespace of the test's own.
func TestNetem(t *testing.T) {
	t.Parallel()
	need(t, "tc", "iproute2")
	need(t, "unshare", "util-linux")
	const rule = "tc qdisc add dev lo root netem delay 30ms 15ms distribution normal loss 2%"
	out, err := exec.Command("unshare", "--net", "--map-root-user", "sh", "-c", "ip link set lo up && "+rule).CombinedOutput()
	if err != nil {
		t.Skipf("this kernel has no netem (CONFIG_NET_SCH_NETEM): %v: %s", err, strings.TrimSpace(string(out)))
	}
	g := configuration(t, desk())
	g.Database.URL = "" // the database's address is outside
	file := write(t, &g)
	script := fmt.Sprintf("ip link set lo up && %s && { %s --config %s serve & gateway=$!; sleep 15; %s call %s --play %s --api http://%s; code=$?; kill $gateway; wait $gateway; exit $code; }",
		rule, program, file, program, "sip:"+g.Agents[0].Name+"@"+strings.TrimPrefix(g.SIP.Listen[0], "udp:"), "../testdata/audio/what-are-your-opening-hours.wav", g.HTTP.Listen)
	out, err = exec.CommandContext(t.Context(), "unshare", "--net", "--map-root-user", "sh", "-c", script).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "We are open all day") {
		t.Errorf("%v: %s", err, tail(string(out)))
	}
}
