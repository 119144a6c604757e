package google

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/speech/apiv2/speechpb"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/pipeline"
	"trunkline/pipeline/vendor"
)

const (
	// unsent bounds the audio that waits for the connection.
	unsent = 10 * time.Second
	// unread bounds the transcripts that wait for the conversation.
	unread = 64
	// largest is how many octets of audio one message may have: less than
	// Google's bound.
	largest = 8000
)

var (
	errDropped = errors.New("the connection did not take the audio in time")
	errClosed  = errors.New("the stream was closed")
)

// stream is one call's talkspurts. Each has goroutines of its own, which begin
// when the one before has its last words: words stay in order, and a call is
// never more than one of the sessions that Google counts.
type stream struct {
	r      *Recognizer
	ctx    context.Context
	cancel context.CancelCauseFunc
	out    chan pipeline.Transcript
	done   chan struct{} // all is quiet
	work   sync.WaitGroup

	mu      sync.Mutex
	over    bool
	running *talkspurt // the latest one
}

// talkspurt is one that was begun.
type talkspurt struct {
	n      int
	before <-chan struct{} // closed when the one before is over
	done   chan struct{}

	mu      sync.Mutex
	waiting []byte // not sent yet
	ended   bool
	dropped bool
	wake    chan struct{}

	stood []string // segments whose words stand
}

func newStream(r *Recognizer) *stream {
	s := &stream{r: r, out: make(chan pipeline.Transcript, unread), done: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	go func() {
		defer close(s.done)
		<-s.ctx.Done()
		s.mu.Lock()
		s.over = true
		s.mu.Unlock()
		s.work.Wait()
		close(s.out)
	}()

	return s
}

// Begin starts talkspurt n.
func (s *stream) Begin(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	t := &talkspurt{n: n, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	if s.running != nil {
		t.before = s.running.done
	} else {
		none := make(chan struct{})
		close(none)
		t.before = none
	}
	s.running = t
	s.work.Go(func() { s.hear(t) })
}

// Write gives 20 ms of the running talkspurt.
func (s *stream) Write(f *media.Frame) {
	if t := s.latest(); t != nil {
		t.write(f)
	}
}

// End says that the talkspurt is over.
func (s *stream) End() {
	if t := s.latest(); t != nil {
		t.mu.Lock()
		t.ended = true
		t.mu.Unlock()
		t.poke()
	}
}

func (s *stream) latest() *talkspurt {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.running
}

func (t *talkspurt) write(f *media.Frame) {
	var octets [media.FrameSamples]byte
	g711.PCMU.Encode(octets[:], f[:])
	t.mu.Lock()
	switch {
	case t.ended || t.dropped:
	case len(t.waiting) >= int(media.SamplesIn(unsent)):
		t.dropped, t.waiting = true, nil
	default:
		t.waiting = append(t.waiting, octets[:]...)
	}
	t.mu.Unlock()
	t.poke()
}

func (t *talkspurt) poke() {
	select {
	case t.wake <- struct{}{}:
	default: // it is awake
	}
}

// Transcripts delivers the words.
func (s *stream) Transcripts() <-chan pipeline.Transcript { return s.out }

// Close ends the stream and the talkspurts that run.
func (s *stream) Close() error {
	s.cancel(errClosed)
	<-s.done

	return nil
}

// hear has one talkspurt recognised. One that is longer than a stream may be
// goes on in the next.
func (s *stream) hear(t *talkspurt) {
	defer close(t.done)
	select {
	case <-t.before:
	case <-s.ctx.Done():
		return
	}
	last := &pipeline.Transcript{}
	for over := false; !over; {
		var err error
		if over, err = s.listen(t, last); err != nil {
			s.fail(t, err)

			return
		}
	}
	last.Spurt, last.Final, last.Text = t.n, true, strings.Join(t.stood, " ")
	s.tell(*last)
}

// listen runs one of Google's streams, and tells whether the talkspurt is over
// with it. The words that stand remain in t, what is known besides in last.
func (s *stream) listen(t *talkspurt, last *pipeline.Transcript) (over bool, _ error) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(errClosed)
	g, err := s.r.stream(ctx)
	if err != nil {
		return false, err
	}
	var sending sync.WaitGroup
	defer sending.Wait()
	defer cancel(errClosed)
	all := false
	sending.Go(func() {
		var err error
		if all, err = t.send(ctx, g, int(media.SamplesIn(s.r.cfg.Longest))); err != nil {
			cancel(err)
		}
	})
	for {
		m, err := g.Recv()
		switch {
		case errors.Is(err, io.EOF):
			sending.Wait()

			return all, nil
		case err != nil:
			return false, fault(ctx, err)
		}
		tr, open := t.take(m)
		last.Confidence, last.Language = tr.Confidence, tr.Language
		if open {
			s.tell(tr)
		}
	}
}

// send gives a stream the talkspurt's audio, up to a number of octets, and ends
// it. It is true when that was all.
func (t *talkspurt) send(ctx context.Context, g speechpb.Speech_StreamingRecognizeClient, most int) (bool, error) {
	sent := 0
	for {
		octets, ended, dropped := t.next(min(largest, most-sent))
		switch {
		case dropped:
			return false, &pipeline.ProviderError{Provider: provider, Kind: pipeline.Slow, Err: errDropped}
		case len(octets) == 0 && (ended || sent >= most):
			return ended, g.CloseSend()
		case len(octets) == 0:
			select {
			case <-t.wake:
			case <-ctx.Done():
				return false, nil
			}
		default:
			sent += len(octets)
			err := g.Send(&speechpb.StreamingRecognizeRequest{
				StreamingRequest: &speechpb.StreamingRecognizeRequest_Audio{Audio: octets},
			})
			if err != nil { // what broke is what Recv tells
				return false, nil //nolint:nilerr // see above
			}
		}
	}
}

// next takes at most n octets that wait. The audio has ended when all of it was
// taken.
func (t *talkspurt) next(n int) (octets []byte, ended, dropped bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n = min(n, len(t.waiting))
	octets = append(octets, t.waiting[:n]...)
	t.waiting = t.waiting[:copy(t.waiting, t.waiting[n:])]

	return octets, t.ended && len(t.waiting) == 0, t.dropped
}

// take is what a message adds to the words. open says that some of them may
// still change; what stands is told with the last words.
func (t *talkspurt) take(m *speechpb.StreamingRecognizeResponse) (tr pipeline.Transcript, open bool) {
	var now []string
	for _, r := range m.GetResults() {
		if len(r.GetAlternatives()) == 0 {
			continue
		}
		best := r.GetAlternatives()[0]
		if text := vendor.Plain(best.GetTranscript()); text != "" {
			if r.GetIsFinal() {
				t.stood = append(t.stood, text)
			} else {
				now = append(now, text)
			}
		}
		tr.Language = r.GetLanguageCode()
		if c := float64(best.GetConfidence()); c >= 0 && c <= 1 {
			tr.Confidence = c
		}
	}
	tr.Spurt, tr.Text = t.n, strings.Join(append(t.stood[:len(t.stood):len(t.stood)], now...), " ")

	return tr, len(now) > 0
}

// tell waits for a conversation that reads; a closed stream needs no words.
func (s *stream) tell(tr pipeline.Transcript) {
	select {
	case s.out <- tr:
	case <-s.ctx.Done():
	}
}

// fail ends the stream with an error, told once.
func (s *stream) fail(t *talkspurt, err error) {
	if s.ctx.Err() == nil {
		s.tell(pipeline.Transcript{Spurt: t.n, Final: true, Err: err})
		s.cancel(err)
	}
}
