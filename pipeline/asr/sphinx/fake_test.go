package sphinx

import (
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"trunkline/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeDecoder hears the first sample of each frame as a word, and keeps the
// rules of decoder: a violation is an error of the test.
type fakeDecoder struct {
	t       *testing.T
	heard   []string
	running bool
	freed   atomic.Bool
	inUse   atomic.Int32
	hold    chan struct{} // process waits on it when not nil

	failStart, failProcess, failFinish error
}

func (d *fakeDecoder) enter() func() {
	if d.freed.Load() {
		d.t.Error("the decoder is used after it was freed")
	}
	if d.inUse.Add(1) != 1 {
		d.t.Error("the decoder is used by two goroutines")
	}
	return func() { d.inUse.Add(-1) }
}

func (d *fakeDecoder) reset() {
	defer d.enter()()
	if d.running {
		d.t.Error("reset in a talkspurt")
	}
}

func (d *fakeDecoder) start() error {
	defer d.enter()()
	if d.running {
		d.t.Error("started twice")
	}
	if d.failStart != nil {
		return d.failStart
	}
	d.running, d.heard = true, nil
	return nil
}

func (d *fakeDecoder) process(samples []int16) error {
	defer d.enter()()
	if !d.running {
		d.t.Error("processes outside a talkspurt")
	}
	if d.hold != nil {
		<-d.hold
	}
	d.heard = append(d.heard, string(rune('a'+samples[0])))
	return d.failProcess
}

func (d *fakeDecoder) words(prev string) string {
	defer d.enter()()
	if text := strings.Join(d.heard, " "); text != prev {
		return text
	}
	return prev
}

func (d *fakeDecoder) finish() (string, float64, error) {
	defer d.enter()()
	if !d.running {
		d.t.Error("finished outside a talkspurt")
	}
	d.running = false
	return strings.Join(d.heard, " "), 0.5, d.failFinish
}

func (d *fakeDecoder) free() {
	if d.freed.Swap(true) {
		d.t.Error("freed twice")
	}
}

// pool is a Recognizer of fake decoders, and the decoders that it made.
func pool(t *testing.T, size int, prepare func(*fakeDecoder)) (*Recognizer, func() []*fakeDecoder) {
	t.Helper()
	made := make(chan *fakeDecoder, 100)
	r := newRecognizer(size, slog.New(slog.DiscardHandler), func() (decoder, error) {
		d := &fakeDecoder{t: t}
		if prepare != nil {
			prepare(d)
		}
		made <- d
		return d, nil
	})
	return r, func() []*fakeDecoder {
		var all []*fakeDecoder
		for len(made) > 0 {
			all = append(all, <-made)
		}
		return all
	}
}

func frame(word byte) *media.Frame {
	return &media.Frame{int16(word - 'a')}
}

var errBroken = errors.New("broken")
