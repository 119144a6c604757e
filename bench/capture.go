package bench

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"trunkline/softphone/dumpcap"
	"trunkline/softphone/wire"
)

// startCapture begins to capture the calls' RTP. It returns nil when dumpcap is
// not installed or may not capture: then the callers' own stamps have to do.
func (b *bench) startCapture(ctx context.Context) (*dumpcap.Capture, error) {
	dir, err := os.MkdirTemp(b.dir, "capture-")
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, captureBound)
	defer cancel()
	c, err := dumpcap.Start(bounded, filepath.Join(dir, "rtp.pcap"), gatewayLow, callersTop)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		b.progressf("no capture (%v): the callers' own stamps are used", err)

		return nil, nil
	}

	return c, nil
}

// captureBound is how long dumpcap may take to begin, and to write what it
// took.
const captureBound = 10 * time.Second

// captured ends the capture and reads the calls in it. lost is what dumpcap says
// about packets that it missed.
func captured(ctx context.Context, c *dumpcap.Capture) (calls []wire.Call, lost string, err error) {
	bounded, cancel := context.WithTimeout(ctx, captureBound)
	defer cancel()
	streams, said, err := c.Stop(bounded)
	if err != nil {
		return nil, "", err
	}
	_ = os.Remove(c.File) // its directory goes at the end of the run

	return wire.Calls(streams, ofGateway), missed(said), nil
}

// drops is in what dumpcap says at its end:
//
//	Packets received/dropped on interface 'Loopback: lo': 970/0 (pcap:0/...) (100.0%)
var drops = regexp.MustCompile(`received/dropped on interface .*: (\d+)/(\d+) `)

// missed is what dumpcap says about packets that it did not get; empty when
// it does not say.
func missed(said string) string {
	m := drops.FindStringSubmatch(said)
	if m == nil {
		return ""
	}

	return fmt.Sprintf("the capture has %s packets and missed %s", m[1], m[2])
}

// ofGateway tells the gateway's ports.
func ofGateway(a netip.AddrPort) bool { return a.Port() >= gatewayLow && a.Port() <= gatewayTop }
