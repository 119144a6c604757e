package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

// lateEcho is the least that can stand in for a vendor: whoever connects sends a
// time of eight octets, and gets them back when that is over. It runs in the
// process of the stand-ins: what the machine, two processes and a timer cost
// stands beside what a provider adds.
func lateEcho(ctx context.Context) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("bare echo: %w", err)
	}
	go func() { // it ends when the listener is closed
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go answerLate(conn)
		}
	}()

	return ln, nil
}

// answerLate serves one connection to its end.
func answerLate(conn net.Conn) {
	defer conn.Close()
	var wait [8]byte
	for {
		if _, err := io.ReadFull(conn, wait[:]); err != nil {
			return
		}
		time.Sleep(time.Duration(binary.BigEndian.Uint64(wait[:])))
		if _, err := conn.Write(wait[:]); err != nil {
			return
		}
	}
}

// echoLine is a call's connection to the bare echo.
type echoLine struct{ conn net.Conn }

func dialEcho(ctx context.Context, addr string) (*echoLine, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("bare echo: %w", err)
	}

	return &echoLine{conn}, nil
}

// ask has the echo answer after a time; what comes is how much later it did.
func (e *echoLine) ask(declared time.Duration) <-chan time.Duration {
	late := make(chan time.Duration, 1)
	began := time.Now()
	var wait [8]byte
	binary.BigEndian.PutUint64(wait[:], uint64(declared))
	go func() {
		defer close(late)
		if _, err := e.conn.Write(wait[:]); err != nil {
			return
		}
		if _, err := io.ReadFull(e.conn, wait[:]); err == nil {
			late <- time.Since(began) - declared
		}
	}()

	return late
}
