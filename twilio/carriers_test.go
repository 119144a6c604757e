package twilio

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/twilio/dialect"
	"trunkline/twilio/framing"
	"trunkline/twilio/signature"
)

// another is a carrier that is not Twilio: what its secret is, how it signs a
// request, and what it says when the socket is open.
type another struct {
	secret string
	get    bool // it asks by GET
	json   bool // it sends JSON
	form   url.Values
	sign   func(r *http.Request, body string)
	header func(token string) http.Header // of the socket's request
	start  string                         // first messages, a line each; $token stands for the token
	audio  []byte                         // of 20 ms
	stop   string                         // last message; empty: it closes the socket
}

func others(t *testing.T) map[string]another {
	t.Helper()
	public25519, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	like := func(path string) string { return public + path }
	none := func(string) http.Header { return nil }
	narrow := func(format string) []byte {
		return fmt.Appendf(nil, format, base64.StdEncoding.EncodeToString(make([]byte, 160)))
	}

	return map[string]another{
		"signalwire": {
			secret: secret, form: url.Values{"CallSid": {"C1"}, "From": {"+12155550121"}, "To": {"+12155550131"}},
			sign: func(r *http.Request, body string) {
				form, _ := url.ParseQuery(body)
				r.Header.Set("X-Signalwire-Signature", signature.SignTwilio(secret, like("/other/voice"), form))
			},
			header: func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} },
			start: `{"event":"connected","protocol":"Call","version":"0.2.0"}
{"event":"start","sequenceNumber":"1","start":{"streamSid":"S1","callSid":"C1","customParameters":{"token":"$token"},"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}`,
			audio: narrow(`{"event":"media","sequenceNumber":"4","media":{"track":"inbound","chunk":"1","timestamp":"20","payload":"%s"}}`),
			stop:  `{"event":"stop","sequenceNumber":"7","stop":{"callSid":"C1"}}`,
		},
		"telnyx": {
			secret: base64.StdEncoding.EncodeToString(public25519), form: url.Values{"CallSid": {"C1"}, "From": {"+12155550121"}, "To": {"+12155550131"}},
			sign: func(r *http.Request, body string) {
				stamp := fmt.Sprint(time.Now().Unix())
				r.Header.Set("Telnyx-Timestamp", stamp)
				r.Header.Set("Telnyx-Signature-Ed25519", base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(stamp+"|"+body))))
			},
			header: func(token string) http.Header { return http.Header{"X-Telnyx-Streaming-Auth-Token": {token}} },
			start: `{"event":"connected","version":"1.0.0"}
{"event":"start","sequence_number":"1","start":{"user_id":"U1","call_control_id":"C1","custom_parameters":{"token":"$token"},"media_format":{"encoding":"PCMU","sample_rate":8000,"channels":1}},"stream_id":"S1"}`,
			audio: narrow(`{"event":"media","sequence_number":"4","media":{"track":"inbound","chunk":"1","timestamp":"20","payload":"%s"},"stream_id":"S1"}`),
			stop:  `{"event":"stop","sequence_number":"5","stop":{"call_control_id":"C1"},"stream_id":"S1"}`,
		},
		"plivo": {
			secret: secret, form: url.Values{"CallUUID": {"C1"}, "From": {"12155550121"}, "To": {"12155550131"}, "CallStatus": {"ringing"}},
			sign: func(r *http.Request, body string) {
				h := hmac.New(sha256.New, []byte(secret))
				form, _ := url.ParseQuery(body)
				text := like("/other/voice") + "?CallStatus" + form.Get("CallStatus") + "CallUUID" + form.Get("CallUUID") + "From" + form.Get("From") + "To" + form.Get("To") + ".n1"
				h.Write([]byte(text))
				r.Header.Set("X-Plivo-Signature-V3-Nonce", "n1")
				r.Header.Set("X-Plivo-Signature-V3", base64.StdEncoding.EncodeToString(h.Sum(nil)))
			},
			header: none,
			start:  `{"sequenceNumber":0,"event":"start","start":{"callId":"C1","streamId":"S1","accountId":"M1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}},"extra_headers":"token=$token"}`,
			audio:  narrow(`{"sequenceNumber":1,"streamId":"S1","event":"media","media":{"track":"inbound","timestamp":"1763000000123","chunk":1,"payload":"%s"}}`),
		},
		"vonage": {
			secret: secret, json: true, form: url.Values{"uuid": {"C1"}, "from": {"12155550121"}, "to": {"12155550131"}},
			sign: func(r *http.Request, body string) {
				hash := sha256.Sum256([]byte(body))
				signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
					base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"iat":%d,"payload_hash":"%s"}`, time.Now().Unix(), hex.EncodeToString(hash[:])))
				h := hmac.New(sha256.New, []byte(secret))
				h.Write([]byte(signed))
				r.Header.Set("Authorization", "Bearer "+signed+"."+base64.RawURLEncoding.EncodeToString(h.Sum(nil)))
			},
			header: none,
			start:  `{"event":"websocket:connected","content-type":"audio/l16;rate=8000","call":"C1","token":"$token"}`,
			audio:  make([]byte, 320),
		},
		"exotel": {
			secret: "exotel:" + secret, get: true, form: url.Values{"CallSid": {"C1"}, "CallFrom": {"02155550121"}, "CallTo": {"02155550131"}},
			sign:   func(r *http.Request, _ string) { r.SetBasicAuth("exotel", secret) },
			header: none,
			start: `{"event":"connected"}
{"event":"start","sequence_number":"1","stream_sid":"S1","start":{"stream_sid":"S1","call_sid":"C1","account_sid":"E1","custom_parameters":{"token":"$token"},"media_format":{"encoding":"base64","sample_rate":"8000"}}}`,
			audio: fmt.Appendf(nil, `{"event":"media","sequence_number":3,"stream_sid":"S1","media":{"chunk":1,"timestamp":"20","payload":"%s"}}`, base64.StdEncoding.EncodeToString(make([]byte, 320))),
			stop:  `{"event":"stop","sequence_number":"10","stream_sid":"S1","stop":{"call_sid":"C1","reason":"callended"}}`,
		},
	}
}

// request is the carrier's first webhook.
func (a *another) request(t *testing.T, s *Server, signed bool) *http.Request {
	t.Helper()
	address, body, content := "http://"+s.Addr().String()+"/line/other/voice", a.form.Encode(), "application/x-www-form-urlencoded"
	if a.json {
		values := map[string]string{}
		for k := range a.form {
			values[k] = a.form.Get(k)
		}
		b, err := json.Marshal(values)
		if err != nil {
			t.Fatal(err)
		}
		body, content = string(b), "application/json"
	}
	method := http.MethodPost
	if a.get {
		method, address, body = http.MethodGet, address+"?"+body, ""
	}
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", content)
	if signed {
		a.sign(r, body)
	}

	return r
}

// tokenText is a token wherever it stands in an answer.
var tokenText = regexp.MustCompile(`(?:token=|token":"|value=")([A-Z2-7]{26})`)

// A call of every carrier comes in, is heard and ends, and none comes in
// without its carrier's signature.
func TestOtherCarriers(t *testing.T) {
	t.Parallel()
	for name, a := range others(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			type outcome struct {
				heard media.Inbound
				cause error
			}
			over := make(chan outcome, 1)
			s := open(t, func(c *Call) {
				leg, err := c.Answer(context.Background())
				if err != nil {
					over <- outcome{cause: err}

					return
				}
				var f media.Frame
				leg.Write(&f)
				await(t, "audio", func() bool { return leg.Stats().PacketsIn > 0 })
				<-c.Done()
				var heard media.Inbound
				for range 30 {
					if in := leg.Read(&f); in.Kind == media.Received {
						heard = in
					}
				}
				over <- outcome{heard, c.Cause()}
			}, func(c *Config) {
				c.Accounts = []Account{{Name: "other", Carrier: name, Tokens: []string{a.secret}, Fallback: Fallback{Say: "Sorry"}}}
			})
			if status, _ := do(t, a.request(t, s, false)); status != http.StatusForbidden {
				t.Errorf("without a signature the answer is %d", status)
			}
			status, answer := do(t, a.request(t, s, true))
			found := tokenText.FindStringSubmatch(answer)
			if status != http.StatusOK || found == nil || !strings.Contains(answer, "wss://voice.example.com/line/other/media") {
				t.Fatalf("%d %s", status, answer)
			}
			stranger, response, err := websocket.DefaultDialer.Dial("ws://"+s.Addr().String()+"/line/other/media", nil)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			tell(t, stranger, strings.Split(strings.ReplaceAll(a.start, "$token", "guess"), "\n")...)
			if code := closedWith(t, stranger); code != framing.ClosePolicy {
				t.Errorf("a stranger's socket was closed with %d", code)
			}
			stranger.Close()
			conn, response, err := websocket.DefaultDialer.Dial("ws://"+s.Addr().String()+"/line/other/media", a.header(found[1]))
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			defer conn.Close()
			tell(t, conn, strings.Split(strings.ReplaceAll(a.start, "$token", found[1]), "\n")...)
			d, _ := dialect.ByName(name)
			kind := map[bool]int{true: websocket.BinaryMessage, false: websocket.TextMessage}[d.Binary]
			for range 5 {
				if err := conn.WriteMessage(kind, a.audio); err != nil {
					t.Fatal(err)
				}
			}
			await(t, "the stream", func() bool { return s.Stats().Streams == 1 })
			if a.stop != "" {
				tell(t, conn, a.stop)
			} else {
				_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(framing.CloseNormal, ""), time.Now().Add(patience))
			}
			if got := <-over; !isErr(got.cause, ErrHungUp) {
				t.Errorf("ended with %v, last heard %+v", got.cause, got.heard)
			}
			if stats := s.Stats(); stats.Forged != 1 || stats.Replays != 1 || stats.Streams != 1 {
				t.Errorf("stats are %+v", stats)
			}
		})
	}
}

// parameterTag is the token's parameter with its attributes the other way round.
var parameterTag = regexp.MustCompile(`<Parameter value="T1" name="token"/>`)

// The instructions of every carrier are what its documents show.
func TestInstructions(t *testing.T) {
	t.Parallel()
	s := &streaming{socket: "wss://h.example/a/media", status: "https://h.example/a/stream", after: "https://h.example/a/action", call: "C1", token: "T1"}
	for name, want := range map[string][5]string{
		"twilio": {
			`<Parameter name="token" value="T1"/></Stream></Connect>`,
			`<Reject reason="busy"/>`, `<Hangup/>`, `<Say language="en-US">Sorry &lt;b&gt;</Say><Hangup/>`, `<Dial>+1</Dial>`,
		},
		"signalwire": {`authBearerToken="T1"`, `<Reject reason="busy"/>`, `<Hangup/>`, `<Say language="en-US">Sorry &lt;b&gt;</Say><Hangup/>`, `<Dial>+1</Dial>`},
		"telnyx":     {`bidirectionalMode="rtp"`, `<Reject reason="busy"/>`, `<Hangup/>`, `<Say language="en-US">Sorry &lt;b&gt;</Say><Hangup/>`, `<Dial>+1</Dial>`},
		"plivo": {
			`<Stream bidirectional="true" keepCallAlive="true" contentType="audio/x-mulaw;rate=8000" statusCallbackUrl="https://h.example/a/stream" extraHeaders="token=T1">wss://h.example/a/media</Stream>`,
			`<Hangup reason="busy"></Hangup>`, `<Hangup></Hangup>`, `<Speak language="en-US">Sorry &lt;b&gt;</Speak><Hangup></Hangup>`, `<Dial><Number>+1</Number></Dial>`,
		},
		"vonage": {
			`"headers":{"call":"C1","token":"T1"},"type":"websocket","uri":"wss://h.example/a/media"`,
			`[]`, `[]`, `"text":"Sorry \u003cb\u003e"`, `"number":"+1"`,
		},
		"exotel": {`{"url":"wss://h.example/a/media?token=T1"}`, `{}`, `{}`, `{}`, `{}`},
	} {
		words := carriers[name]
		for i, write := range []func() (instructions, error){
			func() (instructions, error) { return words.stream(s) },
			words.reject, words.hangup,
			func() (instructions, error) { return words.fallback(&Fallback{Say: "Sorry <b>"}) },
			func() (instructions, error) { return words.fallback(&Fallback{Number: "+1"}) },
		} {
			a, err := write()
			// The library writes attributes in any order.
			body := parameterTag.ReplaceAllString(string(a.body), `<Parameter name="token" value="T1"/>`)
			if err != nil || !strings.Contains(body, want[i]) || a.content == "" {
				t.Errorf("%s: %s (%v), want %s", name, body, err, want[i])
			}
		}
	}
	if len(carriers) != len(dialect.Names()) {
		t.Errorf("%d carriers speak %d dialects", len(carriers), len(dialect.Names()))
	}
}
