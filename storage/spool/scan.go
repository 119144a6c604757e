package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Damage is a stretch of a segment that holds no whole record.
type Damage struct {
	Segment string // its file's name
	Offset  int64  // where it begins, in bytes
	Length  int64  // bytes
	After   uint64 // number of the last whole record before it; 0: none in this segment
	Torn    bool   // the end of what a crash cut off, which no Append had promised
}

func (d Damage) String() string {
	if d.Torn {
		return fmt.Sprintf("%s: %d bytes of an unfinished write cut off at offset %d", d.Segment, d.Length, d.Offset)
	}

	return fmt.Sprintf("%s: %d bytes at offset %d, after record %d, hold no whole record", d.Segment, d.Length, d.Offset, d.After)
}

// scanWindow is how much is read from a segment at once.
const scanWindow = 256 << 10

// scanner reads a segment's whole records in their order and reports what
// lies between them.
type scanner struct {
	file   io.ReaderAt
	name   string
	salt   salt
	end    int64 // where the segment's bytes end
	damage func(Damage)

	at     int64  // of the next record
	window []byte // the bytes from at on, as far as they were read
	last   uint64 // number of the last whole record
	bad    int64  // where damage began; negative: none is open
}

func newScanner(file io.ReaderAt, name string, s salt, from, end int64, damage func(Damage)) *scanner {
	return &scanner{file: file, name: name, salt: s, at: from, end: end, damage: damage, bad: -1}
}

// next gives the next whole record, or io.EOF at the end. The payload is the
// caller's to keep.
func (s *scanner) next() (Record, error) {
	for s.at < s.end {
		r, size, v := parseRecord(s.window, s.salt)
		if v == more && s.at+int64(size) <= s.end {
			if err := s.read(size); err != nil {
				return Record{}, err
			}

			continue
		}
		switch {
		case v == whole && r.Number > s.last:
			s.close(s.at, false)
			r.Payload = bytes.Clone(r.Payload)
			s.skip(size)
			s.last = r.Number

			return r, nil
		case v == rotten:
			s.open()
			s.skip(size)
		case v == more: // a record that would go beyond the end
			s.open()
			s.skip(1)
		default:
			s.open()
			s.skip(nextMark(s.window))
		}
	}
	s.close(s.end, true)

	return Record{}, io.EOF
}

// read makes the window hold at least size bytes, which the segment has.
func (s *scanner) read(size int) error {
	window := make([]byte, min(int64(max(size, scanWindow)), s.end-s.at))
	n, err := s.file.ReadAt(window, s.at)
	if n < len(window) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}

		return fmt.Errorf("read %s at offset %d: %w", s.name, s.at, err)
	}
	s.window = window

	return nil
}

func (s *scanner) skip(n int) {
	s.at += int64(n)
	s.window = s.window[min(n, len(s.window)):]
}

func (s *scanner) open() {
	if s.bad < 0 {
		s.bad = s.at
	}
}

// close reports the damage that ends before to, when one is open.
func (s *scanner) close(to int64, torn bool) {
	if s.bad >= 0 && s.damage != nil {
		s.damage(Damage{Segment: s.name, Offset: s.bad, Length: to - s.bad, After: s.last, Torn: torn})
	}
	s.bad = -1
}
