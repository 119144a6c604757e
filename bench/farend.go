package bench

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/sip"
	"trunkline/sip/sdp"
)

// farEnd is the other end of a call: each tick it sends a packet of room noise
// and takes the packets that came. It costs little, so that hundreds fit on the
// machine that is measured, and it is the same for the bare loop and for the
// gateway. Its methods other than Close belong to one goroutine at a time.
type farEnd struct {
	fd    int
	local netip.AddrPort
	to    unix.RawSockaddrInet4
	known bool // to is

	noise  []media.Frame
	turn   int
	packet [packetSize]byte
	audio  media.Frame

	echoes bool               // sends back what it hears
	heard  [][packetSize]byte // packets on their way through the echo's path, oldest first

	in, out atomic.Uint64
	last    time.Duration // when the latest packet came; 0 before the first

	mu   sync.Mutex
	gaps sample // by how much the packets' spacing missed 20 ms, as far as there is room

	buffer [2048]byte
	stamp  farStamp
}

// farStamp is the control message with the time of a packet's arrival.
type farStamp struct {
	header               unix.Cmsghdr
	seconds, nanoseconds int64
}

// The echo of a far end: so late and so much softer.
const (
	echoDelay = 6 // packets, 120 ms
	echoLoss  = 4 // 12 dB
)

// newFarEnd binds a port of loopback.
func newFarEnd(noise []media.Frame, turn int, echoes bool) (*farEnd, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("far end: %w", err)
	}
	e := &farEnd{fd: fd, noise: noise, turn: turn % len(noise), echoes: echoes}
	if err := e.bind(); err != nil {
		_ = unix.Close(fd) // nothing has used it

		return nil, fmt.Errorf("far end: %w", err)
	}
	e.packet[0] = 2 << 6 // version 2, payload type 0
	binary.BigEndian.PutUint32(e.packet[8:], uint32(e.local.Port()))
	e.heard = make([][packetSize]byte, 0, 4*echoDelay)

	return e, nil
}

func (e *farEnd) bind() error {
	if err := unix.SetsockoptInt(e.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1); err != nil {
		return err
	}
	if err := unix.Bind(e.fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return err
	}
	name, err := unix.Getsockname(e.fd)
	if err != nil {
		return err
	}
	e.local = netip.AddrPortFrom(localhost, uint16(name.(*unix.SockaddrInet4).Port)) //nolint:errcheck,forcetypeassert // it was bound to one

	return nil
}

var localhost = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// send makes to the address that packets are sent to.
func (e *farEnd) send(to netip.AddrPort) {
	e.to = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().As4()}
	port := (*[2]byte)(unsafe.Pointer(&e.to.Port)) //nolint:gosec // in network order
	binary.BigEndian.PutUint16(port[:], to.Port())
	e.known = true
}

// Tick implements clock.Ticker.
func (e *farEnd) Tick(time.Time) {
	for e.receive() {
	}
	if !e.known {
		return
	}
	e.speak()
	n := e.out.Add(1)
	binary.BigEndian.PutUint16(e.packet[2:], uint16(n))
	binary.BigEndian.PutUint32(e.packet[4:], uint32(n)*media.FrameSamples)
	data, name := unsafe.Pointer(&e.packet), unsafe.Pointer(&e.to) //nolint:gosec // x/sys has no sendto without allocations
	// What the socket refuses is lost.
	_, _, _ = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(e.fd), uintptr(data), packetSize, unix.MSG_DONTWAIT, uintptr(name), unix.SizeofSockaddrInet4) //nolint:dogsled // nobody asks
}

// receive takes a packet if one came.
func (e *farEnd) receive() bool {
	vector := unix.Iovec{Base: &e.buffer[0], Len: uint64(len(e.buffer))}
	header := unix.Msghdr{Iov: &vector, Iovlen: 1, Control: (*byte)(unsafe.Pointer(&e.stamp))} //nolint:gosec // the kernel's view of the time
	header.SetControllen(int(unsafe.Sizeof(e.stamp)))
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(e.fd), uintptr(unsafe.Pointer(&header)), unix.MSG_DONTWAIT) //nolint:gosec // x/sys has no recvmsg without allocations
	if errno != 0 {
		return false
	}
	e.in.Add(1)
	at := time.Duration(e.stamp.seconds)*time.Second + time.Duration(e.stamp.nanoseconds)
	e.measure(at)
	if e.echoes && n == packetSize && len(e.heard) < cap(e.heard) {
		e.heard = append(e.heard, [packetSize]byte(e.buffer[:packetSize]))
	}

	return true
}

// measure notes the spacing of a packet that came.
func (e *farEnd) measure(at time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.last != 0 && len(e.gaps) < cap(e.gaps) {
		e.gaps = append(e.gaps, (at - e.last - media.FrameDuration).Abs())
	}
	e.last = at
}

// speak fills the packet.
func (e *farEnd) speak() {
	e.audio = e.noise[e.turn]
	e.turn = (e.turn + 1) % len(e.noise)
	if len(e.heard) > echoDelay {
		var echo media.Frame
		g711.PCMU.Decode(echo[:], e.heard[0][packetSize-media.FrameSamples:])
		for i, v := range echo {
			e.audio[i] += v / echoLoss
		}
		e.heard = slices.Delete(e.heard, 0, 1)
	}
	g711.PCMU.Encode(e.packet[packetSize-media.FrameSamples:], e.audio[:])
}

// spacing is the gap errors since it was last called. From now on there is
// room for so many.
func (e *farEnd) spacing(room int) sample {
	e.mu.Lock()
	defer e.mu.Unlock()
	gaps := e.gaps
	e.gaps = make(sample, 0, room)

	return gaps
}

// The rest makes it the audio of a SIP call, whose dialog closes it. The
// benchmark's own clock ticks it.
var _ sip.MediaSession = (*farEnd)(nil)

func (e *farEnd) Local() netip.AddrPort { return e.local }

func (e *farEnd) Apply(a sdp.Audio) error {
	e.send(a.Remote)

	return nil
}

func (e *farEnd) Close() error { return nil }

func (*farEnd) Read(*media.Frame) media.Inbound { return media.Inbound{} }
func (*farEnd) Write(*media.Frame) bool         { return false }
func (*farEnd) Digit() (media.Digit, bool)      { return media.Digit{}, false }
func (*farEnd) Stats() media.LegStats           { return media.LegStats{} }
