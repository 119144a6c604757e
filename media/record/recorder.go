package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"

	"trunkline/media"
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

// Recorder writes one call's audio.
type Recorder struct {
	frames  chan pair
	quit    chan struct{}
	quitted sync.Once
	done    chan struct{}
	dropped atomic.Uint64

	// The writer goroutine's, until done is closed.
	file *os.File
	buf  []byte // frames not yet in the file
	size uint32 // bytes of audio in the file
	put  uint64 // dropped frames that silence stands for
	err  error
}

// pair is both directions of one tick.
type pair struct {
	caller, agent media.Frame
	dropped       uint64 // frames dropped before this one, in all
}

// Create begins a recording at path, readable by its owner only. A file that
// is there is replaced.
func Create(path string) (*Recorder, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("record: create: %w", err)
	}
	r := &Recorder{
		frames: make(chan pair, queueFrames),
		quit:   make(chan struct{}),
		done:   make(chan struct{}),
		file:   file,
		buf:    make([]byte, 0, flushFrames*frameBytes),
	}
	if err := r.writeHeader(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	go r.run()
	return r, nil
}

// Write records one tick. It never blocks and does not allocate: when the disk
// is two seconds behind, the tick is dropped, counted, and silence in the file.
// It is called by one goroutine; after Close it does nothing.
func (r *Recorder) Write(caller, agent *media.Frame) {
	select {
	case r.frames <- pair{caller: *caller, agent: *agent, dropped: r.dropped.Load()}:
	default:
		r.dropped.Add(1)
	}
}

// Dropped counts the ticks that were recorded as silence because the disk was
// behind.
func (r *Recorder) Dropped() uint64 { return r.dropped.Load() }

// Close writes what waits, puts the header right and closes the file. It
// returns the first error that any of the recording met, and may be called
// twice. It must not run together with Write.
func (r *Recorder) Close() error {
	r.quitted.Do(func() { close(r.quit) })
	<-r.done
	return r.err
}

func (r *Recorder) run() {
	defer close(r.done)
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

// finish writes what is queued and closes the file.
func (r *Recorder) finish() {
	for len(r.frames) > 0 {
		p := <-r.frames
		r.write(&p)
	}
	r.silence(r.dropped.Load())
	r.flush()
	if err := r.file.Close(); err != nil && r.err == nil {
		r.err = fmt.Errorf("record: close: %w", err)
	}
}

func (r *Recorder) write(p *pair) {
	r.silence(p.dropped)
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
	for i := range caller {
		r.buf = binary.LittleEndian.AppendUint16(r.buf, uint16(caller[i]))
		r.buf = binary.LittleEndian.AppendUint16(r.buf, uint16(agent[i]))
	}
	if len(r.buf) == cap(r.buf) {
		r.flush()
	}
}

// flush writes the buffered audio and then the header that covers it. After an
// error nothing more is written.
func (r *Recorder) flush() {
	buf := r.buf
	r.buf = r.buf[:0]
	if r.err != nil || len(buf) == 0 {
		return
	}
	if r.size > maxBytes-uint32(len(buf)) {
		r.err = fmt.Errorf("record: write %s: %w", r.file.Name(), ErrTooLong)
		return
	}
	if _, err := r.file.WriteAt(buf, headerBytes+int64(r.size)); err != nil {
		r.err = fmt.Errorf("record: write: %w", err)
		return
	}
	r.size += uint32(len(buf))
	r.err = r.writeHeader()
}

func (r *Recorder) writeHeader() error {
	h := pcmHeader(recordedRate, channels, r.size)
	if _, err := r.file.WriteAt(h[:], 0); err != nil {
		return fmt.Errorf("record: write header: %w", err)
	}
	return nil
}
