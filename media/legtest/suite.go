package legtest

import (
	"math"
	"sync"
	"testing"

	"trunkline/media"
)

// A Far is the far end of a Leg under test, as it is on the wire.
type Far interface {
	// Speak sends f, and Lose counts 20 ms that never arrive, as what the
	// caller says in the coming Tick.
	Speak(f *media.Frame)
	Lose()
	// Press sends the whole of a key press.
	Press(key byte)
	// Tick lets 20 ms pass. When it returns, what either side had sent has
	// arrived, and a far end that queues has played 20 ms.
	Tick()
	// Heard is all that was played so far, oldest first, at media.SampleRate.
	// A far end that queues leaves out the time in which it had nothing.
	Heard() []int16
}

// Setup makes a Leg with audio flowing both ways. The Leg is closed by the
// suite.
type Setup func(t testing.TB) (media.Leg, Far)

const (
	settled = 15   // ticks after which every leg gives what comes
	near    = 0.05 // how far a level may be off, of itself: G.711 steps are 3 % at half
)

// Run has a Leg pass the suite.
func Run(t *testing.T, setup Setup) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, media.Leg, Far){
		"quiet at first": quietAtFirst,
		"hears":          hears,
		"conceals":       conceals,
		"speaks":         speaks,
		"keys":           keys,
		"closes":         closes,
		"shared":         shared,
	} {
		t.Run(name, func(t *testing.T) {
			leg, far := setup(t)
			test(t, leg, far)
			if err := leg.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// level is a frame of one value, which no codec changes much.
func level(v int16) *media.Frame {
	f := new(media.Frame)
	for i := range f {
		f[i] = v
	}

	return f
}

func isNear(got, want int16) bool {
	return math.Abs(float64(got)-float64(want)) <= near*math.Abs(float64(want))
}

// Before the far end sends anything, frames are silent and Quiet.
func quietAtFirst(t *testing.T, leg media.Leg, far Far) {
	for range settled {
		f := *level(77) // what was in the frame before is not heard
		if in := leg.Read(&f); in.Kind != media.Quiet || !in.Arrived.IsZero() || f != (media.Frame{}) {
			t.Fatalf("read %+v with level %d, want silence", in, f[0])
		}
		far.Tick()
	}
	if s := leg.Stats(); s.PacketsIn != 0 || !s.FirstPacket.IsZero() || !s.LastPacket.IsZero() {
		t.Errorf("stats of silence are %+v", s)
	}
	if _, ok := leg.Digit(); ok {
		t.Error("a key was pressed by nobody")
	}
}

// What the far end says is read, in order and each part of it once.
func hears(t *testing.T, leg media.Leg, far Far) {
	var f media.Frame
	low, high := int16(2000), int16(12000)
	for i := range 3 * settled {
		v := low
		if i >= settled {
			v = high
		}
		far.Speak(level(v))
		far.Tick()
		in := leg.Read(&f)
		if (in.Kind == media.Received) == in.Arrived.IsZero() {
			t.Fatalf("frame %d is %+v: only what is received has arrived", i, in)
		}
		if i == settled-1 && (in.Kind != media.Received || !isNear(f[80], low)) {
			t.Fatalf("frame %d is %v with level %d, want %d received", i, in.Kind, f[80], low)
		}
		if i >= 2*settled && (in.Kind != media.Received || !isNear(f[80], high)) {
			t.Fatalf("frame %d is %v with level %d, want %d received", i, in.Kind, f[80], high)
		}
	}
	s := leg.Stats()
	if s.PacketsIn != 3*settled || s.Lost != 0 || s.Concealed != 0 || s.Malformed != 0 {
		t.Errorf("stats are %+v", s)
	}
	if s.Codec == "" || s.FirstPacket.IsZero() || !s.LastPacket.After(s.FirstPacket) {
		t.Errorf("stats are %+v", s)
	}
}

// What is lost is made up and counted, and nothing after it is late for it.
func conceals(t *testing.T, leg media.Leg, far Far) {
	var f media.Frame
	concealed := 0
	for i := range 4 * settled {
		if i == 2*settled || i == 2*settled+1 {
			far.Lose()
		} else {
			far.Speak(level(9000))
		}
		far.Tick()
		if in := leg.Read(&f); in.Kind == media.Concealed {
			concealed++
		} else if i >= 3*settled && in.Kind != media.Received {
			t.Fatalf("frame %d is %v", i, in.Kind)
		}
	}
	if s := leg.Stats(); concealed == 0 || concealed > 6 || s.Lost != 2 || s.Concealed == 0 || s.PacketsIn != 4*settled-2 {
		t.Errorf("%d frames were made up for 2 that were lost; stats are %+v", concealed, s)
	}
}

// What is written is heard, in order and each frame once.
func speaks(t *testing.T, leg media.Leg, far Far) {
	levels := []int16{1000, 3000, 9000, -9000, -3000, -1000, 5000, -5000, 12000, -12000}
	var f media.Frame
	far.Speak(level(1))
	far.Tick() // some legs send only to whom they have heard
	leg.Read(&f)
	before := len(far.Heard())
	for i, v := range levels {
		if !leg.Write(level(v)) {
			t.Fatalf("frame %d is not taken", i)
		}
		far.Tick()
		leg.Read(&f)
	}
	for range settled {
		far.Tick()
		leg.Read(&f)
	}
	var got []int16 // levels, as they changed
	for _, v := range far.Heard()[before:] {
		if len(got) < len(levels) && isNear(v, levels[len(got)]) {
			got = append(got, levels[len(got)])
		}
	}
	if len(got) != len(levels) {
		t.Errorf("heard %v of %v", got, levels)
	}
	if s := leg.Stats(); s.PacketsOut == 0 || s.PacketsOut > uint64(len(levels)) || s.SendDropped != 0 || s.OnHold {
		t.Errorf("stats are %+v", s)
	}
}

// Each key press is told once, in order.
func keys(t *testing.T, leg media.Leg, far Far) {
	var f media.Frame
	var got []byte
	for _, key := range []byte("5*5#") {
		far.Press(key)
		for range 2 {
			far.Tick()
			leg.Read(&f)
			for d, ok := leg.Digit(); ok; d, ok = leg.Digit() {
				if d.Duration < 0 {
					t.Errorf("key %c was held %v", d.Key, d.Duration)
				}
				got = append(got, d.Key)
			}
		}
	}
	if string(got) != "5*5#" {
		t.Errorf("keys %q, want 5*5#", got)
	}
}

// Close may come twice and in the middle; afterwards nothing leaves.
func closes(t *testing.T, leg media.Leg, far Far) {
	var f media.Frame
	far.Speak(level(5000))
	far.Tick()
	leg.Read(&f)
	leg.Write(&f)
	for range 2 {
		if err := leg.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	for range settled { // what has come may still be read
		leg.Read(&f)
		leg.Digit()
	}
	out := leg.Stats().PacketsOut
	leg.Write(level(5000))
	if s := leg.Stats(); s.PacketsOut != out {
		t.Errorf("%d packets left after the close", s.PacketsOut-out)
	}
}

// Stats and Close may be called beside the line clock's goroutine.
func shared(t *testing.T, leg media.Leg, far Far) {
	var others sync.WaitGroup
	ready := make(chan struct{})
	others.Go(func() {
		for range 50 {
			leg.Stats()
		}
		<-ready
		if err := leg.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	var f media.Frame
	for range settled {
		far.Speak(level(5000))
		far.Tick()
		leg.Read(&f)
		leg.Write(&f)
		leg.Digit()
	}
	close(ready)
	for range settled {
		leg.Read(&f)
		leg.Write(&f)
	}
	others.Wait()
}
