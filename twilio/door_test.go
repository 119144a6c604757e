package twilio

import (
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/twilio/signature"
)

const (
	public = "https://voice.example.com/line"
	secret = "0123456789abcdef0123456789abcdef"
	older  = "fedcba9876543210fedcba9876543210"
)

// takes is a Handler.
type takes func(c *Call)

func (f takes) Incoming(c *Call) { f(c) }

// answers takes every call and holds it until it is over.
func answers(c *Call) {
	if _, err := c.Answer(context.Background()); err != nil {
		return
	}
	<-c.Done()
}

// refuses turns every call away.
func refuses(c *Call) { _ = c.Refuse() }

// open starts a door that is stopped with the test. A door that was stopped
// holds nothing.
func open(t testing.TB, h takes, change func(*Config)) *Server {
	t.Helper()
	cfg := Config{
		Listen: "127.0.0.1:0", PublicURL: public, MaxCalls: 100,
		Accounts: []Account{{Name: "main", Carrier: "twilio", Tokens: []string{secret, older}}},
		Confirm:  50 * time.Millisecond,
	}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for range 2 {
			if err := s.Stop(ctx); err != nil {
				t.Errorf("stop: %v", err)
			}
		}
		if s.Active() != 0 || s.tokens.outstanding() != 0 || len(s.sockets) != 0 || len(s.ids) != 0 {
			t.Errorf("left after the stop: %+v, %d sockets, %d names", s.Stats(), len(s.sockets), len(s.ids))
		}
	})

	return s
}

// post sends a form as Twilio does and returns the answer.
func post(t testing.TB, s *Server, path string, form url.Values) (status int, body string) {
	t.Helper()

	return send(t, s, path, form, signature.SignTwilio(secret, public+path, form))
}

func send(t testing.TB, s *Server, path string, form url.Values, signed string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+s.Addr().String()+"/line"+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	r.Header.Set(signature.TwilioHeader, signed)

	return do(t, r)
}

func do(t testing.TB, r *http.Request) (status int, body string) {
	t.Helper()
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}

	return answer.StatusCode, string(b)
}

// incoming is the first webhook of a call.
func incoming(id string) url.Values {
	return url.Values{"CallSid": {id}, "AccountSid": {"AC1"}, "From": {"+12155550121"}, "To": {"+12155550131"}, "CallStatus": {"ringing"}, "Direction": {"inbound"}, "StirVerstat": {"TN-Validation-Passed-B"}}
}

// document is TwiML that opens a stream.
type document struct {
	Connect struct {
		Action string `xml:"action,attr"`
		Stream struct {
			URL       string `xml:"url,attr"`
			Status    string `xml:"statusCallback,attr"`
			Parameter struct {
				Name  string `xml:"name,attr"`
				Value string `xml:"value,attr"`
			} `xml:"Parameter"`
		} `xml:"Stream"`
	} `xml:"Connect"`
}

// tokenOf reads the token of an answer.
func tokenOf(t testing.TB, answer string) string {
	t.Helper()
	var d document
	if err := xml.Unmarshal([]byte(answer), &d); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	if d.Connect.Action != public+"/main/action" || d.Connect.Stream.URL != "wss://voice.example.com/line/main/media" ||
		d.Connect.Stream.Status != public+"/main/stream" || d.Connect.Stream.Parameter.Name != "token" || len(d.Connect.Stream.Parameter.Value) < 20 {
		t.Fatalf("the answer is %s", answer)
	}

	return d.Connect.Stream.Parameter.Value
}

// answered has a call answered and returns its token.
func answered(t testing.TB, s *Server, id string) string {
	t.Helper()
	status, answer := post(t, s, "/main/voice", incoming(id))
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}

	return tokenOf(t, answer)
}

// dial opens a socket as Twilio does.
func dial(t testing.TB, s *Server) *websocket.Conn {
	t.Helper()
	conn, response, err := websocket.DefaultDialer.Dial("ws://"+s.Addr().String()+"/line/main/media",
		http.Header{signature.TwilioHeader: {signature.SignTwilio(secret, "wss://voice.example.com/line/main/media", nil)}})
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	t.Cleanup(func() { conn.Close() })

	return conn
}

func tell(t testing.TB, conn *websocket.Conn, messages ...string) {
	t.Helper()
	for _, m := range messages {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
}

func startOf(id, token string) string {
	return `{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC1","streamSid":"MZ1","callSid":"` + id + `","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"token":"` + token + `"}},"streamSid":"MZ1"}`
}

const (
	connected  = `{"event":"connected","protocol":"Call","version":"1.0.0"}`
	stopped    = `{"event":"stop","sequenceNumber":"5","stop":{"accountSid":"AC1","callSid":"CA1"},"streamSid":"MZ1"}`
	someMedia  = `{"event":"media","sequenceNumber":"4","media":{"track":"inbound","chunk":"2","timestamp":"5","payload":"f39/f39/f38="},"streamSid":"MZ1"}`
	strayMark  = `{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"g0:9"}}`
	otherStart = `{"event":"start","streamSid":"MZ2","start":{"callSid":"CA1"}}`
)

// closedWith reads a socket to its end and returns the code of that; 0 when it
// broke off.
func closedWith(t testing.TB, conn *websocket.Conn) int {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience)) // it may be closed already
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			var closed *websocket.CloseError
			if !asClose(err, &closed) {
				return 0
			}

			return closed.Code
		}
	}
}
