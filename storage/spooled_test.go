package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"trunkline/storage/spool"
)

func openSpool(t testing.TB, dir string, o spool.Options) *spool.Spool {
	t.Helper()
	files, err := spool.Directory(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := spool.Open(files, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})

	return s
}

// killed is a copy of a spool's directory as a process that dies now leaves it.
func killed(t testing.TB, dir string) string {
	t.Helper()
	left := filepath.Join(t.TempDir(), "left")
	if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}

	return left
}

func stop(t testing.TB, j *Journal) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()

	return j.Stop(ctx)
}

func TestRowsOfAnOutageOutliveTheProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir, id := t.TempDir(), NewID()
		d := &disk{err: errGone}
		j := startJournal(t, d, JournalOptions{Batch: 7, Spool: openSpool(t, dir, spool.Options{})})
		events(j, id, 0, 50)
		time.Sleep(time.Second)
		if s := j.Stats(); s.Up || s.Queued != 0 || s.Spooled != 50 || s.Bytes != 0 {
			t.Errorf("in the outage: %+v", s)
		}
		left := killed(t, dir)
		if lost := stop(t, j); lost != 0 {
			t.Errorf("%d rows lost at a stop in the outage", lost)
		}
		back := &disk{}
		next := startJournal(t, back, JournalOptions{Batch: 7, Spool: openSpool(t, left, spool.Options{})})
		events(next, id, 50, 60)
		if err := next.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkOrder(t, back, id, 60)
		if s := next.Stats(); s.Spooled != 0 || !s.Up || s.Written != 60 {
			t.Errorf("after it: %+v", s)
		}
		if lost := stop(t, next); lost != 0 {
			t.Errorf("%d rows lost", lost)
		}
	})
}

// A database that does not answer is away as well: a row waits in memory for
// SpillAfter at most.
func TestSlowDatabaseSpills(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir, id := t.TempDir(), NewID()
		d := &slow{disk: &disk{}, takes: 8 * time.Second}
		j := newJournal(d, Owner{}, JournalOptions{Spool: openSpool(t, dir, spool.Options{})})
		if err := j.Start(); err != nil {
			t.Fatal(err)
		}
		events(j, id, 0, 3)
		time.Sleep(10 * time.Millisecond)
		events(j, id, 3, 10)
		time.Sleep(time.Second)
		if s := j.Stats(); s.Queued != 0 || s.Spooled != 10 {
			t.Errorf("after a second: %+v", s)
		}
		events(j, id, 10, 20)
		if err := j.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkOrder(t, d.disk, id, 20)
		stop(t, j)
	})
}

// What somebody waits for goes to the spool sooner, and is there when the wait is
// over.
func TestKeptRowsOutliveTheProcess(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		takes time.Duration // of the database
		most  time.Duration // of the wait
		spool int           // rows there afterwards
	}{
		"in the database": {5 * time.Millisecond, 10 * time.Millisecond, 0},
		"in the spool":    {8 * time.Second, 60 * time.Millisecond, 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			dir, id := t.TempDir(), NewID()
			d := &slow{disk: &disk{}, takes: c.takes}
			j := newJournal(d, Owner{}, JournalOptions{Spool: openSpool(t, dir, spool.Options{})})
			if err := j.Start(); err != nil {
				t.Fatal(err)
			}
			defer stop(t, j)
			began := time.Now()
			events(j, id, 0, 3)
			if err := j.Keep(t.Context()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(began); took > c.most {
				t.Errorf("%s: kept after %v", name, took)
			}
			left := openSpool(t, killed(t, dir), spool.Options{})
			if n := left.Stats().Waiting; n != c.spool {
				t.Errorf("%s: %d rows in the spool of the process if it died now, want %d", name, n, c.spool)
			}
			if err := j.Flush(t.Context()); err != nil {
				t.Error(err)
			}
			checkOrder(t, d.disk, id, 3)
			if err := j.Keep(t.Context()); err != nil {
				t.Errorf("%s: with nothing to keep: %v", name, err)
			}
		})
	}
}

// A database that was slow a moment ago, or is now, is not waited for again.
func TestNobodyWaitsForADatabaseKnownToBeSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, id := &slow{disk: &disk{}, takes: 500 * time.Millisecond}, NewID()
		j := newJournal(d, Owner{}, JournalOptions{Spool: openSpool(t, t.TempDir(), spool.Options{})})
		if err := j.Start(); err != nil {
			t.Fatal(err)
		}
		defer stop(t, j)
		for n := range 20 {
			began := time.Now()
			events(j, id, n, n+1)
			if err := j.Keep(t.Context()); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); n > 0 && took > 0 {
				t.Errorf("row %d was kept after %v", n, took)
			}
			time.Sleep(60 * time.Millisecond)
		}
		d.set(func(*disk) { d.takes = 0 })
		if err := j.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkOrder(t, d.disk, id, 20)
		spooled := d.count()
		events(j, id, 20, 21)
		if err := j.Keep(t.Context()); err != nil {
			t.Error(err)
		}
		if n := d.count(); n != spooled+1 || j.Stats().Spooled != 0 {
			t.Errorf("the database is quick again, and row 20 was written %d times", n-spooled)
		}
	})
}

func TestKeepSaysWhenNothingTakesRows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := startJournal(t, &disk{err: errGone}, JournalOptions{Spool: openSpool(t, t.TempDir(), spool.Options{Bound: 3000})})
		events(j, NewID(), 0, 50)
		began := time.Now()
		if err := j.Keep(t.Context()); err == nil || time.Since(began) > time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		bare := newJournal(&slow{disk: &disk{}, takes: time.Minute}, Owner{}, JournalOptions{})
		if err := bare.Start(); err != nil {
			t.Fatal(err)
		}
		events(bare, NewID(), 0, 1)
		if err := bare.Keep(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("of a slow database and no spool: %v", err)
		}
		stop(t, bare)
		stop(t, j)
	})
}

// count is how many rows were written.
func (d *disk) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()

	return len(d.order)
}

// slow is a database that takes its time.
type slow struct {
	*disk
	takes time.Duration // a transaction
	each  time.Duration // each of its rows
}

func (s *slow) session(context.Context, Owner) (writer, error) { return s, nil }

func (s *slow) write(ctx context.Context, rows []row) (Drops, error) {
	s.mu.Lock()
	takes := s.takes + time.Duration(len(rows))*s.each
	s.mu.Unlock()
	select {
	case <-time.After(takes):
		return s.disk.write(ctx, rows)
	case <-ctx.Done():
		return Drops{}, ctx.Err()
	}
}

// A database that is too slow for the rows of an outage at once gets them in
// lots that it can take.
func TestSlowDatabaseGetsSmallerLots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const rows = 200
		d, id := &slow{disk: &disk{err: errGone}, each: 90 * time.Millisecond}, NewID()
		j := newJournal(d, Owner{}, JournalOptions{Batch: 5, Timeout: time.Second, Spool: openSpool(t, t.TempDir(), spool.Options{})})
		if err := j.Start(); err != nil {
			t.Fatal(err)
		}
		defer stop(t, j)
		events(j, id, 0, rows)
		time.Sleep(time.Minute)
		if n := j.Stats().Spooled; n != rows {
			t.Errorf("%d rows are in the spool, want %d", n, rows)
		}
		d.set(func(d *disk) { d.err = nil })
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := j.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		checkOrder(t, d.disk, id, rows)
	})
}

func TestFullSpoolLeavesRowsInMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		id := NewID()
		d := &disk{err: errGone}
		j := startJournal(t, d, JournalOptions{Batch: 5, Spool: openSpool(t, t.TempDir(), spool.Options{Bound: 3000})})
		events(j, id, 0, 50)
		time.Sleep(time.Minute)
		s := j.Stats()
		if s.Spooled == 0 || s.Queued == 0 || s.Spooled+s.Queued != 50 || s.SpoolError == "" {
			t.Errorf("in the outage: %+v", s)
		}
		d.set(func(d *disk) { d.err = nil })
		events(j, id, 50, 60)
		if err := j.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkOrder(t, d, id, 60)
		if s := j.Stats(); s.Bytes != 0 || s.Dropped.Total() != 0 {
			t.Errorf("after it: %+v", s)
		}
		stop(t, j)
	})
}

// Whatever comes and goes in whatever order, kills of the process in an
// outage included: all rows stand in the database in the end, in their order.
func TestJournalWithSpoolLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			dir, id := t.TempDir(), NewID()
			d := &disk{}
			s := openSpool(t, dir, spool.Options{Segment: 1 << 10})
			j := startJournal(t, d, JournalOptions{Batch: 4, Spool: s})
			n := 0
			for range rapid.IntRange(1, 15).Draw(rt, "steps") {
				switch rapid.IntRange(0, 4).Draw(rt, "step") {
				case 0:
					d.set(func(d *disk) { d.err = errGone })
				case 1:
					d.set(func(d *disk) { d.err = nil })
				case 2:
					d.set(func(d *disk) { d.lose = true })
				case 3:
					more := rapid.IntRange(1, 9).Draw(rt, "rows")
					events(j, id, n, n+more)
					n += more
				case 4:
					time.Sleep(rapid.SampledFrom([]time.Duration{time.Millisecond, time.Second}).Draw(rt, "pause"))
					if st := j.Stats(); st.Up || st.Queued > 0 {
						continue
					}
					left := killed(t, dir) // the spool has it all
					stop(t, j)
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					dir, s = left, openSpool(t, left, spool.Options{Segment: 1 << 10})
					j = startJournal(t, d, JournalOptions{Batch: 4, Spool: s})
				}
			}
			d.set(func(d *disk) { d.err = nil })
			if err := j.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			checkOrder(t, d, id, n)
			if lost := stop(t, j); lost != 0 {
				t.Errorf("%d rows lost", lost)
			}
		})
	})
}

func TestSpooledRowsAreTheRows(t *testing.T) {
	t.Parallel()
	h := sampleHistory()
	rows := []row{callRow(h.Call)}
	for i := range h.Turns {
		rows = append(rows, turnRow(h.Turns[i]))
	}
	for i := range h.Events {
		if h.Events[i].Data != nil {
			var tight bytes.Buffer
			if err := json.Compact(&tight, h.Events[i].Data); err != nil {
				t.Fatal(err)
			}
			h.Events[i].Data = tight.Bytes()
		}
		rows = append(rows, eventRow(h.Events[i]))
	}
	own := Owner{Node: "n1", Boot: uuid.New()}
	for _, r := range rows {
		data, err := encodeRow(r, own)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeRow(data)
		if err != nil {
			t.Fatal(err)
		}
		if *back.owner != own {
			t.Errorf("owner %+v", *back.owner)
		}
		if diff := cmp.Diff([]any{r.call, r.turn, r.event}, []any{back.call, back.turn, back.event}); diff != "" {
			t.Error(diff)
		}
	}
	for _, bad := range []string{"", "{}", `{"call":1}`} {
		if _, err := decodeRow([]byte(bad)); err == nil {
			t.Errorf("%q is a row", bad)
		}
	}
}

// Two nodes that come to have the same spool, as when a disk is copied, write
// each row once, and the call stays as it ended.
func TestTwoNodesReplayTheSameSpool(t *testing.T) {
	t.Parallel()
	s := open(t)
	dir := t.TempDir()
	first := openSpool(t, dir, spool.Options{})
	away := newJournal(&disk{err: errGone}, Owner{Node: "n", Boot: uuid.New()}, JournalOptions{Spool: first})
	h := sampleHistory()
	ringing := h.Call
	ringing.State, ringing.EndedAt, ringing.EndReason, ringing.Fault = Ringing, time.Time{}, "", ""
	ringing.AnsweredAt = time.Time{}
	away.Begin(ringing)
	for i := range h.Turns {
		away.Turn(h.Turns[i])
	}
	for i := range h.Events {
		away.Event(h.Events[i])
	}
	away.Update(h.Call)
	stop(t, away) // it was not started: all goes to the spool
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	var nodes []*Journal
	for range 2 {
		j := NewJournal(s, Owner{Node: "n", Boot: uuid.New()}, JournalOptions{Batch: 1, Spool: openSpool(t, killed(t, dir), spool.Options{})})
		if err := j.Start(); err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, j)
	}
	for _, j := range nodes {
		if err := j.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if lost := stop(t, j); lost != 0 {
			t.Errorf("%d rows lost", lost)
		}
	}
	got, err := s.Call(t.Context(), h.Call.ID)
	if err != nil || got.Call.State != Ended || len(got.Turns) != len(h.Turns) || len(got.Events) != len(h.Events) {
		t.Errorf("in the database stand %+v with %d turns and %d events, %v", got.Call, len(got.Turns), len(got.Events), err)
	}
}
