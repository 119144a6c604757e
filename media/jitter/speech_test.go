package jitter

import (
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/plc"
	"trunkline/media/record"
	"trunkline/testdata"
)

// speech is a caller at a reception desk: every line of testdata with a second
// of room noise after each.
var speech = sync.OnceValue(func() []int16 {
	read := func(name string) []int16 {
		file, err := testdata.Files.Open(path.Join("audio", name))
		if err != nil {
			panic(err)
		}
		audio, err := record.DecodeWAV(file)
		_ = file.Close()
		if err != nil {
			panic(err)
		}
		return audio.Samples[0]
	}
	entries, err := testdata.Files.ReadDir("audio")
	if err != nil {
		panic(err)
	}
	room := read("room.wav")
	var all []int16
	for _, entry := range entries {
		if name := entry.Name(); strings.HasSuffix(name, ".wav") && name != "room.wav" {
			all = append(all, read(name)...)
			all = append(all, room[:media.SampleRate]...)
		}
	}
	return all
})

// conditions of one simulated call of a caller who speaks.
type conditions struct {
	length time.Duration
	ptime  time.Duration                           // 0 means 20 ms
	drift  float64                                 // of the sender's clock, in ppm; positive is fast
	delay  func(i int, r *rand.Rand) time.Duration // of packet i; nil means none
	lost   func(i int, r *rand.Rand) bool          // nil means none
	voice  []int16                                 // nil means speech
	still  bool                                    // ticks stay where they are
	seed   uint64
}

// start is the first timestamp of a simulated call: it wraps after 100 s.
const start = uint32(1<<32 - 100*media.SampleRate)

// outcome is what a simulated call came to.
type outcome struct {
	heard     []int16
	kinds     []media.Kind
	stretched []bool        // by frame
	added     time.Duration // mean time of audio on its way, beyond that of the fastest packet's
	wait      time.Duration // mean time of a packet in the buffer
	most      time.Duration // the longest time of audio on its way, likewise
	p95       time.Duration // of the jitter: time of a packet on its way, likewise
	stats     Stats
	frames    int // not quiet
}

// simulate makes a call.
func simulate(c conditions) outcome {
	if c.ptime == 0 {
		c.ptime = media.FrameDuration
	}
	if c.voice == nil {
		c.voice = speech()
	}
	r := rand.New(rand.NewPCG(c.seed, 99))
	size := int(media.SamplesIn(c.ptime))
	apart := time.Duration(float64(c.ptime) / (1 + c.drift/1e6))
	phase := time.Duration(r.Int64N(int64(media.FrameDuration)))

	var packets []Packet // by arrival
	var delays []time.Duration
	for i := range int(c.length / c.ptime) {
		p := Packet{Seq: int64(i), Timestamp: start + uint32(i*size), Samples: make([]int16, size)}
		for j := range p.Samples {
			p.Samples[j] = c.voice[(i*size+j)%len(c.voice)]
		}
		delay := time.Duration(0)
		if c.delay != nil {
			delay = c.delay(i, r)
		}
		delays = append(delays, delay)
		p.Arrived = epoch.Add(time.Duration(i)*apart + delay)
		if c.lost == nil || !c.lost(i, r) {
			packets = append(packets, p)
		}
	}
	slices.SortStableFunc(packets, func(a, b Packet) int { return a.Arrived.Compare(b.Arrived) })
	fastest := slices.Min(delays)
	slices.Sort(delays)

	buffer := New(Options{Concealer: &plc.Concealer{}})
	o := outcome{p95: delays[len(delays)*95/100] - fastest}
	var f media.Frame
	var added, waited time.Duration
	received, ticks := 0, 0
	for now := epoch.Add(phase); len(packets) > 0; now = now.Add(media.FrameDuration) {
		for len(packets) > 0 && !packets[0].Arrived.After(now) {
			buffer.Put(packets[0])
			packets = packets[1:]
		}
		if len(packets) == 0 {
			break // half a frame is no loss
		}
		before := buffer.stats.Stretched
		next, synced := buffer.next, buffer.synced && !buffer.silent
		in := buffer.Take(&f, now)
		o.heard = append(o.heard, f[:]...)
		o.kinds = append(o.kinds, in.Kind)
		o.stretched = append(o.stretched, buffer.stats.Stretched > before)
		if in.Kind != media.Quiet {
			o.frames++
		}
		if in.Kind == media.Received && synced {
			sent := time.Duration(float64(next-start) / media.SampleRate * float64(apart) / float64(c.ptime) * float64(time.Second))
			d := now.Sub(epoch) - sent - fastest
			added += d
			o.most = max(o.most, d)
			waited += now.Sub(in.Arrived)
			received++
		}
		if ticks++; !c.still && ticks%5 == 0 { // as media/clock moves a ticker
			now = now.Add(time.Duration(buffer.Shift(2*ms)) * 2 * ms)
		}
	}
	o.added = added / time.Duration(received)
	o.wait = waited / time.Duration(received)
	o.stats = buffer.Stats()
	return o
}

// share is n of the frames that were not quiet, in per cent.
func (o *outcome) share(n uint64) float64 { return 100 * float64(n) / float64(o.frames) }

// evenly is a delay anywhere from 0 to j, for each packet by itself: packets
// overtake one another when j is more than the ptime.
func evenly(j time.Duration) func(int, *rand.Rand) time.Duration {
	return func(_ int, r *rand.Rand) time.Duration { return time.Duration(r.Int64N(int64(j) + 1)) }
}

// queueing is the delay in a queue that other traffic fills in bursts: it grows
// at once and drains slowly, in order. Its 95th percentile is about j.
func queueing(j time.Duration) func(int, *rand.Rand) time.Duration {
	queue := 0.0 // as a share of j
	return func(_ int, r *rand.Rand) time.Duration {
		queue = max(queue-0.15, 0)
		if r.Float64() < 0.2 {
			queue += r.ExpFloat64() * 0.3
		}
		return time.Duration(queue*float64(j)) + evenly(ms)(0, r)
	}
}

// randomly loses each packet with probability p.
func randomly(p float64) func(int, *rand.Rand) bool {
	return func(_ int, r *rand.Rand) bool { return r.Float64() < p }
}

// inBursts loses a share p of the packets, three in a row on average
// (Gilbert's model).
func inBursts(p float64) func(int, *rand.Rand) bool {
	const length = 3
	bad := false
	return func(_ int, r *rand.Rand) bool {
		if bad {
			bad = r.Float64() >= 1.0/length
		} else {
			bad = r.Float64() < p/(1-p)/length
		}
		return bad
	}
}

// The clocks of two telephones differ by up to 500 ppm: in 30 minutes that is
// 0.9 s of audio too much or too little. Where ticks move they follow the far
// end's clock; where they do not, it is taken out of or put into the speech.
// Nothing is ever missing.
func TestDrift(t *testing.T) {
	t.Parallel()
	for _, ppm := range []float64{-500, 500} {
		for _, still := range []bool{false, true} {
			length := 30 * time.Minute
			if still {
				length = 10 * time.Minute
			}
			o := simulate(conditions{length: length, drift: ppm, seed: 5, still: still})
			s := o.stats
			t.Logf("%+.0f ppm, still %v: %.3f %% stretched, added %v, at most %v", ppm, still, o.share(s.Stretched), o.added, o.most)
			if s.Concealed+s.Late+s.Dropped > 0 {
				t.Errorf("%+.0f ppm, still %v: %+v", ppm, still, s)
			}
			if o.most > 50*ms {
				t.Errorf("%+.0f ppm, still %v: audio was %v on its way", ppm, still, o.most)
			}
			if still != (s.Stretched > 5) {
				t.Errorf("%+.0f ppm, still %v: %d frames were stretched", ppm, still, s.Stretched)
			}
		}
	}
}

// So it is with packets of any length, and with jitter.
func TestDriftOfEveryPacketLength(t *testing.T) {
	t.Parallel()
	for _, ptime := range []time.Duration{10 * ms, 30 * ms, 40 * ms, 60 * ms} {
		for _, ppm := range []float64{-400, 400} {
			o := simulate(conditions{length: 3 * time.Minute, ptime: ptime, drift: ppm, delay: evenly(3 * ms), seed: 1, still: true})
			if s := o.stats; s.Concealed+s.Late+s.Dropped > 0 || s.Stretched == 0 {
				t.Errorf("ptime %v, %+.0f ppm: %+v", ptime, ppm, s)
			}
			if o.most > 60*ms {
				t.Errorf("ptime %v, %+.0f ppm: audio was %v on its way", ptime, ppm, o.most)
			}
		}
	}
}

// Stretched speech has no steps that the speech itself does not have.
func TestStretchedSpeechDoesNotClick(t *testing.T) {
	t.Parallel()
	o := simulate(conditions{length: 5 * time.Minute, drift: 300, delay: queueing(60 * ms), seed: 3})
	if o.stats.Stretched < 100 {
		t.Fatalf("only %d frames were stretched", o.stats.Stretched)
	}
	own := largestStep(speech())
	for i, stretched := range o.stretched {
		if !stretched || i == 0 {
			continue
		}
		if got := largestStep(o.heard[i*media.FrameSamples-1 : (i+1)*media.FrameSamples]); got > own {
			t.Errorf("frame %d: neighbouring samples differ by %d, in the speech by %d", i, got, own)
		}
	}
}

// With the jitter and the loss of a bad line, packets wait no longer than the
// worst 5 % of them need, less than half a packet beside it, and little is made
// up but what was lost. Ticks that do not move cost the way to the next one.
func TestDelayUnderJitter(t *testing.T) {
	t.Parallel()
	for _, jitter := range []time.Duration{20 * ms, 40 * ms, 60 * ms} {
		for name, delay := range map[string]func(int, *rand.Rand) time.Duration{"even": evenly(jitter), "queue": queueing(jitter)} {
			for _, still := range []bool{false, true} {
				o := simulate(conditions{length: 2 * time.Minute, delay: delay, lost: randomly(0.02), seed: 2, still: still})
				limit := o.p95 + 9*ms
				if still {
					limit = o.p95 + media.FrameDuration + hysteresis + 2*ms
				} else if o.wait > o.p95*12/10 {
					t.Errorf("%s %v: packets wait %v, 1.2 times the jitter's 95th percentile is %v", name, jitter, o.wait, o.p95*12/10)
				}
				if o.added > limit {
					t.Errorf("%s %v, still %v: %v added, want at most %v", name, jitter, still, o.added, limit)
				}
				if made := o.share(o.stats.Concealed); made > 5 {
					t.Errorf("%s %v, still %v: %.1f %% made up for 2 %% lost", name, jitter, still, made)
				}
			}
		}
	}
}

func BenchmarkNetwork(b *testing.B) {
	for _, model := range []struct {
		name  string
		delay func(time.Duration) func(int, *rand.Rand) time.Duration
	}{{"even", evenly}, {"queue", queueing}} {
		for _, jitter := range []time.Duration{20 * ms, 40 * ms, 60 * ms} {
			for _, loss := range []struct {
				name string
				lost func(int, *rand.Rand) bool
			}{
				{"none", nil},
				{"2%-random", randomly(0.02)},
				{"2%-bursts", inBursts(0.02)},
				{"5%-random", randomly(0.05)},
				{"5%-bursts", inBursts(0.05)},
			} {
				b.Run(model.name+"/jitter="+jitter.String()+"/loss="+loss.name, func(b *testing.B) {
					var sum outcome
					runs := 0
					for b.Loop() {
						o := simulate(conditions{length: 2 * time.Minute, delay: model.delay(jitter), lost: loss.lost, seed: uint64(runs)})
						runs++
						sum.frames += o.frames
						sum.added += o.added
						sum.wait += o.wait
						sum.p95 += o.p95
						sum.stats.Concealed += o.stats.Concealed
						sum.stats.Stretched += o.stats.Stretched
					}
					mean := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(runs) }
					b.ReportMetric(mean(sum.p95), "ms-jitter-p95")
					b.ReportMetric(mean(sum.wait), "ms-waited")
					b.ReportMetric(mean(sum.added), "ms-added")
					b.ReportMetric(mean(sum.wait)/mean(sum.p95), "waited/p95")
					b.ReportMetric(mean(sum.added)/mean(sum.p95), "added/p95")
					b.ReportMetric(sum.share(sum.stats.Concealed), "%-concealed")
					b.ReportMetric(sum.share(sum.stats.Stretched), "%-stretched")
					b.ReportMetric(0, "ns/op")
				})
			}
		}
	}
}
