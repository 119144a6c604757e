package dumpcap

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// need skips where nobody may capture, unless the environment says that they
// must.
func need(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getenv("TRUNKLINE_REQUIRE_PEERS") != "" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// The packet that was sent right before the end is in the capture, those on
// other ports are not.
func TestTheLastPacketIsCaptured(t *testing.T) {
	t.Parallel()
	_, err := exec.LookPath("dumpcap")
	need(t, err)
	inside, outside := listen(t), listen(t)
	port := inside.LocalAddr().(*net.UDPAddr).Port
	c, err := Start(t.Context(), filepath.Join(t.TempDir(), "x.pcap"), port, port)
	need(t, err)
	t.Cleanup(c.End)
	if c.PID() <= 0 {
		t.Errorf("process %d", c.PID())
	}
	for _, to := range []net.PacketConn{outside, inside} {
		// An RTP packet of silence (RFC 3550): version 2, PCMU.
		packet := append([]byte{0x80, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4}, make([]byte, 160)...)
		copy(packet[12:], "sent to "+to.LocalAddr().String())
		if _, err := outside.WriteTo(packet, to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, said, err := c.Stop(ctx)
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(c.File)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(src), "sent to "+inside.LocalAddr().String()) || strings.Contains(string(src), "sent to "+outside.LocalAddr().String()) {
		t.Errorf("captured: %q", src)
	}
	if !strings.Contains(said, "received/dropped") {
		t.Errorf("dumpcap said %q", said)
	}
	c.End() // again
}

func TestStartSaysWhyNot(t *testing.T) {
	t.Parallel()
	_, err := exec.LookPath("dumpcap")
	need(t, err)
	if _, err := Start(t.Context(), filepath.Join(t.TempDir(), "nowhere", "x.pcap"), 1, 2); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("into no directory: %v", err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if c, err := Start(done, filepath.Join(t.TempDir(), "x.pcap"), 1, 2); err == nil {
		c.End() // it was quick
	}
}

func listen(t *testing.T) net.PacketConn {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // nothing is lost

	return c
}
