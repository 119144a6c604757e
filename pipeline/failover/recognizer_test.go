package failover

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/breaker"
	"trunkline/pipeline/declared"
)

func open(t *testing.T, r pipeline.Recognizer) pipeline.Recognition {
	t.Helper()
	s, err := r.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })

	return s
}

func TestTheNextRecogniserHearsTheWholeTalkspurt(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]declared.Fault{
		"fails":         {Err: errDown},
		"no last words": {Stall: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				first := &declared.Recognizer{Final: 100 * time.Millisecond, Faults: declared.At(1, fault), Says: declared.Always("first")}
				second := &listener{Recognizer: declared.Recognizer{Final: 100 * time.Millisecond, Says: declared.Always("second")}}
				var seen failures
				s := open(t, NewRecognizer(seen.watch,
					option[pipeline.Recognizer]("first", first), option[pipeline.Recognizer]("second", second)))
				speak(s, 1, time.Second)
				if got := final(t, s, 1); got.Text != "first" {
					t.Fatalf("%+v", got)
				}
				speak(s, 2, 2*time.Second)
				if got := final(t, s, 2); got.Text != "second" || got.Err != nil {
					t.Fatalf("%+v", got)
				}
				speak(s, 3, time.Second)
				if got := final(t, s, 3); got.Text != "second" {
					t.Fatalf("%+v", got)
				}
				second.mu.Lock()
				defer second.mu.Unlock()
				if second.frames[1] != 0 || second.frames[2] != 100 || second.frames[3] != 50 {
					t.Errorf("the second recogniser heard %v", second.frames)
				}
				if len(seen.kinds()) != 1 {
					t.Errorf("failures: %v", seen.kinds())
				}
			})
		})
	}
}

func TestARecogniserThatDoesNotOpenIsPassedOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := &declared.Recognizer{Opens: declared.Every(declared.Fault{Stall: true})}
		s := open(t, NewRecognizer(nil,
			option[pipeline.Recognizer]("first", first), option[pipeline.Recognizer]("second", &declared.Recognizer{})))
		speak(s, 1, time.Second)
		if got := final(t, s, 1); got.Text != "yes" {
			t.Fatalf("%+v", got)
		}
	})
}

func TestWhenAllRecognisersFailTheTalkspurtIsLostAndTheNextOneHeard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bad := declared.At(0, declared.Fault{Err: errDown})
		s := open(t, NewRecognizer(nil,
			option[pipeline.Recognizer]("first", &declared.Recognizer{Faults: bad, Opens: declared.At(1, declared.Fault{Err: errDown})}),
			option[pipeline.Recognizer]("second", &declared.Recognizer{Faults: bad})))
		speak(s, 1, time.Second)
		if got := final(t, s, 1); !errors.Is(got.Err, errDown) {
			t.Fatalf("%+v", got)
		}
		speak(s, 2, time.Second)
		if got := final(t, s, 2); got.Err == nil { // the faults are those of each stream's first talkspurt
			t.Fatalf("%+v", got)
		}
	})
}

func TestBusyIsNoFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := option[pipeline.Recognizer]("only", &declared.Recognizer{Streams: 1})
		r := NewRecognizer(nil, o)
		open(t, r)
		for range 10 {
			if _, err := r.Open(t.Context()); !errors.Is(err, pipeline.ErrBusy) {
				t.Fatal(err)
			}
		}
		if st := o.Breaker.State(time.Now()); st != breaker.Closed {
			t.Errorf("the breaker is %s", st)
		}
	})
}

func TestALongTalkspurtIsKeptInPart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := &declared.Recognizer{Faults: declared.Every(declared.Fault{Err: errDown})}
		second := &listener{}
		s := open(t, NewRecognizer(nil,
			option[pipeline.Recognizer]("first", first), option[pipeline.Recognizer]("second", second)))
		speak(s, 1, 50*time.Second)
		if got := final(t, s, 1); got.Err != nil {
			t.Fatalf("%+v", got)
		}
		second.mu.Lock()
		defer second.mu.Unlock()
		kept := time.Duration(second.frames[1]) * media.FrameDuration
		if kept > keptAudio || kept < keptAudio-2*time.Second {
			t.Errorf("the second recogniser heard %v", kept)
		}
	})
}

func TestWriteAllocatesNothing(t *testing.T) {
	s := open(t, NewRecognizer(nil, option[pipeline.Recognizer]("only", &declared.Recognizer{})))
	var f media.Frame
	s.Begin(1)
	for range 2000 { // the buffer is as long as it gets
		s.Write(&f)
	}
	if n := testing.AllocsPerRun(500, func() { s.Write(&f) }); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

func TestALullReachesTheRecogniser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, NewRecognizer(nil, option[pipeline.Recognizer]("only", &declared.Recognizer{Final: 300 * time.Millisecond})))
		early, ok := s.(pipeline.Anticipator)
		if !ok {
			t.Fatal("the stream is no Anticipator")
		}
		for n, lull := range []time.Duration{0, 200 * time.Millisecond} {
			s.Begin(n)
			s.Write(&media.Frame{})
			time.Sleep(time.Second)
			if lull > 0 {
				early.Lull()
				time.Sleep(100 * time.Millisecond)
				early.Resume()
				time.Sleep(100 * time.Millisecond)
				early.Lull()
				time.Sleep(lull)
			}
			start := time.Now()
			s.End()
			final(t, s, n)
			if took, want := time.Since(start), 300*time.Millisecond-lull; took != want {
				t.Errorf("after %v of silence the last words took %v, want %v", lull, took, want)
			}
		}
	})
}
