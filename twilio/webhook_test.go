package twilio

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/stir"
	"trunkline/twilio/rest"
	"trunkline/twilio/signature"
)

func asClose(err error, closed **websocket.CloseError) bool { return errors.As(err, closed) }

func TestVoiceIsAnsweredWithAStream(t *testing.T) {
	t.Parallel()
	calls := make(chan *Call, 4)
	s := open(t, func(c *Call) {
		calls <- c
		answers(c)
	}, nil)
	token := answered(t, s, "CA1")
	if again := answered(t, s, "CA1"); again != token {
		t.Errorf("a repeated webhook gets token %s, the first one got %s", again, token)
	}
	if other := answered(t, s, "CA2"); other == token {
		t.Error("two calls have one token")
	}
	want := Info{Account: "main", Carrier: "twilio", ID: "CA1", From: "+12155550121", To: "+12155550131", Attestation: stir.Verdict(stir.Partial)}
	if c := <-calls; c.Info() != want && (<-calls).Info() != want {
		t.Errorf("no call is %+v", want)
	}
	if stats := s.Stats(); stats.Calls != 2 || stats.Webhooks != 3 || stats.Tokens != 2 || stats.Active != 2 {
		t.Errorf("stats are %+v", stats)
	}
}

func TestVoiceTurnsAway(t *testing.T) {
	t.Parallel()
	const busy, sorry = `<Reject reason="busy"/>`, `<Say language="de-DE">Nein</Say><Hangup/>`
	say := func(c *Config) { c.Accounts[0].Fallback = Fallback{Say: "Nein", Voice: "de-DE"} }
	desk := func(c *Config) { c.Accounts[0].Fallback = Fallback{Number: "+12155550199"} }
	for name, tt := range map[string]struct {
		handler takes
		change  func(*Config)
		prepare func(*Server)
		want    string
	}{
		"refused":           {refuses, nil, nil, busy},
		"refused, to desk":  {refuses, desk, nil, `<Dial>+12155550199</Dial>`},
		"stopping":          {answers, nil, (*Server).Drain, busy},
		"stopping, to desk": {answers, desk, (*Server).Drain, `<Dial>+12155550199</Dial>`},
		"full":              {answers, func(c *Config) { c.MaxCalls = 1 }, func(s *Server) { answered(t, s, "CA0") }, busy},
		"undecided": {func(c *Call) { <-c.Done() }, func(c *Config) {
			say(c)
			c.Decide = time.Millisecond
		}, nil, sorry},
		"over": {func(c *Call) { c.end(ErrEnded) }, nil, nil, busy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, tt.handler, tt.change)
			if tt.prepare != nil {
				tt.prepare(s)
			}
			status, answer := post(t, s, "/main/voice", incoming("CA1"))
			if status != http.StatusOK || !strings.Contains(answer, tt.want) {
				t.Errorf("%d %s, want %s", status, answer, tt.want)
			}
		})
	}
}

func TestWebhooksAreRefused(t *testing.T) {
	t.Parallel()
	s := open(t, answers, nil)
	form := incoming("CA1")
	sign := func(path string, form url.Values) string { return signature.SignTwilio(secret, public+path, form) }
	body := `{"CallSid":"CA9","CallStatus":"completed"}`
	hash := sha256.Sum256([]byte(body))
	hashed := "/main/status?bodySHA256=" + hex.EncodeToString(hash[:])
	const encoded = "application/x-www-form-urlencoded"
	for name, tt := range map[string]struct {
		method, path, content, body, signed string
		want                                int
	}{
		"as it should be":     {"POST", "/main/voice", encoded, form.Encode(), sign("/main/voice", form), 200},
		"the older token":     {"POST", "/main/voice", encoded, form.Encode(), signature.SignTwilio(older, public+"/main/voice", form), 200},
		"with a slash":        {"POST", "/main/voice/", encoded, form.Encode(), sign("/main/voice", form), 200},
		"by GET":              {"GET", "/main/voice?" + form.Encode(), "", "", sign("/main/voice?"+form.Encode(), nil), 200},
		"JSON":                {"POST", hashed, "application/json", body, sign(hashed, nil), 204},
		"other JSON":          {"POST", hashed, "application/json", strings.Replace(body, "CA9", "CA8", 1), sign(hashed, nil), 403},
		"no signature":        {"POST", "/main/voice", encoded, form.Encode(), "", 403},
		"a forged signature":  {"POST", "/main/voice", encoded, form.Encode(), signature.SignTwilio("guess", public+"/main/voice", form), 403},
		"of another path":     {"POST", "/main/voice", encoded, form.Encode(), sign("/main/status", form), 403},
		"more in the form":    {"POST", "/main/voice", encoded, form.Encode() + "&Digits=1", sign("/main/voice", form), 403},
		"more in the query":   {"POST", "/main/voice?Digits=1", encoded, form.Encode(), sign("/main/voice", form), 403},
		"another account":     {"POST", "/other/voice", encoded, form.Encode(), sign("/other/voice", form), 404},
		"another path":        {"POST", "/main/secret", encoded, form.Encode(), sign("/main/secret", form), 404},
		"without a call":      {"POST", "/main/voice", encoded, "From=1", sign("/main/voice", url.Values{"From": {"1"}}), 400},
		"another method":      {"PUT", "/main/voice", encoded, form.Encode(), sign("/main/voice", form), 405},
		"no form":             {"POST", "/main/voice", "text/plain", form.Encode(), sign("/main/voice", form), 415},
		"no content type":     {"POST", "/main/voice", "", form.Encode(), sign("/main/voice", form), 415},
		"a broken form":       {"POST", "/main/voice", encoded, "a=%zz", sign("/main/voice", nil), 400},
		"broken JSON":         {"POST", hashed, "application/json", "{", sign(hashed, nil), 400},
		"a million octets":    {"POST", "/main/voice", encoded, "a=" + strings.Repeat("x", 1<<20), sign("/main/voice", nil), 413},
		"no socket":           {"GET", "/main/media", "", "", sign("/main/media", nil), 426},
		"no account's socket": {"GET", "/other/media", "", "", sign("/other/media", nil), 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequest(tt.method, "http://"+s.Addr().String()+"/line"+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", tt.content)
			r.Header.Set(signature.TwilioHeader, tt.signed)
			if status, answer := do(t, r); status != tt.want {
				t.Errorf("%d %s, want %d", status, answer, tt.want)
			}
		})
	}
}

// A load balancer may take the public URL's path off.
func TestWebhookBelowAStrippedPath(t *testing.T) {
	t.Parallel()
	s := open(t, refuses, nil)
	form := incoming("CA1")
	r, err := http.NewRequest(http.MethodPost, "http://"+s.Addr().String()+"/main/voice", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set(signature.TwilioHeader, signature.SignTwilio(secret, public+"/main/voice", form))
	if status, answer := do(t, r); status != http.StatusOK {
		t.Errorf("%d %s", status, answer)
	}
}

// Callbacks end a call once, however they come; the reason is the carrier's.
func TestStatusCallbacks(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		statuses [][2]string // number and status
		want     error
	}{
		"cancelled":    {[][2]string{{"0", "ringing"}, {"1", "canceled"}}, ErrCancelled},
		"gone":         {[][2]string{{"0", "completed"}}, ErrCancelled},
		"busy":         {[][2]string{{"0", "initiated"}, {"2", "busy"}, {"1", "ringing"}}, ErrNotAnswered},
		"no answer":    {[][2]string{{"3", "no-answer"}, {"4", "completed"}}, ErrNotAnswered},
		"not counted":  {[][2]string{{"", "ringing"}, {"", "failed"}}, ErrNotAnswered},
		"out of order": {[][2]string{{"2", "in-progress"}, {"1", "ringing"}, {"2", "in-progress"}, {"3", "failed"}}, ErrNotAnswered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			over := make(chan error, 1)
			s := open(t, func(c *Call) {
				_, err := c.Answer(context.Background())
				over <- err
			}, nil)
			answered(t, s, "CA1")
			for _, told := range tt.statuses {
				form := url.Values{"CallSid": {"CA1"}, "CallStatus": {told[1]}}
				if told[0] != "" {
					form.Set("SequenceNumber", told[0])
				}
				if status, body := post(t, s, "/main/status", form); status != http.StatusNoContent {
					t.Errorf("%d %s", status, body)
				}
			}
			if err := <-over; !errors.Is(err, tt.want) {
				t.Errorf("the call ended with %v, want %v", err, tt.want)
			}
			await(t, "the call to be forgotten", func() bool { return s.Active() == 0 })
		})
	}
}

func TestStreamThatNeverComes(t *testing.T) {
	t.Parallel()
	for name, tell := range map[string]func(s *Server){
		"in time": func(*Server) {},
		"as the carrier says": func(s *Server) {
			post(t, s, "/main/stream", url.Values{"CallSid": {"CA1"}, "StreamEvent": {"stream-error"}, "StreamError": {"31920"}})
		},
		"for the fallback": func(s *Server) {
			_, answer := post(t, s, "/main/fallback", url.Values{"CallSid": {"CA1"}, "ErrorCode": {"11200"}})
			if !strings.Contains(answer, "<Say") || !strings.Contains(answer, "<Hangup/>") {
				t.Errorf("the fallback is %s", answer)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			over := make(chan error, 1)
			s := open(t, func(c *Call) {
				_, err := c.Answer(context.Background())
				over <- err
			}, func(c *Config) {
				if name == "in time" {
					c.Start = 20 * time.Millisecond
				}
			})
			token := answered(t, s, "CA1")
			tell(s)
			if err := <-over; !errors.Is(err, ErrNoStream) {
				t.Errorf("the call ended with %v", err)
			}
			if _, spent := s.tokens.claim(token, func(*Call) bool { return true }); spent {
				t.Error("the token is good after the end")
			}
		})
	}
}

// fakeAPI ends calls when it is told to.
type fakeAPI struct {
	asked, seen atomic.Int64
	ended       chan struct{}
	transfer    func(rest.Transfer) error // nil: refused
}

func (a *fakeAPI) End(call string) <-chan struct{} {
	if call == "CA1" {
		a.asked.Add(1)
	}

	return a.ended
}

func (a *fakeAPI) Ended(string) { a.seen.Add(1) }

func (a *fakeAPI) Transfer(_ context.Context, _ string, t rest.Transfer) error {
	if a.transfer == nil {
		return errors.New("no transfer is expected")
	}

	return a.transfer(t)
}

// A call that the handler ends is ended at the carrier by its API, unless that
// has confirmed the end before.
func TestEndByTheAPI(t *testing.T) {
	t.Parallel()
	api := &fakeAPI{ended: make(chan struct{})}
	hungUp := make(chan error, 1)
	s := open(t, func(c *Call) {
		if _, err := c.Answer(context.Background()); err == nil {
			hungUp <- c.Hangup(context.Background())
		}
	}, func(c *Config) {
		c.Confirm = time.Millisecond
		c.Accounts[0].API = api
	})
	conn := dial(t, s)
	tell(t, conn, connected, startOf("CA1", answered(t, s, "CA1")))
	if code := closedWith(t, conn); code != websocket.CloseNormalClosure {
		t.Errorf("the socket was closed with %d", code)
	}
	await(t, "the API to be asked", func() bool { return api.asked.Load() == 1 })
	select {
	case err := <-hungUp:
		t.Fatalf("hung up before the API says so: %v", err)
	default:
	}
	close(api.ended)
	if err := <-hungUp; err != nil {
		t.Error(err)
	}
}

// What follows a stream: nothing when we or the caller ended it, the fallback
// when it broke.
func TestAction(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		end  func(t *testing.T, conn *websocket.Conn, c *Call)
		want string
	}{
		"we hang up":      {func(_ *testing.T, _ *websocket.Conn, c *Call) { go func() { _ = c.Hangup(t.Context()) }() }, "<Hangup/>"},
		"they hang up":    {func(t *testing.T, conn *websocket.Conn, _ *Call) { tell(t, conn, stopped) }, "<Hangup/>"},
		"the socket ends": {func(_ *testing.T, conn *websocket.Conn, _ *Call) { conn.Close() }, "<Dial>+12155550199</Dial>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := make(chan *Call, 1)
			s := open(t, func(c *Call) {
				if _, err := c.Answer(context.Background()); err == nil {
					calls <- c
				}
			}, func(c *Config) {
				c.Accounts[0].Fallback.Number = "+12155550199"
				c.Confirm = patience
			})
			conn := dial(t, s)
			tell(t, conn, connected, startOf("CA1", answered(t, s, "CA1")))
			c := <-calls
			tt.end(t, conn, c)
			<-c.Done()
			// Instructions that lead back to the first webhook do not open a second stream.
			path := map[bool]string{true: "/main/action", false: "/main/voice"}[name != "they hang up"]
			if status, answer := post(t, s, path, incoming("CA1")); status != http.StatusOK || !strings.Contains(answer, tt.want) {
				t.Errorf("%d %s, want %s", status, answer, tt.want)
			}
			await(t, "the call to be forgotten", func() bool { return s.Active() == 0 })
			if status, answer := post(t, s, "/main/action", incoming("CA1")); status != http.StatusOK || !strings.Contains(answer, "<Hangup/>") {
				t.Errorf("afterwards %d %s", status, answer)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"no URL":          {Accounts: []Account{{Name: "a", Carrier: "twilio", Tokens: []string{"x"}}}},
		"no token":        {PublicURL: public, Accounts: []Account{{Name: "a", Carrier: "twilio"}}},
		"no such carrier": {PublicURL: public, Accounts: []Account{{Name: "a", Carrier: "pigeon", Tokens: []string{"x"}}}},
		"the same twice":  {PublicURL: public, Accounts: []Account{{Name: "a", Carrier: "twilio", Tokens: []string{"x"}}, {Name: "a", Carrier: "twilio", Tokens: []string{"x"}}}},
	} {
		if s, err := New(c, takes(answers)); err == nil {
			s.stop()
			t.Errorf("%s: no error", name)
		}
	}
	s, err := New(Config{PublicURL: public}, takes(answers))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("stop before start: %v", err)
	}
}

func isErr(err, want error) bool { return errors.Is(err, want) }
