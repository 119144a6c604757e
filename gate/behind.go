package gate

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"trunkline/storage/spool"
)

// behind writes what waits in a spool into the database, in its order, when that
// is there.
type behind struct {
	what  string // waits, for the log
	spool *spool.Spool
	retry time.Duration // between attempts
	log   *slog.Logger
	// write puts records into the database, each once whatever happened before.
	write func(ctx context.Context, records []spool.Record) error
	bound time.Duration // of one write

	wake chan struct{} // capacity 1: something went to the spool
	quit context.CancelFunc
	done chan struct{} // closed when the writing has ended
}

// together is how many records are written at once.
const together = 256

// put keeps a record on disk.
func (b *behind) put(data []byte) error {
	if _, err := b.spool.Append(data); err != nil {
		return err
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}

	return nil
}

func (b *behind) start() error {
	if b.done != nil {
		return errors.New("start to write " + b.what + ": it was started before")
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.quit, b.done = cancel, make(chan struct{})
	go func() {
		defer close(b.done)
		b.run(ctx)
	}()

	return nil
}

// stop may be called again, and before start. What still waits is for the next
// process.
func (b *behind) stop() {
	if b.done != nil {
		b.quit()
		<-b.done
	}
}

func (b *behind) run(ctx context.Context) {
	for {
		n, err := b.step(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			b.log.Warn(b.what+" wait for the database", slog.Int("waiting", b.spool.Stats().Waiting), slog.Any("error", err))
			select {
			case <-time.After(b.retry):
			case <-ctx.Done():
				return
			}
		case n == 0:
			select {
			case <-b.wake:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (b *behind) step(ctx context.Context) (int, error) {
	records, err := b.spool.Next(together)
	if err != nil || len(records) == 0 {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, b.bound)
	defer cancel()
	if err := b.write(ctx, records); err != nil {
		return 0, err
	}

	return len(records), b.spool.Settle(records[len(records)-1].Number)
}
