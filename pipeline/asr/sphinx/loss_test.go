//go:build offline

package sphinx

import (
	"context"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/jitter"
	"trunkline/media/plc"
	"trunkline/pipeline/asr/distance"
)

// carry takes speech through a network that loses a share p of the packets and
// delays each by up to 40 ms, and back through the jitter buffer and the
// concealment.
func carry(audio []media.Frame, p float64, seed uint64) []media.Frame {
	r := rand.New(rand.NewPCG(seed, 3))
	epoch := time.Unix(0, 0)
	buffer := jitter.New(jitter.Options{Concealer: &plc.Concealer{}})
	arrivals := make([][]jitter.Packet, len(audio)+3) // by tick
	for i := range audio {
		delay := time.Duration(r.Int64N(int64(40 * time.Millisecond)))
		if r.Float64() < p {
			continue
		}
		tick := i + 1 + int(delay/media.FrameDuration)
		arrivals[tick] = append(arrivals[tick], jitter.Packet{
			Seq: int64(i), Timestamp: uint32(i * media.FrameSamples), Samples: audio[i][:],
			Arrived: epoch.Add(time.Duration(i)*media.FrameDuration + delay),
		})
	}
	var heard []media.Frame
	for tick, packets := range arrivals {
		for _, packet := range packets {
			buffer.Put(packet)
		}
		var f media.Frame
		buffer.Take(&f, epoch.Add(time.Duration(tick)*media.FrameDuration))
		heard = append(heard, f)
	}
	return heard
}

var losses = flag.Int("losses", 1, "how many seeds of losses TestLoss hears each line with")

// A line that loses 2 % of its packets is understood almost as well as one
// that loses none. The lines of testdata are few and clear: run it with
// -losses 12 for figures.
func TestLoss(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode  Mode
		every int // take each such line
	}{{Domain, 4}, {General, 10}} {
		t.Run(string(c.mode), func(t *testing.T) {
			config := reception(t, c.mode)
			config.Pool = 1
			r, err := New(context.Background(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			rate := func(p float64) float64 {
				errors, words := 0, 0
				for i, l := range readLines(t) {
					if i%c.every != 0 {
						continue
					}
					for seed := range *losses {
						s := open(t, r)
						tr := hear(t, s, 1, carry(l.audio, p, uint64(seed)))
						_ = s.Close()
						if tr.Err != nil {
							t.Errorf("%s: %v", l.name, tr.Err)
						}
						e, n := distance.Words(tr.Text, l.text)
						errors, words = errors+e, words+n
					}
				}
				t.Logf("%.0f %% of the packets lost: word error rate %.2f %% of %d words", 100*p, 100*float64(errors)/float64(words), words)
				return float64(errors) / float64(words)
			}
			// A tenth more, and what a few words in so small a sample weigh.
			if whole, lossy := rate(0), rate(0.02); lossy > 1.1*whole+0.05 {
				t.Errorf("word error rate %.2f %% with losses, %.2f %% without", 100*lossy, 100*whole)
			}
		})
	}
}
