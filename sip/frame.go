package sip

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Errors of a stream that cannot be split into messages. Nothing after them
// can be trusted, so the connection is closed.
var (
	errFrameSize   = errors.New("message over the size limit")
	errFrameLength = errors.New("no valid Content-Length")
)

// framer splits a stream into SIP messages by their Content-Length (RFC 3261
// section 18.3).
type framer struct {
	r    *bufio.Reader
	size int // limit of a message
	buf  []byte
}

func newFramer(r io.Reader, size int) *framer {
	return &framer{r: bufio.NewReaderSize(r, 4096), size: size}
}

// wait returns when a message begins. It skips CRLFs between messages; ping
// is called for each double CRLF, which wants an answer (RFC 5626 section
// 3.5.1).
func (f *framer) wait(ping func() error) error {
	for run := 0; ; {
		b, err := f.r.Peek(1)
		if err != nil {
			return err
		}

		if b[0] != '\r' && b[0] != '\n' {
			return nil
		}

		if _, err := f.r.Discard(1); err != nil {
			return err
		}

		if b[0] == '\n' {
			if run++; run%2 == 0 {
				if err := ping(); err != nil {
					return err
				}
			}
		}
	}
}

// next reads one message. The bytes are valid until the next call. With an
// error, it returns what was read of the message.
func (f *framer) next() ([]byte, error) {
	f.buf = f.buf[:0]
	length := -1

	for {
		line, err := f.r.ReadSlice('\n')
		f.buf = append(f.buf, line...)

		if len(f.buf) > f.size {
			return f.buf[:f.size], errFrameSize
		}

		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}

		if err != nil {
			return f.buf, unexpected(err)
		}

		if bytes.HasSuffix(f.buf, []byte("\r\n\r\n")) || len(line) <= 2 && len(bytes.TrimSpace(line)) == 0 {
			break
		}

		if n, ok, err := contentLength(line); err != nil {
			return f.buf, err
		} else if ok {
			length = n
		}
	}

	if length < 0 {
		return f.buf, errFrameLength
	}

	head := len(f.buf)
	if length > f.size-head {
		return f.buf, errFrameSize
	}

	f.buf = append(f.buf, make([]byte, length)...)
	if _, err := io.ReadFull(f.r, f.buf[head:]); err != nil {
		return f.buf, unexpected(err)
	}

	return f.buf, nil
}

// contentLength reads a Content-Length header line.
func contentLength(line []byte) (int, bool, error) {
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok {
		return 0, false, nil
	}

	name = bytes.TrimSpace(name)
	if !bytes.EqualFold(name, []byte("content-length")) && !bytes.EqualFold(name, []byte("l")) {
		return 0, false, nil
	}

	n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 31)
	if err != nil {
		return 0, false, fmt.Errorf("%w: %q", errFrameLength, bytes.TrimSpace(value))
	}

	return int(n), true, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}

	return err
}
