package carrier

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/media/clock"
	"trunkline/media/g711"
)

const (
	public = "https://voice.example.com"
	ours   = "+12025550100"
	theirs = "+12025550199"
)

// application is a small gateway: it answers webhooks with fixed documents
// and lets a test drive its streams.
type application struct {
	t       *testing.T
	token   string
	server  *httptest.Server
	mu      sync.Mutex
	docs    map[string]string
	posted  []post
	changed chan struct{}
	streams chan *websocket.Conn
}

type post struct {
	path string
	form url.Values
}

func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	want := Sign(a.token, "https://"+r.Host+r.URL.RequestURI(), formOf(r))
	if websocket.IsWebSocketUpgrade(r) {
		want = Sign(a.token, "wss://"+r.Host+r.URL.RequestURI(), nil)
	}
	if r.Header.Get("X-Twilio-Signature") != want {
		http.Error(w, "signature", http.StatusForbidden)

		return
	}
	if websocket.IsWebSocketUpgrade(r) {
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err == nil {
			a.streams <- conn
		}

		return
	}
	a.mu.Lock()
	a.posted = append(a.posted, post{r.URL.Path, r.Form})
	close(a.changed)
	a.changed = make(chan struct{})
	doc, ok := a.docs[r.URL.Path]
	a.mu.Unlock()
	if !ok {
		w.WriteHeader(http.StatusNoContent)

		return
	}
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprint(w, "<Response>"+doc+"</Response>")
}

func formOf(r *http.Request) url.Values {
	_ = r.ParseForm()

	return r.PostForm
}

// wait returns the first post that fits.
func (a *application) wait(path string, fits func(url.Values) bool) url.Values {
	a.t.Helper()
	limit := time.After(10 * time.Second)
	for {
		a.mu.Lock()
		changed := a.changed
		for _, p := range a.posted {
			if p.path == path && fits(p.form) {
				a.mu.Unlock()

				return p.form
			}
		}
		a.mu.Unlock()
		select {
		case <-changed:
		case <-limit:
			a.t.Fatalf("nothing came to %s", path)
		}
	}
}

func (a *application) all(path string) []url.Values {
	a.mu.Lock()
	defer a.mu.Unlock()
	var forms []url.Values
	for _, p := range a.posted {
		if p.path == path {
			forms = append(forms, p.form)
		}
	}

	return forms
}

func any1(url.Values) bool { return true }

func setup(t *testing.T, o Options, docs map[string]string) (*Carrier, *application) {
	t.Helper()
	a := &application{t: t, docs: docs, changed: make(chan struct{}), streams: make(chan *websocket.Conn, 4)}
	a.server = httptest.NewServer(a)
	t.Cleanup(a.server.Close)
	o.Tunnel = map[string]string{"voice.example.com": a.server.Listener.Addr().String()}
	o.Numbers = append(o.Numbers, Number{
		Number: ours, VoiceURL: public + "/voice?agent=a", StatusCallback: public + "/status", VoiceFallbackURL: public + "/fallback",
	})
	if o.CallsPerSecond == 0 {
		o.CallsPerSecond = 1000
	}
	c := New(o)
	a.token = c.AuthToken()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)

	return c, a
}

// heard is an owner who keeps what the phone played.
type heard struct {
	line  *Line
	mu    sync.Mutex
	audio []int16
	say   int16
}

func (h *heard) Tick(time.Time) {
	var in, out media.Frame
	got := h.line.Read(&in)
	h.mu.Lock()
	if got.Kind == media.Received {
		h.audio = append(h.audio, in[:]...)
	}
	for i := range out {
		out[i] = h.say
	}
	h.mu.Unlock()
	h.line.Write(&out)
}

func (h *heard) loudest() int16 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.audio) == 0 {
		return 0
	}

	return slices.Max(h.audio)
}

func tone(octets int, value int16) string {
	samples := make([]int16, octets)
	for i := range samples {
		samples[i] = value
	}
	audio := make([]byte, octets)
	g711.PCMU.Encode(audio, samples)

	return base64.StdEncoding.EncodeToString(audio)
}

// peer is the application's side of a stream.
type peer struct {
	t    *testing.T
	conn *websocket.Conn
	sid  string
}

// next reads messages up to the first of this event.
func (p *peer) next(event string) map[string]any {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		var m map[string]any
		if err := p.conn.ReadJSON(&m); err != nil {
			p.t.Fatalf("waiting for %s: %v", event, err)
		}
		if sid, ok := m["streamSid"].(string); ok {
			p.sid = sid
		}
		if m["event"] == event {
			return m
		}
	}
}

func (p *peer) send(m map[string]any) {
	p.t.Helper()
	m["streamSid"] = p.sid
	if err := p.conn.WriteJSON(m); err != nil {
		p.t.Fatal(err)
	}
}

const streamDoc = `<Connect action="/after"><Stream url="wss://voice.example.com/stream/1" statusCallback="/streams" name="n">` +
	`<Parameter name="token" value="t&quot;1"/></Stream></Connect>`

// TestInboundStream follows a subscriber's call through its stream.
func TestInboundStream(t *testing.T) {
	t.Parallel()
	phone := &heard{say: 1000}
	c, a := setup(t, Options{Delay: 2 * time.Millisecond, Jitter: 3 * time.Millisecond}, map[string]string{"/voice": streamDoc, "/after": "<Hangup/>"})
	call, err := c.Dial(Caller{From: theirs, To: ours, Verstat: "TN-Validation-Passed-A", Phone: Phone{
		Owner: func(l *Line) clock.Ticker { phone.line = l; return phone },
	}})
	if err != nil {
		t.Fatal(err)
	}
	form := a.wait("/voice", any1)
	if form.Get("CallSid") != call.SID || form.Get("StirVerstat") != "TN-Validation-Passed-A" || form.Get("agent") != "a" {
		t.Errorf("the webhook says %v", form)
	}
	p := &peer{t: t, conn: <-a.streams}
	defer p.conn.Close()
	p.next("connected")
	start := p.next("start")["start"].(map[string]any)
	if start["callSid"] != call.SID || start["customParameters"].(map[string]any)["token"] != `t"1` {
		t.Errorf("start says %v", start)
	}
	m := p.next("media")["media"].(map[string]any)
	audio, _ := base64.StdEncoding.DecodeString(m["payload"].(string))
	if m["chunk"] != "1" || len(audio) != frameSize || audio[0] == 0xff {
		t.Errorf("media says %v", m)
	}
	_ = call.Line().SendDigit('5', 0)
	if d := p.next("dtmf")["dtmf"].(map[string]any); d["digit"] != "5" {
		t.Errorf("dtmf says %v", d)
	}

	p.send(map[string]any{"event": "mark", "mark": map[string]any{"name": "empty"}})
	if m := p.next("mark"); m["mark"].(map[string]any)["name"] != "empty" {
		t.Errorf("mark says %v", m)
	}
	began := time.Now()
	p.send(map[string]any{"event": "media", "media": map[string]any{"payload": tone(1600, 8000)}})
	p.send(map[string]any{"event": "mark", "mark": map[string]any{"name": "heard"}})
	p.next("mark")
	if took := time.Since(began); took < 180*time.Millisecond {
		t.Errorf("200 ms of audio were played in %v", took)
	}
	if l := phone.loudest(); l < 7000 || l > 9000 {
		t.Errorf("the phone heard %d, want about 8000", l)
	}
	p.send(map[string]any{"event": "media", "media": map[string]any{"payload": tone(80000, 20000)}})
	p.send(map[string]any{"event": "mark", "mark": map[string]any{"name": "cut"}})
	p.send(map[string]any{"event": "clear"})
	began = time.Now()
	p.next("mark")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("clear returned the mark after %v", took)
	}
	_ = p.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
	a.wait("/after", any1)
	<-call.Done()
	a.wait("/streams", func(f url.Values) bool { return f.Get("StreamEvent") == "stream-stopped" })
	done := a.wait("/status", func(f url.Values) bool { return f.Get("CallStatus") == completed })
	if done.Get("CallSid") != call.SID || done.Get("CallDuration") == "" {
		t.Errorf("the last status says %v", done)
	}
	if alerts := c.Alerts(); len(alerts) > 0 {
		t.Errorf("alerts: %v", alerts)
	}
}

// TestPhoneHangsUp sees stop, then the connection's end.
func TestPhoneHangsUp(t *testing.T) {
	t.Parallel()
	c, a := setup(t, Options{Trouble: Trouble{Stream: Stream{AfterStop: 2}}}, map[string]string{"/voice": streamDoc})
	call, err := c.Dial(Caller{From: theirs, To: ours})
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, conn: <-a.streams}
	defer p.conn.Close()
	p.next("start")
	_ = call.Line().Hangup(t.Context(), "")
	p.next("stop")
	p.next("media") // the trouble
	_ = p.conn.Close()
	<-call.Done()
	if call.Status() != completed || len(a.all("/after")) != 0 {
		t.Errorf("status %s; /after was asked %d times", call.Status(), len(a.all("/after")))
	}
}

// request asks the REST API.
func request(t *testing.T, c *Carrier, method, path string, form url.Values) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.URL()+"/2010-04-01/Accounts/"+c.AccountSID()+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(c.AccountSID(), c.AuthToken())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body strings.Builder
	_, _ = fmt.Fprint(&body, res.Header.Get("Retry-After"))
	buf := make([]byte, 1<<16)
	for {
		n, err := res.Body.Read(buf)
		body.Write(buf[:n])
		if err != nil {
			return res.StatusCode, body.String()
		}
	}
}

// TestOutcomesOfCalls places calls to phones of all kinds.
func TestOutcomesOfCalls(t *testing.T) {
	t.Parallel()
	phones := map[string]Phone{
		"+12025550001": {},
		"+12025550002": {Outcome: Busy},
		"+12025550003": {Outcome: RingsOn},
		"+12025550004": {Outcome: Fails},
		"+12025550005": {Outcome: Voicemail},
	}
	c, a := setup(t, Options{Phone: func(n string) Phone { return phones[n] }}, nil)
	for number, want := range map[string]string{
		"+12025550001": completed, "+12025550002": busy, "+12025550003": noAnswer, "+12025550004": failed, "+12025550005": completed,
	} {
		status, body := request(t, c, http.MethodPost, "/Calls.json", url.Values{
			"To": {number}, "From": {ours}, "Twiml": {"<Response><Say>Hi</Say></Response>"}, "Timeout": {"1"},
			"StatusCallback": {public + "/status"}, "StatusCallbackEvent": {initiated, ringing, "answered", completed},
			"MachineDetection": {"Enable"}, "AsyncAmd": {"true"}, "AsyncAmdStatusCallback": {public + "/amd"},
		})
		if status != http.StatusCreated || !strings.Contains(body, `"status":"queued"`) {
			t.Errorf("%s: %d %s", number, status, body)
		}
		last := a.wait("/status", func(f url.Values) bool {
			return f.Get("To") == number && !slices.Contains([]string{initiated, ringing, inProgress}, f.Get("CallStatus"))
		})
		if last.Get("CallStatus") != want {
			t.Errorf("%s ended as %s, want %s", number, last.Get("CallStatus"), want)
		}
	}
	verdict := a.wait("/amd", func(f url.Values) bool { return f.Get("AnsweredBy") == "machine_start" })
	if verdict.Get("CallSid") == "" {
		t.Error(verdict)
	}
	var seen []string
	for _, f := range a.all("/status") {
		if f.Get("To") == "+12025550001" {
			seen = append(seen, f.Get("SequenceNumber")+" "+f.Get("CallStatus"))
		}
	}
	if want := []string{"0 initiated", "1 ringing", "2 in-progress", "3 completed"}; !slices.Equal(seen, want) {
		t.Errorf("status callbacks %v, want %v", seen, want)
	}
}

// TestRefusals names the errors of the API.
func TestRefusals(t *testing.T) {
	t.Parallel()
	c, _ := setup(t, Options{Refused: map[string]int{"+12025550666": 21216}}, nil)
	good := func(change ...string) url.Values {
		f := url.Values{"To": {theirs}, "From": {ours}, "Url": {public + "/voice"}}
		for i := 0; i < len(change); i += 2 {
			f.Set(change[i], change[i+1])
		}

		return f
	}
	for want, form := range map[string]url.Values{
		`"code":21211`: good("To", "12"),
		`"code":21216`: good("To", "+12025550666"),
		`"code":21215`: good("To", "+15005550003"),
		`"code":21212`: good("From", "x"),
		`"code":21210`: good("From", "+12025550777"),
		`"code":21205`: good("Url", "nowhere"),
		`"code":21262`: good("MachineDetection", "Enable", "AsyncAmd", "true"),
		`"code":21626`: good("Twiml", strings.Repeat("x", 4001)),
		`"code":20001`: good("Timeout", "601"),
	} {
		if status, body := request(t, c, http.MethodPost, "/Calls.json", form); status != http.StatusBadRequest || !strings.Contains(body, want) {
			t.Errorf("want %s, got %d %s", want, status, body)
		}
	}
	if status, body := request(t, c, http.MethodGet, "/Calls/CA1.json", nil); status != http.StatusNotFound || !strings.Contains(body, "20404") {
		t.Errorf("%d %s", status, body)
	}
	if n := len(c.Calls()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
	res, err := http.Get(c.URL() + "/2010-04-01/Accounts/" + c.AccountSID() + "/Calls.json")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("no credentials: %d", res.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestQueue dials one call per period and has a bound.
func TestQueue(t *testing.T) {
	t.Parallel()
	c, _ := setup(t, Options{CallsPerSecond: 10, Queue: 2}, nil)
	form := url.Values{"To": {theirs}, "From": {ours}, "Twiml": {"<Response/>"}}
	full := 0
	for range 6 {
		if status, body := request(t, c, http.MethodPost, "/Calls.json", form); status == http.StatusTooManyRequests && strings.Contains(body, "22005") {
			full++
		}
	}
	if full == 0 {
		t.Error("the queue has no bound")
	}
	calls := c.Calls()
	for _, call := range calls {
		<-call.Done()
	}
	if waited := calls[1].resource()["queue_time"].(string); waited == "0" {
		t.Errorf("the second call waited %s ms", waited)
	}
}

// TestTransfer redirects a call to a person, who is briefed first.
func TestTransfer(t *testing.T) {
	t.Parallel()
	caller, person := &heard{say: 1000}, &heard{say: 5000}
	c, a := setup(t, Options{Phone: func(string) Phone {
		return Phone{Owner: func(l *Line) clock.Ticker { person.line = l; return person }}
	}}, map[string]string{
		"/voice": streamDoc, "/briefing": "<Say>a</Say>", "/dialled": "<Say>Bye</Say><Hangup/>",
	})
	call, err := c.Dial(Caller{From: theirs, To: ours, Phone: Phone{Owner: func(l *Line) clock.Ticker { caller.line = l; return caller }}})
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, conn: <-a.streams}
	defer p.conn.Close()
	p.next("start")
	status, body := request(t, c, http.MethodPost, "/Calls/"+call.SID+".json", url.Values{"Twiml": {
		`<Response><Dial action="/dialled" callerId="` + ours + `"><Number url="/briefing">+12025550123</Number></Dial></Response>`,
	}})
	if status != http.StatusOK {
		t.Fatal(status, body)
	}
	p.next("stop")
	_ = p.conn.Close()
	limit := time.After(10 * time.Second)
	for caller.loudest() < 4000 || person.loudest() < 800 {
		select {
		case <-limit:
			t.Fatalf("the caller heard %d, the person %d", caller.loudest(), person.loudest())
		case <-time.After(10 * time.Millisecond):
		}
	}
	calls := c.Calls()
	child := calls[len(calls)-1]
	if child.Said("said") != "a" || child.Direction != outboundDial {
		t.Errorf("the person was told %q", child.Said("said"))
	}
	_ = child.Line().Hangup(t.Context(), "")
	form := a.wait("/dialled", any1)
	<-call.Done()
	if form.Get("DialCallStatus") != completed || form.Get("DialCallSid") != child.SID || call.Said("said") != "Bye" {
		t.Errorf("after the transfer: %v; said %q", form, call.Said("said"))
	}
}

// TestGather collects keys.
func TestGather(t *testing.T) {
	t.Parallel()
	c, a := setup(t, Options{}, map[string]string{
		"/voice": `<Gather numDigits="2" action="/keys"><Say>Press two keys</Say></Gather>`, "/keys": "<Hangup/>",
	})
	call, err := c.Dial(Caller{From: theirs, To: ours})
	if err != nil {
		t.Fatal(err)
	}
	a.wait("/voice", any1)
	for call.Said("said") == "" {
		time.Sleep(time.Millisecond)
	}
	_ = call.Line().SendDigit('4', 0)
	_ = call.Line().SendDigit('2', 0)
	if f := a.wait("/keys", any1); f.Get("Digits") != "42" {
		t.Errorf("keys %v", f)
	}
	<-call.Done()
}

// TestTroubles sees that each goes on to an end.
func TestTroubles(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		trouble Stream
		code    int
	}{
		"wrong signature": {Stream{WrongSignature: true}, codeHandshake},
		"cut":             {Stream{CutAfter: 20 * time.Millisecond}, codeStreamClosed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, a := setup(t, Options{Trouble: Trouble{Stream: tc.trouble}}, map[string]string{"/voice": streamDoc, "/after": "<Hangup/>"})
			call, err := c.Dial(Caller{From: theirs, To: ours})
			if err != nil {
				t.Fatal(err)
			}
			form := a.wait("/after", any1)
			<-call.Done()
			alerts := c.Alerts()
			if len(alerts) != 1 || alerts[0].Code != tc.code || form.Get("StreamErrorCode") != fmt.Sprint(tc.code) {
				t.Errorf("alerts %v, /after %v", alerts, form)
			}
			select {
			case conn := <-a.streams:
				_ = conn.Close()
			default:
			}
		})
	}
}

// TestFallback is asked when a webhook fails.
func TestFallback(t *testing.T) {
	t.Parallel()
	c, a := setup(t, Options{}, map[string]string{"/voice": "<Sing/>", "/fallback": "<Say>Sorry</Say>"})
	call, err := c.Dial(Caller{From: theirs, To: ours})
	if err != nil {
		t.Fatal(err)
	}
	form := a.wait("/fallback", any1)
	<-call.Done()
	if form.Get("ErrorCode") != fmt.Sprint(codeUnknownVerb) || call.Said("said") != "Sorry" {
		t.Errorf("fallback %v, said %q", form, call.Said("said"))
	}
}

// TestShuffledCallbacks come all, some of them twice.
func TestShuffledCallbacks(t *testing.T) {
	t.Parallel()
	c, a := setup(t, Options{Seed: 3, Trouble: Trouble{Shuffle: 50 * time.Millisecond, Duplicate: 1}}, nil)
	request(t, c, http.MethodPost, "/Calls.json", url.Values{
		"To": {theirs}, "From": {ours}, "Twiml": {"<Response/>"}, "StatusCallback": {public + "/status"},
		"StatusCallbackEvent": {initiated, ringing, "answered", completed},
	})
	<-c.Calls()[0].Done()
	c.Stop()
	seen := map[string]int{}
	for _, f := range a.all("/status") {
		seen[f.Get("SequenceNumber")]++
	}
	if len(seen) != 4 || seen["0"] != 2 || seen["3"] != 2 {
		t.Errorf("callbacks by number: %v", seen)
	}
}

// TestRecordings are started, paused and stopped.
func TestRecordings(t *testing.T) {
	t.Parallel()
	c, a := setup(t, Options{}, map[string]string{"/voice": `<Pause length="60"/>`})
	call, err := c.Dial(Caller{From: theirs, To: ours})
	if err != nil {
		t.Fatal(err)
	}
	a.wait("/voice", any1)
	for call.Status() != inProgress {
		time.Sleep(time.Millisecond)
	}
	path := "/Calls/" + call.SID + "/Recordings"
	if status, body := request(t, c, http.MethodPost, path+".json", nil); status != http.StatusCreated {
		t.Fatal(status, body)
	}
	for _, s := range []string{"paused", inProgress, "stopped"} {
		if status, body := request(t, c, http.MethodPost, path+"/Twilio.CURRENT.json", url.Values{"Status": {s}}); status != http.StatusOK {
			t.Error(s, status, body)
		}
	}
	if got := call.Recordings(); !slices.Equal(got, []string{"stopped"}) {
		t.Error(got)
	}
	request(t, c, http.MethodPost, "/Calls/"+call.SID+".json", url.Values{"Status": {completed}})
	<-call.Done()
}
