package acceptance

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"trunkline/softphone/dumpcap"
	"trunkline/softphone/wire"
)

// capture is dumpcap on the line of one gateway.
type capture struct {
	*dumpcap.Capture

	g *gateway
}

// watch begins to capture the RTP of a gateway.
func (g *gateway) watch(t *testing.T) *capture {
	t.Helper()
	need(t, "dumpcap", "tshark")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := dumpcap.Start(ctx, filepath.Join(t.TempDir(), "line.pcap"), g.cfg.Media.PortLow, g.cfg.Media.PortTop)
	if err != nil && os.Getenv("TRUNKLINE_REQUIRE_PEERS") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(c.End)

	return &capture{c, g}
}

// streams stops the capture and returns what the gateway's callers and its
// agents sent.
func (c *capture) streams(t *testing.T) (callers, agents []wire.Stream) {
	t.Helper()
	eventually(t, patience, "the gateway's media ports are closed", func() bool {
		return c.g.metric(t, "trunkline_rtp_ports_in_use") == 0
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	streams, _, err := c.Stop(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		if c.ours(s.Source) {
			agents = append(agents, s)
		} else {
			callers = append(callers, s)
		}
	}

	return callers, agents
}

// ours tells the gateway's ports.
func (c *capture) ours(a netip.AddrPort) bool {
	port := int(a.Port())

	return port >= c.g.cfg.Media.PortLow && port <= c.g.cfg.Media.PortTop
}
