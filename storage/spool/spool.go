package spool

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"syscall"
)

// What Append refuses, for errors.Is.
var (
	ErrFull     = errors.New("the spool has reached its bound")
	ErrDiskFull = errors.New("the disk is full")
	ErrTooLarge = errors.New("the record is too large")
	ErrClosed   = errors.New("the spool is closed")
)

// Options set up a Spool.
type Options struct {
	Bound   int64        // bytes of all segments together; 1 GiB
	Segment int64        // bytes after which a new file is begun; 16 MiB, at most Bound
	Reserve bool         // take disk space for a segment before it is needed: appends wait for no new file, and a disk that fills up later does not refuse
	Damaged func(Damage) // told of each damage once, besides the log; may be nil
	Log     *slog.Logger // nil discards
}

func (o *Options) setDefaults() {
	o.Bound = cmp.Or(o.Bound, 1<<30)
	o.Segment = min(cmp.Or(o.Segment, 16<<20), o.Bound)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Spool is the log. Append may be called from many goroutines; Next and
// Settle belong to one consumer.
type Spool struct {
	files Files
	opts  Options

	writing sync.Mutex     // held while a batch is written; taken before mu
	active  *segment       // takes appends; nil: the next one begins a segment
	out     File           // of active
	next    *spare         // will be active after it; nil: none is being made
	named   uint64         // the number in the newest segment's name
	making  sync.WaitGroup // the goroutine that makes next

	mu       sync.Mutex
	closed   bool
	number   uint64     // of the last record taken
	pending  *batch     // collects records until it is written; nil: none
	queued   int64      // bytes of the batches that are not written
	segments []*segment // oldest first
	waiting  int        // whole records that are not settled
	settled  uint64
	failing  error // of the latest write; nil when it succeeded
	damaged  int

	reading sync.Mutex // the consumer's; taken before writing and mu
	reader  reader
}

// batch is what one write and one fsync put on the disk.
type batch struct {
	records []Record
	bytes   int64
	done    chan struct{} // closed when it is written, or has failed
	err     error         // once done
}

// Stats is a snapshot.
type Stats struct {
	Waiting int    // records that are not settled
	Bytes   int64  // of all segments
	Settled uint64 // number of the last settled record
	Last    uint64 // number of the last record taken
	Damaged int    // damages found since Open, unfinished writes among them
	Failing error  // why the latest write failed; nil when it succeeded
}

// Open reads what an earlier process left, cuts off an unfinished write at
// its end, and goes on after the last record that was settled. It takes over
// files: Close closes them.
func Open(files Files, opts Options) (*Spool, error) {
	opts.setDefaults()
	s := &Spool{files: files, opts: opts}
	if err := s.recover(); err != nil {
		return nil, fmt.Errorf("open the spool: %w", err)
	}
	if opts.Reserve {
		s.writing.Lock()
		defer s.writing.Unlock()
		if err := s.begin(s.number + 1); err != nil {
			return nil, fmt.Errorf("open the spool: %w", explain(err))
		}
	}

	return s, nil
}

func (s *Spool) recover() error {
	names, err := s.files.Names()
	if err != nil {
		return err
	}
	s.settled = s.readCursor(names)
	s.number = s.settled
	slices.Sort(names)
	newest := true // nothing was written after it
	for _, name := range slices.Backward(names) {
		first, _, ok := parseSegmentName(name)
		if !ok {
			continue
		}
		seg, err := s.survey(name, newest)
		if err != nil {
			return err
		}
		if seg.end > 0 {
			newest = false
		}
		if seg.last <= s.settled && !seg.damaged {
			if err := s.files.Remove(name); err != nil {
				return err
			}

			continue
		}
		s.number, s.named = max(s.number, seg.last), max(s.named, first)
		s.segments = append(s.segments, seg)
	}
	slices.Reverse(s.segments)

	return nil
}

// survey counts a segment's records, and cuts off the room that was reserved
// and not used. Of the newest one it cuts off all that follows the last whole
// record.
func (s *Spool) survey(name string, newest bool) (*segment, error) {
	file, err := s.files.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() // what was cut is synced before
	seg := &segment{name: name}
	_, seg.salt, _ = parseSegmentName(name)
	if seg.end, err = file.Size(); err != nil {
		return nil, err
	}
	var torn *Damage
	sc := newScanner(file, name, seg.salt, 0, seg.end, func(d Damage) {
		if d.Torn {
			torn = &d
		} else {
			seg.damaged = true
		}
	})
	for {
		r, err := sc.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		seg.last = r.Number
		if r.Number > s.settled {
			s.waiting++
		}
	}
	if torn == nil {
		return seg, nil
	}
	unused, err := isBlank(file, torn.Offset, torn.Length)
	if err != nil {
		return nil, err
	}
	if !unused && !newest {
		seg.damaged = true

		return seg, nil
	}
	if !unused {
		s.report(*torn)
	}
	if err := errors.Join(file.Truncate(torn.Offset), file.Sync()); err != nil {
		return nil, fmt.Errorf("cut %s: %w", name, err)
	}
	seg.end = torn.Offset

	return seg, nil
}

func isBlank(file io.ReaderAt, at, length int64) (bool, error) {
	buf := make([]byte, scanWindow)
	for length > 0 {
		part := buf[:min(length, scanWindow)]
		if _, err := file.ReadAt(part, at); err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if !blank(part) {
			return false, nil
		}
		at, length = at+int64(len(part)), length-int64(len(part))
	}

	return true, nil
}

func (s *Spool) report(d Damage) {
	s.mu.Lock()
	s.damaged++
	s.mu.Unlock()
	s.opts.Log.Error("the spool is damaged", slog.String("where", d.String()))
	if s.opts.Damaged != nil {
		s.opts.Damaged(d)
	}
}

// Append puts records at the end, in their order and together, and returns
// when they are durable, with the number of the last one (0 for no records). After an error they
// may still come out of Next: a write that fails may have reached the disk.
// The errors are ErrFull, ErrDiskFull, ErrTooLarge, ErrClosed, and those of
// the disk.
func (s *Spool) Append(payloads ...[]byte) (uint64, error) {
	var size int64
	for _, p := range payloads {
		if len(p) > MaxRecord {
			return 0, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(p), MaxRecord)
		}
		size += recordHeader + int64(len(p))
	}
	if len(payloads) == 0 {
		return 0, nil
	}
	b, last, first, err := s.enqueue(payloads, size)
	if err != nil {
		return 0, err
	}
	if first {
		runtime.Gosched() // those who were told of the batch before may join, and not wait for this one
		s.commit(b)
	}
	<-b.done

	return last, b.err
}

// enqueue gives records their numbers and a place in the batch that is
// written next. Who is first in it has to commit it.
func (s *Spool) enqueue(payloads [][]byte, size int64) (b *batch, last uint64, first bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, 0, false, ErrClosed
	}
	if used := s.bytes() + s.queued; used+size > s.opts.Bound {
		return nil, 0, false, fmt.Errorf("%w: %d of %d bytes are taken", ErrFull, used, s.opts.Bound)
	}
	if s.pending == nil {
		s.pending, first = &batch{done: make(chan struct{})}, true
	}
	for _, p := range payloads {
		s.number++
		s.pending.records = append(s.pending.records, Record{Number: s.number, Payload: p})
	}
	s.pending.bytes += size
	s.queued += size

	return s.pending, s.number, first, nil
}

// bytes is what the segments take; mu is held.
func (s *Spool) bytes() int64 {
	var all int64
	for _, seg := range s.segments {
		all += seg.end
	}

	return all
}

// commit waits for the batch before, and writes this one with all that joined
// it meanwhile.
func (s *Spool) commit(b *batch) {
	s.writing.Lock()
	defer s.writing.Unlock()
	defer close(b.done)
	s.mu.Lock()
	s.pending = nil
	closed := s.closed
	s.mu.Unlock()
	if closed {
		b.err = ErrClosed

		return
	}
	b.err = explain(s.write(b))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queued -= b.bytes
	before := s.failing
	s.failing = b.err
	switch {
	case b.err != nil && before == nil:
		s.opts.Log.Error("the spool cannot be written", slog.Any("error", b.err), slog.Int("waiting", s.waiting))
	case b.err == nil && before != nil:
		s.opts.Log.Info("the spool is written again")
	}
}

// write puts a batch into the active segment; writing is held. After an error
// the segment is given up: what a failed fsync left in it is not known.
func (s *Spool) write(b *batch) error {
	if s.active == nil || s.active.end+b.bytes > s.opts.Segment && s.active.end > 0 {
		if err := s.begin(b.records[0].Number); err != nil {
			return err
		}
	}
	framed := make([]byte, 0, b.bytes)
	for _, r := range b.records {
		framed = appendRecord(framed, s.active.salt, r)
	}
	_, err := s.out.Write(framed)
	if err == nil {
		err = s.out.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", s.active.name, err), s.giveUp())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active.end += b.bytes
	s.active.last = b.records[len(b.records)-1].Number
	s.waiting += len(b.records)

	return nil
}

// explain names the error that an operator can do something about.
func explain(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: free some space: %w", ErrDiskFull, err)
	}

	return err
}

// Stats is a snapshot.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()

	return Stats{
		Waiting: s.waiting, Bytes: s.bytes(), Settled: s.settled, Last: s.number,
		Damaged: s.damaged, Failing: s.failing,
	}
}

// Close waits for a running write and gives the files free. What is not
// settled stays for the next Open. It may be called again.
func (s *Spool) Close() error {
	s.reading.Lock()
	defer s.reading.Unlock()
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	if was {
		return nil
	}

	return errors.Join(s.finish(), s.files.Close())
}

// The cursor is a file with the number of the last settled record and its
// CRC-32C.
const (
	cursorName = "cursor"
	cursorSize = 12
)

// readCursor is 0 when there is none, or it is damaged: then all records come
// again, which their keys make harmless.
func (s *Spool) readCursor(names []string) uint64 {
	if !slices.Contains(names, cursorName) {
		return 0
	}
	file, err := s.files.Open(cursorName)
	if err == nil {
		defer file.Close() // only read
		data := make([]byte, cursorSize)
		if _, err = file.ReadAt(data, 0); err == nil && crc32.Checksum(data[:8], castagnoli) == binary.BigEndian.Uint32(data[8:]) {
			return binary.BigEndian.Uint64(data)
		}
	}
	s.opts.Log.Error("the spool's cursor is damaged: its records are written again", slog.Any("error", err))

	return 0
}

func (s *Spool) writeCursor(number uint64) error {
	data := binary.BigEndian.AppendUint64(nil, number)

	return s.files.Replace(cursorName, binary.BigEndian.AppendUint32(data, crc32.Checksum(data, castagnoli)))
}
