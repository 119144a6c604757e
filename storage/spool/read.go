package spool

import (
	"errors"
	"fmt"
	"io"
)

// reader is the consumer's place: the first record that is not settled.
type reader struct {
	segment *segment // nil: the oldest one
	at      int64
	ends    []place // of the records that Next gave last
	seen    string  // segment up to whose seenTo damage was reported
	seenTo  int64
}

// place is where the record after a number begins.
type place struct {
	number  uint64
	segment *segment
	at      int64
}

// Next gives up to n of the oldest records that are not settled, none when
// there are none. Until they are settled it gives them again.
func (s *Spool) Next(n int) ([]Record, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	extents, waiting := s.extents(s.reader.segment)
	records, err := s.gather(extents, n)
	if err != nil {
		return nil, fmt.Errorf("read the spool: %w", err)
	}
	if len(records) == 0 {
		s.mu.Lock()
		s.waiting -= waiting // they were damaged since they were counted
		s.mu.Unlock()
	}

	return records, nil
}

func (s *Spool) gather(extents []extent, n int) ([]Record, error) {
	var records []Record
	s.reader.ends = s.reader.ends[:0]
	for _, e := range extents {
		at := int64(0)
		if e.segment == s.reader.segment {
			at = s.reader.at
		}
		err := s.readSegment(e, at, func(r Record, end int64) bool {
			if r.Number > e.settled {
				records = append(records, r)
				s.reader.ends = append(s.reader.ends, place{r.Number, e.segment, end})
			}

			return len(records) < n
		})
		if err != nil || len(records) >= n {
			return records, err
		}
	}

	return records, nil
}

// extent is a segment as far as it was durable at a moment.
type extent struct {
	segment *segment
	end     int64
	settled uint64
}

// extents lists the segments from one on, nil meaning the oldest, and how many
// records wait in them.
func (s *Spool) extents(first *segment) ([]extent, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []extent
	for _, seg := range s.segments {
		if seg == first || first == nil {
			first = nil
			all = append(all, extent{seg, seg.end, s.settled})
		}
	}

	return all, s.waiting
}

// readSegment calls take with each whole record from at on, and the place
// after it, until take has enough.
func (s *Spool) readSegment(e extent, at int64, take func(r Record, end int64) bool) (err error) {
	file, err := s.files.Open(e.segment.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	sc := newScanner(file, e.segment.name, e.segment.salt, at, e.end, func(d Damage) {
		d.Torn = false // this side of what was durable, nothing is unfinished
		if s.reader.seen != d.Segment {
			s.reader.seen, s.reader.seenTo = d.Segment, 0
		}
		if d.Offset >= s.reader.seenTo {
			s.reader.seenTo = d.Offset + d.Length
			s.report(d)
		}
	})
	for {
		r, err := sc.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || !take(r, sc.at) {
			return err
		}
	}
}

// Settle says that the consumer has done with the records up to number, which
// the last Next gave. They do not come again, and files of which all is
// settled are removed. After an error they may come again, but only to the
// process that opens the spool after this one.
func (s *Spool) Settle(number uint64) error {
	s.reading.Lock()
	defer s.reading.Unlock()
	count := 0
	var to place
	for i, p := range s.reader.ends {
		if p.number == number {
			to, count = p, i+1
		}
	}
	if count == 0 {
		return fmt.Errorf("settle record %d of the spool: the last Next did not give it", number)
	}
	marked := s.writeCursor(number)
	if marked != nil {
		marked = fmt.Errorf("settle records of the spool: %w", explain(marked))
	}
	s.reader.ends = s.reader.ends[count:]
	s.reader.segment, s.reader.at = to.segment, to.at
	s.mu.Lock()
	s.settled = number
	s.waiting -= count
	s.mu.Unlock()

	return errors.Join(marked, s.prune(to))
}

// prune removes the segments before to, and to's own when nothing is left in it.
// Where room is reserved that has to be half full, and another one ready, so that
// appends do not wait.
func (s *Spool) prune(to place) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.active == to.segment && to.at == s.active.end {
		if err := s.replaceActive(); err != nil {
			return fmt.Errorf("remove settled records of the spool: %w", explain(err))
		}
	}
	s.mu.Lock()
	keep := 0
	for keep < len(s.segments) && s.segments[keep] != to.segment {
		keep++
	}
	if to.segment != s.active && to.at == to.segment.end {
		keep++
	}
	gone := s.segments[:keep]
	s.segments = append([]*segment(nil), s.segments[keep:]...)
	s.mu.Unlock()
	if len(gone) > 0 && gone[len(gone)-1] == to.segment {
		s.reader.segment, s.reader.at = nil, 0
	}
	var errs []error
	for _, seg := range gone {
		errs = append(errs, s.files.Remove(seg.name))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove settled records of the spool: %w", err)
	}

	return nil
}

// replaceActive ends the active segment, all of which is settled; writing is held.
func (s *Spool) replaceActive() error {
	if !s.opts.Reserve {
		return s.drop(false)
	}
	if s.active.end <= s.opts.Segment/2 || !s.spareReady() {
		return nil
	}
	s.mu.Lock()
	next := s.number + 1
	s.mu.Unlock()

	return s.begin(next)
}
