package evidence

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
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
	// writers is how many transactions are on their way at once: one finds
	// facts while the one before it is fsynced.
	writers = 2
	// mostTogether bounds the writes of one transaction, and by it how long the
	// first of them waits for the last.
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
	err     error                   // its own
	done    chan error              // capacity 1
}

// committer puts the writes of many callers into few transactions: a tenant's
// chain takes one after another, and each costs an fsync. Writes that come
// while transactions run share the next one.
//
// It has goroutines only as long as something waits.
type committer struct {
	pool *pgxpool.Pool

	mu      sync.Mutex
	closed  bool
	waiting []*write
	running int // goroutines
	all     sync.WaitGroup
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
		all, c.waiting = together(c.waiting)
		if len(all) == 0 {
			c.running--
			c.mu.Unlock()

			return
		}
		c.mu.Unlock()
		c.commit(all)
	}
}

// together takes writes that may share a transaction, the oldest first: those
// of one tenant, and of each called party one, which sees what the one before
// it left. The rest keep their order.
func together(waiting []*write) (taken, rest []*write) {
	callees := map[Callee]bool{}
	for i, w := range waiting {
		if len(taken) == mostTogether {
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

// commit writes all of them, or where the database refuses that, each alone:
// one that it never takes does not hold up the others.
func (c *committer) commit(all []*write) {
	ctx, cancel := awaited(all)
	defer cancel()
	refused, err := c.transact(ctx, all)
	if refused && len(all) > 1 {
		for _, w := range all {
			c.commit([]*write{w})
		}

		return
	}
	for _, w := range all {
		w.done <- errors.Join(err, w.err)
	}
}

// awaited ends when the last of the callers has gone.
func awaited(all []*write) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	var left atomic.Int64
	left.Store(int64(len(all)))
	stops := make([]func() bool, len(all))
	for i, w := range all {
		stops[i] = context.AfterFunc(w.ctx, func() {
			if left.Add(-1) == 0 {
				cancel()
			}
		})
	}

	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}

// transact takes the locks and asks the questions in one round trip, and adds
// the entries and commits in another. refused says that the error is of what
// was written, and not of the connection.
func (c *committer) transact(ctx context.Context, all []*write) (refused bool, err error) {
	err = inTransaction(ctx, c.pool, func(conn *pgx.Conn) error {
		err := transaction(ctx, conn, all)
		refused = err != nil && !conn.IsClosed()

		return err
	})

	return refused, err
}

func transaction(ctx context.Context, conn *pgx.Conn, all []*write) error {
	var questions, answers pgx.Batch
	var callees []Callee
	for _, w := range all {
		callees = append(callees, w.callees...)
	}
	questions.Queue(`BEGIN`)
	if len(callees) > 0 {
		lockCallees(&questions, all[0].tenant, callees...)
	}
	asked := false
	for _, w := range all {
		if w.ask != nil {
			w.ask(&questions)
			asked = true
		}
	}
	if asked {
		if err := conn.SendBatch(ctx, &questions).Close(); err != nil {
			return err
		}
	} else {
		answers.QueuedQueries = questions.QueuedQueries // nothing to wait for
	}
	var entries []entry
	for _, w := range all {
		var own []entry
		if w.err = context.Cause(w.ctx); w.err == nil {
			own, w.err = w.entries()
		}
		entries = append(entries, own...)
	}
	if len(entries) > 0 {
		queue(&answers, entries...)
	}
	answers.Queue(`COMMIT`)

	return conn.SendBatch(ctx, &answers).Close()
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
