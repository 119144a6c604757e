package twilio

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/twilio/framing"
	"trunkline/twilio/signature"
)

// Whoever opens a socket without a right to it is shown out, and spends
// nothing: the call's own socket still gets its audio.
func TestSocketsOfOthers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		messages func(token string) []string
		code     int
		count    func(*Stats) uint64
	}{
		"a wrong token":        {func(string) []string { return []string{connected, startOf("CA1", "guess")} }, framing.ClosePolicy, func(s *Stats) uint64 { return s.Replays }},
		"no token":             {func(string) []string { return []string{connected, startOf("CA1", "")} }, framing.ClosePolicy, func(s *Stats) uint64 { return s.Replays }},
		"another call's token": {func(token string) []string { return []string{connected, startOf("CA2", token)} }, framing.ClosePolicy, func(s *Stats) uint64 { return s.Replays }},
		"no start":             {func(string) []string { return nil }, framing.ClosePolicy, func(s *Stats) uint64 { return s.Late }},
		"only connected":       {func(string) []string { return []string{connected} }, framing.ClosePolicy, func(s *Stats) uint64 { return s.Late }},
		"connected for ever":   {func(string) []string { return []string{connected, connected, connected, connected, connected} }, framing.ClosePolicy, func(s *Stats) uint64 { return s.Strangers }},
		"media before start":   {func(string) []string { return []string{someMedia, someMedia, someMedia, someMedia, someMedia} }, framing.ClosePolicy, func(s *Stats) uint64 { return s.Strangers }},
		"no JSON":              {func(string) []string { return []string{"hello"} }, framing.ClosePolicy, func(s *Stats) uint64 { return s.Strangers }},
		"a million octets":     {func(string) []string { return []string{strings.Repeat("x", 1<<20)} }, websocket.CloseMessageTooBig, func(s *Stats) uint64 { return s.Strangers }},
		"an unknown audio": {func(token string) []string {
			return []string{strings.Replace(startOf("CA1", token), "x-mulaw", "opus", 1)}
		}, framing.ClosePolicy, func(s *Stats) uint64 { return s.Strangers }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := make(chan error, 1)
			s := open(t, func(c *Call) {
				_, err := c.Answer(context.Background())
				got <- err
			}, func(c *Config) {
				if strings.HasPrefix(name, "no start") || strings.HasPrefix(name, "only") {
					c.Start = 300 * time.Millisecond
				}
			})
			token := answered(t, s, "CA1")
			conn := dial(t, s)
			for _, m := range tt.messages(token) {
				_ = conn.WriteMessage(websocket.TextMessage, []byte(m)) // it may be shown out already
			}
			if code := closedWith(t, conn); code != tt.code && code != 0 {
				t.Errorf("closed with %d, want %d", code, tt.code)
			}
			stats := s.Stats()
			if tt.count(&stats) != 1 || stats.Streams != 0 {
				t.Errorf("stats are %+v", stats)
			}
			if stats.Late > 0 {
				<-got // the call's own time is over as well

				return
			}
			own := dial(t, s)
			tell(t, own, connected, startOf("CA1", token))
			if err := <-got; err != nil {
				t.Errorf("after a stranger the call's own socket gets %v", err)
			}
		})
	}
}

// A socket that was signed with another key is not opened.
func TestSocketForged(t *testing.T) {
	t.Parallel()
	s := open(t, answers, nil)
	for _, signed := range []string{"", signature.SignTwilio("guess", "wss://voice.example.com/line/main/media", nil), signature.SignTwilio(secret, public+"/main/media", nil)} {
		_, response, err := websocket.DefaultDialer.Dial("ws://"+s.Addr().String()+"/line/main/media", http.Header{signature.TwilioHeader: {signed}})
		if err == nil || response.StatusCode != http.StatusForbidden {
			t.Errorf("signature %q opens the socket", signed)
		}
		response.Body.Close()
	}
	if stats := s.Stats(); stats.Forged != 3 || stats.Sockets != 0 {
		t.Errorf("stats are %+v", stats)
	}
}

// A token is good once, and not after its call; a stream's name gives no right.
func TestTokenIsSpent(t *testing.T) {
	t.Parallel()
	s := open(t, answers, nil)
	token := answered(t, s, "CA1")
	first := dial(t, s)
	tell(t, first, connected, startOf("CA1", token))
	await(t, "the stream", func() bool { return s.Stats().Streams == 1 })
	second := dial(t, s)
	tell(t, second, connected, startOf("CA1", token))
	if code := closedWith(t, second); code != framing.ClosePolicy {
		t.Errorf("a replayed token's socket is closed with %d", code)
	}
	tell(t, first, stopped)
	if code := closedWith(t, first); code != framing.CloseNormal {
		t.Errorf("after stop the socket is closed with %d", code)
	}
	third := dial(t, s)
	tell(t, third, connected, startOf("CA1", token))
	if code := closedWith(t, third); code != framing.ClosePolicy {
		t.Errorf("an old stream's socket is closed with %d", code)
	}
	if stats := s.Stats(); stats.Replays != 2 || stats.Streams != 1 {
		t.Errorf("stats are %+v", stats)
	}
}

// However a stream ends, its call ends, once, and says why.
func TestStreamEnds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		end  func(t *testing.T, s *Server, conn *websocket.Conn)
		want error
	}{
		"by stop": {func(t *testing.T, _ *Server, conn *websocket.Conn) { tell(t, conn, stopped) }, ErrHungUp},
		"by stop and more": {func(t *testing.T, _ *Server, conn *websocket.Conn) {
			tell(t, conn, stopped, someMedia, strayMark, stopped)
		}, ErrHungUp},
		"by status": {func(t *testing.T, s *Server, _ *websocket.Conn) {
			post(t, s, "/main/status", map[string][]string{"CallSid": {"CA1"}, "CallStatus": {"completed"}})
		}, ErrHungUp},
		"by the socket": {func(_ *testing.T, _ *Server, conn *websocket.Conn) { conn.Close() }, ErrStreamLost},
		"by a fault": {func(t *testing.T, _ *Server, conn *websocket.Conn) {
			tell(t, conn, `{"event":"error","error":{"message":"31950"}}`)
		}, ErrStreamLost},
		"by a million octets": {func(_ *testing.T, _ *Server, conn *websocket.Conn) {
			_ = conn.WriteMessage(websocket.TextMessage, make([]byte, 1<<20))
		}, ErrStreamLost},
		"by nonsense": {func(_ *testing.T, _ *Server, conn *websocket.Conn) {
			for range nonsense {
				_ = conn.WriteMessage(websocket.TextMessage, []byte("?"))
			}
		}, ErrStreamLost},
		"by starts over again": {func(_ *testing.T, _ *Server, conn *websocket.Conn) {
			for range nonsense {
				_ = conn.WriteMessage(websocket.TextMessage, []byte(otherStart))
			}
		}, ErrStreamLost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			causes := make(chan error, 1)
			s := open(t, func(c *Call) {
				leg, err := c.Answer(context.Background())
				if err != nil {
					causes <- err

					return
				}
				<-c.Done()
				<-leg.over
				var f media.Frame
				leg.Read(&f)
				if leg.Write(&f) {
					t.Error("audio is taken after the end")
				}
				causes <- c.Cause()
			}, nil)
			conn := dial(t, s)
			tell(t, conn, connected, startOf("CA1", answered(t, s, "CA1")), someMedia)
			await(t, "the stream", func() bool { return s.Stats().Streams == 1 })
			tt.end(t, s, conn)
			if err := <-causes; !isErr(err, tt.want) {
				t.Errorf("ended with %v, want %v", err, tt.want)
			}
			closedWith(t, conn)
			await(t, "the call to be forgotten", func() bool { return s.Active() == 0 })
		})
	}
}

// A door that stops ends what is left.
func TestStopEndsStreams(t *testing.T) {
	t.Parallel()
	over := make(chan error, 2)
	s := open(t, func(c *Call) {
		if _, err := c.Answer(context.Background()); err == nil {
			<-c.Done()
		}
		over <- c.Cause()
	}, nil)
	streaming, waiting := dial(t, s), dial(t, s)
	tell(t, streaming, connected, startOf("CA1", answered(t, s, "CA1")))
	answered(t, s, "CA2")
	await(t, "the stream", func() bool { return s.Stats().Streams == 1 && s.Stats().Sockets == 2 })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-over; err == nil {
			t.Error("a call has no end")
		}
	}
	closedWith(t, streaming)
	closedWith(t, waiting)
}
