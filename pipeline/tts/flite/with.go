//go:build offline

package flite

// #cgo LDFLAGS: -lflite_cmu_us_slt -lflite_cmu_us_rms -lflite_cmu_us_awb -lflite_cmu_us_kal16 -lflite_usenglish -lflite_cmulex -lflite -lm
// #include <stdlib.h>
// #include "engine.h"
import "C"

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"sync"
	"unsafe"

	"trunkline/media"
	"trunkline/pipeline"
)

// Synthesizer speaks with one voice.
type Synthesizer struct {
	voice *C.trunkline_voice
	gain  float32
	turns chan struct{} // one token per text that the engine works on
}

// registering guards the engine's list of voices, which is not safe to build
// on two threads.
var registering sync.Mutex

// New makes a Synthesizer. It fails when the options name no known voice.
func New(o Options) (*Synthesizer, error) {
	o, err := o.check()
	if err != nil {
		return nil, err
	}
	if o.Parallel == 0 {
		o.Parallel = 2 * runtime.GOMAXPROCS(0)
	}
	name := C.CString(o.Voice)
	defer C.free(unsafe.Pointer(name))
	registering.Lock()
	defer registering.Unlock()
	voice := C.trunkline_voice_get(name)
	if voice == nil {
		return nil, fmt.Errorf("flite: the library has no voice %q; install Debian's libflite1 2.2", o.Voice)
	}
	return &Synthesizer{voice: voice, gain: gains[o.Voice], turns: make(chan struct{}, o.Parallel)}, nil
}

// Synthesize streams the speech of text with the words' places in it. The
// engine runs ahead of a slow consumer by at most one piece of text; when the
// consumer stops, or ctx is cancelled, it stops within a few milliseconds.
func (s *Synthesizer) Synthesize(ctx context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		said := media.Samples(0)
		for _, p := range split(text) {
			n, more, err := s.speak(ctx, p, said, yield)
			if err != nil {
				yield(pipeline.Speech{}, fmt.Errorf("flite: %w", err))
				return
			}
			if !more {
				return
			}
			said += n
		}
	}
}

// speak streams one piece, whose audio begins said samples into the text's.
// It reports how long it is and whether the consumer wants more.
func (s *Synthesizer) speak(ctx context.Context, p piece, said media.Samples, yield func(pipeline.Speech, error) bool) (n media.Samples, more bool, err error) {
	select {
	case s.turns <- struct{}{}:
	case <-ctx.Done():
		return 0, false, context.Cause(ctx)
	}
	u, err := newUtterance(p, s.gain)
	if err != nil {
		<-s.turns
		return 0, false, err
	}
	var done sync.WaitGroup
	done.Go(func() {
		defer func() { <-s.turns }()
		u.run(s.voice)
	})
	defer done.Wait()
	defer u.stop()
	for {
		samples, words, last, err := u.next(ctx)
		if err != nil {
			return n, false, err
		}
		for i := range words {
			words[i].Start += said
		}
		if len(samples) > 0 && !yield(pipeline.Speech{Samples: samples, Words: words}, nil) {
			return n, false, nil
		}
		n += media.Samples(len(samples))
		if last {
			return n, true, nil
		}
	}
}
