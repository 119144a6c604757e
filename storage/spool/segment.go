package spool

import (
	"crypto/rand"
	"errors"
	"log/slog"
)

// segment is one file. Its end and last belong to mu, and change with writing held.
type segment struct {
	name    string
	salt    salt
	end     int64 // durable bytes
	last    uint64
	damaged bool // not all of it is whole records: kept until it was read, for the report
}

// spare is a segment whose room is taken on the disk ahead of need.
type spare struct {
	ready   chan struct{} // closed when the rest is set
	segment *segment
	out     File
	err     error
}

// order gives the number in the name of the next segment, for records from number
// first on: names are in the order in which segments are begun. writing is held.
func (s *Spool) order(first uint64) uint64 {
	s.named = max(first, s.named+1)

	return s.named
}

// create makes a segment.
func (s *Spool) create(order uint64) (*segment, File, error) {
	seg := &segment{}
	if _, err := rand.Read(seg.salt[:]); err != nil {
		return nil, nil, err
	}
	seg.name = segmentName(order, seg.salt)
	out, err := s.files.Create(seg.name)
	if err != nil {
		return nil, nil, err
	}
	if s.opts.Reserve {
		err = out.Reserve(s.opts.Segment)
	}
	if err == nil {
		err = s.files.Sync()
	}
	if err != nil {
		return nil, nil, errors.Join(err, out.Close(), s.files.Remove(seg.name))
	}

	return seg, out, nil
}

// begin makes a new segment the active one, for records from number first on;
// writing is held. After an error the active one stays.
func (s *Spool) begin(first uint64) error {
	seg, out, err := s.take(first)
	if err != nil {
		return err
	}
	full, end := s.out, int64(0)
	if s.active != nil {
		end = s.active.end
	}
	s.active, s.out = seg, out
	s.mu.Lock()
	s.segments = append(s.segments, seg)
	s.mu.Unlock()
	if s.opts.Reserve {
		s.prepare(s.order(first+1), full, end)

		return nil
	}
	if full != nil {
		return full.Close()
	}

	return nil
}

// take gives the spare, or makes a segment where there is none.
func (s *Spool) take(first uint64) (*segment, File, error) {
	if next := s.next; next != nil {
		<-next.ready
		s.next = nil
		if next.err == nil {
			return next.segment, next.out, nil
		}
	}

	return s.create(s.order(first))
}

// prepare makes a spare behind the appends, and before that gives back the room
// that the full segment did not need. A spare that cannot be made is tried again
// when it is needed, and then the appends are told.
func (s *Spool) prepare(order uint64, full File, end int64) {
	next := &spare{ready: make(chan struct{})}
	s.next = next
	s.making.Go(func() {
		defer close(next.ready)
		if full != nil {
			if err := errors.Join(full.Truncate(end), full.Close()); err != nil {
				s.opts.Log.Warn("a full segment of the spool keeps room that it does not need", slog.Any("error", err))
			}
		}
		if next.segment, next.out, next.err = s.create(order); next.err != nil {
			s.opts.Log.Warn("the spool's next segment cannot be made ahead of need", slog.Any("error", explain(next.err)))
		}
	})
}

// spareReady reports whether a segment can be begun without a wait; writing is
// held.
func (s *Spool) spareReady() bool {
	if s.next == nil {
		return false
	}
	select {
	case <-s.next.ready:
		return s.next.err == nil
	default:
		return false
	}
}

// finish closes the active segment, without the room that it did not need, and
// the spare; writing is held.
func (s *Spool) finish() error {
	var errs []error
	if next := s.next; next != nil {
		s.making.Wait()
		s.next = nil
		if next.err == nil {
			errs = append(errs, next.out.Close(), s.files.Remove(next.segment.name))
		}
	}
	if s.active != nil {
		errs = append(errs, s.drop(s.opts.Reserve))
	}

	return errors.Join(errs...)
}

// giveUp leaves the active segment as it was before a write that failed;
// writing is held.
func (s *Spool) giveUp() error { return s.drop(true) }

// drop closes the active segment; cut takes what follows its records off.
func (s *Spool) drop(cut bool) error {
	out, seg := s.out, s.active
	s.active, s.out = nil, nil
	var err error
	if cut {
		err = out.Truncate(seg.end)
	}

	return errors.Join(err, out.Close())
}
