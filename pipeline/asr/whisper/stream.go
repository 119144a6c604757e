package whisper

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/pipeline"
)

const (
	// unheard bounds the audio that waits for the server.
	unheard = 2 * time.Minute
	// unread bounds the transcripts that wait for the conversation.
	unread = 64
)

var (
	errTimeout = errors.New("it gave no answer in time")
	errDropped = errors.New("the server did not hear the audio in time")
	errClosed  = errors.New("the stream was closed")
	errStale   = errors.New("newer words are asked for")
)

// stream is one call's talkspurts, in their order. The tick goroutine notes
// their audio; run asks the server, one request at a time.
type stream struct {
	r       *Recognizer
	longest int // octets of one request
	interim int // octets after which partial words are asked for; 0: never

	ctx    context.Context
	cancel context.CancelCauseFunc
	out    chan pipeline.Transcript
	wake   chan struct{} // something is to be done
	done   chan struct{} // run has returned

	mu      sync.Mutex
	spurts  []*talkspurt // without last words, oldest first
	waiting int          // octets in all of them
	dropped bool
	over    bool                    // nothing is wanted any more
	partial context.CancelCauseFunc // of the request for partial words that is under way; or nil
}

// talkspurt is one that has no last words yet.
type talkspurt struct {
	n     int
	audio []byte   // that no piece has taken
	done  []string // the words of the pieces
	ended bool
	asked int  // octets when partial words were asked for
	mute  bool // partial words were refused
}

func newStream(r *Recognizer) *stream {
	s := &stream{
		r: r, longest: int(media.SamplesIn(r.cfg.Longest)), interim: int(media.SamplesIn(r.cfg.Interim)),
		out: make(chan pipeline.Transcript, unread), wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	go s.run()

	return s
}

// Begin starts talkspurt n.
func (s *stream) Begin(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.spurts = append(s.spurts, &talkspurt{n: n})
	}
}

// Write notes 20 ms of the running talkspurt.
func (s *stream) Write(f *media.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := len(s.spurts) - 1
	if s.over || k < 0 || s.spurts[k].ended {
		return
	}
	if s.waiting >= int(media.SamplesIn(unheard)) {
		s.dropped = true
		s.poke()

		return
	}
	var octets [media.FrameSamples]byte
	g711.PCMU.Encode(octets[:], f[:])
	p := s.spurts[k]
	p.audio = append(p.audio, octets[:]...)
	s.waiting += len(octets)
	switch {
	case len(p.audio) >= s.longest:
		s.hurry()
	case s.interim > 0 && len(p.audio)-p.asked >= s.interim:
		s.poke()
	}
}

// End says that the talkspurt is over.
func (s *stream) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := len(s.spurts) - 1; k >= 0 {
		s.spurts[k].ended = true
		s.hurry()
	}
}

// hurry gives up partial words for what is wanted more. The caller holds mu.
func (s *stream) hurry() {
	if s.partial != nil {
		s.partial(errStale)
	}
	s.poke()
}

func (s *stream) poke() {
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
}

// Transcripts delivers the words.
func (s *stream) Transcripts() <-chan pipeline.Transcript { return s.out }

// Close ends the stream and the request that is under way.
func (s *stream) Close() error {
	s.cancel(errClosed)
	<-s.done

	return nil
}

// run asks the server until the stream is closed or a request fails.
func (s *stream) run() {
	defer close(s.done)
	defer close(s.out)
	defer s.end()
	for {
		j, err := s.next()
		switch {
		case err != nil:
			s.tell(pipeline.Transcript{Spurt: j.spurt.n, Final: true, Err: err})

			return
		case j.spurt == nil:
			select {
			case <-s.wake:
			case <-s.ctx.Done():
				return
			}
		case !s.ask(j):
			return
		}
	}
}

func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over, s.spurts = true, nil
}

// job is a request that is due.
type job struct {
	spurt *talkspurt // nil: there is none
	audio []byte
	kind  jobKind
	ctx   context.Context // of partial words
}

type jobKind uint8

const (
	isPartial jobKind = iota // the words so far
	isPiece                  // the beginning of a long talkspurt
	isRest                   // the last words
)

// next is what is due for the oldest talkspurt.
func (s *stream) next() (job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.spurts) == 0 {
		return job{}, nil
	}
	p := s.spurts[0]
	j := job{spurt: p}
	switch {
	case s.dropped:
		return j, &pipeline.ProviderError{Provider: s.r.client.Provider, Kind: pipeline.Slow, Err: errDropped}
	case len(p.audio) >= s.longest:
		at := quietest(p.audio[:s.longest])
		j.kind, j.audio = isPiece, p.audio[:at:at]
		p.audio, p.asked = p.audio[at:], 0
	case p.ended:
		j.kind, j.audio = isRest, p.audio
		p.audio = nil
	case s.interim > 0 && !p.mute && len(p.audio)-p.asked >= s.interim:
		n := len(p.audio)
		j.kind, j.audio, p.asked = isPartial, p.audio[:n:n], n
		j.ctx, s.partial = context.WithCancelCause(s.ctx)

		return j, nil
	default:
		return job{}, nil
	}
	s.waiting -= len(j.audio)

	return j, nil
}

// ask sends a request and tells its words. It is false when the stream is over.
func (s *stream) ask(j job) bool {
	ctx := s.ctx
	if j.kind == isPartial {
		ctx = j.ctx
		defer s.settle()
	}
	var w words
	if len(j.audio) > 0 {
		var err error
		w, err = s.r.transcribe(ctx, j.audio)
		switch {
		case s.ctx.Err() != nil:
			return false
		case err != nil && j.kind == isPartial: // the last words will tell
			j.spurt.mute = !errors.Is(err, errStale)

			return true
		case err != nil:
			s.tell(pipeline.Transcript{Spurt: j.spurt.n, Final: true, Err: err})

			return false
		}
	}
	parts := j.spurt.done
	if w.text != "" {
		parts = append(parts[:len(parts):len(parts)], w.text)
	}
	if j.kind != isPartial {
		j.spurt.done = parts
	}
	if j.kind == isRest {
		s.mu.Lock()
		s.spurts = s.spurts[1:]
		s.mu.Unlock()
	}
	if j.kind == isRest || w.text != "" {
		s.tell(pipeline.Transcript{
			Spurt: j.spurt.n, Text: strings.Join(parts, " "), Final: j.kind == isRest,
			Confidence: w.confidence, Language: w.language,
		})
	}

	return true
}

// settle notes that no partial words are asked for any more.
func (s *stream) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partial(nil)
	s.partial = nil
}

// tell waits for a conversation that reads; a closed stream needs no words.
func (s *stream) tell(t pipeline.Transcript) {
	select {
	case s.out <- t:
	case <-s.ctx.Done():
	}
}
