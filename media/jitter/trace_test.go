package jitter

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the traces of testdata/jitter anew")

// A trace is the way of one call's packets through a network. Its file has a
// comment after '#', and one word per packet: by how many milliseconds it was
// delayed, or a dash when it was lost.
type trace struct {
	about  string
	delays []time.Duration // negative: lost
}

const traces = "../../testdata/jitter"

func parseTrace(b []byte) (t trace, err error) {
	for line := range strings.Lines(string(b)) {
		if about, ok := strings.CutPrefix(line, "#"); ok {
			t.about = strings.TrimSpace(about)
			continue
		}
		for word := range strings.FieldsSeq(line) {
			if word == "-" {
				t.delays = append(t.delays, -1)
				continue
			}
			delay, err := strconv.ParseFloat(word, 64)
			if err != nil || delay < 0 || delay > 60_000 {
				return t, fmt.Errorf("packet %d: delay %q: want milliseconds or a dash", len(t.delays), word)
			}
			t.delays = append(t.delays, time.Duration(delay*float64(time.Millisecond)))
		}
	}
	return t, nil
}

func (t *trace) format() []byte {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	fmt.Fprintf(w, "# %s\n", t.about)
	for i, d := range t.delays {
		word := "-"
		if d >= 0 {
			word = strconv.FormatFloat(d.Seconds()*1000, 'f', 1, 64)
		}
		end := " "
		if i%20 == 19 {
			end = "\n"
		}
		fmt.Fprint(w, word, end)
	}
	_ = w.Flush() // to memory
	return b.Bytes()
}

// networks makes the traces: a minute of 20 ms packets each.
var networks = map[string]struct {
	about string
	delay func(i int, r *rand.Rand) time.Duration
	lost  func(i int, r *rand.Rand) bool
	limit limits
}{
	"steady": {
		about: "a wired path: a millisecond of jitter, nothing lost",
		delay: func(_ int, r *rand.Rand) time.Duration { return 20*ms + evenly(ms)(0, r) },
		limit: limits{concealed: 0, stretched: 0.2, wait: 25 * ms},
	},
	"wifi": {
		about: "a wireless last hop: packets held back 5 to 60 ms and let go together, 1 % lost",
		delay: wifi(),
		lost:  randomly(0.01),
		limit: limits{concealed: 4, stretched: 4, wait: 60 * ms},
	},
	"bursty": {
		about: "a full queue: delays grow in bursts of other traffic, 2 % lost in runs of three",
		delay: queueing(40 * ms),
		lost:  inBursts(0.02),
		limit: limits{concealed: 4, stretched: 5, wait: 70 * ms},
	},
	"route-change": {
		about: "a path that becomes 80 ms longer after 20 s and short again after 40 s",
		delay: func(i int, r *rand.Rand) time.Duration {
			d := evenly(5*ms)(0, r)
			if i >= 1000 && i < 2000 {
				d += 80 * ms
			}
			return d
		},
		limit: limits{concealed: 0.5, stretched: 2, wait: 40 * ms},
	},
	"stalls": {
		about: "a path that stands still for 150 ms to 2 s every 10 s and then delivers all at once",
		delay: func(i int, r *rand.Rand) time.Duration {
			lengths := [...]time.Duration{150 * ms, 300 * ms, 600 * ms, time.Second, 2 * time.Second}
			d := evenly(2*ms)(0, r)
			if n := i/500 - 1; n >= 0 && n < len(lengths) {
				d = max(d, lengths[n]-time.Duration(i%500)*20*ms)
			}
			return d
		},
		limit: limits{concealed: 2, stretched: 4, wait: 60 * ms},
	},
}

type limits struct {
	concealed, stretched float64 // per cent
	wait                 time.Duration
}

func wifi() func(int, *rand.Rand) time.Duration {
	free := time.Duration(0) // when the radio is free again
	return func(i int, r *rand.Rand) time.Duration {
		sent := time.Duration(i) * 20 * ms
		if free < sent && r.Float64() < 0.15 {
			free = sent + 5*ms + time.Duration(r.Int64N(int64(55*ms)))
		}
		return max(free-sent, 0) + evenly(2*ms)(0, r)
	}
}

// Every recorded network is followed: little is made up, little is stretched,
// the delay stays near what the network asks for, and after a disturbance it
// comes back.
func TestTraces(t *testing.T) {
	t.Parallel()
	for name, network := range networks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(traces, name+".txt")
			if *update {
				r := rand.New(rand.NewPCG(1, 1))
				made := trace{about: network.about}
				for i := range 3000 {
					d := network.delay(i, r)
					if network.lost != nil && network.lost(i, r) {
						d = -1
					}
					made.delays = append(made.delays, d)
				}
				if err := os.WriteFile(file, made.format(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			path, err := parseTrace(b)
			if err != nil {
				t.Fatal(err)
			}
			o := simulate(conditions{
				length: time.Duration(len(path.delays)) * 20 * ms,
				delay:  func(i int, _ *rand.Rand) time.Duration { return max(path.delays[i], 0) },
				lost:   func(i int, _ *rand.Rand) bool { return path.delays[i] < 0 },
			})
			concealed, stretched := o.share(o.stats.Concealed), o.share(o.stats.Stretched)
			t.Logf("jitter p95 %v: waited %v, concealed %.2f %%, stretched %.2f %%: %+v", o.p95, o.wait, concealed, stretched, o.stats)
			if concealed > network.limit.concealed || stretched > network.limit.stretched || o.wait > network.limit.wait {
				t.Errorf("want at most %+v", network.limit)
			}
			if last := o.stats.Delay; name == "stalls" && last > 60*ms {
				t.Errorf("at the end packets wait %v", last)
			}
			heard, own := largestStep(o.heard), largestStep(speech())
			if heard > own*5/4 {
				t.Errorf("neighbouring samples differ by %d, in the speech by %d", heard, own)
			}
		})
	}
}

// largestStep is the largest difference of neighbouring samples.
func largestStep(s []int16) int {
	most := 0
	for i := 1; i < len(s); i++ {
		d := int(s[i]) - int(s[i-1])
		most = max(most, d, -d)
	}
	return most
}
