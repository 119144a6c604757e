package twilio

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"trunkline/twilio/signature"
)

const node = "https://voice.example.com/line/node-1"

// Where several nodes have one public URL, all that follows a call's first
// webhook comes to the one that answered it.
func TestNodeURL(t *testing.T) {
	t.Parallel()
	s := open(t, answers, func(c *Config) { c.NodeURL = node })
	_, answer := post(t, s, "/main/voice", incoming("CA1")) // signed over the public URL
	socket := strings.Replace(node, "https", "wss", 1) + "/main/media"
	for _, want := range []string{node + "/main/action", node + "/main/stream", socket} {
		if !strings.Contains(answer, want) {
			t.Errorf("no %s in %s", want, answer)
		}
	}
	_, token, _ := strings.Cut(answer, `value="`)
	token, _, _ = strings.Cut(token, `"`)
	conn, response, err := websocket.DefaultDialer.Dial("ws://"+s.Addr().String()+"/line/node-1/main/media",
		http.Header{signature.TwilioHeader: {signature.SignTwilio(secret, socket, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	defer conn.Close()
	tell(t, conn, connected, startOf("CA1", token))
	await(t, "the stream", func() bool { return s.Stats().Streams == 1 })

	for _, path := range []string{"/line/node-1/main/status", "/main/status"} { // with the path, and where a balancer took it off
		form := url.Values{"CallSid": {"CA1"}, "CallStatus": {"in-progress"}}
		for signed, want := range map[string]int{node: http.StatusNoContent, public: http.StatusNoContent, "https://voice.example.com/line/node-2": http.StatusForbidden} {
			r, err := http.NewRequest(http.MethodPost, "http://"+s.Addr().String()+path, strings.NewReader(form.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set(signature.TwilioHeader, signature.SignTwilio(secret, signed+"/main/status", form))
			if status, body := do(t, r); status != want {
				t.Errorf("%s signed over %s: %d %s", path, signed, status, body)
			}
		}
	}
	if _, err := New(Config{PublicURL: public, NodeURL: "node-1"}, nil); err == nil {
		t.Error("a node's URL that is none is taken")
	}
}

// said keeps what was logged.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.text.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.text.String()
}

// A request that was signed over another URL than ours says which; it is refused
// all the same.
func TestRefusalsSayWhy(t *testing.T) {
	t.Parallel()
	log := &said{}
	s := open(t, answers, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(log, nil)) })
	form := incoming("CA1")
	for name, tt := range map[string]struct{ host, forwarded, token, signed, want string }{
		"the tunnel's host":    {"abc.tunnel.example", "", secret, "https://abc.tunnel.example/line/main/voice", "set twilio.public_url to https://abc.tunnel.example/line"},
		"a host that was sent": {"10.0.0.1:8070", "voice.example.org", secret, "https://voice.example.org/line/main/voice", "set twilio.public_url to https://voice.example.org/line"},
		"without TLS":          {"plain.example", "", older, "http://plain.example/line/main/voice", "set twilio.public_url to http://plain.example/line"},
		"another secret":       {"voice.example.com", "", "guess", public + "/main/voice", "the auth token is another, or"},
	} {
		r, err := http.NewRequest(http.MethodPost, "http://"+s.Addr().String()+"/line/main/voice", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = tt.host
		r.Header.Set("X-Forwarded-Host", tt.forwarded)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set(signature.TwilioHeader, signature.SignTwilio(tt.token, tt.signed, form))
		if status, _ := do(t, r); status != http.StatusForbidden {
			t.Errorf("%s: %d", name, status)
		}
		if !strings.Contains(log.String(), tt.want) {
			t.Errorf("%s: want %q in %s", name, tt.want, log)
		}
	}
}

func TestStreamHints(t *testing.T) {
	t.Parallel()
	if h := streamHint("31920: the handshake was answered with 404"); !strings.Contains(h, "101") {
		t.Error(h)
	}
	if h := answerHint("11237"); !strings.Contains(h, "certificate") {
		t.Error(h)
	}
	if h := answerHint("418"); !strings.Contains(h, "documentation") {
		t.Error(h)
	}
	if h := streamHint("out of tea"); !strings.Contains(h, "documentation") {
		t.Error(h)
	}
}
