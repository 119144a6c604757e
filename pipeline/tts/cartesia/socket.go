package cartesia

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/pipeline/vendor"
)

// statusError is an error that the server told by an HTTP status.
type statusError int

func (e statusError) Error() string { return "status " + strconv.Itoa(int(e)) }

var (
	errClosed  = errors.New("the connection is closed")
	errBehind  = errors.New("more audio came than fits")
	errUnknown = errors.New("a message cannot be read")
)

// unread bounds the messages that wait for one text's reader: a minute of
// audio. Whoever is so far behind has lost the text.
const unread = 2048

// writeWait bounds one write.
const writeWait = 5 * time.Second

// socket is one connection with the texts that are spoken over it.
type socket struct {
	conn *websocket.Conn

	mu     sync.Mutex
	texts  map[string]*inbox
	broken error // set once the connection is of no more use
	spoken int   // texts so far
}

// inbox is what comes of one text.
type inbox struct {
	messages chan message
	failed   chan struct{}
	err      error // before failed is closed
	told     []media.Word
}

// socket gives the connection, opened when there is none.
func (s *Synthesizer) socket(ctx context.Context) (*socket, error) {
	s.mu.Lock()
	defer s.mu.Unlock() // others wait for the same connection
	if s.closed {
		return nil, errClosed
	}
	if s.current != nil && s.current.whole() {
		return s.current, nil
	}
	conn, err := s.client.Dial(ctx, s.url, s.header)
	if err != nil {
		return nil, err
	}
	sock := &socket{conn: conn, texts: map[string]*inbox{}}
	s.current = sock
	s.work.Go(func() { sock.read(s.client) })

	return sock, nil
}

// forget leaves a connection that broke.
func (s *Synthesizer) forget(sock *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == sock {
		s.current = nil
	}
	sock.conn.Close()
}

func (k *socket) whole() bool {
	k.mu.Lock()
	defer k.mu.Unlock()

	return k.broken == nil
}

// used tells whether any text was spoken over the connection.
func (k *socket) used() bool {
	k.mu.Lock()
	defer k.mu.Unlock()

	return k.spoken > 0
}

// begin asks for a text.
func (k *socket) begin(id string, request any) (*inbox, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken != nil {
		return nil, k.broken
	}
	in := &inbox{messages: make(chan message, unread), failed: make(chan struct{})}
	k.texts[id] = in
	if err := k.write(request); err != nil {
		delete(k.texts, id)
		k.broken = err

		return nil, err
	}
	k.spoken++

	return in, nil
}

// end forgets a text; cancel tells the server not to go on with it.
func (k *socket) end(id string, cancel bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.texts, id)
	if cancel && k.broken == nil {
		k.broken = k.write(map[string]any{"context_id": id, "cancel": true})
	}
}

// write sends a message. The caller holds mu.
func (k *socket) write(v any) error {
	_ = k.conn.SetWriteDeadline(time.Now().Add(writeWait)) // the write tells
	return k.conn.WriteJSON(v)
}

// read gives each message to its text, until the connection ends.
func (k *socket) read(client *vendor.Client) {
	defer k.conn.Close()
	for {
		_, data, err := k.conn.ReadMessage()
		if err != nil {
			k.fail(err)

			return
		}
		m, err := parse(data)
		if err != nil {
			k.fail(client.Garbled("%w: %w", errUnknown, vendor.Syntax(err)))

			return
		}
		k.give(m)
	}
}

// give hands a message to its text. One of a text that was left is dropped.
func (k *socket) give(m message) {
	k.mu.Lock()
	defer k.mu.Unlock()
	in := k.texts[m.ContextID]
	if in == nil {
		return
	}
	select {
	case in.messages <- m:
	default:
		in.fail(errBehind)
		delete(k.texts, m.ContextID)
	}
}

// fail ends all texts.
func (k *socket) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.broken = err
	for id, in := range k.texts {
		in.fail(err)
		delete(k.texts, id)
	}
}

func (in *inbox) fail(err error) {
	in.err = err
	close(in.failed)
}

// next waits for a message. What came before a failure comes before it.
func (in *inbox) next(ctx context.Context) (message, error) {
	select {
	case m := <-in.messages:
		return m, nil
	default:
	}
	select {
	case m := <-in.messages:
		return m, nil
	case <-in.failed:
		select {
		case m := <-in.messages:
			return m, nil
		default:
			return message{}, in.err
		}
	case <-ctx.Done():
		return message{}, context.Cause(ctx)
	}
}

// place notes words, told with the next audio.
func (in *inbox) place(m *message) {
	if m.Words == nil || len(m.Words.Words) != len(m.Words.Start) {
		return
	}
	for i, w := range m.Words.Words {
		in.told = append(in.told, media.Word{Text: w, Start: media.Samples(m.Words.Start[i]*media.SampleRate + 0.5)})
	}
}

func (in *inbox) words() []media.Word {
	w := in.told
	in.told = nil

	return w
}
