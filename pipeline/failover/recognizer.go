package failover

import (
	"context"
	"errors"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/pipeline"
)

// keptAudio is how much of a talkspurt without last words is kept for the next
// recogniser; of a longer one, the end.
const keptAudio = 30 * time.Second

// Kept audio is given to the next recogniser in pieces of burst, a piece each
// pace, so that no provider's queue overflows: fifteen times as fast as it was
// spoken.
const (
	burst = 15
	pace  = media.FrameDuration
)

// maxUnread bounds the transcripts that wait for the conversation.
const maxUnread = 64

// errNoWords is the failure of a recogniser that gives no last words.
var errNoWords = errors.New("it gave no last words for a talkspurt")

// errClosed is the cause with which a stream ends.
var errClosed = errors.New("the stream was closed")

// errEnded is the failure of a stream that ends by itself.
var errEnded = errors.New("its stream ended")

// Recognizer is the first of several recognisers that works.
type Recognizer struct {
	options []Option[pipeline.Recognizer]
	watch   Watch
}

var (
	_ pipeline.Recognizer = (*Recognizer)(nil)
	_ pipeline.Warmer     = (*Recognizer)(nil)

	_ pipeline.Anticipator = (*stream)(nil)
)

// NewRecognizer makes a Recognizer of at least one option, best first.
func NewRecognizer(w Watch, options ...Option[pipeline.Recognizer]) *Recognizer {
	return &Recognizer{options: withDefaults(options), watch: w}
}

// Warm opens the connections of all recognisers.
func (r *Recognizer) Warm(ctx context.Context) error { return warm(ctx, r.options) }

// Open takes a stream of the first recogniser that has one.
func (r *Recognizer) Open(ctx context.Context) (pipeline.Recognition, error) {
	s := &stream{
		r: r, out: make(chan pipeline.Transcript, maxUnread),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if err := s.open(ctx, 0); err != nil {
		return nil, err
	}
	s.ctx, s.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	go s.run()

	return s, nil
}

// stream is one call's recognition. The tick goroutine only notes what was
// said; the stream's own goroutine gives it to a recogniser.
type stream struct {
	r      *Recognizer
	out    chan pipeline.Transcript
	wake   chan struct{} // something was noted
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   chan struct{} // run has returned

	mu     sync.Mutex
	spurts []*spurt // without last words, oldest first
	spare  []byte   // the audio buffer of an earlier spurt

	// What follows belongs to run.
	at      int                  // the option in use
	inner   pipeline.Recognition // its stream; nil: all have failed
	using   *attempt             // until its first last words
	relief  relief
	overdue time.Time      // when the next last words must be here; zero: none are due
	closing sync.WaitGroup // streams of recognisers that failed
}

// spurt is a talkspurt without last words.
type spurt struct {
	n     int
	audio []byte // µ-law, frame after frame
	lull  bool   // it may be over
	ended bool

	begun bool // what the recogniser in use was given
	given int  // octets
	told  bool // of the lull
	over  bool
}

// Begin notes a new talkspurt.
func (s *stream) Begin(n int) {
	s.mu.Lock()
	s.spurts = append(s.spurts, &spurt{n: n, audio: s.spare[:0]})
	s.spare = nil
	s.mu.Unlock()
	s.poke()
}

// Write notes 20 ms of the talkspurt.
func (s *stream) Write(f *media.Frame) {
	s.mu.Lock()
	if k := len(s.spurts); k > 0 && !s.spurts[k-1].ended {
		s.spurts[k-1].add(f)
	}
	s.mu.Unlock()
	s.poke()
}

func (p *spurt) add(f *media.Frame) {
	if most := int(media.SamplesIn(keptAudio)); len(p.audio) >= most {
		drop := int(media.SamplesIn(time.Second))
		p.audio = append(p.audio[:0], p.audio[drop:]...)
		p.given = max(0, p.given-drop)
	}
	var octets [media.FrameSamples]byte
	g711.PCMU.Encode(octets[:], f[:])
	p.audio = append(p.audio, octets[:]...)
}

// Lull notes that the talkspurt may be over.
func (s *stream) Lull() { s.pause(true) }

// Resume notes that the talkspurt goes on.
func (s *stream) Resume() { s.pause(false) }

func (s *stream) pause(lull bool) {
	s.mu.Lock()
	if k := len(s.spurts); k > 0 {
		s.spurts[k-1].lull = lull
	}
	s.mu.Unlock()
	s.poke()
}

// End notes that the talkspurt is over.
func (s *stream) End() {
	s.mu.Lock()
	if k := len(s.spurts); k > 0 {
		s.spurts[k-1].ended = true
	}
	s.mu.Unlock()
	s.poke()
}

func (s *stream) poke() {
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
}

// Transcripts delivers the words, of whichever recogniser.
func (s *stream) Transcripts() <-chan pipeline.Transcript { return s.out }

// Close ends the stream.
func (s *stream) Close() error {
	s.cancel(errClosed)
	<-s.done

	return nil
}

// run gives the noted speech to the recogniser and its words to the
// conversation.
func (s *stream) run() {
	defer close(s.done)
	defer close(s.out)
	defer s.closing.Wait()
	defer s.leave()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		s.again()
		wait := time.Hour
		switch behind := s.feed(); {
		case behind:
			wait = pace
		case !s.overdue.IsZero():
			wait = time.Until(s.overdue)
		}
		timer.Reset(wait)
		var words <-chan pipeline.Transcript
		if s.inner != nil {
			words = s.inner.Transcripts()
		}
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		case <-timer.C:
			if !s.overdue.IsZero() && !time.Now().Before(s.overdue) {
				s.fail(errNoWords)
			}
		case t, open := <-words:
			switch {
			case !open:
				s.fail(errEnded)
			case t.Err != nil:
				s.fail(t.Err)
			default:
				s.hear(t)
			}
		}
	}
}

// again begins with the first recogniser anew when all had failed and the
// caller speaks.
func (s *stream) again() {
	s.mu.Lock()
	speech := len(s.spurts) > 0
	s.mu.Unlock()
	if s.inner != nil || !speech {
		return
	}
	if err := s.open(s.ctx, 0); err != nil { // there is at least one option
		s.lose(err)
	}
}

// feed gives the recogniser what was noted since, and tells whether more is
// left than it takes at once.
func (s *stream) feed() (behind bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inner == nil {
		return false
	}
	var f media.Frame
	left := burst
	for _, p := range s.spurts {
		if !p.begun {
			p.begun = true
			s.inner.Begin(p.n)
		}
		for ; p.given < len(p.audio); p.given += media.FrameSamples {
			if left == 0 {
				return true
			}
			left--
			g711.PCMU.Decode(f[:], p.audio[p.given:])
			s.inner.Write(&f)
		}
		p.anticipate(s.inner)
		if p.ended && !p.over {
			p.over = true
			s.inner.End()
			s.expect()
		}
	}

	return false
}

// anticipate tells a recogniser that has all audio so far whether more will come.
func (p *spurt) anticipate(r pipeline.Recognition) {
	a, ok := r.(pipeline.Anticipator)
	switch {
	case !ok || p.lull == p.told || p.over:
		return
	case p.lull:
		a.Lull()
	default:
		a.Resume()
	}
	p.told = p.lull
}

// expect sets when the last words of an ended talkspurt must be here.
func (s *stream) expect() {
	if s.overdue.IsZero() {
		s.overdue = time.Now().Add(s.r.options[s.at].FirstByte)
	}
}

// hear takes words of the recogniser.
func (s *stream) hear(t pipeline.Transcript) {
	if t.Final {
		if s.using != nil {
			s.using.leave.Succeed()
			s.using = nil
		}
		s.settle(t.Spurt)
	}
	s.give(t)
}

// settle forgets the audio of talkspurts that have their last words.
func (s *stream) settle(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.spurts) > 0 && s.spurts[0].n <= n {
		s.spare, s.spurts = s.spurts[0].audio, s.spurts[1:]
	}
	s.overdue = time.Time{}
	for _, p := range s.spurts {
		if p.over {
			s.expect()
		}
	}
}

func (s *stream) give(t pipeline.Transcript) {
	select {
	case s.out <- t:
	case <-s.ctx.Done():
	}
}

// fail goes on with the next recogniser, which hears all talkspurts without
// last words from their beginning. When there is none these talkspurts have
// failed, and the next one begins with the first recogniser again.
func (s *stream) fail(err error) {
	o := &s.r.options[s.at]
	if s.using == nil {
		s.using, _ = try(s.ctx, pipeline.Recognise, o, s.r.watch)
	}
	if s.using != nil {
		err = s.using.failed(s.ctx, err)
	}
	s.relief.wanted()
	s.drop()
	next := s.open(s.ctx, s.at+1)
	if s.inner == nil {
		s.lose(errors.Join(err, next))
	}
}

// drop leaves the recogniser in use.
func (s *stream) drop() {
	old := s.inner
	s.inner, s.using, s.overdue = nil, nil, time.Time{}
	s.closing.Go(func() { _ = old.Close() }) // it failed already
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.spurts {
		p.begun, p.given, p.told, p.over = false, 0, false, false
	}
}

// lose tells that the talkspurts so far have no words.
func (s *stream) lose(err error) {
	s.mu.Lock()
	lost := s.spurts
	s.spurts = nil
	s.mu.Unlock()
	s.relief = relief{}
	for _, p := range lost {
		s.give(pipeline.Transcript{Spurt: p.n, Final: true, Err: err})
	}
}

// open takes a stream of the first recogniser from option i on that has one,
// or tells why each has none.
func (s *stream) open(ctx context.Context, i int) error {
	var errs []error
	for ; i < len(s.r.options); i++ {
		o := &s.r.options[i]
		a, err := try(ctx, pipeline.Recognise, o, s.r.watch)
		if err != nil {
			errs = append(errs, err)
			s.relief.wanted()

			continue
		}
		inner, p := expect(ctx, o.FirstByte, slow(o.Name, "stream", o.FirstByte))
		r, err := o.Provider.Open(inner)
		p.pause()
		if err != nil {
			err = a.failed(ctx, cause(inner, err))
			p.end()
			errs = append(errs, err)
			s.relief.wanted()

			continue
		}
		p.end()
		s.relief.came(ctx, pipeline.Recognise, o.Name)
		s.at, s.using, s.inner = i, a, r

		return nil
	}

	return errors.Join(errs...)
}

// leave ends the stream of the recogniser in use.
func (s *stream) leave() {
	if s.using != nil {
		s.using.leave.Abandon()
	}
	if s.inner != nil {
		_ = s.inner.Close() // the call is over
	}
}
