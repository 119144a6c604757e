package twilio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"

	"trunkline/media"
	"trunkline/media/player"
	"trunkline/twilio/dialect"
	"trunkline/twilio/framing"
)

func pcmu() dialect.Format { return dialect.Format{Encoding: dialect.PCMU, Rate: media.SampleRate} }

// pair is a leg over a socket of the kernel's, and the socket's far end.
func pair(t testing.TB) (*Leg, net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "end")
		if ends[i], err = net.FileConn(file); err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
	d, _ := dialect.ByName("twilio")
	leg, err := newLeg(d, ends[0], framing.NewReader(dialect.MaxMessage), &dialect.Message{Stream: "MZ1", Format: pcmu()}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		leg.Close()
		ends[1].Close()
	})

	return leg, ends[1]
}

// masked is a text message as a client frames it, with a mask that changes
// nothing.
func masked(text string) []byte {
	if len(text) < 126 {
		return append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
	}

	return append([]byte{0x81, 0x80 | 126, byte(len(text) >> 8), byte(len(text)), 0, 0, 0, 0}, text...)
}

// pcmuMessage is the nth message of a caller's.
func pcmuMessage(n int) string {
	return fmt.Sprintf(`{"event":"media","sequenceNumber":"%d","media":{"track":"inbound","chunk":"%d","timestamp":"%d","payload":"%s"},"streamSid":"MZ1"}`,
		n+1, n, 20*n, base64.StdEncoding.EncodeToString(make([]byte, 160)))
}

// whole is 20 ms of a call, with its socket: a message comes and is taken, a
// frame leaves, with every other one a mark, and now and then all is dropped.
func whole(t testing.TB, leg *Leg, far net.Conn) (tick func()) {
	t.Helper()
	messages := make([][]byte, 500)
	for i := range messages {
		messages[i] = masked(pcmuMessage(i + 1))
	}
	sink := make([]byte, 64<<10)
	var f media.Frame
	back := masked(`{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"g1:9"}}`)
	n := 0

	return func() {
		if _, err := far.Write(messages[n%len(messages)]); err != nil {
			t.Fatal(err)
		}
		if n++; n%2 == 0 {
			if _, err := far.Write(back); err != nil {
				t.Fatal(err)
			}
		}
		leg.Read(&f)
		leg.Digit()
		if n%50 == 0 {
			leg.Drop()
		}
		leg.Marked()
		leg.Ahead()
		if !leg.Write(&f) {
			t.Fatal("a frame is not taken")
		}
		if n%2 == 0 {
			leg.Mark(media.Mark{Generation: 1, Frames: uint64(n)})
		}
		leg.Flush()
		if _, err := far.Read(sink); err != nil {
			t.Fatal(err)
		}
	}
}

// A stream allocates nothing per frame once it is warm: what the socket brings
// and takes, sound both ways, marks and drops.
func TestLegAllocatesNothing(t *testing.T) {
	leg, far := pair(t)
	tick := whole(t, leg, far)
	for range 2 * waiting { // every buffer was used once
		tick()
	}
	got := 1.0
	for n := 0; got > 0 && n < 5; n++ { // what an earlier test's connections allocate until they are closed is counted too
		got = testing.AllocsPerRun(300, tick)
	}
	if got != 0 {
		t.Errorf("%v allocations a tick, want none", got)
	}
	if s := leg.Stats(); s.PacketsIn < 300 || s.Malformed != 0 || s.PacketsOut != s.PacketsIn {
		t.Errorf("stats are %+v", s)
	}
}

// Audio counts as come when the kernel took it, not when it is read.
func TestArrival(t *testing.T) {
	t.Parallel()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	far, err := new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	near, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s, err := takeOver(near)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	const late = 50 * time.Millisecond
	var b [100]byte
	var waited time.Duration
	await(t, "a message whose age is told", func() bool { // the kernel begins with that a moment after it is asked
		if _, err := far.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(late) // the kernel's clock is real
		n := 0
		await(t, "what was sent", func() bool {
			if n, waited, err = s.receive(b[:]); err != nil {
				t.Fatal(err)
			}

			return n > 0
		})
		if n != 5 || waited != 0 && waited < late {
			t.Fatalf("%d octets waited %v, want 5 and at least %v", n, waited, late)
		}

		return waited > 0
	})
	if n, _, err := s.receive(b[:]); n != 0 || err != nil {
		t.Errorf("%d octets more, %v", n, err)
	}
	far.Close()
	await(t, "the end", func() bool {
		_, _, err = s.receive(b[:])

		return err != nil
	})
	if !errors.Is(err, io.EOF) {
		t.Errorf("the end is %v", err)
	}
	s.close()
	if _, err := s.send(b[:]); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed socket sends: %v", err)
	}
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

// A socket that takes nothing more holds up neither the line nor the memory,
// and what is dropped then never leaves.
func TestBackPressure(t *testing.T) {
	t.Parallel()
	leg, far := pair(t)
	f := media.Frame{1000, -1000}
	taken := 0
	for range 1 << 16 {
		if !leg.Write(&f) {
			break
		}
		taken++
		leg.Mark(media.Mark{Generation: 1, Frames: uint64(taken)})
		leg.Flush()
	}
	if n := leg.out.outbox.length; n != outboxLength {
		t.Fatalf("%d messages wait after %d frames", n, taken)
	}
	leg.Drop()
	if n := leg.out.outbox.length; n > 2 { // one that has begun to leave, and the clear
		t.Errorf("%d messages wait after a drop", n)
	}
	if !leg.Write(&f) {
		t.Error("nothing is taken after a drop")
	}
	leg.Mark(media.Mark{Generation: 2, Frames: 1})
	var said []byte
	var reading sync.WaitGroup
	reading.Go(func() { said, _ = io.ReadAll(far) })
	await(t, "all to leave", func() bool {
		leg.Flush()

		return leg.out.outbox.length == 0
	})
	leg.Close()
	reading.Wait()
	before, after, found := bytes.Cut(said, []byte(`"event":"clear"`))
	audio := []byte(`"event":"media"`)
	if n := bytes.Count(before, audio); !found || n == 0 || n >= taken {
		t.Errorf("%d frames of %d left before the drop", n, taken)
	}
	if n := bytes.Count(after, audio); n != 1 || !bytes.Contains(after, []byte("g2:1")) || bytes.Contains(after, []byte("g1:")) {
		t.Errorf("after the drop left: %q", after)
	}
	if n := uint64(bytes.Count(said, audio)); n != leg.Stats().PacketsOut {
		t.Errorf("%d frames left, %d counted", n, leg.Stats().PacketsOut)
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

// BenchmarkTick is 20 ms of a call, with a socket of the kernel's. Two of the
// four system calls are the far end's.
func BenchmarkTick(b *testing.B) {
	leg, far := pair(b)
	tick := whole(b, leg, far)
	b.ReportAllocs()
	for b.Loop() {
		tick()
	}
}
