package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// BareEcho is the least that can answer a datagram: one socket and one goroutine
// that sends everything back. The calls benchmark runs it as a process of its own
// and has each caller ask it before each call, so that what the machine and its
// host add to any answer stands beside what the gateway takes.
//
// It writes its address to out, then runs until ctx ends.
func BareEcho(ctx context.Context, out io.Writer) error {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return fmt.Errorf("bare echo: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // it ends the reading
	defer stop()
	fmt.Fprintln(out, conn.LocalAddr())
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err == nil {
			_, _ = conn.WriteToUDPAddrPort(buf[:n], from) // what the socket refuses is lost
		}
	}
}

// bareEcho is a running BareEcho.
type bareEcho struct {
	*process

	addr string
}

func (b *bench) startBareEcho() (*bareEcho, error) {
	dir, err := os.MkdirTemp(b.dir, "echo-")
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	p, err := b.startProcess(dir, write, "bench", "--bare-echo")
	write.Close()
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(read)
	if !lines.Scan() {
		return nil, errors.Join(errors.New("the bare echo told no address"), p.stop())
	}

	return &bareEcho{p, lines.Text()}, nil
}

// echoBound is after which an echo counts as lost.
const echoBound = time.Second

// echoed is how long a datagram takes to come back; false when it is lost.
func echoed(conn net.Conn, data []byte) (took time.Duration, back bool, err error) {
	began := time.Now()
	if err := conn.SetReadDeadline(began.Add(echoBound)); err != nil {
		return 0, false, err
	}
	if _, err := conn.Write(data); err != nil {
		return 0, false, err
	}
	var buf [1 << 12]byte
	_, err = conn.Read(buf[:])
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return 0, false, nil
	}

	return time.Since(began), err == nil, err
}
