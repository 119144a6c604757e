package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"trunkline/softphone/wire"
)

// capture is dumpcap, which writes the calls' RTP to a file.
type capture struct {
	cmd  *exec.Cmd
	file string
	said bytes.Buffer
}

// startCapture begins to capture. It returns nil when dumpcap is not
// installed or may not capture: then the callers' own stamps have to do.
func (b *bench) startCapture(ctx context.Context) (*capture, error) {
	dir, err := os.MkdirTemp(b.dir, "capture-")
	if err != nil {
		return nil, err
	}
	c := &capture{file: filepath.Join(dir, "rtp.pcap")}
	c.cmd = exec.Command("dumpcap", "-q", "-i", "lo", "-P", "-B", "64", "-w", c.file,
		"-f", fmt.Sprintf("udp and portrange %d-%d", gatewayLow, callersTop))
	c.cmd.Stderr = &c.said
	if err := c.cmd.Start(); err != nil {
		b.progressf("no capture (%v): the callers' own stamps are used", err)

		return nil, nil
	}
	// The file appears when dumpcap captures.
	for range 100 {
		if info, err := os.Stat(c.file); err == nil && info.Size() > 0 {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), c.end())
		case <-time.After(50 * time.Millisecond):
		}
	}
	b.progressf("no capture (%v): the callers' own stamps are used", errors.Join(errors.New("dumpcap does not start"), c.end()))

	return nil, nil
}

func (c *capture) pid() int { return c.cmd.Process.Pid }

// end stops dumpcap, which flushes its file.
func (c *capture) end() error {
	_ = c.cmd.Process.Signal(syscall.SIGINT) // it may be gone
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("dumpcap: %w: %s", err, strings.TrimSpace(c.said.String()))
	}

	return nil
}

// calls ends the capture and reads the calls in it. lost is what dumpcap says
// about packets that it missed.
func (c *capture) calls() (calls []wire.Call, lost string, err error) {
	if err := c.end(); err != nil {
		return nil, "", err
	}
	defer func() { _ = os.Remove(c.file) }() // its directory goes at the end of the run
	f, err := os.Open(c.file)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	streams, err := wire.Analyse(f)
	if err != nil {
		return nil, "", err
	}

	return wire.Calls(streams, ofGateway), missed(c.said.String()), nil
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
