package dumpcap

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"trunkline/softphone/wire"
)

// Capture is a running dumpcap. It is for one goroutine.
type Capture struct {
	File string // in pcap form

	cmd  *exec.Cmd
	top  int
	told chan struct{} // closed when it captures, or has ended
	said chan string   // all of it, when it has ended
}

// bufferMB is what the kernel holds of what dumpcap has not taken yet.
const bufferMB = 64

// Start begins to capture what goes to or comes from the ports from low to top,
// and returns when it does. The error says why this machine cannot: dumpcap is
// not installed, or may not.
func Start(ctx context.Context, file string, low, top int) (*Capture, error) {
	c := &Capture{File: file, top: top, told: make(chan struct{}), said: make(chan string, 1)}
	c.cmd = exec.Command("dumpcap", "-q", "-i", "lo", "-P", "-B", fmt.Sprint(bufferMB), "-w", file, "-f", fmt.Sprintf("udp and portrange %d-%d", low, top))
	notes, err := c.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	captures := false
	go func() {
		var all strings.Builder
		for lines := bufio.NewScanner(notes); lines.Scan(); {
			fmt.Fprintln(&all, lines.Text())
			if !captures && strings.HasPrefix(lines.Text(), "File: ") {
				captures = true
				close(c.told)
			}
		}
		if !captures {
			close(c.told)
		}
		c.said <- all.String()
	}()
	select {
	case <-c.told:
	case <-ctx.Done():
		_, err := c.end()

		return nil, errors.Join(context.Cause(ctx), err)
	}
	if _, err := os.Stat(file); err != nil {
		said, err := c.end()

		return nil, fmt.Errorf("dumpcap does not capture: %w: %s", err, said)
	}

	return c, nil
}

// PID is dumpcap's process.
func (c *Capture) PID() int { return c.cmd.Process.Pid }

// Stop ends the capture when all that was sent before is in the file, and
// returns the streams in it and what dumpcap has said.
func (c *Capture) Stop(ctx context.Context) (streams []wire.Stream, said string, err error) {
	err = c.flush(ctx)
	said, ended := c.end()
	if err := errors.Join(err, ended); err != nil {
		return nil, said, fmt.Errorf("%w: %s", err, said)
	}
	f, err := os.Open(c.File)
	if err != nil {
		return nil, said, err
	}
	defer f.Close() // only read
	streams, err = wire.Analyse(f)

	return streams, said, err
}

// End stops dumpcap, whatever it has captured. After Stop it does nothing.
func (c *Capture) End() {
	if c.cmd.ProcessState == nil {
		_, _ = c.end() // nobody wants the capture
	}
}

func (c *Capture) end() (said string, err error) {
	_ = c.cmd.Process.Signal(os.Interrupt) // it may be gone
	said = <-c.said
	if err := c.cmd.Wait(); err != nil {
		return said, fmt.Errorf("dumpcap: %w", err)
	}

	return said, nil
}

// flush waits until all that was sent so far is in the file: dumpcap takes
// packets from the kernel in batches, and drops the last one when it is told to
// stop. A datagram of our own, behind the calls', shows that theirs were
// written.
func (c *Capture) flush(ctx context.Context) error {
	line, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer line.Close() // nothing is read from it
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer f.Close() // only read
	mark := fmt.Appendf(nil, "the end of the capture %d", time.Now().UnixNano())
	var tail []byte
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := line.WriteTo(mark, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: c.top}); err != nil {
			return err
		}
		more, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		tail = append(tail, more...)
		if bytes.Contains(tail, mark) {
			return nil
		}
		tail = tail[max(0, len(tail)-len(mark)):]
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("dumpcap does not write what it took: %w", context.Cause(ctx))
		}
	}
}
