//go:build offline

package sphinx

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"trunkline/pipeline/llm/script"
)

func expPhrases() []string {
	sc, err := script.Load("/work/main/testdata/scripts/reception.yaml")
	if err != nil {
		panic(err)
	}
	return sc.Phrases()
}

func readWAV(p string) []int16 {
	b, err := os.ReadFile(p)
	if err != nil {
		panic(err)
	}
	i := strings.Index(string(b), "data")
	b = b[i+8:]
	s := make([]int16, len(b)/2)
	for i := range s {
		s[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return s
}

func dist(a, b []string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		d := row[0]
		row[0] = i + 1
		for j := range b {
			c := d
			if a[i] != b[j] {
				c++
			}
			d = row[j+1]
			row[j+1] = min(c, row[j]+1, d+1)
		}
	}
	return row[len(b)]
}

func rss() int {
	b, _ := os.ReadFile("/proc/self/statm")
	f := strings.Fields(string(b))
	n, _ := strconv.Atoi(f[1])
	return n * 4
}

func TestExp(t *testing.T) {
	mode := Mode(os.Getenv("MODE"))
	cfg, err := Config{Mode: mode, Phrases: expPhrases(), Cache: "/tmp/w/d/cache"}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	t0 := time.Now()
	m, err := prepare(cfg)
	if err != nil {
		t.Fatal(err)
	}
	tp := time.Since(t0)
	m.search = append(slices.Clone(m.search), strings.Fields(os.Getenv("SPHINX_EXTRA"))...)
	if os.Getenv("STOCK") != "" {
		m.narrowband.Means = m.acoustic + "/means"
		m.narrowband.Variances = m.acoustic + "/variances"
		m.narrowband.FeatParams = m.acoustic + "/feat.params"
	}
	r0 := rss()
	if v := strings.Split(os.Getenv("MEAN"), ","); len(v) == 13 {
		for i := range v {
			f, _ := strconv.ParseFloat(v[i], 64)
			telephoneMean[i] = float32(f)
		}
	}
	if v := os.Getenv("MFRAMES"); v != "" {
		telephoneMeanFrames, _ = strconv.Atoi(v)
	}
	if v := os.Getenv("CMNINT"); v != "" {
		cmnInterval, _ = strconv.Atoi(v)
	}
	t0 = time.Now()
	d, err := newDecoder(m)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("prepare %v init %v rss %d kB\n", tp, time.Since(t0), rss()-r0)
	data, _ := os.ReadFile("/work/main/testdata/audio/lines.tsv")
	dir := os.Getenv("DIR")
	if dir == "" {
		dir = "/work/main/testdata/audio"
	}
	errs, words := 0, 0
	var cpu, audio, fin time.Duration
	var first []int
	for _, l := range strings.Split(string(data), "\n") {
		c := strings.Split(l, "\t")
		if len(c) != 3 || c[0][0] == '#' {
			continue
		}
		s := readWAV(filepath.Join(dir, c[0]+".wav"))
		if os.Getenv("KEEP") == "" {
			d.reset()
		}
		// onset: first 20 ms with peak > 500
		onset := 0
		for onset+160 < len(s) {
			p := 0
			for _, v := range s[onset : onset+160] {
				p = max(p, int(v), -int(v))
			}
			if p > 1000 {
				break
			}
			onset += 160
		}
		end := len(s)
		for end > 160 {
			p := 0
			for _, v := range s[end-160 : end] {
				p = max(p, int(v), -int(v))
			}
			if p > 500 {
				break
			}
			end -= 160
		}
		seg := append(make([]int16, 0), s[max(0, onset-2400):onset]...)
		for len(seg) < 2400 {
			seg = append([]int16{0}, seg...)
		}
		pre := len(seg)
		seg = append(seg, s[onset:min(len(s), end+1600)]...)
		for i := 0; i < 1600-(len(s)-end); i++ {
			seg = append(seg, 0)
		}
		audio += time.Duration(len(seg)) * time.Second / 8000
		t0 := time.Now()
		d.start()
		fp := -1
		for i := 0; i+160 <= len(seg); i += 160 {
			d.process(seg[i : i+160])
			if fp < 0 && i >= pre && (i/160)%3 == 0 {
				if d.words("") != "" {
					fp = (i + 160 - pre) / 8
				}
			}
		}
		cpu += time.Since(t0)
		t1 := time.Now()
		text, conf, err := d.finish()
		fin += time.Since(t1)
		if err != nil {
			t.Error(err)
		}
		first = append(first, fp)
		want := strings.Fields(c[2])
		e := dist(strings.Fields(text), want)
		errs += e
		words += len(want)
		if e > 0 || os.Getenv("V") != "" {
			fmt.Printf("%-45s conf %.3f fp %d: %s\n", c[0], conf, fp, text)
		}
	}
	fmt.Printf("WER %.1f %% of %d; rtf %.3f; finish mean %v; mean %v; rss %d\n", 100*float64(errs)/float64(words), words, (cpu+fin).Seconds()/audio.Seconds(), fin/time.Duration(len(first)), d.(*engine).channelMean(), rss()-r0)
	all := append([]int(nil), first...)
	for i := range all {
		if all[i] < 0 {
			all[i] = 9999
		}
	}
	slices.Sort(all)
	fmt.Println("first partial p50", all[len(all)/2], "p95", all[len(all)*95/100])
	for _, f := range []string{"cough", "room"} {
		s := readWAV(filepath.Join(dir, f+".wav"))
		d.reset()
		d.start()
		for i := 0; i+160 <= len(s); i += 160 {
			d.process(s[i : i+160])
		}
		text, conf, _ := d.finish()
		fmt.Printf("%s: %q %.3f\n", f, text, conf)
	}
}
