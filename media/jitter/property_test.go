package jitter

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"trunkline/media"
)

// Whatever the network does, a Buffer plays no packet twice and none out of
// order, lets none wait beyond its bound, and plays without a gap soon after
// the disturbance is over.
func TestAnyNetwork(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ptime := rapid.SampledFrom([]time.Duration{10 * ms, 20 * ms, 30 * ms, 40 * ms, 60 * ms}).Draw(t, "ptime")
		bound := rapid.SampledFrom([]time.Duration{100 * ms, 200 * ms}).Draw(t, "max")
		phase := time.Duration(rapid.IntRange(0, 19).Draw(t, "phase")) * ms
		size := int(media.SamplesIn(ptime))
		n := newNetwork(Options{Max: bound})
		n.moves = rapid.Bool().Draw(t, "moves")

		at := phase // when the next packet is sent
		place := 0  // its timestamp
		sample := 0 // the place of its first sample, which leaves no gaps
		var seq int64
		var stalled time.Duration
		send := func(delay time.Duration) {
			p := packet(0, size, epoch.Add(max(at+delay, stalled)))
			p.Seq, p.Timestamp = seq, uint32(place)
			for i := range p.Samples {
				p.Samples[i] = value(sample + i)
			}
			n.send(p)
			sample += size
			seq++
			at += ptime
			place += size
		}
		skip := func(d time.Duration) {
			at += d
			place += int(media.SamplesIn(d))
		}
		for range rapid.IntRange(0, 60).Draw(t, "packets") {
			switch rapid.IntRange(0, 12).Draw(t, "what") {
			case 0: // lost
				skip(ptime)
				seq++
			case 1: // a pause without packets
				skip(time.Duration(rapid.IntRange(1, 2000).Draw(t, "pause")) * ms)
			case 2: // the network stalls
				stalled = at + time.Duration(rapid.IntRange(1, 1500).Draw(t, "stall"))*ms
			case 3: // twice
				send(0)
				twin := n.packets[len(n.packets)-1]
				twin.Arrived = twin.Arrived.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "twin")) * ms)
				n.send(twin)
			case 4: // the sender pauses, its timestamps too
				at += time.Duration(rapid.IntRange(1, 1000).Draw(t, "freeze")) * ms
			case 5: // a word from a silent sender
				n.send(Packet{Seq: seq, Timestamp: uint32(place), Arrived: epoch.Add(max(at, stalled))})
				seq++
			default:
				send(time.Duration(rapid.IntRange(0, 90).Draw(t, "delay")) * ms)
			}
		}
		quiet := max(at, stalled) + 100*ms
		skip(quiet - at)
		for at < quiet+5*time.Second {
			send(0)
		}
		n.run(quiet + 4*time.Second)

		for i := 1; i < len(n.heard.samples); i++ {
			step := (n.heard.samples[i] - n.heard.samples[i-1] + places) % places
			if step == 0 || step > places/2 {
				t.Fatalf("sample %d: place went on by %d", i, step)
			}
		}
		for i, w := range n.waits {
			// A packet that began in time plays to its end.
			if w > bound+ptime+media.FrameDuration {
				t.Fatalf("received frame %d waited %v: %+v", i, w, n.buffer.Stats())
			}
		}
		for i, in := range n.ins[len(n.ins)-100:] {
			if in.Kind != media.Received {
				t.Fatalf("calm again, and frame %d of the last 100 is of kind %v", i, in.Kind)
			}
		}
	})
}

// On any bad line, speech is held back no longer than the bound, and when the
// line is good again, nothing more is made up and the delay falls with the
// target.
func TestAnyLineRecovers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const bad, length = 6 * time.Second, 14 * time.Second
		ptime := rapid.SampledFrom([]time.Duration{10 * ms, 20 * ms, 30 * ms, 40 * ms, 60 * ms}).Draw(t, "ptime")
		jitter := time.Duration(rapid.IntRange(0, 300).Draw(t, "jitter")) * ms
		delay := evenly(jitter)
		if rapid.Bool().Draw(t, "queue") {
			delay = queueing(jitter)
		}
		lost := inBursts(float64(rapid.IntRange(0, 50).Draw(t, "loss")) / 100)
		o := simulate(conditions{
			length: length, ptime: ptime,
			drift: float64(rapid.IntRange(-500, 500).Draw(t, "drift")),
			still: rapid.Bool().Draw(t, "still"),
			seed:  rapid.Uint64().Draw(t, "seed"),
			delay: func(i int, r *rand.Rand) time.Duration {
				if d := delay(i, r); time.Duration(i)*ptime < bad {
					return d
				}
				return 0
			},
			lost: func(i int, r *rand.Rand) bool { return lost(i, r) && time.Duration(i)*ptime < bad },
		})
		if o.stats.Delay > o.stats.Target+50*ms {
			t.Errorf("at the end packets wait longer than the target asks for: %+v", o.stats)
		}
		for i, kind := range o.kinds[int((bad+3*time.Second)/media.FrameDuration):] {
			if kind != media.Received {
				t.Fatalf("frame %d of the good line is of kind %v: %+v", i, kind, o.stats)
			}
		}
	})
}
