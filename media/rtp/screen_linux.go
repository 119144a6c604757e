package rtp

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Where a socket filter finds the source of a datagram: the port at the start
// of the UDP header, the address in that of IP.
const (
	sourcePort  = 0
	sourceAddr4 = 12
	sourceAddr6 = 8

	networkHeader = 1<<32 - 0x100000 // SKF_NET_OFF of linux/filter.h
)

// screen is a socket filter that lets pass what comes from one address, and
// the datagram in full.
func screen(source netip.AddrPort) []unix.SockFilter {
	at, ip := uint32(sourceAddr6), source.Addr().AsSlice()
	if source.Addr().Is4() {
		at = sourceAddr4
	}
	var program []unix.SockFilter
	words := len(ip) / 4
	same := func(load uint16, at, value uint32, left int) {
		program = append(program,
			unix.SockFilter{Code: unix.BPF_LD | load | unix.BPF_ABS, K: at},
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: value, Jf: uint8(2*left + 1)})
	}
	same(unix.BPF_H, sourcePort, uint32(source.Port()), words)
	for i := range words {
		same(unix.BPF_W, networkHeader+at+uint32(4*i), binary.BigEndian.Uint32(ip[4*i:]), words-1-i)
	}
	return append(program,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 1<<32 - 1},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K})
}

// admit has the kernel drop, and count, what comes from any other address than
// source from now on; from none when source is invalid.
func (s *rtpSocket) admit(source netip.AddrPort) error {
	s.using.RLock()
	defer s.using.RUnlock()
	if !source.IsValid() {
		err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
		if err == unix.ENOENT { // there was none
			return nil
		}
		return err
	}
	program := screen(source)
	return unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
}

// tally tells what the kernel dropped for want of room from what its screen
// kept out, by when it was dropped: behind a screen only the far end can fill
// the queue, and it takes seconds.
type tally struct {
	screened        bool
	last            uint32 // the kernel's count, which wraps
	full, strangers uint64
}

// add takes the kernel's count.
func (t *tally) add(count uint32) {
	n := uint64(count - t.last)
	t.last = count
	if t.screened {
		t.strangers += n
	} else {
		t.full += n
	}
}
