package twilio

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/media/player"
	"trunkline/twilio/dialect"
)

func pcmu() dialect.Format { return dialect.Format{Encoding: dialect.PCMU, Rate: media.SampleRate} }

// The line's side of a stream allocates nothing once it is warm, sound both
// ways, marks and drops included.
func TestLegAllocatesNothing(t *testing.T) {
	e := newFarEnd(t, "twilio", pcmu())
	var f media.Frame
	var m dialect.Message
	audio := make([]byte, 160)
	n := uint64(0)
	tick := func() {
		e.elapsed.Add(int64(media.FrameDuration))
		n++
		m.Kind, m.Chunk, m.At, m.Timed = dialect.Media, int64(n), int64(20*n), true
		m.Audio = audio
		e.leg.in.Lock()
		taken := e.leg.in.take(&m, e.leg.now())
		e.leg.in.Unlock()
		if !taken {
			t.Fatal("audio is not taken")
		}
		e.leg.Read(&f)
		e.leg.Write(&f)
		e.leg.Mark(media.Mark{Generation: 1, Frames: n})
		e.leg.Marked()
		e.leg.Digit()
		e.leg.Ahead()
		if n%10 == 0 {
			e.leg.Drop()
		}
	}
	e.leg.conn.Close() // the socket's goroutines allocate, not the line's
	<-e.leg.reading
	e.leg.out.queue.close()
	<-e.leg.writing
	e.leg.out.queue = newQueue()
	for range 3 * queueLength { // every buffer was used once
		tick()
	}
	if got := testing.AllocsPerRun(200, tick); got != 0 {
		t.Errorf("%v allocations a tick, want none", got)
	}
	e.leg.out.queue.close()
}

// A carrier that never sends a mark back is still spoken to, to the end.
func TestMarksNeverReturn(t *testing.T) {
	t.Parallel()
	e := newFarEnd(t, "twilio", pcmu())
	finished := false
	p := player.New(player.Options{Notify: func(ev player.Event) { finished = finished || ev.Kind == player.Finished }})
	s := p.Add(1, "hello")
	if err := s.Write(t.Context(), make([]int16, 30*media.FrameSamples), nil); err != nil {
		t.Fatal(err)
	}
	s.Close()
	p.Seal(1)
	var f media.Frame
	ticks := 0
	for ; !finished && ticks < 1000; ticks++ {
		e.Tick()
		e.mu.Lock()
		e.back = nil // lost
		for i := range e.queue {
			e.queue[i].mark = ""
		}
		e.mu.Unlock()
		e.leg.Read(&f)
		p.PlayAhead(&f, e.leg)
	}
	if !finished || ticks > 400 { // the first missing mark is waited for by the player for 2 s
		t.Errorf("finished: %v, after %d ticks", finished, ticks)
	}
}

// A socket that takes nothing more holds up neither the line nor the memory.
func TestBackPressure(t *testing.T) {
	t.Parallel()
	q := newQueue()
	d, _ := dialect.ByName("twilio")
	s, err := newSender(d, &dialect.Message{Stream: "MZ1", Format: pcmu()})
	if err != nil {
		t.Fatal(err)
	}
	s.queue.close()
	s.queue = q
	defer q.close()
	var f media.Frame
	taken := 0
	for range 10 * queueLength {
		if s.push(&f, epoch) {
			taken++
		}
		s.request(media.Mark{Generation: 1, Frames: uint64(taken)})
	}
	if taken > queueLength || q.length != queueLength {
		t.Errorf("%d frames taken, %d messages wait", taken, q.length)
	}
	s.drop()
	if q.length != 1 {
		t.Errorf("%d messages wait after a drop, want the clear", q.length)
	}
	if !s.push(&f, epoch) {
		t.Error("nothing is taken after a drop")
	}
}

// Junk within bounds is counted and passed over; the call goes on.
func TestJunkIsCounted(t *testing.T) {
	t.Parallel()
	e := newFarEnd(t, "twilio", pcmu())
	for _, junk := range []string{"", "{", `{"event":"media","media":{"payload":"AAAA"`, `{"event":"mark","mark":{"name":"x"}}`, otherStart, connected, `{"event":"dtmf","dtmf":{"digit":"Z"}}`, `{"event":"unheard of"}`} {
		e.send(websocket.TextMessage, []byte(junk))
	}
	e.Speak(&media.Frame{})
	e.Tick()
	if s := e.leg.Stats(); s.Malformed != 7 || s.PacketsIn != 1 {
		t.Errorf("stats are %+v", s)
	}
	if _, ok := e.leg.Marked(); ok {
		t.Error("a mark that nobody asked for came back")
	}
}

// Audio whose numbers jump or whose clock stands still is heard all the same.
func TestStrangeNumbers(t *testing.T) {
	t.Parallel()
	for name, number := range map[string]func(i int64) (chunk, ms int64){
		"chunks begin again":   func(i int64) (int64, int64) { return (i+950)%1000 + 1, 20 * i },
		"chunks jump far":      func(i int64) (int64, int64) { return i * 1_000_000, 20 * i },
		"the clock jumps":      func(i int64) (int64, int64) { return i + 1, 20*i + i/10*3_600_000 },
		"the clock is rough":   func(i int64) (int64, int64) { return i + 1, 20*i + i%3 },
		"the clock goes back":  func(i int64) (int64, int64) { return i + 1, 20 * (i % 20) },
		"since 1970":           func(i int64) (int64, int64) { return i + 1, 1_763_000_000_000 + 20*i },
		"twice the same chunk": func(i int64) (int64, int64) { return i/2 + 1, 20 * (i / 2) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := newReceiver(pcmu())
			if err != nil {
				t.Fatal(err)
			}
			now, received := epoch, 0
			var f media.Frame
			for i := range int64(100) {
				now = now.Add(media.FrameDuration)
				m := dialect.Message{Kind: dialect.Media, Audio: make([]byte, 160), Timed: true}
				m.Chunk, m.At = number(i)
				if !r.take(&m, now) {
					t.Fatalf("message %d is not taken", i)
				}
				if r.buffer.Take(&f, now).Kind == media.Received {
					received++
				}
			}
			if received < 40 {
				t.Errorf("%d frames of 100 were heard", received)
			}
		})
	}
}

// FuzzStream has the whole receiving side take whatever a carrier may send.
func FuzzStream(f *testing.F) {
	f.Add([]byte(someMedia))
	f.Add([]byte(strayMark))
	f.Add([]byte(`{"event":"media","media":{"chunk":"9007199254740991","timestamp":"4503599627370495","payload":"f39/"}}`))
	f.Add([]byte(`{"event":"dtmf","dtmf":{"digit":"5"}}`))
	d, _ := dialect.ByName("twilio")
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := newReceiver(pcmu())
		if err != nil {
			t.Fatal(err)
		}
		now := epoch
		var frame media.Frame
		for _, message := range [][]byte{[]byte(someMedia), data, []byte(someMedia), data} {
			now = now.Add(media.FrameDuration)
			var m dialect.Message
			if d.Read(&m, false, message) == nil {
				r.take(&m, now)
			}
			r.buffer.Take(&frame, now)
		}
		if r.accepted == 0 || r.lost > 1<<20 {
			t.Errorf("%d accepted, %d lost", r.accepted, r.lost)
		}
	})
}

// BenchmarkTick is 20 ms of a call without its socket: a message read and
// taken, a frame out of the buffer, a frame and every other mark written.
func BenchmarkTick(b *testing.B) {
	d, _ := dialect.ByName("twilio")
	r, err := newReceiver(pcmu())
	if err != nil {
		b.Fatal(err)
	}
	s, err := newSender(d, &dialect.Message{Stream: "MZ1", Format: pcmu()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.queue.close()
	var m dialect.Message
	var f media.Frame
	var p parcel
	audio := base64.StdEncoding.EncodeToString(make([]byte, 160))
	now, n := epoch, 0
	data := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		n++
		now = now.Add(media.FrameDuration)
		data = fmt.Appendf(data[:0], `{"event":"media","sequenceNumber":"4","media":{"track":"inbound","chunk":"%d","timestamp":"%d","payload":"%s"},"streamSid":"MZ1"}`, n, 20*n, audio)
		if err := d.Read(&m, false, data); err != nil || !r.take(&m, now) {
			b.Fatal(err)
		}
		r.buffer.Take(&f, now)
		s.tick()
		s.push(&f, now)
		if n%2 == 0 {
			s.request(media.Mark{Generation: 1, Frames: uint64(n)})
			s.returned(media.Mark{Generation: 1, Frames: uint64(n)}, now)
		}
		for s.queue.take(&p) {
		}
	}
}
