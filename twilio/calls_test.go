package twilio_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/clock"
	"trunkline/twilio"
	"trunkline/twilio/carrier"
)

const ours, theirs = "+12155550131", "+12155550121"

// agent answers each call, sends back what it hears, and hangs up once the
// caller pressed a key.
type agent struct {
	clock *clock.Clock
	ended chan error
}

func (a *agent) Incoming(c *twilio.Call) {
	leg, err := c.Answer(context.Background())
	if err != nil {
		a.ended <- err

		return
	}
	e := &echo{leg: leg, pressed: make(chan struct{})}
	remove := a.clock.Add(e)
	select {
	case <-e.pressed:
	case <-c.Done():
	}
	remove()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err = c.Hangup(ctx)
	if err == nil {
		err = leg.Close()
	}
	a.ended <- err
}

type echo struct {
	leg     *twilio.Leg
	pressed chan struct{}
	keys    int
}

func (e *echo) Tick(time.Time) {
	var f media.Frame
	e.leg.Read(&f)
	if e.leg.Write(&f) {
		e.leg.Mark(media.Mark{Frames: 1})
	}
	e.leg.Marked()
	if _, ok := e.leg.Digit(); ok {
		if e.keys++; e.keys == 1 {
			close(e.pressed)
		}
	}
}

// caller says a steady sound, presses a key once it hears it come back, and
// waits for the end.
type caller struct {
	line  *carrier.Line
	heard *atomic.Int64
	done  bool
}

func (c *caller) Tick(time.Time) {
	var in, out media.Frame
	c.line.Read(&in)
	for i := range out {
		out[i] = 8000
	}
	c.line.Write(&out)
	if !c.done && in[80] > 7000 {
		c.done = true
		c.heard.Add(1)
		_ = c.line.SendDigit('1', 100*time.Millisecond) // the call may be over
	}
}

// world is a carrier with a door behind it.
func world(t *testing.T) (*carrier.Carrier, *twilio.Server, *agent, *atomic.Int64) {
	t.Helper()
	const secret = "0123456789abcdef0123456789abcdef"
	a := &agent{clock: clock.New(clock.Options{Shards: 2}), ended: make(chan error, 1)}
	if err := a.clock.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.clock.Stop)
	door, err := twilio.New(twilio.Config{
		Listen: "127.0.0.1:0", PublicURL: "https://voice.example.com/line", MaxCalls: 10,
		Accounts: []twilio.Account{{Name: "main", Carrier: "twilio", Tokens: []string{secret}}},
	}, a)
	if err != nil {
		t.Fatal(err)
	}
	if err := door.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	const base = "https://voice.example.com/line/main"
	c := carrier.New(carrier.Options{
		AuthToken: secret, Numbers: []carrier.Number{{Number: ours, VoiceURL: base + "/voice", VoiceFallbackURL: base + "/fallback", StatusCallback: base + "/status"}},
		Tunnel: map[string]string{"voice.example.com": door.Addr().String()},
	})
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Stop()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := door.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})

	return c, door, a, new(atomic.Int64)
}

// talk makes one whole call: it is answered, heard both ways, and hung up.
func talk(t *testing.T, c *carrier.Carrier, a *agent, heard *atomic.Int64) {
	t.Helper()
	before := heard.Load()
	call, err := c.Dial(carrier.Caller{From: theirs, To: ours, Verstat: "TN-Validation-Passed-A", Phone: carrier.Phone{
		Owner: func(l *carrier.Line) clock.Ticker { return &caller{line: l, heard: heard} },
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-a.ended; err != nil {
		t.Fatal(err)
	}
	<-call.Done()
	if heard.Load() != before+1 || call.Status() != "completed" {
		t.Fatalf("the caller heard itself %d times; the call is %s: %+v", heard.Load()-before, call.Status(), call.Events())
	}
}

// A whole call by a carrier that shares no code with the door.
func TestCallByTheCarrier(t *testing.T) {
	t.Parallel()
	c, door, a, heard := world(t)
	talk(t, c, a, heard)
	if alerts := c.Alerts(); len(alerts) > 0 {
		t.Errorf("the carrier's debugger shows %+v", alerts)
	}
	if s := door.Stats(); s.Calls != 1 || s.Streams != 1 || s.Forged+s.Malformed+s.Replays+s.Strangers != 0 {
		t.Errorf("stats are %+v", s)
	}
}

// After many calls, one after another, the process holds what it held before.
func TestManyCallsLeaveNothing(t *testing.T) {
	calls := 40
	if os.Getenv("TRUNKLINE_LONG") != "" {
		calls = 500
	}
	c, door, a, heard := world(t)
	for range 5 { // pools and connections
		talk(t, c, a, heard)
	}
	before := measure(t)
	for range calls {
		talk(t, c, a, heard)
	}
	var after baseline
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) { // what ends by itself may take a moment
		after = measure(t)
		if after.within(before) || time.Now().After(deadline) {
			break
		}
	}
	t.Logf("%d calls: %+v before, %+v after; %+v", calls, before, after, door.Stats())
	if !after.within(before) {
		t.Errorf("%+v before, %+v after", before, after)
	}
	if grown := int64(after.heap) - int64(before.heap); grown > int64(calls)*8<<10+1<<20 { // the carrier remembers its calls
		t.Errorf("the heap grew by %d octets in %d calls", grown, calls)
	}
	if s := door.Stats(); s.Active != 0 || s.Tokens != 0 || s.Streams != uint64(calls+5) {
		t.Errorf("stats are %+v", s)
	}
}

type baseline struct {
	goroutines, files int
	heap              uint64
}

// within says that what is left is no more than before, but for a few
// connections that the carrier keeps for its next webhooks: two files and three
// goroutines each.
func (b baseline) within(before baseline) bool {
	const idle = 8

	return b.goroutines <= before.goroutines+3*idle && b.files <= before.files+2*idle
}

func measure(t *testing.T) baseline {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}

	return baseline{runtime.NumGoroutine(), len(files), m.HeapAlloc}
}

// Example shows a door that says goodbye to nobody: it turns every call away.
func ExampleServer() {
	door, err := twilio.New(twilio.Config{
		Listen: "127.0.0.1:0", PublicURL: "https://voice.example.com",
		Accounts: []twilio.Account{{Name: "main", Carrier: "twilio", Tokens: []string{"the account's auth token"}}},
	}, refuse{})
	if err != nil {
		return
	}
	if err := door.Start(context.Background()); err != nil {
		return
	}
	answer, err := http.Post("http://"+door.Addr().String()+"/main/voice", "application/x-www-form-urlencoded", nil)
	if err == nil {
		_, _ = io.Copy(os.Stdout, answer.Body)
		answer.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	_ = door.Stop(context.Background())
	// Output: the signature is not valid
}

type refuse struct{}

func (refuse) Incoming(c *twilio.Call) { _ = c.Refuse() }
