package bench

import (
	"bufio"
	"context"
	"io"
	"net"
	"strconv"
	"testing"
	"time"
)

func TestBareLoopAnswersWhoeverSends(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	read, write := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Bare(ctx, 2, write) }()
	lines := bufio.NewScanner(read)
	var ports []int
	for range 2 {
		if !lines.Scan() {
			t.Fatal("too few ports")
		}
		port, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port)
	}
	for _, port := range ports {
		conn, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write(make([]byte, packetSize)); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 2048)
		for range 3 {
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			if n != packetSize || buf[0] != 0x80 {
				t.Fatalf("got %d octets that begin with %#x", n, buf[0])
			}
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestBareLoopNeedsACall(t *testing.T) {
	t.Parallel()
	if err := Bare(t.Context(), 0, io.Discard); err == nil {
		t.Fatal("no calls were accepted")
	}
}
