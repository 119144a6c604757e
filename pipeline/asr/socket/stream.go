package socket

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/vendor"
)

// Message is one WebSocket message to the server.
type Message struct {
	Data   []byte
	Binary bool
}

// Event is what a message of the server says.
type Event struct {
	Text       string        // of the segment that runs, or has ended
	Ended      bool          // the segment stands; the next one begins empty
	Flushed    bool          // all audio up to a Flush has been heard
	Until      time.Duration // place in the stream's audio up to which Text goes; 0: not told
	EndOfTurn  bool
	Confidence float64
	Language   string
	Err        error
}

// Protocol is a vendor's streaming protocol for one connection. It is used by
// one goroutine at a time for sending and one for Read.
type Protocol interface {
	// Audio is what sends µ-law octets.
	Audio(octets []byte) Message
	// Flush is what asks for the last words of a talkspurt.
	Flush() []Message
	// KeepAlive is what keeps a silent connection open; nil data is nothing.
	KeepAlive() Message
	// Bye is what ends the connection; nil data is nothing.
	Bye() Message
	// Read understands a message. Many say nothing of interest: then ok is
	// false.
	Read(data []byte) (e Event, ok bool)
}

// Options tune a stream. The zero value of a field takes the default that its
// comment gives.
type Options struct {
	Chunk     time.Duration // of audio in one message: 20 ms
	KeepAlive time.Duration // between messages while nobody speaks: 4 s
	// Quiet is how long after a Flush the server may say nothing when no word
	// is open: then there are no more. Servers answer a Flush only when they
	// have something to say. 800 ms: less than the conversation waits for last words.
	Quiet time.Duration
	// Early is how long after a Lull the server is asked for the last words, so
	// that they are there at the talkspurt's end. The server must go on with the
	// stream after a Flush, answer each Flush for itself, and tell Until. 0: it
	// is asked at the end alone.
	Early time.Duration
}

const (
	// unsent bounds the audio that waits for the connection: 5 s.
	unsent = 250
	// unread bounds the transcripts that wait for the conversation.
	unread = 64
	// writeWait bounds one write.
	writeWait = 5 * time.Second
	// byeWait is how long the server may take to close after Bye.
	byeWait = time.Second
)

// errDropped says that the connection was too slow for the audio.
var errDropped = errors.New("the connection did not take the audio in time")

// Stream is a pipeline.Recognition over one connection.
type Stream struct {
	client *vendor.Client
	conn   *websocket.Conn
	proto  Protocol
	opt    Options

	ctx    context.Context
	cancel context.CancelCauseFunc
	out    chan pipeline.Transcript
	work   sync.WaitGroup
	closer sync.Once

	mu      sync.Mutex
	wake    *sync.Cond
	queue   [unsent]item // a ring
	first   int
	queued  int
	dropped bool
	closing bool
	quiet   map[int]*time.Timer // of talkspurts whose last words may not come

	heard words

	unsaid   sync.Mutex // orders tell and the closing of out
	silenced bool
}

// item is what the tick goroutine wants sent.
type item struct {
	kind  itemKind
	spurt int
	frame media.Frame
}

type itemKind uint8

const (
	isFrame itemKind = iota
	isBegin
	isLull
	isResume
	isEnd
)

var _ pipeline.Anticipator = (*Stream)(nil)

// New drives a connection. Close it.
func New(client *vendor.Client, conn *websocket.Conn, p Protocol, o Options) *Stream {
	o.Chunk, o.KeepAlive = cmp.Or(o.Chunk, media.FrameDuration), cmp.Or(o.KeepAlive, 4*time.Second)
	o.Quiet = cmp.Or(o.Quiet, 800*time.Millisecond)
	s := &Stream{client: client, conn: conn, proto: p, opt: o, out: make(chan pipeline.Transcript, unread), quiet: map[int]*time.Timer{}}
	s.wake = sync.NewCond(&s.mu)
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.work.Go(s.write)
	s.work.Go(s.read)
	go func() {
		s.work.Wait()
		s.unsaid.Lock()
		defer s.unsaid.Unlock()
		s.silenced = true
		close(s.out)
	}()

	return s
}

// Begin starts talkspurt n.
func (s *Stream) Begin(n int) { s.put(isBegin, n, nil) }

// Write gives 20 ms of the running talkspurt.
func (s *Stream) Write(f *media.Frame) { s.put(isFrame, 0, f) }

// Lull says that the caller makes no sound.
func (s *Stream) Lull() {
	if s.opt.Early > 0 {
		s.put(isLull, 0, nil)
	}
}

// Resume says that the caller goes on.
func (s *Stream) Resume() {
	if s.opt.Early > 0 {
		s.put(isResume, 0, nil)
	}
}

// End says that the talkspurt is over.
func (s *Stream) End() { s.put(isEnd, 0, nil) }

// put queues an item. Audio that does not fit is lost, and the stream with it:
// words with holes are worse than another recogniser.
func (s *Stream) put(kind itemKind, n int, f *media.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queued == len(s.queue) {
		s.dropped = true
		s.wake.Signal()

		return
	}
	it := &s.queue[(s.first+s.queued)%len(s.queue)]
	it.kind, it.spurt = kind, n
	if f != nil {
		it.frame = *f
	}
	s.queued++
	s.wake.Signal()
}

// Transcripts delivers the words.
func (s *Stream) Transcripts() <-chan pipeline.Transcript { return s.out }

// errClosed is the cause with which a stream ends.
var errClosed = errors.New("the stream was closed")

// Close ends the connection and waits until it is quiet.
func (s *Stream) Close() error {
	s.closer.Do(func() {
		s.mu.Lock()
		s.closing = true
		s.wake.Signal()
		s.mu.Unlock()
		timer := time.AfterFunc(byeWait, func() { s.conn.Close() })
		defer timer.Stop()
		for range s.out { // until the reader is done
		}
		s.cancel(errClosed)
		s.conn.Close()
	})

	return nil
}

// write sends what is queued.
func (s *Stream) write() {
	alive := time.AfterFunc(s.opt.KeepAlive, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wake.Signal()
	})
	defer alive.Stop()
	defer s.settleNoMore()
	u := utterance{proto: s.proto, heard: &s.heard, chunk: int(media.SamplesIn(s.opt.Chunk)), early: int(s.opt.Early / media.FrameDuration)}
	last := time.Now()
	for {
		it, what := s.next(last)
		var messages []Message
		switch {
		case what == stop:
			s.bye()

			return
		case what == overrun:
			s.fail(&pipeline.ProviderError{Provider: s.client.Provider, Kind: pipeline.Slow, Err: errDropped})

			return
		case what == silent:
			messages = []Message{s.proto.KeepAlive()}
		case it.kind == isBegin:
			u.begin()
			s.heard.begin(it.spurt)
		case it.kind == isLull:
			u.lull()
		case it.kind == isResume:
			messages = u.resume()
		case it.kind == isEnd:
			messages = u.end()
			n := s.heard.newest()
			if t, known := s.heard.end(); known {
				s.tell(t)
			} else {
				s.settleLater(n)
			}
		default:
			messages = u.write(&it.frame)
		}
		for _, m := range messages {
			if err := s.send(m); err != nil {
				s.fail(s.client.Closed(s.ctx, err))

				return
			}
		}
		if len(messages) > 0 {
			last = time.Now()
			alive.Reset(s.opt.KeepAlive)
		}
	}
}

// settleLater ends talkspurt n when the server has had its time.
func (s *Stream) settleLater(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quiet[n] = time.AfterFunc(s.opt.Quiet, func() {
		s.mu.Lock()
		delete(s.quiet, n)
		s.mu.Unlock()
		if t, told := s.heard.settle(n); told {
			s.tell(t)
		}
	})
}

// settleNoMore stops what settleLater began.
func (s *Stream) settleNoMore() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.quiet {
		t.Stop()
	}
}

type wakeKind uint8

const (
	some    wakeKind = iota // an item
	silent                  // time to keep the connection alive
	overrun                 // audio was lost
	stop                    // Close was called, or the reader has ended
)

// next waits for something to do.
func (s *Stream) next(last time.Time) (item, wakeKind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.closing || s.ctx.Err() != nil:
			return item{}, stop
		case s.dropped:
			return item{}, overrun
		case s.queued > 0:
			it := s.queue[s.first]
			s.first, s.queued = (s.first+1)%len(s.queue), s.queued-1

			return it, some
		case time.Since(last) >= s.opt.KeepAlive:
			return item{}, silent
		}
		s.wake.Wait()
	}
}

func (s *Stream) send(m Message) error {
	if m.Data == nil {
		return nil
	}
	kind := websocket.TextMessage
	if m.Binary {
		kind = websocket.BinaryMessage
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeWait)) // the write tells
	return s.conn.WriteMessage(kind, m.Data)
}

// bye ends the connection politely; the server closes it, or Close does.
func (s *Stream) bye() {
	if s.ctx.Err() == nil {
		_ = s.send(s.proto.Bye()) // the reader sees the end
		_ = s.conn.WriteControl(websocket.CloseMessage,
			websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(writeWait))
	}
}

// fail ends the stream with an error, told once.
func (s *Stream) fail(err error) {
	s.mu.Lock()
	first := s.ctx.Err() == nil && !s.closing
	s.cancel(err)
	s.wake.Signal()
	s.mu.Unlock()
	if first {
		s.tell(pipeline.Transcript{Spurt: s.heard.running(), Final: true, Err: err})
	}
	s.unsaid.Lock()
	s.silenced = true
	s.unsaid.Unlock()
	s.conn.Close()
}

// tell drops a transcript when nobody reads.
func (s *Stream) tell(t pipeline.Transcript) {
	s.unsaid.Lock()
	defer s.unsaid.Unlock()
	if s.silenced {
		return
	}
	select {
	case s.out <- t:
	default:
	}
}

// read understands what the server says.
func (s *Stream) read() {
	for {
		_, data, err := s.conn.ReadMessage()
		if err != nil {
			s.fail(s.client.Closed(s.ctx, err))

			return
		}
		e, ok := s.proto.Read(data)
		switch {
		case e.Err != nil:
			s.fail(e.Err)

			return
		case ok:
			if t, told := s.heard.take(e); told {
				s.tell(t)
			}
		}
	}
}
