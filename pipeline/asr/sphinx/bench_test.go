//go:build offline

package sphinx

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/pipeline/asr/distance"
)

// BenchmarkCallers lets callers speak in real time, 20 ms after 20 ms, without
// a pause between their lines, and reports what they wait for:
//
//	go test -tags offline -run '^$' -bench Callers -benchtime 1x ./pipeline/asr/sphinx
func BenchmarkCallers(b *testing.B) {
	for _, mode := range []Mode{Domain, GeneralAndDomain, General} {
		for _, callers := range []int{1, 4, 8, 16} {
			if mode != Domain && callers > 4 {
				continue
			}
			b.Run(fmt.Sprintf("%s/%d", mode, callers), func(b *testing.B) {
				for b.Loop() {
					speak(b, mode, callers)
				}
			})
		}
	}
}

// measured is what callers waited for.
type measured struct {
	sync.Mutex
	first, final  []time.Duration
	speech        time.Duration
	errors, words int
}

func speak(b *testing.B, mode Mode, callers int) {
	lines := readLines(b)
	config := reception(b, mode)
	config.Pool = callers
	r, err := New(context.Background(), config)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	before := resident(b)
	if err := r.Prewarm(context.Background(), callers); err != nil {
		b.Fatal(err)
	}
	perDecoder := float64(resident(b)-before) / float64(max(1, callers-1))

	var m measured
	cpu := processCPU(b)
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := range 8 {
				m.line(b, r, lines[(caller*5+i*3)%len(lines)])
			}
		})
	}
	wg.Wait()
	cpu = processCPU(b) - cpu

	b.ReportMetric(0, "ns/op")
	b.ReportMetric(100*float64(m.errors)/float64(m.words), "%WER")
	b.ReportMetric(cpu.Seconds()/m.speech.Seconds(), "cpu/speech")
	report(b, m.first, "first")
	report(b, m.final, "final")
	if callers > 1 {
		b.ReportMetric(perDecoder, "MB/decoder")
	}
}

func report(b *testing.B, delays []time.Duration, name string) {
	slices.Sort(delays)
	for _, p := range []int{50, 95} {
		b.ReportMetric(float64(delays[len(delays)*p/100].Milliseconds()), fmt.Sprintf("%s-p%d-ms", name, p))
	}
}

// line speaks one line as a call of its own.
func (m *measured) line(b *testing.B, r *Recognizer, l line) {
	s, err := r.Open(context.Background())
	if err != nil {
		b.Error(err)
		return
	}
	defer s.Close()
	var onset, end time.Time
	written := make(chan struct{})
	go func() {
		defer close(written)
		tick := time.NewTicker(media.FrameDuration)
		defer tick.Stop()
		s.Begin(1)
		for i := range l.audio {
			if i >= l.onset { // the pre-roll comes at once
				<-tick.C
			}
			if i == l.onset {
				onset = time.Now().Add(-media.FrameDuration)
			}
			s.Write(&l.audio[i])
		}
		end = time.Now()
		s.End()
	}()
	var first time.Time
	for t := range s.Transcripts() {
		if first.IsZero() && t.Text != "" {
			first = time.Now()
		}
		if !t.Final {
			continue
		}
		final := time.Now()
		<-written
		errors, words := distance.Words(t.Text, l.text)
		m.Lock()
		m.first = append(m.first, first.Sub(onset))
		m.final = append(m.final, final.Sub(end))
		m.speech += time.Duration(len(l.audio)) * media.FrameDuration
		m.errors += errors
		m.words += words
		m.Unlock()
		return
	}
}

func processCPU(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// resident is the process's memory in MB.
func resident(b *testing.B) int {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(data))[1])
	if err != nil {
		b.Fatal(err)
	}
	return pages * os.Getpagesize() >> 20
}
