package twilio

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/media/legtest"
	"trunkline/media/resample"
	"trunkline/twilio/dialect"
	"trunkline/twilio/framing"
)

// patience is how long a test waits for the loopback interface.
const patience = 20 * time.Second

// await lets others run until done; the sockets of a test are real, and so is
// its time.
func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	for start := time.Now(); !done(); runtime.Gosched() {
		if time.Since(start) > patience {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

var epoch = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// farEnd is a carrier's end of a stream: it queues what it is sent and plays 20
// ms of it per tick, by a time that is the leg's.
type farEnd struct {
	t       testing.TB
	d       *dialect.Dialect
	format  dialect.Format
	leg     *Leg
	conn    *websocket.Conn
	elapsed atomic.Int64
	upTo8k  *resample.Resampler
	down    *resample.Resampler
	lag     []int16 // silence before what down gives first, for the samples to count right

	chunk, said int64  // told so far; audio said so far, in frames
	sent        uint64 // messages

	mu    sync.Mutex
	got   uint64 // messages
	queue []item
	heard []int16
	back  []string // marks to be sent back
	err   error
}

// item is audio or a mark in the queue of the carrier.
type item struct {
	samples []int16
	mark    string
}

// newFarEnd opens a stream of a carrier's.
func newFarEnd(t testing.TB, name string, format dialect.Format) *farEnd {
	t.Helper()
	d, ok := dialect.ByName(name)
	if !ok {
		t.Fatalf("%q has no dialect", name)
	}
	e := &farEnd{t: t, d: d, format: format}
	legs := make(chan *Leg, 1)
	var serving sync.WaitGroup
	serving.Add(1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer serving.Done()
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)

			return
		}
		start := dialect.Message{Stream: "MZ1", Format: format}
		now := func() time.Time { return epoch.Add(time.Duration(e.elapsed.Load())) }
		leg, err := newLeg(d, conn.NetConn(), framing.NewReader(dialect.MaxMessage), &start, now)
		if err != nil {
			t.Error(err)
		}
		legs <- leg
		<-leg.over
	}))
	conn, response, err := websocket.DefaultDialer.Dial(strings.Replace(server.URL, "http", "ws", 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	e.conn, e.leg = conn, <-legs
	e.upTo8k, e.down = resampler(t, media.SampleRate, format.Rate), resampler(t, format.Rate, media.SampleRate)
	if e.down != nil {
		e.lag = make([]int16, (e.down.Delay()*media.SampleRate+format.Rate-1)/format.Rate)
	}
	var reading sync.WaitGroup
	reading.Go(e.read)
	t.Cleanup(func() {
		e.leg.Close()
		conn.Close()
		serving.Wait()
		reading.Wait()
		server.Close()
	})

	return e
}

func resampler(t testing.TB, from, to int) *resample.Resampler {
	t.Helper()
	if from == to {
		return nil
	}
	r, err := resample.New(from, to)
	if err != nil {
		t.Fatal(err)
	}

	return r
}

func (e *farEnd) read() {
	for {
		kind, data, err := e.conn.ReadMessage()
		e.mu.Lock()
		if err != nil {
			e.err = err
			e.mu.Unlock()

			return
		}
		e.understand(kind == websocket.BinaryMessage, data)
		e.got++
		e.mu.Unlock()
	}
}

// understand takes a message of ours, as the carrier's documents have it.
func (e *farEnd) understand(binary bool, data []byte) {
	var m struct {
		Event  string `json:"event"`
		Action string `json:"action"`
		Name   string `json:"name"`
		Mark   struct {
			Name string `json:"name"`
		} `json:"mark"`
		Media struct {
			Payload []byte `json:"payload"`
		} `json:"media"`
		Payload struct {
			Mark string `json:"mark"`
		} `json:"payload"`
	}
	if binary {
		e.play(data)

		return
	}
	if err := json.Unmarshal(data, &m); err != nil {
		e.t.Errorf("%s: %v", data, err)
	}
	switch m.Event + m.Action {
	case "media", "playAudio":
		e.play(m.Media.Payload)
	case "mark":
		e.queue = append(e.queue, item{mark: m.Mark.Name})
	case "checkpoint":
		e.queue = append(e.queue, item{mark: m.Name})
	case "notify":
		e.queue = append(e.queue, item{mark: m.Payload.Mark})
	case "clear", "clearAudio":
		for _, i := range e.queue {
			if i.mark != "" && e.d.Name != "plivo" && e.d.Name != "vonage" {
				e.back = append(e.back, i.mark)
			}
		}
		e.queue = nil
	default:
		e.t.Errorf("we said %s", data)
	}
}

func (e *farEnd) play(audio []byte) {
	if len(audio)%e.format.Size(1) != 0 || len(audio) < e.format.Size(e.d.Batch) {
		e.t.Errorf("a message of %d octets", len(audio))
	}
	samples := e.format.Decode(nil, audio)
	if e.down != nil {
		samples = e.down.Append(e.lag, samples)
		e.lag = nil
	}
	e.queue = append(e.queue, item{samples: samples})
}

func (e *farEnd) send(kind int, message []byte) {
	e.t.Helper()
	if err := e.conn.WriteMessage(kind, message); err != nil {
		e.t.Fatal(err)
	}
	e.sent++
}

func (e *farEnd) sayf(format string, args ...any) {
	e.t.Helper()
	e.send(websocket.TextMessage, fmt.Appendf(nil, format, args...))
}

func (e *farEnd) Speak(f *media.Frame) {
	samples := f[:]
	if e.upTo8k != nil {
		samples = e.upTo8k.Append(nil, samples)
	}
	audio := e.format.Encode(nil, samples)
	e.chunk++
	at := e.said * 20
	e.said++
	if e.d.Binary {
		e.send(websocket.BinaryMessage, audio)

		return
	}
	e.sayf(`{"event":"media","sequenceNumber":"9","media":{"track":"inbound","chunk":"%d","timestamp":"%d","payload":"%s"},"streamSid":"MZ1"}`,
		e.chunk, at, base64.StdEncoding.EncodeToString(audio))
}

func (e *farEnd) Lose() {
	if e.d.Binary {
		e.t.Skip("this carrier counts nothing: what TCP does not lose is not lost")
	}
	e.chunk++
	e.said++
}

func (e *farEnd) Press(key byte) {
	if e.d.Name == "vonage" {
		e.sayf(`{"event":"websocket:dtmf","digit":"%c","duration":260}`, key)
	} else {
		e.sayf(`{"event":"dtmf","streamSid":"MZ1","sequenceNumber":"5","dtmf":{"track":"inbound_track","digit":"%c"}}`, key)
	}
}

// Tick lets both directions arrive, plays 20 ms and sends back the marks that
// were reached.
func (e *farEnd) Tick() {
	e.t.Helper()
	e.elapsed.Add(int64(media.FrameDuration))
	await(e.t, "what we sent", func() bool {
		e.leg.Flush()
		e.leg.mu.Lock()
		left, waits := e.leg.out.outbox.left, e.leg.out.outbox.length > 0 && !e.leg.ended
		e.leg.mu.Unlock()
		e.mu.Lock()
		defer e.mu.Unlock()

		return e.err != nil || e.got == left && !waits
	})
	e.mu.Lock()
	room := media.FrameSamples
	for len(e.queue) > 0 && room > 0 {
		i := &e.queue[0]
		if i.mark != "" {
			e.back = append(e.back, i.mark)
			e.queue = e.queue[1:]

			continue
		}
		n := min(room, len(i.samples))
		e.heard = append(e.heard, i.samples[:n]...)
		i.samples = i.samples[n:]
		room -= n
		if len(i.samples) == 0 {
			e.queue = e.queue[1:]
		}
	}
	for len(e.queue) > 0 && e.queue[0].mark != "" {
		e.back = append(e.back, e.queue[0].mark)
		e.queue = e.queue[1:]
	}
	back := e.back
	e.back = nil
	e.mu.Unlock()
	for _, name := range back {
		switch e.d.Name {
		case "plivo":
			e.sayf(`{"event":"playedStream","streamId":"MZ1","name":"%s"}`, name)
		case "vonage":
			e.sayf(`{"event":"websocket:notify","payload":{"mark":"%s"}}`, name)
		default:
			e.sayf(`{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"%s"}}`, name)
		}
	}
	await(e.t, "what the carrier sent", func() bool {
		e.leg.mu.Lock()
		defer e.leg.mu.Unlock()
		e.leg.receive()

		return e.leg.took == e.sent || e.leg.ended
	})
}

func (e *farEnd) Heard() []int16 {
	e.mu.Lock()
	defer e.mu.Unlock()

	return append([]int16(nil), e.heard...)
}

// The leg of every carrier keeps the promises of a Leg, in the format that we
// ask for, and where there is one in linear audio at 16 kHz.
func TestLeg(t *testing.T) {
	t.Parallel()
	for _, name := range dialect.Names() {
		d, _ := dialect.ByName(name)
		for _, format := range d.Formats {
			if format != d.Formats[0] && (format.Rate != 16000 || name == "signalwire") { // whose 16 kHz are Plivo's
				continue
			}
			t.Run(name+" "+format.String(), func(t *testing.T) {
				t.Parallel()
				setup := func(t testing.TB) (media.Leg, legtest.Far) {
					e := newFarEnd(t, name, format)

					return e.leg, e
				}
				legtest.Run(t, setup)
				legtest.Buffered(t, setup)
			})
		}
	}
}
