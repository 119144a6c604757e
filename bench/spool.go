package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"trunkline/storage"
	"trunkline/storage/spool"
)

// historySegment is the size of a segment of the gateway's history, in bytes.
const historySegment = 4 << 20

func (e *evidenceBench) openSpool(name string, segment int64) (*spool.Spool, error) {
	files, err := spool.Directory(filepath.Join(e.dir, name))
	if err != nil {
		return nil, err
	}

	return spool.Open(files, spool.Options{Segment: segment, Reserve: true})
}

// spool measures how long a record takes to the disk, and how fast history
// goes from there into the database.
func (b *bench) spool(ctx context.Context) error {
	return b.withLedger(ctx, func(e *evidenceBench) error { return errors.Join(e.spoolAppends(), e.replay(ctx)) })
}

// spoolAppends measures turn by turn with the disk alone, so that both meet the
// same other work on the machine: a write and fdatasync of one record within a
// file whose blocks stand, which is the least that a durable record costs. Small
// segments show what it costs to begin one: more than one append in a hundred does.
func (e *evidenceBench) spoolAppends() error {
	const rounds = 10
	t := newTable("spool: writers", "KiB in a segment", "records", "append p50 ms", "p95 ms", "p99 ms", "records/s", "disk alone p50 ms", "p99 ms", "ratio p50", "p99")
	record := bytes.Repeat([]byte("x"), 400)
	for _, of := range []struct {
		writers int
		segment int64
	}{{1, historySegment}, {1, 32 << 10}, {16, historySegment}, {64, historySegment}} {
		s, err := e.openSpool(fmt.Sprintf("spool-%d-%d", of.writers, of.segment), of.segment)
		if err != nil {
			return err
		}
		d, err := e.openDisk(record)
		if err != nil {
			return errors.Join(err, s.Close())
		}
		each := pick(e.bench, 4000, 200) / rounds
		var appends, alone sample
		var busy time.Duration
		for range rounds {
			took, all, failed := atOnce(of.writers, max(each/of.writers, 1), func() error {
				_, err := s.Append(record)

				return err
			})
			bare, _, disk := atOnce(1, each/4, d.write)
			appends, alone, busy = append(appends, took...), append(alone, bare...), busy+all
			err = errors.Join(err, failed, disk)
		}
		if err := errors.Join(err, s.Close(), d.file.Close()); err != nil {
			return err
		}
		t.row(of.writers, of.segment>>10, len(appends), appends.fine(.5), appends.fine(.95), appends.fine(.99), fmt.Sprintf("%.0f", float64(len(appends))/busy.Seconds()),
			alone.fine(.5), alone.fine(.99), ratio(appends, alone, .5), ratio(appends, alone, .99))
	}
	t.write(e.Out)

	return nil
}

// ratio is how many times as long the one took as the other.
func ratio(of, to sample, q float64) string {
	a, _ := of.quantile(q)
	b, ok := to.quantile(q)
	if !ok || b == 0 {
		return "–"
	}

	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}

// diskAlone writes one record after another into a file.
type diskAlone struct {
	file   *os.File
	record []byte
	at     atomic.Int64
}

func (e *evidenceBench) openDisk(record []byte) (*diskAlone, error) {
	f, err := os.Create(filepath.Join(e.dir, "disk"))
	if err != nil {
		return nil, err
	}
	const blocks = 4 << 20
	if _, err = f.Write(make([]byte, blocks)); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}

	return &diskAlone{file: f, record: record}, nil
}

func (d *diskAlone) write() error {
	size := int64(len(d.record))
	_, err := d.file.WriteAt(d.record, d.at.Add(size)-size)

	return errors.Join(err, unix.Fdatasync(int(d.file.Fd())))
}

// replay spools events while the database is not asked, and then writes them.
func (e *evidenceBench) replay(ctx context.Context) error {
	s, err := e.openSpool("replay", historySegment)
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
