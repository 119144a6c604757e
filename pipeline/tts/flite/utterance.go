//go:build offline

package flite

// #include <stdlib.h>
// #include "engine.h"
import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime/cgo"
	"sync"
	"unsafe"

	"trunkline/media"
	"trunkline/media/resample"
)

// engineRate is what all voices are sampled at.
const engineRate = 16000

// errEngine says that the engine gave up on a text.
var errEngine = errors.New("the engine could not synthesise the text")

// utterance carries the audio of one piece from the engine's thread to its
// consumer. The engine is never held up: what waits is bounded by the length
// of a piece.
type utterance struct {
	piece piece
	shape shaper

	mu      sync.Mutex
	ready   chan struct{} // holds a token while there is news
	samples []int16       // made and not yet taken, at media.SampleRate
	made    media.Samples // in all
	marks   []media.Word  // not yet taken, in order
	over    bool          // no more will come
	stopped bool          // nobody wants more
	err     error
}

func newUtterance(p piece, gain float32) (*utterance, error) {
	r, err := resample.New(engineRate, media.SampleRate)
	if err != nil {
		return nil, err
	}
	return &utterance{piece: p, shape: shaper{gain: gain, resampler: r}, ready: make(chan struct{}, 1)}, nil
}

// run makes the whole piece, on the calling thread.
func (u *utterance) run(voice *C.trunkline_voice) {
	text := C.CString(u.piece.plain)
	defer C.free(unsafe.Pointer(text))
	handle := cgo.NewHandle(u)
	defer handle.Delete()
	result := C.trunkline_say(voice, text, C.uintptr_t(handle))
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over = true
	if result != 0 && !u.stopped {
		u.err = errEngine
	}
	u.deliver(u.shape.finish(u.samples))
}

// next waits for audio and takes all there is, with the words that begin in
// it.
func (u *utterance) next(ctx context.Context) (samples []int16, words []media.Word, last bool, err error) {
	select {
	case <-u.ready:
	case <-ctx.Done():
		return nil, nil, false, context.Cause(ctx)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	samples, u.samples = u.samples, nil
	n := 0
	for n < len(u.marks) && (u.marks[n].Start < u.made || u.over) {
		n++
	}
	words, u.marks = u.marks[:n:n], u.marks[n:]
	return samples, words, u.over, u.err
}

// stop tells the engine that nobody listens.
func (u *utterance) stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stopped = true
}

// deliver puts samples in place of those that wait. The caller holds mu.
func (u *utterance) deliver(samples []int16) {
	u.made += media.Samples(len(samples) - len(u.samples))
	u.samples = samples
	if len(samples) == 0 && !u.over {
		return
	}
	select {
	case u.ready <- struct{}{}:
	default:
	}
}

func utteranceOf(h C.uintptr_t) (*utterance, error) {
	u, ok := cgo.Handle(h).Value().(*utterance)
	if !ok {
		return nil, fmt.Errorf("flite: handle %d is no utterance", h)
	}
	return u, nil
}

//export trunklineMark
func trunklineMark(h C.uintptr_t, end C.int, start C.double) {
	if u, err := utteranceOf(h); err == nil {
		u.shape.mark(int(end), float64(start))
	}
}

//export trunklineSpan
func trunklineSpan(h C.uintptr_t, from, to C.double) {
	u, err := utteranceOf(h)
	if err != nil {
		return
	}
	words := u.shape.span(u.piece.fields, float64(from), float64(to))
	u.mu.Lock()
	defer u.mu.Unlock()
	u.marks = words
}

//export trunklineAudio
func trunklineAudio(h C.uintptr_t, samples *C.short, n, rate C.int) C.int {
	u, err := utteranceOf(h)
	if err != nil {
		return 1
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if rate != engineRate {
		u.err = fmt.Errorf("the voice is sampled at %d Hz; only %d Hz is known", rate, engineRate)
		u.stopped = true
	}
	if u.stopped {
		return 1
	}
	u.deliver(u.shape.add(u.samples, unsafe.Slice((*int16)(unsafe.Pointer(samples)), int(n))))
	return 0
}
