package twilio

import (
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a stream's connection as the line clock's tick uses it: nothing of
// it waits. Its methods are not called at the same time.
type socket interface {
	// receive takes what has come into b, which is not empty, and says for how
	// long the latest of it has waited. 0 and no error: nothing has come.
	receive(b []byte) (n int, waited time.Duration, err error)
	// send says how much of b the connection took.
	send(b []byte) (n int, err error)
	// close ends the connection; what it took before is delivered. It may be
	// called twice.
	close()
	// wait returns when nothing of the socket runs any more.
	wait()
}

// takeOver makes conn a socket. conn itself is of no use afterwards.
func takeOver(conn net.Conn) (socket, error) {
	kernels, ok := conn.(syscall.Conn)
	if !ok {
		return pump(conn), nil
	}
	raw, err := kernels.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("take the socket over: %w", err)
	}
	var fd int
	if e := raw.Control(func(theirs uintptr) { fd, err = unix.FcntlInt(theirs, unix.F_DUPFD_CLOEXEC, 0) }); e != nil {
		err = e
	}
	if err != nil {
		return nil, fmt.Errorf("take the socket over: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1) // without it audio counts as come when it is read
	conn.Close()                                                            // the descriptor, not the connection

	return newKernelSocket(fd), nil
}

// kernelSocket is a socket of the kernel's. Go's poller does not know it, or
// every message that comes would wake a thread for nothing.
type kernelSocket struct {
	fd      int // -1 once closed
	message unix.Msghdr
	vector  unix.Iovec
	arrival struct {
		header               unix.Cmsghdr
		seconds, nanoseconds int64
	}
}

func newKernelSocket(fd int) *kernelSocket {
	s := &kernelSocket{fd: fd}
	s.message.Iov = &s.vector
	s.message.SetIovlen(1)
	s.message.Control = (*byte)(unsafe.Pointer(&s.arrival)) //nolint:gosec // the kernel's view of the time

	return s
}

// longestWait is more than a connection holds back: a wait above it is that of
// a wall clock which was set.
const longestWait = 10 * time.Second

func (s *kernelSocket) receive(b []byte) (n int, waited time.Duration, err error) {
	if s.fd < 0 {
		return 0, 0, net.ErrClosed
	}
	s.vector.Base = &b[0]
	s.vector.SetLen(len(b))
	s.message.SetControllen(int(unsafe.Sizeof(s.arrival)))
	// A raw call: it never waits, and there is one for each call and tick.
	got, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.message)), unix.MSG_DONTWAIT) //nolint:gosec // x/sys has no raw recvmsg
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return 0, 0, nil
	case errno != 0:
		return 0, 0, errno
	case got == 0:
		return 0, 0, io.EOF
	}
	a := &s.arrival
	if s.message.Controllen > 0 && a.header.Level == unix.SOL_SOCKET && a.header.Type == unix.SO_TIMESTAMPNS_NEW {
		if waited = time.Since(time.Unix(a.seconds, a.nanoseconds)); waited < 0 || waited > longestWait {
			waited = 0
		}
	}

	return int(got), waited, nil
}

func (s *kernelSocket) send(b []byte) (n int, err error) {
	if s.fd < 0 {
		return 0, net.ErrClosed
	}
	if len(b) == 0 {
		return 0, nil
	}
	data := unsafe.Pointer(&b[0]) //nolint:gosec // x/sys has no raw sendto
	sent, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(data), uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return 0, nil
	case errno != 0:
		return 0, errno
	}

	return int(sent), nil
}

// close takes off what has come and nobody read: the kernel resets a connection
// that is closed over such, and what was sent last may be lost with it.
func (s *kernelSocket) close() {
	if s.fd < 0 {
		return
	}
	var left [4096]byte
	for range 32 {
		if n, _, err := s.receive(left[:]); n == 0 || err != nil {
			break
		}
	}
	_ = unix.Close(s.fd) // it is gone whatever the kernel says
	s.fd = -1
}

func (*kernelSocket) wait() {}
