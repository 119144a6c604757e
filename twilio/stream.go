package twilio

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/twilio/dialect"
	"trunkline/twilio/signature"
)

// Codes of a socket's end (RFC 6455 section 7.4.1).
const (
	closeNormal    = websocket.CloseNormalClosure
	closeGoingAway = websocket.CloseGoingAway
	closePolicy    = websocket.ClosePolicyViolation
)

// prefaces is how many messages may come before the one that says whose the
// stream is.
const prefaces = 5

// upgrader opens sockets. Carriers are no browsers: who may open one is told by
// the signature and the token, not by an origin.
var upgrader = websocket.Upgrader{
	HandshakeTimeout: 5 * time.Second, ReadBufferSize: 4096, WriteBufferSize: 4096,
	CheckOrigin: func(*http.Request) bool { return true },
}

// errWhose is for a socket that belongs to no call that waits for one.
var errWhose = errors.New("the token is unknown, spent, or another call's")

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
	if !a.guard.socket(r, &signature.Request{Target: target, WebSocket: true}) {
		s.forged(w, r, a)

		return
	}
	s.work.Add(1) // before the HTTP server forgets the connection
	defer s.work.Done()
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil { // the upgrader has answered
		s.counts.malformed.Add(1)

		return
	}
	s.counts.sockets.Add(1)
	defer s.lose(conn)
	if !s.keep(conn, func() { conn.Close() }) {
		_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseTryAgainLater, ""), time.Now().Add(farewell)) // it may be gone
		conn.Close()

		return
	}
	conn.SetReadLimit(dialect.MaxMessage)
	if err := s.carry(a, conn, r); err != nil {
		s.cfg.Log.Warn("closed a socket that is no call's", slog.String("account", a.Name), slog.String("from", r.RemoteAddr), slog.Any("error", err))
		_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(closePolicy, ""), time.Now().Add(farewell)) // it may be gone
		conn.Close()
	}
}

// carry finds the call of a socket and carries its audio to its end. On an
// error the socket is still open, and nothing was spent.
func (s *Server) carry(a *account, conn *websocket.Conn, r *http.Request) error {
	var m dialect.Message
	buf, err := s.begin(a, conn, &m)
	if err != nil {
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
	leg, err := newLeg(a.dialect, conn, &m, time.Now)
	if err != nil {
		c.end(ErrNoStream)

		return err
	}
	if s.keep(conn, func() { leg.end(closeGoingAway) }) && c.attach(leg) {
		s.counts.streams.Add(1)
	} else {
		leg.end(closeGoingAway)
	}
	leg.listen(buf)
	c.streamOver(leg)
	_ = leg.Close() // waits for the writer

	return nil
}

// begin reads up to the message that tells whose the stream is.
func (s *Server) begin(a *account, conn *websocket.Conn, m *dialect.Message) (buf []byte, err error) {
	deadline := time.Now().Add(s.cfg.Start)
	for range prefaces {
		var binary bool
		binary, buf, err = read(conn, buf, time.Until(deadline))
		if err == nil {
			err = a.dialect.Read(m, binary, buf)
		}
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			s.counts.late.Add(1)

			return nil, errors.New("it did not say in time whose it is")
		case err != nil:
			s.counts.strangers.Add(1)

			return nil, err
		case m.Kind == dialect.Started:
			return buf, nil
		}
	}
	s.counts.strangers.Add(1)

	return nil, errors.New("it did not say whose it is")
}
