package record

import (
	"encoding/binary"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"trunkline/media"
	"trunkline/media/record/seal"
)

const (
	recordedRate = media.SampleRate
	channels     = 2                                           // caller, agent
	blockBytes   = channels * 2                                // one sample of each channel
	frameBytes   = media.FrameSamples * blockBytes             // 20 ms in the file
	flushFrames  = 50                                          // written to the file at a time: 1 s
	queueFrames  = 100                                         // waiting for the writer: 2 s
	maxBytes     = math.MaxUint32 - headerBytes - 2*frameBytes // WAV sizes are 32 bits: 37 hours
)

// ErrTooLong says that a recording reached the 4 GB that a WAV file can hold.
var ErrTooLong = errors.New("the WAV file is full (4 GB)")

// Options of a Recorder.
type Options struct {
	Keys *seal.Keyring // encrypts the file; nil: it is a plain WAV file
	Gap  Gap           // what the recording holds for the time of a pause
}

// Recorder writes one call's audio.
type Recorder struct {
	frames  chan pair
	quit    chan struct{}
	quitted sync.Once
	done    chan struct{}
	failed  chan struct{} // closed when err is set before Close
	dropped atomic.Uint64
	paused  atomic.Bool
	late    uint64 // ticks before the first Write

	// The writer goroutine's, until done is closed.
	sink   sink
	buf    []byte // frames not yet in the file
	put    uint64 // dropped frames that silence stands for
	gap    gap
	length media.Samples // in the file
	hidden media.Samples // of it, in pauses
	err    error
}

// pair is both directions of one tick.
type pair struct {
	caller, agent media.Frame
	paused        bool   // neither frame was taken
	dropped       uint64 // frames dropped before this one, in all
}

// A sink is the file of a recording as one of the two formats.
type sink interface {
	// begin makes sure that what is written can be read again.
	begin() error
	// write appends flushFrames of audio.
	write(audio []byte) error
	// finish appends the rest, at most flushFrames, and waits for the disk.
	finish(rest []byte) error
	// abandon drops what a failed write left and closes the file there.
	abandon() error
}

// Create begins a recording at path, readable by its owner only. A file that
// is there is replaced. With Options.Keys the file is sealed, and its key
// stands beside it at KeyPath(path).
func Create(path string, o Options) (*Recorder, error) {
	s, err := create(path, o.Keys)
	if err != nil {
		return nil, err
	}
	r := &Recorder{
		frames: make(chan pair, queueFrames),
		quit:   make(chan struct{}),
		done:   make(chan struct{}),
		failed: make(chan struct{}),
		sink:   s,
		gap:    gap{kind: o.Gap},
		buf:    make([]byte, 0, flushFrames*frameBytes),
	}
	go r.run()
	return r, nil
}

// Write records one tick. It never blocks and does not allocate: when the disk
// is two seconds behind, the tick is dropped, counted, and silence in the file.
// During a pause nothing of the tick is kept but its length. It is called by
// one goroutine; after Close it does nothing.
func (r *Recorder) Write(caller, agent *media.Frame) {
	p := pair{dropped: r.dropped.Load(), paused: r.paused.Load()}
	if !p.paused {
		p.caller, p.agent = *caller, *agent
	}
	select {
	case r.frames <- p:
	default:
		r.dropped.Add(1)
	}
}

// Late has the recording begin with silence for so many ticks, which count as
// paused, so that what follows stands at its time in the call. It must come
// before the first Write.
func (r *Recorder) Late(ticks uint64) { r.late = ticks }

// Paused reports whether a pause is on.
func (r *Recorder) Paused() bool { return r.paused.Load() }

// Pause keeps what is said from the file, from the next tick on, until
// Resume. The recording's time goes on. It reports whether that is a change,
// and may be called from any goroutine.
func (r *Recorder) Pause() bool { return r.paused.CompareAndSwap(false, true) }

// Resume ends a pause with the next tick, and reports whether there was one.
func (r *Recorder) Resume() bool { return r.paused.CompareAndSwap(true, false) }

// Dropped counts the ticks that were recorded as silence because the disk was
// behind.
func (r *Recorder) Dropped() uint64 { return r.dropped.Load() }

// Failed is closed when nothing more can be written, and Err then says why.
// The Recorder takes further ticks and forgets them.
func (r *Recorder) Failed() <-chan struct{} { return r.failed }

// Err is what ended the recording before its time. It must not be called
// before Failed is closed or Close has returned.
func (r *Recorder) Err() error { return r.err }

// Length is how long the recording is, and how much of that is pauses, once
// Close has returned.
func (r *Recorder) Length() (all, paused time.Duration) {
	return r.length.Duration(), r.hidden.Duration()
}

// Close writes what waits, puts the header right, waits until all is on the
// disk and closes the file. It returns the first error that any of the
// recording met, and may be called twice. It must not run together with Write.
func (r *Recorder) Close() error {
	r.quitted.Do(func() { close(r.quit) })
	<-r.done
	return r.err
}

func (r *Recorder) run() {
	defer close(r.done)
	r.attempt(r.sink.begin)
	for {
		select {
		case p := <-r.frames:
			r.write(&p)
		case <-r.quit:
			r.finish()
			return
		}
	}
}

// attempt does one thing with the file. After an error nothing more is done.
func (r *Recorder) attempt(do func() error) {
	if r.err != nil {
		return
	}
	if r.err = do(); r.err != nil {
		r.err = errors.Join(r.err, r.sink.abandon())
		close(r.failed)
	}
}

// finish writes what is queued and closes the file.
func (r *Recorder) finish() {
	for len(r.frames) > 0 {
		p := <-r.frames
		r.write(&p)
	}
	r.silence(r.dropped.Load())
	r.attempt(func() error { return r.sink.finish(r.buf) })
	if r.err == nil {
		r.length += samplesIn(int64(len(r.buf)))
	}
}

func (r *Recorder) write(p *pair) {
	if r.late > 0 {
		var zero media.Frame
		for ; r.late > 0; r.late-- {
			r.append(&zero, &zero)
			r.hidden += media.FrameSamples
		}
	}
	r.silence(p.dropped)
	if p.paused {
		r.gap.next(&p.caller)
		p.agent = p.caller
		r.hidden += media.FrameSamples
	} else {
		r.gap.end()
	}
	r.append(&p.caller, &p.agent)
}

// silence stands in for the dropped ticks up to the given count.
func (r *Recorder) silence(dropped uint64) {
	var zero media.Frame
	for ; r.put < dropped; r.put++ {
		r.append(&zero, &zero)
	}
}

func (r *Recorder) append(caller, agent *media.Frame) {
	if r.err != nil {
		return
	}
	for i := range caller {
		r.buf = binary.LittleEndian.AppendUint16(r.buf, uint16(caller[i]))
		r.buf = binary.LittleEndian.AppendUint16(r.buf, uint16(agent[i]))
	}
	if len(r.buf) < cap(r.buf) {
		return
	}
	r.attempt(func() error { return r.sink.write(r.buf) })
	if r.err == nil {
		r.length += samplesIn(int64(len(r.buf)))
	}
	r.buf = r.buf[:0]
}
