package rtp

import (
	"testing"
	"time"

	pion "github.com/pion/rtp"

	"trunkline/media"
)

// talk makes the packets of a row of frames: s is silence, a is audio.
func talk(t *testing.T, s *sender, frames string) [][]pion.Packet {
	t.Helper()
	var ticks [][]pion.Packet
	for _, kind := range frames {
		var f media.Frame
		if kind == 'a' {
			for i := range f {
				f[i] = 3000
			}
		}
		ticks = append(ticks, tick(t, s, &f))
	}
	return ticks
}

func repeat(kind byte, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = kind
	}
	return string(b)
}

// After 200 ms of silence comfort noise is sent every 200 ms in place of audio;
// audio comes back with the marker and the timestamp of its tick.
func TestSenderSendsComfortNoise(t *testing.T) {
	t.Parallel()
	for _, ptime := range []time.Duration{10 * ms, 20 * ms, 30 * ms, 40 * ms, 60 * ms} {
		s := newSender()
		p := params(ptime)
		p.NoiseType = comfortNoise
		s.apply(p)
		start := s.clock
		ticks := talk(t, s, repeat('a', 7)+repeat('s', hangover+50)+repeat('a', 6))

		samples, noise := 0, 0
		var last uint16
		first, resumed := true, false
		for i, packets := range ticks {
			for _, p := range packets {
				if !first && p.SequenceNumber != last+1 {
					t.Errorf("ptime %v, tick %d: number %d follows %d", ptime, i, p.SequenceNumber, last)
				}
				at := p.Timestamp - start
				switch p.PayloadType {
				case comfortNoise:
					noise++
					if len(p.Payload) != 1 || p.Payload[0] != noiseLevel || p.Marker || at != uint32(i*media.FrameSamples) {
						t.Errorf("ptime %v, tick %d: noise %v", ptime, i, p)
					}
				case 8:
					begins := noise > 0 && !resumed
					if p.Marker != (first || begins) {
						t.Errorf("ptime %v, tick %d: marker %v", ptime, i, p.Marker)
					}
					if begins {
						resumed = true
						if want := uint32((7 + hangover + 50) * media.FrameSamples); at != want {
							t.Errorf("ptime %v: the talkspurt begins at %d, want %d", ptime, at, want)
						}
					}
					samples += len(p.Payload)
				}
				last, first = p.SequenceNumber, false
			}
		}
		if noise != 50/noiseEvery {
			t.Errorf("ptime %v: %d packets of comfort noise for a second, want %d", ptime, noise, 50/noiseEvery)
		}
		left := 6 * media.FrameSamples % s.size
		if want := (7+hangover+6)*media.FrameSamples - left; samples != want {
			t.Errorf("ptime %v: %d samples of audio, want %d", ptime, samples, want)
		}
	}
}

// A key in the middle of a silence is sent as ever, and the silence is told
// again behind it. Without agreement, or after a hold, every frame is sent.
func TestSenderSilenceAndTheRest(t *testing.T) {
	t.Parallel()
	s := newSender()
	p := params(0)
	p.Ptime = 20 * ms
	p.NoiseType = comfortNoise
	s.apply(p)
	talk(t, s, "a"+repeat('s', hangover+3))
	s.keys.add(keyPress{code: 5, hold: media.SamplesIn(60 * ms)})
	kinds := ""
	for _, packets := range talk(t, s, repeat('s', 12)) {
		for _, p := range packets {
			kinds += map[uint8]string{8: "a", comfortNoise: "n", 101: "e"}[p.PayloadType]
		}
	}
	if kinds != "eeeeeen" && kinds != "eeeeen" {
		t.Errorf("around a key the packets are %s", kinds)
	}

	s.pause()
	sent := 0
	for _, packets := range talk(t, s, repeat('s', hangover)) {
		sent += len(packets)
	}
	if sent != hangover {
		t.Errorf("after a hold %d packets of %d frames", sent, hangover)
	}

	s.apply(params(20 * ms))
	for i, packets := range talk(t, s, repeat('s', 3*hangover)) {
		if len(packets) != 1 || packets[0].PayloadType != 8 {
			t.Fatalf("without comfort noise, tick %d: %v", i, packets)
		}
	}
}

// Serial: allocations are counted for the whole process.
func TestSenderSilenceAllocatesNothing(t *testing.T) {
	s := newSender()
	p := params(20 * ms)
	p.NoiseType = comfortNoise
	s.apply(p)
	var f media.Frame
	if allocs := testing.AllocsPerRun(500, func() {
		s.push(&f)
		for s.next() != nil {
			continue
		}
	}); allocs != 0 {
		t.Errorf("%v allocations per silent frame, want none", allocs)
	}
}
