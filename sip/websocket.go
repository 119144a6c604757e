package sip

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	pingEvery = 25 * time.Second // below the minute after which proxies close what is quiet
	pongLimit = 60 * time.Second // after which a browser that says nothing is gone
)

// webSocket is a WebSocket whose messages are SIP messages (RFC 7118).
type webSocket struct {
	conn *websocket.Conn
	ua   *UA

	mu    sync.Mutex // writes; pings among them
	pings *time.Timer
}

// upgrade takes the opening handshake of a WebSocket: a GET request that asks
// for the subprotocol "sip", and comes from a page that may call us.
func upgrade(ua *UA, conn net.Conn) (*webSocket, error) {
	reader := bufio.NewReader(conn)

	req, err := http.ReadRequest(reader)
	if err != nil {
		return nil, fmt.Errorf("WebSocket: read the request: %w", err)
	}

	w := &handshake{conn: conn, buffered: bufio.NewReadWriter(reader, bufio.NewWriter(conn)), header: http.Header{}}

	if !slices.Contains(websocket.Subprotocols(req), "sip") {
		http.Error(w, "the subprotocol sip is wanted", http.StatusBadRequest)
		return nil, errors.New("WebSocket: the subprotocol sip was not asked for")
	}

	upgrader := websocket.Upgrader{
		Subprotocols: []string{"sip"},
		CheckOrigin: func(r *http.Request) bool {
			origin := r.Header.Get("Origin")

			return origin == "" || slices.Contains(ua.cfg.Origins, origin) // no browser leaves it out
		},
	}

	ws, err := upgrader.Upgrade(w, req, nil)
	if err != nil {
		return nil, fmt.Errorf("WebSocket: %w", err)
	}

	s := &webSocket{conn: ws, ua: ua}
	ws.SetReadLimit(int64(ua.cfg.MaxMessage))
	ws.SetPongHandler(func(string) error { return ws.SetReadDeadline(time.Now().Add(pongLimit)) })

	s.pings = time.AfterFunc(pingEvery, s.ping)

	return s, nil
}

// ping keeps the connection open, and finds out when the browser is gone.
func (s *webSocket) ping() {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeLimit)) == nil {
		s.pings.Reset(pingEvery)
	}
}

func (s *webSocket) next() ([]byte, error) {
	for {
		if err := s.conn.SetReadDeadline(time.Now().Add(pongLimit)); err != nil {
			return nil, fmt.Errorf("set a deadline: %w", err)
		}

		_, data, err := s.conn.ReadMessage()

		switch {
		case errors.Is(err, websocket.ErrReadLimit):
			return nil, errFrameSize
		case err != nil:
			return nil, fmt.Errorf("WebSocket: %w", err)
		case !isKeepAlive(data):
			return data, nil
		}

		s.ua.count.keepAlives.Add(1)
	}
}

func (s *webSocket) write(data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	if err := s.conn.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return fmt.Errorf("set a deadline: %w", err)
	}

	return s.conn.WriteMessage(websocket.TextMessage, data)
}

// Close ends the connection without the closing handshake: nobody waits for
// what the browser says to it.
func (s *webSocket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.pings.Stop()

	return s.conn.Close()
}

// handshake is the ResponseWriter of an opening handshake on a connection
// that no HTTP server knows.
type handshake struct {
	conn     net.Conn
	buffered *bufio.ReadWriter
	header   http.Header
	status   int
}

func (h *handshake) Header() http.Header { return h.header }

func (h *handshake) WriteHeader(status int) { h.status = status }

// Write sends the whole of a refusal; its body is one line.
func (h *handshake) Write(body []byte) (int, error) {
	res := http.Response{
		StatusCode: h.status, ProtoMajor: 1, ProtoMinor: 1, Header: h.header, ContentLength: 0, Close: true,
	}

	if err := res.Write(h.conn); err != nil {
		return 0, fmt.Errorf("answer the handshake: %w", err)
	}

	return len(body), nil
}

func (h *handshake) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.conn, h.buffered, nil }
