package jitter

import (
	"math"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/cn"
	"trunkline/media/plc"
)

const ms = time.Millisecond

// Packets of every length that peers use play without a gap, and the first
// one is held one frame.
func TestPlaysEveryPacketLength(t *testing.T) {
	t.Parallel()
	for _, ptime := range []time.Duration{10 * ms, 20 * ms, 30 * ms, 40 * ms, 60 * ms} {
		t.Run(ptime.String(), func(t *testing.T) {
			t.Parallel()
			size := int(media.SamplesIn(ptime))
			n := newNetwork(Options{})
			n.talk(0, int64(10*time.Second/ptime), size, 0)
			n.run(9 * time.Second)
			if gaps := n.gaps(); gaps != nil {
				t.Errorf("played with gaps %v", gaps)
			}
			if got := len(n.heard.samples); got < 69_000 {
				t.Errorf("played %d samples of 9 s", got)
			}
			// Until the rhythm of long packets is known a frame may wait.
			for i, in := range n.ins[10:] {
				if in.Kind != media.Received {
					t.Fatalf("frame %d is %v", i+10, in.Kind)
				}
			}
			if s := n.buffer.Stats(); s.Late+s.Dropped+s.Duplicates+s.Stretched != 0 {
				t.Errorf("stats are %+v", s)
			}
		})
	}
}

func TestFrameTellsWhenItsPacketArrived(t *testing.T) {
	t.Parallel()
	n := newNetwork(Options{})
	n.talk(0, 3, 160, 0)
	n.run(80 * ms)
	n.wantKinds(t, ".RRR")
	for i, in := range n.ins[1:] {
		if want := epoch.Add(time.Duration(i) * media.FrameDuration); !in.Arrived.Equal(want) {
			t.Errorf("frame %d arrived at %v, want %v", i, in.Arrived, want)
		}
	}
	if !n.ins[0].Arrived.IsZero() {
		t.Error("a quiet frame tells an arrival")
	}
}

func TestReordersAndDropsDuplicates(t *testing.T) {
	t.Parallel()
	n := newNetwork(Options{})
	for i, seq := range []int64{0, 2, 1, 1, 3, 3, 0} {
		p := packet(seq, 160, epoch.Add(time.Duration(i)*ms))
		want := Queued
		if i == 3 || i == 5 || i == 6 {
			want = Duplicate
		}
		if got := n.buffer.Put(p); got != want {
			t.Errorf("packet %d (number %d) is %v, want %v", i, seq, got, want)
		}
	}
	n.run(100 * ms)
	n.wantKinds(t, ".RRRR")
	if gaps := n.gaps(); gaps != nil {
		t.Errorf("played with gaps %v", gaps)
	}
}

// A lost packet is concealed in its place and costs no delay.
func TestConcealsALoss(t *testing.T) {
	t.Parallel()
	n := newNetwork(Options{})
	n.talk(0, 3, 160, 0)
	n.talk(4, 7, 160, 0)
	n.run(160 * ms)
	n.wantKinds(t, ".RRRCRRR")
	if got := n.buffer.Stats().Concealed; got != 1 {
		t.Errorf("%d frames concealed, want 1", got)
	}
}

// A packet that comes after its turn still plays, a tick later; from then on
// the delay is longer by that tick.
func TestLatePacketPlaysAndDelaysTheRest(t *testing.T) {
	t.Parallel()
	n := newNetwork(Options{})
	n.talk(0, 3, 160, 0)
	n.talk(3, 8, 160, 35*ms)
	n.run(200 * ms)
	n.wantKinds(t, ".RRRCRRRRR")
	if gaps := n.gaps(); gaps != nil {
		t.Errorf("played with gaps %v", gaps)
	}
}

// A packet that comes after a newer one has played is late for good.
func TestOvertakenPacketIsLate(t *testing.T) {
	t.Parallel()
	n := newNetwork(Options{})
	n.talk(0, 3, 160, 0)
	n.talk(3, 4, 160, 60*ms)
	n.talk(4, 8, 160, 0)
	n.run(180 * ms)
	n.wantKinds(t, ".RRRCRRRR")
	if got := n.buffer.Stats().Late; got != 1 {
		t.Errorf("%d packets late, want 1", got)
	}
}

// In a pause without packets the frames are concealed for 60 ms and then
// quiet; the talk after it plays whole, with the delay from before.
func TestPauseWithoutPackets(t *testing.T) {
	t.Parallel()
	n := newNetwork(Options{})
	n.talk(0, 4, 160, 0)
	send := func(seq int64, place int) {
		p := packet(seq, 160, epoch.Add(time.Duration(place)*media.FrameDuration))
		p.Timestamp = uint32(place * 160)
		n.send(p)
	}
	for i := range 4 {
		send(int64(4+i), 20+i)
	}
	n.run(500 * ms)
	n.wantKinds(t, ".RRRRCCC.............RRRR")
	if gaps := n.gaps(); gaps != nil {
		t.Errorf("played with gaps %v", gaps)
	}
}

// A packet without samples says that the sender is silent: nothing is made up.
func TestSilencePacketEndsConcealment(t *testing.T) {
	t.Parallel()
	n := newNetwork(Options{})
	n.talk(0, 4, 160, 0)
	n.send(Packet{Seq: 4, Timestamp: 640, Arrived: epoch.Add(80 * ms)})
	n.send(Packet{Seq: 5, Timestamp: 640, Arrived: epoch.Add(130 * ms)})
	n.talk(10, 13, 160, 0)
	n.run(260 * ms)
	n.wantKinds(t, ".RRRR......RR"[:13])
	if n.heard.made > ending {
		t.Errorf("%d samples made up, want no more than the speech's end", n.heard.made)
	}
}

// A network stall that ends in a burst loses only what is older than Max.
func TestStallThenBurst(t *testing.T) {
	t.Parallel()
	tests := []struct {
		stall    time.Duration
		lostLess int // samples
	}{
		{100 * ms, 1},
		{180 * ms, 1},
		{2 * time.Second, int(media.SamplesIn(2*time.Second - 160*ms))},
	}
	for _, tt := range tests {
		t.Run(tt.stall.String(), func(t *testing.T) {
			t.Parallel()
			n := newNetwork(Options{})
			n.talk(0, 50, 160, 0)
			for seq := range int64(250) {
				at := epoch.Add(max(time.Duration(50+seq)*media.FrameDuration, time.Second+tt.stall))
				n.send(packet(50+seq, 160, at))
			}
			n.run(7 * time.Second)
			if lost := 300*160 - len(n.heard.samples); lost >= tt.lostLess+int(n.buffer.Stats().Stretched)*2*160 {
				t.Errorf("lost %d samples: %+v", lost, n.buffer.Stats())
			}
			for i := range n.waits {
				if n.waits[i] > 200*ms {
					t.Fatalf("frame %d waited %v", i, n.waits[i])
				}
			}
		})
	}
}

// A sender that paused without moving its timestamps is heard again at once.
func TestTimestampsThatPausedGoOn(t *testing.T) {
	t.Parallel()
	for _, pause := range []time.Duration{100 * ms, 10 * time.Second} {
		t.Run(pause.String(), func(t *testing.T) {
			t.Parallel()
			n := newNetwork(Options{})
			n.talk(0, 10, 160, 0)
			n.talk(10, 20, 160, pause)
			n.run(pause + 500*ms)
			if got := len(n.heard.samples); got != 20*160 {
				t.Errorf("played %d samples, want all %d", got, 20*160)
			}
		})
	}
}

// New timestamps, as after a change of SSRC, play on from wherever they are.
func TestTimestampsThatJump(t *testing.T) {
	t.Parallel()
	for _, jump := range []uint32{1_000_000, 1 << 31, ^uint32(0) - 1_000_000, 1700, ^uint32(1700)} {
		n := newNetwork(Options{})
		n.talk(0, 10, 160, 0)
		for seq := range int64(10) {
			p := packet(10+seq, 160, epoch.Add(time.Duration(10+seq)*media.FrameDuration))
			p.Timestamp += jump
			n.send(p)
		}
		n.run(800 * ms)
		if got := len(n.heard.samples); got != 20*160 {
			t.Errorf("jump by %d: played %d samples, want all %d; frames %s", jump, got, 20*160, n.kinds())
		}
	}
}

// Delay left over from a disturbance is taken back at once in quiet audio.
func TestDelayShrinksInQuietAudio(t *testing.T) {
	t.Parallel()
	n := newNetwork(Options{})
	quiet := func(from, to int64, delay time.Duration) {
		for seq := from; seq < to; seq++ {
			p := packet(seq, 160, epoch.Add(time.Duration(seq)*media.FrameDuration+delay))
			for i := range p.Samples {
				p.Samples[i] >>= 8
			}
			n.send(p)
		}
	}
	quiet(0, 100, 0)
	quiet(100, 101, 110*ms)
	quiet(106, 120, 0)
	n.run(2120 * ms)
	if s := n.buffer.Stats(); s.Concealed == 0 || s.Late > 0 {
		t.Errorf("the late packet did not play: %+v", s)
	}
	n.run(2260 * ms) // of which 60 ms are concealed
	if last := n.waits[len(n.waits)-1]; last > 30*ms {
		t.Errorf("140 ms after the disturbance packets wait %v", last)
	}
}

// Between comfort noise packets, and after them, noise is heard at the level
// that they tell, and what it goes over from and into has no step.
func TestComfortNoise(t *testing.T) {
	t.Parallel()
	n := newNetwork(Options{})
	n.buffer.concealer = &plc.Concealer{}
	noise, ok := cn.Parse([]byte{40})
	if !ok {
		t.Fatal("no noise")
	}
	n.talk(0, 10, 160, 0)
	for i := range int64(5) {
		place := 10 + 10*i
		n.send(Packet{Seq: 10 + i, Timestamp: uint32(place * 160), Noise: noise, Arrived: epoch.Add(time.Duration(place) * media.FrameDuration)})
	}
	p := packet(15, 160, epoch.Add(60*media.FrameDuration))
	p.Timestamp = 60 * 160
	n.send(p)
	var f media.Frame
	energy, frames := 0.0, 0
	for tick := range 62 {
		now := epoch.Add(time.Duration(tick)*media.FrameDuration + 10*ms)
		for len(n.packets) > 0 && !n.packets[0].Arrived.After(now) {
			n.buffer.Put(n.packets[0])
			n.packets = n.packets[1:]
		}
		in := n.buffer.Take(&f, now)
		if want := tick == 0 || tick > 10 && tick < 61; (in.Kind == media.Quiet) != want {
			t.Errorf("frame %d is of kind %v", tick, in.Kind)
		}
		if tick > 12 && tick < 60 {
			frames++
			for _, s := range f {
				energy += float64(s) * float64(s) / media.FrameSamples
			}
		}
	}
	if level := 10 * math.Log10(energy/float64(frames)/(32768*32768)); math.Abs(level+40) > 1 {
		t.Errorf("the noise is at %.1f dBov, want -40", level)
	}
}

// The jitter estimate converges to the mean deviation (RFC 3550 section 6.4.1).
func TestJitterEstimate(t *testing.T) {
	t.Parallel()
	n := newNetwork(Options{})
	for seq := range int64(200) {
		n.talk(seq, seq+1, 160, time.Duration(seq%2)*8*ms)
	}
	n.run(4 * time.Second)
	if got := n.buffer.Stats().Jitter; got < 7*ms || got > 9*ms {
		t.Errorf("jitter is %v, want about 8 ms", got)
	}
}

func TestFlushStartsAnew(t *testing.T) {
	t.Parallel()
	n := newNetwork(Options{})
	n.talk(0, 10, 160, 0)
	n.run(100 * ms)
	n.buffer.Flush()
	var f media.Frame
	if in := n.buffer.Take(&f, n.now); in.Kind != media.Quiet || f != (media.Frame{}) {
		t.Errorf("after Flush the frame is %v", in.Kind)
	}
	if got := n.buffer.Put(packet(0, 160, n.now)); got == Queued {
		t.Error("after Flush a packet plays that had played before")
	}
	if got := n.buffer.Put(packet(50, 160, n.now)); got != Queued {
		t.Errorf("after Flush the next packet is %v", got)
	}
}

// A buffer that nobody reads keeps the newest audio and drops the oldest.
func TestNobodyTakes(t *testing.T) {
	t.Parallel()
	n := newNetwork(Options{Max: 100 * ms})
	for seq := range int64(1000) {
		n.buffer.Put(packet(seq, 160, epoch.Add(time.Duration(seq)*media.FrameDuration)))
	}
	n.now = epoch.Add(20 * time.Second)
	n.run(20*time.Second + 200*ms)
	if got := len(n.heard.samples); got == 0 || got > 800 {
		t.Errorf("played %d samples, want the newest 100 ms", got)
	}
	end := 1000*160 - 1
	if got, want := n.heard.samples[len(n.heard.samples)-1], end%places; got != want {
		t.Errorf("the last sample is %d, want %d", got, want)
	}
}

// Nothing is allocated, whether packets are lost, late or stretched. Serial:
// allocations are counted for the whole process.
func TestAllocatesNothing(t *testing.T) {
	b := New(Options{Concealer: &plc.Concealer{}})
	voice := speech()
	var f media.Frame
	n, tick := 0, 0
	allocs := testing.AllocsPerRun(3000, func() {
		now := epoch.Add(time.Duration(tick) * media.FrameDuration)
		tick++
		for n < tick+tick/50 { // the sender is 2 % fast
			at := n * media.FrameSamples % (len(voice) - media.FrameSamples)
			if n%13 != 0 {
				b.Put(Packet{Seq: int64(n), Timestamp: uint32(n * media.FrameSamples), Samples: voice[at : at+media.FrameSamples], Arrived: now})
			}
			n++
		}
		b.Take(&f, now)
	})
	if s := b.Stats(); allocs != 0 || s.Concealed == 0 || s.Stretched == 0 {
		t.Errorf("%v allocations per frame, want none: %+v", allocs, s)
	}
}

func BenchmarkFrame(b *testing.B) {
	buffer := New(Options{Concealer: &plc.Concealer{}})
	var f media.Frame
	p := packet(0, 160, epoch)
	b.ReportAllocs()
	for b.Loop() {
		buffer.Put(p)
		buffer.Take(&f, p.Arrived)
		p.Seq++
		p.Timestamp += 160
		p.Arrived = p.Arrived.Add(media.FrameDuration)
	}
}
