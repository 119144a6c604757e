package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"trunkline/storage"
	"trunkline/storage/spool"
)

func (e *evidenceBench) openSpool(name string) (*spool.Spool, error) {
	files, err := spool.Directory(filepath.Join(e.dir, name))
	if err != nil {
		return nil, err
	}

	return spool.Open(files, spool.Options{Segment: 4 << 20, Reserve: true}) // as the gateway's for history
}

// spool measures how long a record takes to the disk, and how fast history
// goes from there into the database.
func (b *bench) spool(ctx context.Context) error {
	return b.withLedger(ctx, func(e *evidenceBench) error { return errors.Join(e.spoolAppends(), e.replay(ctx)) })
}

func (e *evidenceBench) spoolAppends() error {
	t := newTable("spool: writers", "records", "append p50 ms", "p95 ms", "p99 ms", "records/s")
	record := bytes.Repeat([]byte("x"), 400)
	for _, writers := range []int{1, 16, 64} {
		s, err := e.openSpool(fmt.Sprintf("spool-%d", writers))
		if err != nil {
			return err
		}
		took, all, err := atOnce(writers, pick(e.bench, 4000, 200)/writers, func() error {
			_, err := s.Append(record)

			return err
		})
		if err := errors.Join(err, s.Close()); err != nil {
			return err
		}
		t.row(writers, len(took), took.fine(.5), took.fine(.95), took.fine(.99), fmt.Sprintf("%.0f", float64(len(took))/all.Seconds()))
	}
	t.write(e.Out)

	return e.disk(record)
}

// disk measures what one record costs without a spool: a write and fdatasync,
// at the end of a growing file and within one whose blocks stand.
func (e *evidenceBench) disk(record []byte) error {
	t := newTable("the disk alone: write and fdatasync", "records", "p50 ms", "p95 ms", "p99 ms")
	count := pick(e.bench, 1000, 100)
	for _, grows := range []bool{true, false} {
		f, err := os.Create(filepath.Join(e.dir, "disk"))
		if err != nil {
			return err
		}
		kind := "growing file"
		if !grows {
			kind = "written file"
			_, err = f.Write(make([]byte, count*len(record)))
			err = errors.Join(err, f.Sync())
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
		at := int64(0)
		took, _, err := atOnce(1, count, func() error {
			_, err := f.WriteAt(record, at)
			at += int64(len(record))

			return errors.Join(err, unix.Fdatasync(int(f.Fd())))
		})
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		t.row(kind, count, took.fine(.5), took.fine(.95), took.fine(.99))
	}
	t.write(e.Out)

	return nil
}

// replay spools events while the database is not asked, and then writes them.
func (e *evidenceBench) replay(ctx context.Context) error {
	s, err := e.openSpool("replay")
	if err != nil {
		return err
	}
	owner := storage.Owner{Node: "bench", Boot: uuid.New()}
	rows := pick(e.bench, 60_000, 2000)
	first := storage.NewJournal(e.store, owner, storage.JournalOptions{Spool: s})
	c := storage.Call{ID: storage.NewID(), Direction: storage.Inbound, Door: storage.DoorSIP, State: storage.Ringing, StartedAt: time.Now()}
	first.Begin(c)
	for i := range rows {
		first.Event(storage.Event{CallID: c.ID, Seq: i, At: time.Duration(i), Kind: "speech", Data: []byte(`{"frames":12}`)})
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	first.Stop(stopped) // it was not started: all goes to the spool
	waiting := s.Stats().Waiting
	second := storage.NewJournal(e.store, owner, storage.JournalOptions{Spool: s})
	began := time.Now()
	if err := second.Start(); err != nil {
		return err
	}
	err = second.Flush(ctx)
	took := time.Since(began)
	second.Stop(ctx)
	t := newTable("replay into the database: rows", "s", "rows/s")
	t.row(waiting, fmt.Sprintf("%.1f", took.Seconds()), fmt.Sprintf("%.0f", float64(waiting)/took.Seconds()))
	t.write(e.Out)

	return errors.Join(err, s.Close())
}
