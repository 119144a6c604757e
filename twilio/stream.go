package twilio

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/twilio/dialect"
	"trunkline/twilio/framing"
	"trunkline/twilio/signature"
)

// prefaces is how many messages may come before the one that says whose the
// stream is.
const prefaces = 5

// upgrader opens sockets. Carriers are no browsers: who may open one is told by
// the signature and the token, not by an origin.
var upgrader = websocket.Upgrader{
	HandshakeTimeout: 5 * time.Second, ReadBufferSize: 1, WriteBufferSize: 1, // its buffers are not used
	CheckOrigin: func(*http.Request) bool { return true },
}

// errWhose is for a socket that belongs to no call that waits for one.
var errWhose = errors.New("the token is unknown, spent, or another call's; where several nodes have one twilio.public_url, each needs its own twilio.node_url")

// media opens a stream and carries it.
func (s *Server) media(w http.ResponseWriter, r *http.Request) {
	a := s.accounts[r.PathValue("account")]
	if a == nil {
		http.NotFound(w, r)

		return
	}
	if !websocket.IsWebSocketUpgrade(r) {
		s.counts.malformed.Add(1)
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "this is for WebSockets", http.StatusUpgradeRequired)

		return
	}
	target := r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	signed := &signature.Request{Target: target, WebSocket: true}
	if !a.guard.socket(r, signed) {
		s.forged(w, r, a, signed)

		return
	}
	s.work.Add(1) // before the HTTP server forgets the connection
	defer s.work.Done()
	upgraded, err := upgrader.Upgrade(w, r, nil)
	if err != nil { // the upgrader has answered
		s.counts.malformed.Add(1)

		return
	}
	conn := upgraded.NetConn()
	s.counts.sockets.Add(1)
	defer s.lose(conn)
	if !s.keep(conn, func() { conn.Close() }) {
		showOut(conn, framing.CloseTryLater)

		return
	}
	if err := s.carry(a, conn, r); err != nil {
		s.cfg.Log.Warn("closed a socket that is no call's", slog.String("account", a.Name), slog.String("from", r.RemoteAddr), slog.Any("error", err))
		showOut(conn, closeCode(err))
	}
}

// showOut closes a socket that has no call, with a code.
func showOut(conn net.Conn, code int) {
	_ = conn.SetWriteDeadline(time.Now().Add(farewell))
	_, _ = conn.Write(framing.AppendClose(nil, code)) // the far end may be gone
	conn.Close()
}

// carry finds the call of a socket and carries its audio to its end. On an
// error the socket is still open, and nothing was spent.
func (s *Server) carry(a *account, conn net.Conn, r *http.Request) error {
	var m dialect.Message
	frames := framing.NewReader(dialect.MaxMessage)
	if err := s.begin(a, conn, frames, &m); err != nil {
		return err
	}
	token := m.Parameters[tokenName]
	if token == "" {
		token = r.URL.Query().Get(tokenName)
	}
	c, ok := s.tokens.claim(token, func(c *Call) bool { return c.account == a && a.words.borne(r, token) && c.bind(m.Call) })
	if !ok {
		s.counts.replays.Add(1)

		return errWhose
	}
	leg, err := newLeg(a.dialect, conn, frames, &m, time.Now)
	if err != nil {
		c.end(ErrNoStream)

		return err
	}
	if s.keep(conn, func() { leg.end(framing.CloseGoingAway) }) && c.attach(leg) {
		s.counts.streams.Add(1)
	} else {
		leg.end(framing.CloseGoingAway)
	}
	leg.attend()
	c.streamOver(leg)
	_ = leg.Close() // waits for the socket

	return nil
}

// begin reads up to the message that tells whose the stream is. What comes
// after that stays in frames.
func (s *Server) begin(a *account, conn net.Conn, frames *framing.Reader, m *dialect.Message) error {
	if err := conn.SetReadDeadline(time.Now().Add(s.cfg.Start)); err != nil {
		return err
	}
	for range prefaces {
		binary, data, err := message(conn, frames)
		if err == nil {
			err = a.dialect.Read(m, binary, data)
		}
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			s.counts.late.Add(1)

			return errors.New("it did not say in time whose it is")
		case err != nil:
			s.counts.strangers.Add(1)

			return err
		case m.Kind == dialect.Started:
			return nil
		}
	}
	s.counts.strangers.Add(1)

	return errors.New("it did not say whose it is")
}

// message waits for the next message of a socket.
func message(conn net.Conn, frames *framing.Reader) (binary bool, data []byte, err error) {
	for {
		kind, data, ok, err := frames.Next()
		switch {
		case err != nil:
			return false, nil, err
		case !ok:
			n, err := conn.Read(frames.Room())
			if err != nil {
				return false, nil, err
			}
			frames.Filled(n)
		case kind == framing.Text || kind == framing.Binary:
			return kind == framing.Binary, data, nil
		case kind == framing.Close:
			return false, nil, io.EOF
		case kind == framing.Ping:
			if _, err := conn.Write(framing.AppendPong(nil, data)); err != nil {
				return false, nil, err
			}
		}
	}
}
