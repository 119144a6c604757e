package sphinx

import (
	"errors"
	"sync"

	"trunkline/media"
	"trunkline/pipeline"
)

// ErrOverrun says that a talkspurt lost audio because the decoder fell more
// than queueFrames behind: there are more callers than the cores can follow.
var ErrOverrun = errors.New("the recogniser could not keep up and lost audio")

const (
	// queueFrames bounds the audio that waits for the decoder: 5 s.
	queueFrames = 250
	// batchFrames is the most audio searched without a look at the clock of
	// others: 80 ms.
	batchFrames = 4
	// partialFrames is the least new audio between looks for a partial
	// transcript, once a talkspurt has one: 60 ms.
	partialFrames = 3
	// hunch is the confidence of partial words, of which the engine tells none:
	// they are the best path so far through the few words that it knows. Final
	// words have no less, since zero would say that none was told.
	hunch = 0.01
	// transcripts bounds those that wait for the conversation. Partials that
	// find it full are left out: a later one says more.
	transcripts = 16
)

// stream is one call's Recognition. The line clock's goroutine calls Begin,
// Write and End; serve is the stream's own goroutine and owns the decoder.
type stream struct {
	out     chan pipeline.Transcript
	wake    chan struct{} // capacity 1: there is something new in queue
	closing chan struct{}
	done    chan struct{} // closed when serve has ended
	close   sync.Once

	run     chan struct{}
	release func(*stream, decoder, error)

	mu    sync.Mutex
	queue queue

	// Owned by serve.
	decoder decoder
	failure error // what broke the decoder, until the stream ends
	started bool  // the decoder is in a talkspurt
	text    string
	heard   int // frames since the last partial
	batch   [batchFrames]media.Frame
}

func newStream(d decoder, run chan struct{}, release func(*stream, decoder, error)) *stream {
	return &stream{
		out:     make(chan pipeline.Transcript, transcripts),
		wake:    make(chan struct{}, 1),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
		run:     run,
		release: release,
		decoder: d,
	}
}

// Begin starts talkspurt n.
func (s *stream) Begin(n int) {
	s.mu.Lock()
	s.queue.begin(n)
	s.mu.Unlock()
}

// Write queues 20 ms. When 5 s wait already they are dropped, and the
// talkspurt's final transcript says so.
func (s *stream) Write(f *media.Frame) {
	s.mu.Lock()
	s.queue.write(f)
	s.mu.Unlock()
	s.signal()
}

// End asks for the final words of the running talkspurt.
func (s *stream) End() {
	s.mu.Lock()
	s.queue.end()
	s.mu.Unlock()
	s.signal()
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // serve will look anyway
	}
}

// Transcripts delivers the words.
func (s *stream) Transcripts() <-chan pipeline.Transcript { return s.out }

// Close ends the stream, in mid-word if need be, and gives the decoder back.
func (s *stream) Close() error {
	s.close.Do(func() { close(s.closing) })
	<-s.done
	return nil
}

// serve feeds the decoder until the stream is closed.
func (s *stream) serve() {
	defer close(s.done)
	defer close(s.out)
	for s.next() {
	}
	if s.started && s.failure == nil {
		_, _, s.failure = s.decoder.finish()
	}
	s.release(s, s.decoder, s.failure)
}

// next does one piece of work, or waits for some. It reports false when the
// stream is closed.
func (s *stream) next() bool {
	select {
	case <-s.closing:
		return false
	default:
	}
	s.mu.Lock()
	n, frames, final, lost := s.queue.take(&s.batch)
	waiting := s.queue.length
	s.mu.Unlock()
	if frames == 0 && !final {
		select {
		case <-s.wake:
			return true
		case <-s.closing:
			return false
		}
	}

	select {
	case s.run <- struct{}{}:
	case <-s.closing:
		return false
	}
	s.search(frames)
	var t pipeline.Transcript
	report := false
	switch {
	case final:
		t, report = s.finish(n, lost), true
	case waiting == 0 && (s.text == "" || s.heard >= partialFrames):
		t, report = s.partial(n)
	}
	<-s.run
	if report {
		return s.deliver(t)
	}
	return true
}

// search gives the first frames of the batch to the decoder.
func (s *stream) search(frames int) {
	if frames == 0 || s.failure != nil {
		return
	}
	if !s.started {
		if s.failure = s.decoder.start(); s.failure != nil {
			return
		}
		s.started, s.text, s.heard = true, "", 0
	}
	for i := range s.batch[:frames] {
		if s.failure = s.decoder.process(s.batch[i][:]); s.failure != nil {
			return
		}
	}
	s.heard += frames
}

// partial is what was said so far, if that is something new.
func (s *stream) partial(n int) (pipeline.Transcript, bool) {
	s.heard = 0
	if s.failure != nil {
		return pipeline.Transcript{}, false
	}
	text := s.decoder.words(s.text)
	if text == s.text {
		return pipeline.Transcript{}, false
	}
	s.text = text
	return pipeline.Transcript{Spurt: n, Text: text, Confidence: hunch}, true
}

// finish is the final transcript of talkspurt n.
func (s *stream) finish(n int, lost bool) pipeline.Transcript {
	t := pipeline.Transcript{Spurt: n, Final: true}
	if s.started && s.failure == nil {
		t.Text, t.Confidence, s.failure = s.decoder.finish()
	}
	if t.Text != "" {
		t.Confidence = max(t.Confidence, hunch)
	}
	s.started = false
	t.Err = s.failure
	if lost && t.Err == nil {
		t.Err = ErrOverrun
	}
	return t
}

// deliver hands a transcript over. Finals wait for the conversation; partials
// do not. It reports false when the stream is closed.
func (s *stream) deliver(t pipeline.Transcript) bool {
	if !t.Final {
		select {
		case s.out <- t:
		default:
			s.text = "" // not told: the next look tells it
		}
		return true
	}
	select {
	case s.out <- t:
		return true
	case <-s.closing:
		return false
	}
}
