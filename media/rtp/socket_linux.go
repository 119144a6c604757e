package rtp

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// receiveBuffer holds the packets that come while we do not read. The
	// kernel doubles it and charges about 800 octets for a 20 ms packet, which
	// makes 6 s.
	receiveBuffer = 128 << 10

	// expedited is the traffic class of voice: DSCP EF (RFC 4594 section
	// 4.1), two bits up in the octet.
	expedited = 46 << 2
)

// bind opens the sockets of one pair.
func bind(pool *Pool, number uint16) (*Port, error) {
	local := netip.AddrPortFrom(pool.ip, number)
	rtp, err := newRTPSocket(local)
	if err != nil {
		return nil, err
	}
	rtcp, err := listen(netip.AddrPortFrom(pool.ip, number+1))
	if err != nil {
		_ = rtp.close() // nothing has used it
		return nil, err
	}
	return &Port{pool: pool, rtp: rtp, rtcp: rtcp, local: local}, nil
}

// prepare sets the options that RTP and RTCP sockets share.
func prepare(fd int, local netip.AddrPort) error {
	level, class := unix.IPPROTO_IP, unix.IP_TOS
	if local.Addr().Is6() {
		level, class = unix.IPPROTO_IPV6, unix.IPV6_TCLASS
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
		return err
	}
	return unix.SetsockoptInt(fd, level, class, expedited)
}

// listen opens an RTCP socket, which a goroutine waits on.
func listen(local netip.AddrPort) (*net.UDPConn, error) {
	network := "udp4"
	if local.Addr().Is6() {
		network = "udp6"
	}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if e := c.Control(func(fd uintptr) { err = prepare(int(fd), local) }); e != nil {
			return e
		}
		return err
	}}
	conn, err := config.ListenPacket(context.Background(), network, local.String())
	if err != nil {
		return nil, fmt.Errorf("bind %s: %w", local, err)
	}
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		conn.Close()
		return nil, fmt.Errorf("bind %s: got a %T", local, conn)
	}
	return udp, nil
}

// rtpSocket is the UDP socket of RTP. Nothing of it waits, so that the line
// clock's goroutine may use it: what has not come is not there, and what the
// kernel has no room for is refused. Go's poller does not know it, or every
// packet that comes would wake a thread for nothing.
type rtpSocket struct {
	using sync.RWMutex // written to by close: the descriptor's number may soon be another's
	fd    int          // -1 once closed
}

func newRTPSocket(local netip.AddrPort) (*rtpSocket, error) {
	family := unix.AF_INET
	if local.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("bind %s: %w", local, err)
	}
	err = prepare(fd, local)
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1)
	}
	if err == nil && family == unix.AF_INET6 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	if err == nil {
		err = unix.Bind(fd, newDestination(local).sockaddr())
	}
	if err != nil {
		_ = unix.Close(fd) // nothing has used it
		return nil, fmt.Errorf("bind %s: %w", local, err)
	}
	return &rtpSocket{fd: fd}, nil
}

func (s *rtpSocket) close() error {
	s.using.Lock()
	defer s.using.Unlock()
	if s.fd < 0 {
		return nil
	}
	fd := s.fd
	s.fd = -1
	return unix.Close(fd)
}

// drops is how many datagrams the kernel dropped because the socket's receive
// buffer was full or its filter refused them; the count wraps. It is false when
// the kernel cannot tell, as for a closed socket.
func (s *rtpSocket) drops() (uint32, bool) {
	const drops = 8 // SK_MEMINFO_DROPS of linux/sock_diag.h
	s.using.RLock()
	defer s.using.RUnlock()
	var info [drops + 1]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // x/sys has no wrapper for this option
	return info[drops], errno == 0
}

// batchSize is how many datagrams one system call takes. One waits, as a rule.
const batchSize = 8

// batch is the memory of a read. Calls share some.
type batch struct {
	messages [batchSize]message
	names    [batchSize]unix.RawSockaddrInet6 // an IPv4 address has room in it
	vectors  [batchSize]unix.Iovec
	stamps   [batchSize]stamp
	data     [batchSize][datagramSize]byte
}

// message is the kernel's struct mmsghdr.
type message struct {
	header unix.Msghdr
	size   uint32
}

// stamp is the control message with the time of a datagram's arrival.
type stamp struct {
	header               unix.Cmsghdr
	seconds, nanoseconds int64
}

var batches = sync.Pool{New: func() any {
	b := &batch{}
	for i := range b.messages {
		b.vectors[i] = unix.Iovec{Base: &b.data[i][0]}
		b.vectors[i].SetLen(datagramSize)
		h := &b.messages[i].header
		h.Name, h.Iov = (*byte)(unsafe.Pointer(&b.names[i])), &b.vectors[i] //nolint:gosec // the kernel's view of the address
		h.Control = (*byte)(unsafe.Pointer(&b.stamps[i]))                   //nolint:gosec // the kernel's view of the time
		h.SetIovlen(1)
		b.clear(i)
	}
	return b
}}

// clear makes a message ready for another read.
func (b *batch) clear(i int) {
	h := &b.messages[i].header
	h.Namelen = uint32(unsafe.Sizeof(b.names[i]))
	h.SetControllen(int(unsafe.Sizeof(b.stamps[i])))
}

// receive takes what has come, as far as there is room in b. There may be more
// when b is full. It returns 0 and no error when nothing has come.
func (s *rtpSocket) receive(b *batch) (n int, err error) {
	s.using.RLock()
	defer s.using.RUnlock()
	// A raw call: it never waits, and there is one for each call and tick.
	r, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&b.messages)), batchSize, //nolint:gosec // x/sys has no recvmmsg
		unix.MSG_DONTWAIT, 0, 0)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR || s.fd < 0:
		return 0, nil
	case errno != 0:
		return 0, errno
	}
	return int(r), nil
}

// datagram is the ith one of a read and where it came from. It is valid until
// the next read.
func (b *batch) datagram(i int) (datagram []byte, from netip.AddrPort) {
	name := &b.names[i]
	var ip netip.Addr
	if name.Family == unix.AF_INET {
		ip = netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr) //nolint:gosec // the kernel wrote one
	} else {
		ip = netip.AddrFrom16(name.Addr)
	}
	port := (*[2]byte)(unsafe.Pointer(&name.Port)) //nolint:gosec // in network order
	return b.data[i][:b.messages[i].size], netip.AddrPortFrom(ip, binary.BigEndian.Uint16(port[:]))
}

// longestWait is more than a socket holds back: an age above it is that of a
// wall clock which was set.
const longestWait = 10 * time.Second

// age is for how long the ith datagram of a read has waited; now is the time by
// the wall clock.
func (b *batch) age(i int, now time.Time) time.Duration {
	st := &b.stamps[i]
	if b.messages[i].header.Controllen == 0 || st.header.Level != unix.SOL_SOCKET || st.header.Type != unix.SO_TIMESTAMPNS_NEW {
		return 0
	}
	age := now.Sub(time.Unix(st.seconds, st.nanoseconds))
	if age < 0 || age > longestWait {
		return 0
	}
	return age
}

// destination is where packets are sent, also as the kernel takes it.
type destination struct {
	addr netip.AddrPort
	name unix.RawSockaddrInet6 // an IPv4 address has room in it
	size uintptr
}

func newDestination(addr netip.AddrPort) *destination {
	d := &destination{addr: addr}
	if addr.Addr().Is4() {
		name := (*unix.RawSockaddrInet4)(unsafe.Pointer(&d.name)) //nolint:gosec // the kernel's view of the address
		name.Family, name.Addr = unix.AF_INET, addr.Addr().As4()
		d.size = unsafe.Sizeof(*name)
	} else {
		d.name.Family, d.name.Addr = unix.AF_INET6, addr.Addr().As16()
		d.size = unsafe.Sizeof(d.name)
	}
	port := (*[2]byte)(unsafe.Pointer(&d.name.Port)) //nolint:gosec // in network order
	binary.BigEndian.PutUint16(port[:], addr.Port())
	return d
}

func (d *destination) sockaddr() unix.Sockaddr {
	if d.addr.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: d.addr.Addr().As4(), Port: int(d.addr.Port())}
	}
	return &unix.SockaddrInet6{Addr: d.addr.Addr().As16(), Port: int(d.addr.Port())}
}

// sendTo reports whether the kernel took a datagram, which is not empty.
func sendTo(fd int, datagram []byte, to *destination) bool {
	// A raw call: it never waits, and there is one for each call and tick.
	data, name := unsafe.Pointer(&datagram[0]), unsafe.Pointer(&to.name) //nolint:gosec // x/sys has no raw sendto
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(data), uintptr(len(datagram)), unix.MSG_DONTWAIT, uintptr(name), to.size)
	return errno == 0
}

// send reports whether the socket took the datagram.
func (s *rtpSocket) send(datagram []byte, to *destination) bool {
	s.using.RLock()
	defer s.using.RUnlock()
	return sendTo(s.fd, datagram, to)
}

// output sends RTCP and never waits. It serves one goroutine at a time.
type output struct {
	conn     syscall.RawConn // nil when there is none
	transmit func(fd uintptr) bool
	datagram []byte
	to       *destination
	sent     bool
}

func newOutput(conn *net.UDPConn) *output {
	raw, err := conn.SyscallConn()
	if err != nil {
		return &output{}
	}
	o := &output{conn: raw}
	o.transmit = func(fd uintptr) bool {
		o.sent = sendTo(int(fd), o.datagram, o.to)
		return true // done, also without room
	}
	return o
}

// send reports whether the socket took the datagram.
func (o *output) send(datagram []byte, to *destination) bool {
	if o.conn == nil {
		return false
	}
	o.datagram, o.to = datagram, to
	return o.conn.Write(o.transmit) == nil && o.sent
}
