package sphinx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"trunkline/pipeline"
)

var _ pipeline.Recognizer = (*Recognizer)(nil)

func TestPoolIsBoundedAndReused(t *testing.T) {
	t.Parallel()
	r, made := pool(t, 2, nil)
	a, b := open(t, r), open(t, r)
	if _, err := r.Open(context.Background()); !errors.Is(err, pipeline.ErrBusy) {
		t.Errorf("a third stream: error %v, want %v", err, pipeline.ErrBusy)
	}
	if r.InUse() != 2 || r.Size() != 2 {
		t.Errorf("%d of %d in use", r.InUse(), r.Size())
	}
	for range 2 {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	for range 20 {
		s := open(t, r)
		s.Begin(1)
		s.Write(frame('a')) // closed in mid-word
		_ = s.Close()
	}
	if n := len(made()); n != 2 {
		t.Errorf("%d decoders were made, want 2", n)
	}
	_ = b.Close()
	_ = r.Close()
	if _, err := r.Open(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: error %v, want %v", err, ErrClosed)
	}
}

func TestCloseEndsOpenStreams(t *testing.T) {
	t.Parallel()
	r, made := pool(t, 3, nil)
	s := open(t, r)
	s.Begin(1)
	s.Write(frame('a'))
	if err := r.Prewarm(context.Background(), 9); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	for range s.Transcripts() {
	}
	s.Write(frame('b')) // late audio is harmless
	s.End()
	_ = s.Close()
	decoders := made()
	if len(decoders) != 3 {
		t.Errorf("%d decoders were made, want 3", len(decoders))
	}
	for i, d := range decoders {
		if !d.freed.Load() {
			t.Errorf("decoder %d was not freed", i)
		}
	}
}

func TestOpenReportsWhyThereIsNoDecoder(t *testing.T) {
	t.Parallel()
	fail := true
	r := newRecognizer(1, slog.New(slog.DiscardHandler), func() (decoder, error) {
		if fail {
			return nil, errBroken
		}
		return &fakeDecoder{t: t}, nil
	})
	defer r.Close()
	if _, err := r.Open(context.Background()); !errors.Is(err, errBroken) {
		t.Errorf("error %v, want %v", err, errBroken)
	}
	if err := r.Prewarm(context.Background(), 1); !errors.Is(err, errBroken) {
		t.Errorf("error %v, want %v", err, errBroken)
	}
	fail = false // the failure cost no place in the pool
	_ = open(t, r).Close()
}

func TestEndedContext(t *testing.T) {
	t.Parallel()
	r, made := pool(t, 1, nil)
	defer r.Close()
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errBroken)
	if _, err := r.Open(ctx); !errors.Is(err, errBroken) {
		t.Errorf("Open: error %v, want %v", err, errBroken)
	}
	if err := r.Prewarm(ctx, 1); !errors.Is(err, errBroken) {
		t.Errorf("Prewarm: error %v, want %v", err, errBroken)
	}
	if n := len(made()); n != 0 {
		t.Errorf("%d decoders were made", n)
	}
}

// Many calls at once on a small pool, with a Close in the middle.
func TestPoolConcurrency(t *testing.T) {
	t.Parallel()
	r, _ := pool(t, 3, nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 50 {
				s, err := r.Open(context.Background())
				switch {
				case errors.Is(err, pipeline.ErrBusy):
					continue
				case errors.Is(err, ErrClosed):
					return
				case err != nil:
					t.Error(err)
					return
				}
				if n := r.InUse(); n > 3 {
					t.Errorf("%d streams in use", n)
				}
				s.Begin(1)
				for range i % 7 {
					s.Write(frame('a'))
				}
				if i%2 == 0 {
					s.End()
				}
				_ = s.Close()
			}
		})
	}
	wg.Go(func() { _ = r.Prewarm(context.Background(), 3) })
	wg.Wait()
	for range 2 {
		wg.Go(func() { _ = r.Close() })
	}
	wg.Wait()
	if r.InUse() != 0 || r.made != 0 {
		t.Errorf("%d streams and %d decoders are left", r.InUse(), r.made)
	}
}

func ExampleConfig() {
	_, err := New(context.Background(), Config{Mode: "grammar"})
	fmt.Println(err)
	// Output: offline recogniser: unknown mode "grammar", want "domain", "general+domain" or "general"
}
