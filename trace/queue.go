package trace

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

const (
	queueBound  = 8192 // spans; a call of ten minutes has some 300
	batchBound  = 512
	batchPeriod = 2 * time.Second
)

// queue takes spans without waiting and exports them in batches from a
// goroutine of its own. It implements sdk.SpanProcessor.
type queue struct {
	exporter sdk.SpanExporter
	log      *slog.Logger
	spans    chan sdk.ReadOnlySpan
	ctx      context.Context // of exports
	give     context.CancelFunc

	stopping chan struct{}
	once     sync.Once
	done     chan struct{}

	exported, dropped atomic.Uint64
	failing           bool // the latest export failed; the goroutine's
}

func newQueue(e sdk.SpanExporter, log *slog.Logger) *queue {
	q := &queue{
		exporter: e, log: log, spans: make(chan sdk.ReadOnlySpan, queueBound),
		stopping: make(chan struct{}), done: make(chan struct{}),
	}
	q.ctx, q.give = context.WithCancel(context.Background())
	go q.run()

	return q
}

// OnStart implements sdk.SpanProcessor.
func (*queue) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd implements sdk.SpanProcessor. A span that finds no place is dropped.
func (q *queue) OnEnd(s sdk.ReadOnlySpan) {
	select {
	case <-q.stopping:
		q.dropped.Add(1)
	default:
		select {
		case q.spans <- s:
		default:
			q.dropped.Add(1)
		}
	}
}

// ForceFlush implements sdk.SpanProcessor. Nobody here asks for it.
func (*queue) ForceFlush(context.Context) error { return nil }

// Shutdown implements sdk.SpanProcessor: it exports what waits, until ctx
// ends, and drops the rest.
func (q *queue) Shutdown(ctx context.Context) error {
	q.once.Do(func() { close(q.stopping) })
	defer context.AfterFunc(ctx, q.give)()
	<-q.done

	return q.exporter.Shutdown(context.WithoutCancel(ctx)) // it has nothing left to wait for
}

func (q *queue) run() {
	defer close(q.done)
	defer q.give()
	tick := time.NewTicker(batchPeriod)
	defer tick.Stop()
	batch := make([]sdk.ReadOnlySpan, 0, batchBound)
	for {
		select {
		case s := <-q.spans:
			if batch = append(batch, s); len(batch) == batchBound {
				batch = q.export(batch)
			}
		case <-tick.C:
			batch = q.export(batch)
		case <-q.stopping:
			q.drain(batch)

			return
		}
	}
}

// drain exports what is left.
func (q *queue) drain(batch []sdk.ReadOnlySpan) {
	for {
		select {
		case s := <-q.spans:
			if batch = append(batch, s); len(batch) == batchBound {
				batch = q.export(batch)
			}
		default:
			q.export(batch)

			return
		}
	}
}

// export sends a batch and returns its memory for the next one. The exporter
// retries within its own bounds.
func (q *queue) export(batch []sdk.ReadOnlySpan) []sdk.ReadOnlySpan {
	if len(batch) == 0 {
		return batch
	}
	err := q.ctx.Err() // the time to stop is over: the exporter need not try
	if err == nil {
		err = q.exporter.ExportSpans(q.ctx, batch)
	}
	switch {
	case err != nil:
		q.dropped.Add(uint64(len(batch)))
		if !q.failing {
			q.log.Warn("the traces' collector does not take spans; they are dropped", slog.Any("error", err))
		}
	default:
		q.exported.Add(uint64(len(batch)))
		if q.failing {
			q.log.Info("the traces' collector takes spans again", slog.Uint64("dropped", q.dropped.Load()))
		}
	}
	q.failing = err != nil
	clear(batch)

	return batch[:0]
}
