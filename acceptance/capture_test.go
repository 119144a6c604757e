package acceptance

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"trunkline/softphone/wire"
)

// capture is dumpcap on the line of one gateway.
type capture struct {
	cmd   *exec.Cmd
	file  string
	notes *bufio.Scanner
	g     *gateway
}

// watch begins to capture the RTP of a gateway.
func (g *gateway) watch(t *testing.T) *capture {
	t.Helper()
	need(t, "dumpcap", "tshark")
	c := &capture{file: filepath.Join(t.TempDir(), "line.pcap"), g: g}
	c.cmd = exec.Command("dumpcap", "-P", "-i", "lo", "-w", c.file,
		"-f", fmt.Sprintf("udp portrange %d-%d", g.cfg.Media.PortLow, g.cfg.Media.PortTop))
	notes, err := c.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.cmd.ProcessState == nil {
			_ = c.cmd.Process.Kill() // the test has failed
			_ = c.cmd.Wait()
		}
	})
	c.notes = bufio.NewScanner(notes)
	for c.notes.Scan() && !strings.HasPrefix(c.notes.Text(), "File: ") { // told when it captures
	}
	if strings.HasPrefix(c.notes.Text(), "File: ") {
		return c
	}
	if os.Getenv("TRUNKLINE_REQUIRE_PEERS") != "" {
		t.Fatalf("dumpcap does not capture: %v", c.cmd.Wait())
	}
	t.Skipf("dumpcap does not capture: %v", c.cmd.Wait())

	return nil
}

// streams stops the capture and returns what the gateway's callers and its
// agents sent.
func (c *capture) streams(t *testing.T) (callers, agents []wire.Stream) {
	t.Helper()
	eventually(t, patience, "the gateway's media ports are closed", func() bool {
		return c.g.metric(t, "trunkline_rtp_ports_in_use") == 0
	})
	c.mark(t)
	if err := c.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for c.notes.Scan() { // until it closes its end
	}
	if err := c.cmd.Wait(); err != nil {
		t.Fatalf("dumpcap: %v", err)
	}
	f, err := os.Open(c.file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	streams, err := wire.Analyse(f)
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

// mark waits until all that was sent before it is in the file: dumpcap takes
// packets from the kernel in batches, and drops the last one when it is told
// to stop. A datagram of our own behind the call shows that the call's last
// one was written.
func (c *capture) mark(t *testing.T) {
	t.Helper()
	line, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer line.Close()
	text := []byte("the end of what is captured")
	behind := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: c.g.cfg.Media.PortTop}
	eventually(t, patience, "dumpcap wrote what it took", func() bool {
		if _, err := line.WriteTo(text, behind); err != nil {
			t.Fatal(err)
		}
		written, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}

		return bytes.Contains(written, text)
	})
}

// ours tells the gateway's ports.
func (c *capture) ours(a netip.AddrPort) bool {
	port := int(a.Port())

	return port >= c.g.cfg.Media.PortLow && port <= c.g.cfg.Media.PortTop
}
