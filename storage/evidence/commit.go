package evidence

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// What refuses a write before the database sees it, for errors.Is.
var (
	ErrBusy   = errors.New("too much waits for the evidence ledger")
	ErrClosed = errors.New("the evidence ledger is closed")
)

const (
	// writers is how many transactions are on their way at once: one gathers
	// while the one before it is fsynced.
	writers = 2
	// mostTogether bounds the writes of one transaction.
	mostTogether = 64
	// mostWaiting bounds the writes that wait for a transaction.
	mostWaiting = 4096
	// commitTimeout bounds a transaction whose callers would wait for ever.
	commitTimeout = 10 * time.Second
)

// write is what one caller wants in the ledger.
type write struct {
	ctx     context.Context //nolint:containedctx // the caller's: others share the transaction
	tenant  string
	callees []Callee                // whose locks it needs
	ask     func(*pgx.Batch)        // queues the questions that come first; nil: none
	entries func() ([]entry, error) // called when they are answered, under the locks
	own     []entry                 // what it returned
	err     error                   // its own
	done    chan error              // capacity 1
}

// committer puts the writes of many callers into few transactions: a tenant's
// chain takes one after another, and each costs an fsync. While one transaction
// is on its way into the chain, the next one takes in what comes: it asks, judges
// and holds the locks, so that all of it follows with the next fsync.
//
// It has goroutines only as long as something waits.
type committer struct {
	pool *pgxpool.Pool
	turn chan struct{} // capacity 1: holds a token while a transaction goes into the chain
	more chan struct{} // capacity 1: something waits for a transaction that takes it in

	mu      sync.Mutex
	closed  bool
	waiting []*write
	running int // goroutines
	all     sync.WaitGroup
}

func newCommitter(pool *pgxpool.Pool) *committer {
	return &committer{pool: pool, turn: make(chan struct{}, 1), more: make(chan struct{}, 1)}
}

// do returns when the write is safe, has failed, or nobody waits for it any
// more: whether it then took effect is not known.
func (c *committer) do(w *write) error {
	w.done = make(chan error, 1)
	if err := c.put(w); err != nil {
		return err
	}
	select {
	case err := <-w.done:
		return err
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
}

func (c *committer) put(w *write) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case len(c.waiting) >= mostWaiting:
		return ErrBusy
	}
	c.waiting = append(c.waiting, w)
	if c.running < writers {
		c.running++
		c.all.Go(c.run)

		return nil
	}
	select {
	case c.more <- struct{}{}:
	default:
	}

	return nil
}

// close takes no further writes, and returns when those that wait are done.
func (c *committer) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.all.Wait()
}

// run commits until nothing waits.
func (c *committer) run() {
	for {
		c.mu.Lock()
		var all []*write
		all, c.waiting = together(c.waiting, map[Callee]bool{}, mostTogether)
		if len(all) == 0 {
			c.running--
			c.mu.Unlock()

			return
		}
		c.mu.Unlock()
		c.commit(all, mostTogether)
	}
}

// together takes up to so many writes that may share a transaction, the oldest
// first: those of one tenant, and of each called party one, which sees what the
// one before it left. The rest keep their order. callees are those that have a
// write in the transaction already.
func together(waiting []*write, callees map[Callee]bool, most int) (taken, rest []*write) {
	for i, w := range waiting {
		if len(taken) == most {
			return taken, append(rest, waiting[i:]...)
		}
		known := slices.ContainsFunc(w.callees, func(of Callee) bool { return callees[of] })
		if w.tenant != waiting[0].tenant || known {
			rest = append(rest, w)
		} else {
			taken = append(taken, w)
		}
		for _, of := range w.callees {
			callees[of] = true
		}
	}

	return taken, rest
}

// commit writes all of them, and up to so many together with those that come
// meanwhile. Where the database refuses that it writes each alone: one that it
// never takes does not hold up the others.
func (c *committer) commit(all []*write, most int) {
	t := transaction{tenant: all[0].tenant, most: most, callees: map[Callee]bool{}, listeners: listen(all)}
	for _, w := range all {
		for _, of := range w.callees {
			t.callees[of] = true
		}
	}
	refused, err := c.transact(&t, all)
	t.listeners.dismiss()
	c.giveBack(t.left)
	if refused && len(t.all) > 1 {
		for _, w := range t.all {
			w.err = nil
			c.commit([]*write{w}, 1)
		}

		return
	}
	for _, w := range t.all {
		w.done <- errors.Join(err, w.err)
	}
}

// giveBack has writes wait again, before all others.
func (c *committer) giveBack(left []*write) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(left, c.waiting...)
}

// join takes what waits into a transaction that is not on its way yet.
func (c *committer) join(t *transaction) []*write {
	c.mu.Lock()
	defer c.mu.Unlock()
	room := t.most - len(t.all) - len(t.left)
	if room <= 0 || len(c.waiting) == 0 || c.waiting[0].tenant != t.tenant {
		return nil
	}
	var taken []*write
	taken, c.waiting = together(c.waiting, t.callees, room)
	for i, w := range taken {
		if !t.listeners.add(w) {
			c.waiting = append(slices.Clone(taken[i:]), c.waiting...)

			return taken[:i]
		}
	}

	return taken
}

// listeners are the callers of a transaction. It is given up when the last of
// them has gone.
type listeners struct {
	ctx    context.Context //nolint:containedctx // of the transaction
	cancel context.CancelFunc

	mu    sync.Mutex
	left  int
	stops []func() bool
}

func listen(all []*write) *listeners {
	l := &listeners{}
	l.ctx, l.cancel = context.WithTimeout(context.Background(), commitTimeout)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range all {
		l.await(w)
	}

	return l
}

// add is false when all have gone before, or the time is over.
func (l *listeners) add(w *write) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		return false
	}
	l.await(w)

	return true
}

// await counts a caller until it goes; mu is held.
func (l *listeners) await(w *write) {
	l.left++
	l.stops = append(l.stops, context.AfterFunc(w.ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.left--; l.left == 0 {
			l.cancel()
		}
	}))
}

func (l *listeners) dismiss() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, stop := range l.stops {
		stop()
	}
	l.cancel()
}

// transaction is one that gathers, and then goes into the chain.
type transaction struct {
	tenant    string
	most      int // writes
	listeners *listeners

	begun   bool
	all     []*write
	left    []*write        // whose locks others hold: for a later one
	callees map[Callee]bool // that have a write in it, or one that waits because of it
}

// transact gathers until it is the transaction's turn, and commits it. refused
// says that the error is of what was written, and not of the connection.
func (c *committer) transact(t *transaction, all []*write) (refused bool, err error) {
	t.all = all // they are told of a connection that is not to be had
	ctx := t.listeners.ctx
	err = inTransaction(ctx, c.pool, func(conn *pgx.Conn) error {
		t.all = nil
		if err = t.gather(ctx, conn, all); err == nil {
			err = c.takeTurn(ctx, conn, t)
		}
		refused = err != nil && !conn.IsClosed() && ctx.Err() == nil

		return err
	})

	return refused, err
}

// takeTurn commits when the transaction before is committed. Until then it
// gathers.
func (c *committer) takeTurn(ctx context.Context, conn *pgx.Conn, t *transaction) error {
	for {
		select {
		case c.turn <- struct{}{}:
			err := t.commit(ctx, conn)
			<-c.turn

			return err
		case <-c.more:
			if more := c.join(t); len(more) > 0 {
				if err := t.gather(ctx, conn, more); err != nil {
					return err
				}
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// gather takes the locks of writes and asks their questions in one round trip,
// and judges. The first ones wait for their locks. Later ones do not: a
// transaction that holds some and waits for others might wait for ever. Nor is
// any lock waited for in turn: its holder may wait for that.
func (t *transaction) gather(ctx context.Context, conn *pgx.Conn, writes []*write) error {
	var (
		b       pgx.Batch
		callees []Callee
		held    = map[int64]bool{} // locks that others hold
	)
	for _, w := range writes {
		callees = append(callees, w.callees...)
	}
	switch {
	case len(callees) == 0:
	case len(t.all) == 0:
		lockCallees(&b, t.tenant, callees...)
	default:
		tryCallees(&b, t.tenant, held, callees...)
	}
	for _, w := range writes {
		if w.ask != nil {
			w.ask(&b)
		}
	}
	if err := t.send(ctx, conn, &b); err != nil {
		t.all = append(t.all, writes...)

		return err
	}
	for _, w := range writes {
		if slices.ContainsFunc(w.callees, func(of Callee) bool { return held[calleeLock(t.tenant, of)] }) {
			t.left = append(t.left, w)

			continue
		}
		t.all = append(t.all, w)
		if w.err = context.Cause(w.ctx); w.err == nil {
			w.own, w.err = w.entries()
		}
	}

	return nil
}

// commit writes the entries of those who still wait.
func (t *transaction) commit(ctx context.Context, conn *pgx.Conn) error {
	var b pgx.Batch
	var entries []entry
	for _, w := range t.all {
		if w.err == nil {
			w.err = context.Cause(w.ctx)
		}
		if w.err == nil {
			entries = append(entries, w.own...)
		}
	}
	if len(entries) > 0 {
		queue(&b, entries...)
	}
	if t.begun || len(entries) > 0 {
		b.Queue(`COMMIT`)
	}

	return t.send(ctx, conn, &b)
}

// send begins the transaction with the first batch that is not empty.
func (t *transaction) send(ctx context.Context, conn *pgx.Conn, b *pgx.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	if !t.begun {
		t.begun = true
		var begin pgx.Batch
		begin.Queue(`BEGIN`)
		b.QueuedQueries = append(begin.QueuedQueries, b.QueuedQueries...)
	}

	return conn.SendBatch(ctx, b).Close()
}

// inTransaction runs do on one connection. do begins the transaction with its
// first batch and commits it with its last, which saves two round trips; when
// it fails, or leaves the transaction open, that is rolled back.
func inTransaction(ctx context.Context, pool *pgxpool.Pool, do func(*pgx.Conn) error) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	err = do(conn.Conn())
	if err != nil && conn.Conn().PgConn().TxStatus() != 'I' && !conn.Conn().IsClosed() {
		_, rolled := conn.Exec(ctx, `ROLLBACK`) // a connection that fails is not used again: Release sees its state
		err = errors.Join(err, rolled)
	}

	return err
}
