package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"trunkline/media"
	"trunkline/media/jitter"
	"trunkline/media/plc"
	"trunkline/softphone/impair"
)

// fixedDepth is the baseline's: what a buffer without adaptation is commonly
// set to.
const fixedDepth = 60 * time.Millisecond

// Ticks move as media/clock moves those of a call.
const (
	tickStep  = 2 * time.Millisecond
	shiftOnce = 5 // ticks
)

// weather is one kind of bad network.
type weather struct {
	jitter time.Duration
	shape  impair.Shape
	loss   float64
	burst  float64
}

func (w weather) lossName() string {
	switch {
	case w.loss == 0:
		return "none"
	case w.burst > 1:
		return fmt.Sprintf("%.0f %% in runs of %.0f", 100*w.loss, w.burst)
	}

	return fmt.Sprintf("%.0f %% random", 100*w.loss)
}

// lossKinds are those that every jitter is combined with.
var lossKinds = []weather{{}, {loss: 0.02}, {loss: 0.02, burst: 3}, {loss: 0.05}, {loss: 0.05, burst: 3}}

// packet is one on its way.
type packet struct {
	number  int
	arrives time.Time
}

// travel sends n packets of 20 ms through a path, and tells by how much the
// slowest 5 % of those that arrive are slower than the fastest.
func travel(n int, w weather, seed uint64, began time.Time) (arrivals []packet, p95 time.Duration) {
	path := impair.New(impair.Network{Delay: 30 * time.Millisecond, Jitter: w.jitter, Shape: w.shape, Loss: w.loss, Burst: w.burst, Seed: seed})
	var delays []time.Duration
	for i := range n {
		at := began.Add(time.Duration(i) * media.FrameDuration)
		if arrive, copies := path.Step(at, 172); copies > 0 {
			arrivals = append(arrivals, packet{number: i, arrives: arrive[0]})
			delays = append(delays, arrive[0].Sub(at))
		}
	}
	slices.SortStableFunc(arrivals, func(a, b packet) int { return a.arrives.Compare(b.arrives) })
	slices.Sort(delays)

	return arrivals, delays[len(delays)*95/100] - delays[0]
}

// evened is what a buffer made of a call.
type evened struct {
	wait              time.Duration // of packets until the tick that played them
	played, stretched uint64        // frames
	frames            uint64        // since the first that played
}

func (e *evened) add(o evened) {
	e.wait += o.wait
	e.played += o.played
	e.stretched += o.stretched
	e.frames += o.frames
}

func (e *evened) mean() time.Duration {
	if e.played == 0 {
		return 0
	}

	return e.wait / time.Duration(e.played)
}

func (e *evened) share(n uint64) string {
	return fmt.Sprintf("%.2f", 100*float64(n)/float64(max(e.frames, 1)))
}

// adaptive plays a call through trunkline's buffer, and hands each frame on.
func adaptive(voice []int16, arrivals []packet, first time.Time, c jitter.Concealer, heard func(*media.Frame)) evened {
	b := jitter.New(jitter.Options{Concealer: c})
	var e evened
	var f media.Frame
	tick := 0
	for now := first; ; now = now.Add(media.FrameDuration) {
		for len(arrivals) > 0 && !arrivals[0].arrives.After(now) {
			p := arrivals[0]
			arrivals = arrivals[1:]
			b.Put(jitter.Packet{
				Seq: int64(p.number), Timestamp: uint32(p.number * media.FrameSamples),
				Samples: frameOf(voice, p.number), Arrived: p.arrives,
			})
		}
		if len(arrivals) == 0 {
			break
		}
		in := b.Take(&f, now)
		if in.Kind == media.Received {
			e.wait += now.Sub(in.Arrived)
			e.played++
		}
		if e.played > 0 {
			e.frames++
		}
		heard(&f)
		if tick++; tick%shiftOnce == 0 {
			now = now.Add(time.Duration(b.Shift(tickStep)) * tickStep)
		}
	}
	e.stretched = b.Stats().Stretched

	return e
}

// fixed plays a call through a buffer that never adapts: the first packet
// waits for the depth, and each later one has its tick or none.
func fixed(arrivals []packet, first time.Time) evened {
	var e evened
	held := map[int]time.Time{}
	next, begun, due := 0, false, time.Time{}
	for now := first; ; now = now.Add(media.FrameDuration) {
		for len(arrivals) > 0 && !arrivals[0].arrives.After(now) {
			p := arrivals[0]
			arrivals = arrivals[1:]
			if !begun {
				begun, next, due = true, p.number, p.arrives.Add(fixedDepth)
			}
			held[p.number] = p.arrives
		}
		if len(arrivals) == 0 {
			return e
		}
		if !begun || now.Before(due) {
			continue
		}
		e.frames++
		if at, ok := held[next]; ok {
			e.wait += now.Sub(at)
			e.played++
			delete(held, next)
		}
		next++
	}
}

// frameOf is the nth 20 ms of a voice that goes round and round.
func frameOf(voice []int16, n int) []int16 {
	at := n * media.FrameSamples % (len(voice) - media.FrameSamples)

	return voice[at : at+media.FrameSamples]
}

// callersVoice is the sample speech, each line followed by silence.
func callersVoice() ([]int16, error) {
	var all []int16
	for _, name := range spoken {
		audio, err := sampleSpeech(name)
		if err != nil {
			return nil, err
		}
		all = append(append(all, audio...), make([]int16, media.SamplesIn(lineGap))...)
	}

	return all, nil
}

// jitter measures the jitter buffer in virtual time.
func (b *bench) jitter(ctx context.Context) error {
	voice, err := callersVoice()
	if err != nil {
		return err
	}
	seeds, length := pick(b, 5, 1), pick(b, 3*time.Minute, 20*time.Second)
	fmt.Fprintf(b.Out, "\nThe caller's speech in packets of 20 ms over a path of softphone/impair with jitter and loss, %d calls of %v each with another\n"+
		"seed and another place of the tick between packets, in virtual time. p95: by how much the slowest 5 %% of packets are slower\n"+
		"than the fastest. Added: mean time from a packet's arrival to the tick that plays it. Baseline: a buffer of a fixed %v.\n"+
		"Uniform jitter delays each packet by itself and lets packets overtake; a queue fills at once and drains slowly, in order;\n"+
		"spikes hold everything back and let it go at once. Made up: 20 ms for which no packet was there, lost ones among them. Target: added 1.2 times p95.\n", seeds, length, fixedDepth)
	t := newTable("jitter", "lost", "p95 ms", "added ms", "added / p95", "made up %", "time-scaled %", "fixed: added ms", "added / p95", "made up %")
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, shape := range []impair.Shape{impair.Uniform, impair.Queue, impair.Spikes} {
		for _, j := range pick(b, []time.Duration{20 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond}, []time.Duration{40 * time.Millisecond}) {
			for _, w := range lossKinds {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				w.jitter, w.shape = j, shape
				var ours, theirs evened
				var p95 time.Duration
				for seed := range seeds {
					arrivals, p := travel(int(length/media.FrameDuration), w, uint64(seed), began)
					p95 += p / time.Duration(seeds)
					first := began.Add(time.Duration(seed) * media.FrameDuration / time.Duration(seeds))
					ours.add(adaptive(voice, arrivals, first, &plc.Concealer{}, func(*media.Frame) {}))
					theirs.add(fixed(arrivals, first))
				}
				ratio := func(e *evened) string { return fmt.Sprintf("%.2f", float64(e.mean())/float64(p95)) }
				t.row(fmt.Sprintf("%v, %v", shape, w.jitter), w.lossName(), inMS(p95), inMS(ours.mean()), ratio(&ours), ours.share(ours.frames-ours.played), ours.share(ours.stretched),
					inMS(theirs.mean()), ratio(&theirs), theirs.share(theirs.frames-theirs.played))
			}
		}
	}
	t.write(b.Out)

	return nil
}

func inMS(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()*1000) }
