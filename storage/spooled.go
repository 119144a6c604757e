package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"trunkline/storage/spool"
)

// spooled is a row as the spool keeps it, with the owner of its call: the
// process that writes it in the end may be another.
type spooled struct {
	Owner Owner  `json:"owner"`
	Call  *Call  `json:"call,omitempty"`
	Turn  *Turn  `json:"turn,omitempty"`
	Event *Event `json:"event,omitempty"`
}

func encodeRow(r row, own Owner) ([]byte, error) {
	if r.owner != nil {
		own = *r.owner
	}

	return json.Marshal(spooled{Owner: own, Call: r.call, Turn: r.turn, Event: r.event}) //nolint:musttag // the fields' own names: only this package reads it back
}

func decodeRow(data []byte) (row, error) {
	var s spooled
	if err := json.Unmarshal(data, &s); err != nil { //nolint:musttag // as it was written
		return row{}, err
	}
	if s.Call == nil && s.Turn == nil && s.Event == nil {
		return row{}, fmt.Errorf("it holds neither a call nor a turn nor an event")
	}

	if s.Event != nil && string(s.Event.Data) == "null" {
		s.Event.Data = nil
	}

	return row{owner: &s.Owner, call: s.Call, turn: s.Turn, event: s.Event}, nil
}

// spill moves the rows in memory into the spool, when they have waited for too
// long, are too many, or must keep behind rows that are there already. It
// returns whether any were moved.
func (j *Journal) spill(force bool) bool {
	j.mu.Lock()
	if !force && !j.mustSpill() {
		j.mu.Unlock()

		return false
	}
	j.spilling = true
	rows := j.writing // these first: they are older
	inFlight := len(rows)
	if inFlight == 0 {
		rows = j.queue.take(j.opts.Batch)
	}
	j.mu.Unlock()

	var payloads [][]byte
	var err error
	for i := 0; i < len(rows) && err == nil; i++ {
		var data []byte
		data, err = encodeRow(rows[i], j.owner)
		payloads = append(payloads, data)
	}
	if err == nil && len(rows) > 0 {
		_, err = j.opts.Spool.Append(payloads...)
	}

	j.mu.Lock()
	defer j.mu.Unlock()
	j.spilling = false
	// The writer may have settled the first rows in the meantime.
	still := rows
	if inFlight > 0 {
		still = j.writing
	}
	j.spoolFailed(err)
	if err != nil {
		j.writing = still
		j.announce()
		j.nudge()

		return false
	}
	j.queue.settle(still)
	j.writing = nil
	j.moved++
	j.announce()
	j.nudge()

	return len(rows) > 0
}

// mustSpill is the rule; mu is held.
func (j *Journal) mustSpill() bool {
	if len(j.writing)+j.queue.len() == 0 {
		return false
	}
	oldest := j.queue.oldestCame()
	if len(j.writing) > 0 {
		oldest = j.writing[0].came
	}

	return !j.stats.Up || j.queue.bytes > j.opts.Bound/2 || time.Since(oldest) >= j.opts.SpillAfter ||
		j.pendingUpTo(j.hurry) > 0 || j.opts.Spool.Stats().Waiting > 0
}

// spills runs until quit is closed.
func (j *Journal) spills(quit <-chan struct{}) {
	tick := time.NewTicker(j.opts.SpillAfter / 2)
	defer tick.Stop()
	for {
		select {
		case <-quit:
			return
		case <-tick.C:
		case <-j.pressed:
		}
		for j.spill(false) {
		}
	}
}

// replayBatches is how many batches are written at once from the spool: nobody
// waits for a single row there, and each transaction and mark costs fsyncs.
const replayBatches = 8

// fromSpool gives rows that wait in the spool, and the number by which they
// are settled. What cannot be read as a row is logged and passed over.
func (j *Journal) fromSpool() (rows []row, last uint64, err error) {
	records, err := j.opts.Spool.Next(j.lot)
	if err != nil || len(records) == 0 {
		return nil, 0, err
	}
	for _, r := range records {
		decoded, err := decodeRow(r.Payload)
		if err != nil {
			j.opts.Log.Error("history lost: a record of the spool is no row", "record", r.Number, "err", err)

			continue
		}
		rows = append(rows, decoded)
	}

	return rows, records[len(records)-1].Number, nil
}

// replay writes the next rows of the spool, and settles them.
func (j *Journal) replay(ctx context.Context) error {
	rows, last, err := j.fromSpool()
	if err != nil || last == 0 {
		return err
	}
	homeless, err := j.deliver(ctx, rows)
	// A database that cannot take so many in JournalOptions.Timeout may take fewer.
	if err != nil {
		j.lot = max(1, j.lot/2)
	} else {
		j.lot = min(2*j.lot, replayBatches*j.opts.Batch)
	}
	var marked error
	if err == nil {
		marked = j.opts.Spool.Settle(last)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		j.failed(err)

		return err
	}
	j.spoolFailed(marked)
	j.wrote(len(rows), homeless)
	j.announce()

	return nil
}

// spoolFailed keeps and logs the spool's state; mu is held.
func (j *Journal) spoolFailed(err error) {
	now := ""
	if err != nil {
		now = err.Error()
	}
	if now != "" && j.stats.SpoolError == "" {
		j.opts.Log.Error("the spool fails: history is kept in memory", "err", err)
	}
	j.stats.SpoolError = now
}

// deliver writes rows together, or where the database refuses one of them, each
// half of them: what it refuses is found in few steps, and alone is given up.
func (j *Journal) deliver(ctx context.Context, rows []row) (homeless Drops, err error) {
	if len(rows) == 0 {
		return Drops{}, nil
	}
	homeless, err = j.try(ctx, rows)
	if !refused(err) || len(rows) == 1 {
		return homeless, err
	}
	first, err := j.deliver(ctx, rows[:len(rows)/2])
	if err != nil {
		return Drops{}, err
	}
	second, err := j.deliver(ctx, rows[len(rows)/2:])

	return first.and(second), err
}

// waits reports whether the spool holds rows that are not written.
func waits(s *spool.Spool) bool { return s != nil && s.Stats().Waiting > 0 }
