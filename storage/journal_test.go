package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
)

var (
	errGone   = errors.New("connection reset by peer")
	errBadRow = &pgconn.PgError{Code: "22P02", Message: "invalid input syntax for type json"}
)

// disk is a database that can go away, refuse rows and lose its answer.
type disk struct {
	mu       sync.Mutex
	err      error          // of every write
	away     bool           // with err: no session is opened either
	lose     bool           // the next write is committed, but its answer is lost
	refuse   func(row) bool // rows that are never taken
	hang     bool           // writes last until their context ends
	attempts []time.Time    // of writes
	order    []string       // rows in the order they were first written
	rows     map[string]int // how often each row was written
}

func (d *disk) session(context.Context, Owner) (writer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away && d.err != nil {
		return nil, d.err
	}

	return d, nil
}

func (d *disk) close() {}

func (d *disk) ping(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()

	return d.err
}

func (d *disk) write(ctx context.Context, rows []row) (Drops, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.attempts = append(d.attempts, time.Now())
	if d.hang {
		<-ctx.Done()
		return Drops{}, ctx.Err()
	}
	if d.err != nil {
		return Drops{}, d.err
	}
	if d.refuse != nil && slices.ContainsFunc(rows, d.refuse) {
		return Drops{}, fmt.Errorf("write history: %w", errBadRow)
	}
	if d.rows == nil {
		d.rows = make(map[string]int)
	}
	for _, r := range rows {
		name := describe(r)
		if d.rows[name] == 0 {
			d.order = append(d.order, name)
		}
		d.rows[name]++
	}
	if d.lose {
		d.lose = false
		return Drops{}, errGone
	}
	return Drops{}, nil
}

func (d *disk) set(change func(*disk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func startJournal(t *testing.T, d *disk, opts JournalOptions) *Journal {
	t.Helper()
	j := newJournal(d, Owner{}, opts)
	if err := j.Start(); err != nil {
		t.Fatal(err)
	}
	return j
}

func events(j *Journal, id uuid.UUID, from, to int) {
	for seq := from; seq < to; seq++ {
		j.Event(Event{CallID: id, Seq: seq, Kind: "k"})
	}
}

func checkOrder(t *testing.T, d *disk, id uuid.UUID, n int) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.order) != n {
		t.Errorf("%d rows stand in the database, want %d", len(d.order), n)
	}
	for i, name := range d.order {
		if want := describe(eventRow(Event{CallID: id, Seq: i})); name != want {
			t.Fatalf("row %d is %s, want %s", i, name, want)
		}
	}
}

func TestJournalKeepsOrderThroughAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, id := &disk{}, NewID()
		var logged bytes.Buffer
		j := startJournal(t, d, JournalOptions{Batch: 7, Log: slog.New(slog.NewTextHandler(&logged, nil))})
		events(j, id, 0, 20)
		synctest.Wait()
		d.set(func(d *disk) { d.err = errGone })
		events(j, id, 20, 50)
		time.Sleep(time.Minute)
		if s := j.Stats(); s.Up || s.Queued != 30 || s.Written != 20 || s.LastError == "" {
			t.Errorf("in the outage: %+v", s)
		}
		d.set(func(d *disk) { d.err = nil })
		events(j, id, 50, 60)
		if err := j.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkOrder(t, d, id, 60)
		if s := j.Stats(); !s.Up || s.Queued != 0 || s.Bytes != 0 || s.Written != 60 || s.Dropped.Total() != 0 {
			t.Errorf("after the outage: %+v", s)
		}
		if lost := j.Stop(t.Context()); lost != 0 {
			t.Errorf("%d rows lost", lost)
		}
		if lost, back := strings.Count(logged.String(), "kept on this node"), strings.Count(logged.String(), "again"); lost != 1 || back != 1 {
			t.Errorf("the outage is logged %d times and its end %d times, want once each:\n%s", lost, back, &logged)
		}
	})
}

func TestJournalBacksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{err: errGone}
		j := startJournal(t, d, JournalOptions{RetryMin: 100 * time.Millisecond, RetryMax: time.Second})
		events(j, NewID(), 0, 1)
		time.Sleep(5 * time.Second)
		var pauses []time.Duration
		d.set(func(d *disk) {
			for i := 1; i < len(d.attempts); i++ {
				pauses = append(pauses, d.attempts[i].Sub(d.attempts[i-1]))
			}
			d.err = nil
		})
		want := []time.Duration{100e6, 200e6, 400e6, 800e6, time.Second, time.Second, time.Second}
		if !slices.Equal(pauses, want) {
			t.Errorf("pauses %v, want %v", pauses, want)
		}
		j.Stop(t.Context())
	})
}

func TestJournalDoublesNothingAfterALostAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, id := &disk{lose: true}, NewID()
		j := startJournal(t, d, JournalOptions{})
		events(j, id, 0, 5)
		if lost := j.Stop(t.Context()); lost != 0 {
			t.Errorf("%d rows lost", lost)
		}
		checkOrder(t, d, id, 5)
		if s := j.Stats(); s.Written != 5 {
			t.Errorf("%d rows counted as written, want 5", s.Written)
		}
	})
}

func TestJournalGivesUpOnARowThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, id := &disk{hang: true}, NewID()
		j := startJournal(t, d, JournalOptions{Timeout: 10 * time.Second})
		events(j, id, 0, 3)
		time.Sleep(9 * time.Second)
		if s := j.Stats(); !s.Up {
			t.Error("gave up before the timeout")
		}
		time.Sleep(1050 * time.Millisecond)
		if s := j.Stats(); s.Up {
			t.Error("still waits after the timeout")
		}
		j.cancel()
		j.Stop(t.Context())
	})
}

func TestJournalGivesUpRefusedRowsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{refuse: func(r row) bool { return r.event != nil && r.event.Seq == 3 }}
		var logged bytes.Buffer
		j := startJournal(t, d, JournalOptions{Log: slog.New(slog.NewTextHandler(&logged, nil))})
		events(j, NewID(), 0, 6)
		if lost := j.Stop(t.Context()); lost != 1 {
			t.Errorf("%d rows lost, want the refused one", lost)
		}
		if s := j.Stats(); s.Written != 5 || s.Refused.Events != 1 || !s.Up {
			t.Errorf("%+v", s)
		}
		if !strings.Contains(logged.String(), "event 3 of call") {
			t.Errorf("the log does not name the row:\n%s", &logged)
		}
	})
}

func TestJournalDropsByRankWithinItsBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, id := &disk{err: errGone}, NewID()
		var logged bytes.Buffer
		j := startJournal(t, d, JournalOptions{Bound: 8 << 10, Batch: 1, Log: slog.New(slog.NewTextHandler(&logged, nil))})
		j.Begin(Call{ID: id})
		synctest.Wait()
		for n := range 100 {
			j.Turn(Turn{CallID: id, Number: n + 1, Text: "hello"})
			events(j, id, 10*n, 10*n+10)
			if s := j.Stats(); s.Bytes > 8<<10 {
				t.Fatalf("%d bytes held", s.Bytes)
			}
		}
		j.Update(Call{ID: id, State: Ended})
		time.Sleep(time.Minute)
		s := j.Stats()
		if s.Dropped.Calls != 0 || s.Dropped.Turns == 0 || s.Dropped.Events != 1000 {
			t.Errorf("dropped %+v: want all events, some turns, no call", s.Dropped)
		}
		if n := strings.Count(logged.String(), "history dropped"); n == 0 || n > 7 {
			t.Errorf("drops are logged %d times in a minute", n)
		}
		d.set(func(d *disk) { d.err = nil })
		if lost := j.Stop(t.Context()); lost != s.Dropped.Total() {
			t.Errorf("%d rows lost, want %d", lost, s.Dropped.Total())
		}
		if got := d.rows["call "+id.String()]; got != 2 {
			t.Errorf("the call was written %d times, want at its begin and its end", got)
		}
	})
}

func TestJournalStopWithinItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, d := range map[string]*disk{"away": {err: errGone}, "hanging": {hang: true}} {
			j := startJournal(t, d, JournalOptions{})
			events(j, NewID(), 0, 300)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			began := time.Now()
			if lost := j.Stop(ctx); lost != 300 {
				t.Errorf("%s: %d rows lost, want 300", name, lost)
			}
			if took := time.Since(began); took != 3*time.Second {
				t.Errorf("%s: Stop took %v, want its 3 s", name, took)
			}
			cancel()
			events(j, NewID(), 0, 1)
			if lost := j.Stop(t.Context()); lost != 301 {
				t.Errorf("%s: %d rows lost at the second Stop, want the late one too", name, lost)
			}
			if s := j.Stats(); s.Queued != 0 || s.Bytes != 0 {
				t.Errorf("%s: %+v", name, s)
			}
		}
	})
}

func TestJournalStopBeforeStart(t *testing.T) {
	t.Parallel()
	j := newJournal(&disk{}, Owner{}, JournalOptions{})
	events(j, NewID(), 0, 2)
	if lost := j.Stop(t.Context()); lost != 2 {
		t.Errorf("%d rows lost, want 2", lost)
	}
	if err := j.Start(); err == nil {
		t.Error("started after Stop")
	}
}

func TestJournalFlushEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{err: errGone}
		j := startJournal(t, d, JournalOptions{})
		if err := j.Flush(t.Context()); err != nil {
			t.Errorf("flush of nothing: %v", err)
		}
		events(j, NewID(), 0, 4)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := j.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "4 rows") {
			t.Errorf("flush in an outage: %v", err)
		}
		d.set(func(d *disk) { d.err = nil })
		j.Stop(t.Context())
	})
}

// Callers on the audio side may call the Journal: it must cost them little,
// and no wait, whatever the database does.
func TestJournalNeverBlocksItsCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{hang: true}
		j := startJournal(t, d, JournalOptions{Bound: 64 << 10})
		began := time.Now()
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() {
				id := NewID()
				j.Begin(Call{ID: id})
				events(j, id, 0, 100)
				j.Update(Call{ID: id})
			})
		}
		callers.Wait()
		if took := time.Since(began); took != 0 {
			t.Errorf("callers waited %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if lost := j.Stop(ctx); lost != 50*102 {
			t.Errorf("%d rows lost, want all", lost)
		}
	})
}

// Without a row to write a Journal that asks knows of an outage, and of its end.
func TestAnIdleJournalAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		j := startJournal(t, d, JournalOptions{Ask: time.Second})
		is := func(when string, up bool) {
			t.Helper()
			if s := j.Stats(); s.Up != up {
				t.Errorf("%s: %+v", when, s)
			}
		}
		time.Sleep(5 * time.Second)
		is("at first", true)
		d.set(func(d *disk) { d.err, d.away = errGone, true })
		time.Sleep(1100 * time.Millisecond)
		is("in an outage", false)
		d.set(func(d *disk) { d.err = nil })
		time.Sleep(5 * time.Second)
		is("after it", true)
		id := NewID()
		events(j, id, 0, 10)
		if err := j.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkOrder(t, d, id, 10)
		stop(t, j)
	})
}
