package storage

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"trunkline/storage/spool"
)

// JournalOptions set up a Journal. The zero value of each has the default
// that is given with it.
type JournalOptions struct {
	Bound      int           // bytes of memory for rows that wait to be written; 64 MiB
	Batch      int           // rows in one transaction; 256
	Timeout    time.Duration // for one transaction; 10 s
	RetryMin   time.Duration // first pause after a failure, doubled after each further one; 100 ms
	RetryMax   time.Duration // longest pause; 5 s
	ReportEach time.Duration // between log lines about dropped rows; 10 s
	// Ask is how often a Journal that has nothing to write asks whether the
	// database is there, so that Stats.Up tells of an outage before the next row
	// does; 0: it does not ask.
	Ask time.Duration
	// Spool takes the rows that cannot be written: they survive the process.
	// The Journal is its one consumer and does not close it. nil: they stay in
	// memory.
	Spool      *spool.Spool
	SpillAfter time.Duration // how long a row may wait in memory before it goes to the spool; 500 ms
	KeepAfter  time.Duration // the same of a row that somebody waits for by Keep; 50 ms
	Log        *slog.Logger  // discards
}

func (o *JournalOptions) setDefaults() {
	orInt := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	orTime := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	orInt(&o.Bound, 64<<20)
	orInt(&o.Batch, 256)
	orTime(&o.Timeout, 10*time.Second)
	orTime(&o.RetryMin, 100*time.Millisecond)
	orTime(&o.RetryMax, 5*time.Second)
	orTime(&o.ReportEach, 10*time.Second)
	orTime(&o.SpillAfter, 500*time.Millisecond)
	orTime(&o.KeepAfter, 50*time.Millisecond)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// database is where sessions are opened; *Store is one.
type database interface {
	session(ctx context.Context, owner Owner) (writer, error)
}

// writer is one session. After an error of write that is not refused, it is of
// no further use.
type writer interface {
	write(ctx context.Context, rows []row) (homeless Drops, err error)
	ping(ctx context.Context) error
	close()
}

// Journal writes the history of calls behind them. Begin, Update, Turn and
// Event never wait: they queue a row, and one goroutine writes the rows in
// the order in which they came, each once. While the database is away, or too
// slow, the rows go to JournalOptions.Spool. Where there is none or its disk
// fails, they stay in memory, within JournalOptions.Bound; beyond it the
// oldest events are given up first, then turns, then calls. Rows given up are
// counted and logged.
//
// All methods are safe for concurrent use.
type Journal struct {
	store  database
	owner  Owner
	opts   JournalOptions
	writer writer // nil when not connected; belongs to the writer goroutine
	lot    int    // rows of the spool that are written at once; the writer goroutine's too

	wake    chan struct{} // capacity 1: rows came, or the Journal stops
	pressed chan struct{} // capacity 1: rows should go to the spool now
	cancel  context.CancelFunc
	done    chan struct{} // closed when the writer goroutine has ended

	mu       sync.Mutex
	queue    queue
	writing  []row         // taken from the queue, not yet settled
	spilling bool          // rows are on their way from here to the spool: the writer takes none
	moved    int           // counts the times that writing went to the spool
	hurry    uint64        // rows up to this one go to the spool when the database has not taken them
	trying   time.Time     // since when the database is being asked; zero: it is not
	took     time.Duration // that it took the last time
	started  bool
	stopping bool
	settled  chan struct{} // closed, and replaced, whenever rows are settled
	stats    Stats
}

// Stats is what a Journal has done so far.
type Stats struct {
	Queued    int       // rows that wait, the ones being written among them
	Bytes     int       // memory that they take, estimated
	Spooled   int       // rows that wait in the spool
	SpoolSize int64     // bytes of the spool's files
	Written   uint64    // rows that stand in the database
	Dropped   Drops     // rows given up for want of memory or time
	Refused   Drops     // rows that the database would never take
	Up        bool      // the last write succeeded, or none has been tried
	LastError string    // of the latest failed write; empty when none failed
	LastAt    time.Time // when LastError happened

	SpoolError string // why the spool takes no rows; empty when it does
}

// NewJournal makes a Journal that writes to s in the name of owner. Rows may
// be queued before Start.
func NewJournal(s *Store, owner Owner, opts JournalOptions) *Journal {
	return newJournal(s, owner, opts)
}

func newJournal(d database, owner Owner, opts JournalOptions) *Journal {
	opts.setDefaults()
	return &Journal{
		store: d, owner: owner, opts: opts, lot: replayBatches * opts.Batch,
		wake:    make(chan struct{}, 1),
		pressed: make(chan struct{}, 1),
		done:    make(chan struct{}),
		settled: make(chan struct{}),
		queue:   queue{bound: opts.Bound},
		stats:   Stats{Up: true},
	}
}

// Begin queues the record of a new call.
func (j *Journal) Begin(c Call) { j.put(callRow(c)) }

// Update queues the record of a call as it now stands, whole: after its
// answer, at its end. It replaces what was written before.
func (j *Journal) Update(c Call) { j.put(callRow(c)) }

// Turn queues a turn, after its call was begun. A turn of the same call and
// number replaces the one before.
func (j *Journal) Turn(t Turn) { j.put(turnRow(t)) }

// Event queues an event, after its call was begun.
func (j *Journal) Event(e Event) { j.put(eventRow(e)) }

func (j *Journal) put(r row) {
	j.mu.Lock()
	if j.stopping {
		j.queue.drops = j.queue.drops.plus(r.rank())
	} else {
		j.queue.push(r)
	}
	press := j.opts.Spool != nil && (!j.stats.Up || j.queue.bytes > j.opts.Bound/2)
	j.mu.Unlock()
	j.nudge()
	if press {
		tell(j.pressed)
	}
}

func (j *Journal) nudge() { tell(j.wake) }

// tell leaves a note in a channel of capacity 1.
func tell(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Start begins to write. It may be called once.
func (j *Journal) Start() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.started || j.stopping {
		return fmt.Errorf("start the journal: it was started before")
	}
	j.started = true
	ctx, cancel := context.WithCancel(context.Background())
	j.cancel = cancel
	go func() {
		defer close(j.done)
		defer j.disconnect()
		if j.opts.Spool == nil {
			j.run(ctx)

			return
		}
		quit := make(chan struct{})
		var spills sync.WaitGroup
		spills.Go(func() { j.spills(quit) })
		j.run(ctx)
		close(quit)
		spills.Wait()
	}()
	return nil
}

// Stop takes no further rows, writes the queued ones until ctx ends, puts the
// rest into the spool for the next process, and returns how many rows were
// lost in the Journal's whole life: given up for want of memory or time, or
// refused. It may be called again, and before
// Start.
func (j *Journal) Stop(ctx context.Context) (lost uint64) {
	j.mu.Lock()
	j.stopping = true
	started := j.started
	j.mu.Unlock()
	if started {
		j.nudge()
		select {
		case <-j.done:
		case <-ctx.Done():
			j.cancel()
			<-j.done
		}
		j.cancel()
	}
	if j.opts.Spool != nil {
		for j.spill(true) {
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	rest := slices.Concat(j.writing, j.queue.take(j.queue.len()))
	for _, r := range rest {
		j.queue.drops = j.queue.drops.plus(r.rank())
	}
	j.queue.settle(rest)
	j.writing = nil
	j.announce()
	lost = j.queue.drops.Total() + j.stats.Refused.Total()
	if len(rest) > 0 {
		j.opts.Log.Error("history lost: the journal stopped before the database took it", "rows", len(rest), "lost_in_all", lost)
	}
	return lost
}

// Flush waits until every row queued so far is written, dropped or refused,
// or ctx ends.
func (j *Journal) Flush(ctx context.Context) error {
	j.mu.Lock()
	target := j.queue.lastSeq
	for {
		rest := j.pendingUpTo(target)
		if rest == 0 && j.opts.Spool != nil {
			rest = j.opts.Spool.Stats().Waiting
		}
		if rest == 0 {
			j.mu.Unlock()
			return nil
		}
		if err := j.awaitSettled(ctx, rest); err != nil {
			return err
		}
	}
}

// Keep waits until every row queued so far would outlive the process: it is in
// the database, or in the spool. A database that is known to be slow is not
// waited for. It fails when ctx ends first, and when neither takes rows.
func (j *Journal) Keep(ctx context.Context) error {
	j.mu.Lock()
	lags := j.lags()
	j.mu.Unlock()
	if lags {
		j.hasten()
	} else {
		hurry := time.AfterFunc(j.opts.KeepAfter, j.hasten)
		defer hurry.Stop()
	}
	j.mu.Lock()
	target := j.queue.lastSeq
	for {
		rest := j.pendingUpTo(target)
		failing := !j.stats.Up && (j.opts.Spool == nil || j.stats.SpoolError != "")
		if rest == 0 || failing {
			j.mu.Unlock()
			if rest > 0 {
				return fmt.Errorf("keep the history: %d rows wait in memory: neither the database nor the spool takes them", rest)
			}

			return nil
		}
		if err := j.awaitSettled(ctx, rest); err != nil {
			return err
		}
	}
}

// lags says that the database takes longer for what it is asked than KeepAfter;
// mu is held.
func (j *Journal) lags() bool {
	return j.took >= j.opts.KeepAfter || !j.trying.IsZero() && time.Since(j.trying) >= j.opts.KeepAfter
}

// hasten has the rows queued so far go to the spool, unless they are written
// first.
func (j *Journal) hasten() {
	j.mu.Lock()
	j.hurry = j.queue.lastSeq
	j.mu.Unlock()
	tell(j.pressed)
}

// awaitSettled waits for the next rows to be settled. It unlocks mu, and locks
// it again unless it fails.
func (j *Journal) awaitSettled(ctx context.Context, rest int) error {
	settled := j.settled
	j.mu.Unlock()
	select {
	case <-settled:
	case <-ctx.Done():
		return fmt.Errorf("flush the journal: %d rows not written: %w", rest, context.Cause(ctx))
	}
	j.mu.Lock()

	return nil
}

// pendingUpTo tells how many rows wait, when one that is no later than target
// is among them, and 0 otherwise.
func (j *Journal) pendingUpTo(target uint64) int {
	first := j.queue.firstSeq()
	if len(j.writing) > 0 {
		first = min(first, j.writing[0].seq)
	}
	if first > target {
		return 0
	}
	return len(j.writing) + j.queue.len()
}

// Stats is a snapshot.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.stats
	s.Queued = len(j.writing) + j.queue.len()
	s.Bytes = j.queue.bytes
	s.Dropped = j.queue.drops
	if j.opts.Spool != nil {
		on := j.opts.Spool.Stats()
		s.Spooled, s.SpoolSize = on.Waiting, on.Bytes
	}
	return s
}

// run is the writer goroutine: it ends when the Journal stops and all is
// written, or when ctx ends.
func (j *Journal) run(ctx context.Context) {
	var outage outage
	pause := j.opts.RetryMin
	reports := dropReports{each: j.opts.ReportEach}
	for {
		t := j.next()
		reports.check(j)
		var err error
		switch t.work {
		case finish:
			return
		case wait:
			var asked bool
			asked, err = j.idle(ctx)
			if ctx.Err() != nil {
				return
			}
			if !asked {
				continue
			}
		case drain:
			err = j.replay(ctx)
		case rows:
			err = j.write(ctx, t)
		}
		if err == nil {
			outage.over(j.opts.Log)
			pause = j.opts.RetryMin
			continue
		}
		if ctx.Err() != nil {
			return
		}
		outage.began(j.opts.Log, err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause = min(2*pause, j.opts.RetryMax)
	}
}

// idle waits for rows, and asks now and then whether the database is there. In
// an outage it asks at once: the pause between two attempts has been made.
func (j *Journal) idle(ctx context.Context) (asked bool, err error) {
	var due <-chan time.Time // nil: never
	if j.opts.Ask > 0 {
		due = time.After(j.opts.Ask)
	}
	if j.opts.Ask == 0 || j.Stats().Up {
		select {
		case <-j.wake:
			return false, nil
		case <-ctx.Done():
			return false, nil
		case <-due:
		}
	}
	err = j.ask(ctx)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stats.Up = err == nil; err != nil {
		j.failed(err)
	}
	return true, err
}

// askBound is how many times as long as the pause between two questions an
// answer may take.
const askBound = 3

// ask asks the open session, or opens one.
func (j *Journal) ask(ctx context.Context) (err error) {
	bound := j.opts.Timeout
	if j.writer != nil {
		bound = askBound * j.opts.Ask
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	if j.writer == nil {
		if j.writer, err = j.store.session(ctx, j.owner); err != nil {
			j.writer = nil
		}
		return err
	}
	if err = j.writer.ping(ctx); err != nil {
		j.disconnect()
	}
	return err
}

// work is what the writer does next.
type work int

const (
	wait   work = iota // nothing: no rows wait
	finish             // end: the Journal stops
	drain              // write rows of the spool
	rows               // write rows of the memory
)

// task is work with its rows.
type task struct {
	work  work
	rows  []row
	moved int // Journal.moved when they were taken
}

// next tells what to write: the rows of a failed attempt again, or new ones.
// The spool's come first, since they are older.
func (j *Journal) next() task {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.spilling {
		return task{work: wait} // the spill wakes the writer when it is done
	}
	if waits(j.opts.Spool) {
		if j.stopping && !j.stats.Up && len(j.writing)+j.queue.len() == 0 {
			return task{work: finish} // the next process writes them
		}
		return task{work: drain}
	}
	if len(j.writing) == 0 {
		j.writing = j.queue.take(j.opts.Batch)
	}
	switch {
	case len(j.writing) > 0:
		return task{rows, j.writing, j.moved}
	case j.stopping:
		return task{work: finish}
	default:
		return task{work: wait}
	}
}

// write tries rows together. Rows that the database refuses are found by
// trying each alone and are given up; they do not hold the others back.
func (j *Journal) write(ctx context.Context, t task) error {
	err := j.attempt(ctx, t)
	if !refused(err) || len(t.rows) == 1 {
		return err
	}
	for i := range t.rows {
		if err := j.attempt(ctx, task{t.work, t.rows[i : i+1], t.moved}); err != nil {
			return err
		}
	}
	return nil
}

// attempt writes a task's rows, the first of j.writing, and settles them. Rows that went to the spool in the meantime are left to it.
func (j *Journal) attempt(ctx context.Context, t task) error {
	homeless, err := j.try(ctx, t.rows)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		j.failed(err)
		return err
	}
	j.stats.Up = true
	if t.moved != j.moved {
		return nil
	}
	j.wrote(len(t.rows), homeless)
	j.queue.settle(t.rows)
	j.writing = j.writing[len(t.rows):]
	j.announce()
	return nil
}

// try writes rows in one transaction. A single row that is refused is given
// up.
func (j *Journal) try(ctx context.Context, rows []row) (homeless Drops, err error) {
	ctx, cancel := context.WithTimeout(ctx, j.opts.Timeout)
	defer cancel()
	j.mu.Lock()
	j.trying = time.Now()
	j.mu.Unlock()
	homeless, err = j.send(ctx, rows)
	j.mu.Lock()
	j.took, j.trying = time.Since(j.trying), time.Time{}
	j.mu.Unlock()
	if refused(err) && len(rows) == 1 {
		j.opts.Log.Error("history lost: the database refuses a row", "row", describe(rows[0]), "err", err)
		return homeless.plus(rows[0].rank()), nil
	}
	return homeless, err
}

// failed counts a failure; mu is held.
func (j *Journal) failed(err error) {
	j.stats.Up = refused(err)
	j.stats.LastError, j.stats.LastAt = err.Error(), time.Now()
	if !j.stats.Up {
		tell(j.pressed)
	}
}

// wrote counts rows that the database has now, but for the homeless; mu is
// held.
func (j *Journal) wrote(rows int, homeless Drops) {
	j.stats.Up = true
	j.stats.Written += uint64(rows) - homeless.Total()
	j.stats.Refused = j.stats.Refused.and(homeless)
}

// send writes rows through the open session, or a new one.
func (j *Journal) send(ctx context.Context, rows []row) (homeless Drops, err error) {
	if j.writer == nil {
		if j.writer, err = j.store.session(ctx, j.owner); err != nil {
			j.writer = nil
			return Drops{}, err
		}
	}
	homeless, err = j.writer.write(ctx, rows)
	if err != nil && !refused(err) {
		j.disconnect()
	}
	return homeless, err
}

func (j *Journal) disconnect() {
	if j.writer != nil {
		j.writer.close()
		j.writer = nil
	}
}

// announce wakes the Flushes.
func (j *Journal) announce() {
	close(j.settled)
	j.settled = make(chan struct{})
}

// describe names a row without anything that was said or dialled.
func describe(r row) string {
	switch {
	case r.call != nil:
		return "call " + r.call.ID.String()
	case r.turn != nil:
		return fmt.Sprintf("turn %d of call %s", r.turn.Number, r.turn.CallID)
	default:
		return fmt.Sprintf("event %d of call %s", r.event.Seq, r.event.CallID)
	}
}

// outage logs the loss and the return of the database, once each.
type outage struct{ since time.Time }

func (o *outage) began(log *slog.Logger, err error) {
	if !o.since.IsZero() {
		return
	}
	o.since = time.Now()
	log.Warn("the database does not take the history: it is kept on this node", "err", err)
}

func (o *outage) over(log *slog.Logger) {
	if o.since.IsZero() {
		return
	}
	log.Info("the database takes the history again", "after", time.Since(o.since).Round(time.Millisecond))
	o.since = time.Time{}
}

// dropReports logs newly dropped rows, at most once in each interval.
type dropReports struct {
	each time.Duration
	last time.Time
	told uint64
}

func (d *dropReports) check(j *Journal) {
	s := j.Stats()
	if s.Dropped.Total() == d.told || time.Since(d.last) < d.each {
		return
	}
	j.opts.Log.Error("history dropped: no room for it in memory", "calls", s.Dropped.Calls,
		"turns", s.Dropped.Turns, "events", s.Dropped.Events, "bound_bytes", j.opts.Bound)
	d.told, d.last = s.Dropped.Total(), time.Now()
}
