package dtmf_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/media/dtmf"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestGenerator(t *testing.T) {
	t.Parallel()
	var g dtmf.Generator
	for i := range len(allKeys) {
		if err := g.Press(allKeys[i], 60*time.Millisecond, 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	var x []int16
	var f media.Frame
	for g.Next(&f) {
		x = append(x, f[:]...)
	}
	if got := spell(found(coded(x))); got != allKeys {
		t.Errorf("sent %q, heard %q", allKeys, got)
	}
	sum := 0.0
	for _, s := range x[80:400] {
		sum += float64(s) * float64(s)
	}
	if level := 10 * math.Log10(sum/320/media.ZeroDBm0); level < -6.5 || level > -5.5 {
		t.Errorf("a key has %.1f dBm0, want -10 and -8 together", level)
	}
	if x[0] != 0 || math.Abs(float64(x[1])) > 200 {
		t.Errorf("the tone begins with %v, want a ramp", x[:4])
	}
}

func TestGeneratorRefuses(t *testing.T) {
	t.Parallel()
	var g dtmf.Generator
	if err := g.Press('x', 0, 0); err == nil || !strings.Contains(err.Error(), "telephone key") {
		t.Errorf("a letter: %v", err)
	}
	for range 32 {
		if err := g.Press('1', 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Press('1', 0, 0); err == nil {
		t.Error("the 33rd key was taken")
	}
}

// TestAnyNumberSurvives sends numbers in any rhythm.
func TestAnyNumberSurvives(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.StringMatching(`[0-9*#A-D]{1,12}`).Draw(t, "keys")
		var g dtmf.Generator
		for i := range len(keys) {
			tone := rapid.IntRange(40, 200).Draw(t, "tone")
			pause := rapid.IntRange(40, 200).Draw(t, "pause")
			if err := g.Press(keys[i], time.Duration(tone)*time.Millisecond, time.Duration(pause)*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		var x []int16
		x = append(x, make([]int16, rapid.IntRange(0, 400).Draw(t, "lead"))...)
		var f media.Frame
		for g.Next(&f) {
			x = append(x, f[:]...)
		}
		if got := spell(found(x)); got != keys {
			t.Fatalf("sent %q, heard %q", keys, got)
		}
	})
}

func TestMerger(t *testing.T) {
	t.Parallel()
	type report struct {
		key byte
		by  dtmf.Source
		at  int // ms
	}
	for _, tt := range []struct {
		name    string
		reports []report
		want    string
	}{
		{"one way", []report{{'5', dtmf.Event, 0}, {'5', dtmf.Event, 100}, {'6', dtmf.Event, 200}}, "556"},
		{"event and tone", []report{{'5', dtmf.Event, 0}, {'5', dtmf.InBand, 80}}, "5"},
		{"tone first", []report{{'5', dtmf.InBand, 0}, {'5', dtmf.Event, 150}}, "5"},
		{"all ways", []report{{'5', dtmf.Event, 0}, {'5', dtmf.Info, 20}, {'5', dtmf.InBand, 80}}, "5"},
		{"twice each", []report{
			{'5', dtmf.Event, 0}, {'5', dtmf.InBand, 90}, {'5', dtmf.Event, 200}, {'5', dtmf.InBand, 290},
		}, "55"},
		{"tones behind by two", []report{
			{'5', dtmf.Event, 0}, {'5', dtmf.Event, 150}, {'5', dtmf.InBand, 200}, {'5', dtmf.InBand, 350},
		}, "55"},
		{"interleaved", []report{
			{'1', dtmf.Event, 0}, {'2', dtmf.Event, 100}, {'1', dtmf.InBand, 120}, {'2', dtmf.InBand, 220},
		}, "12"},
		{"later", []report{{'5', dtmf.Event, 0}, {'5', dtmf.InBand, 2000}}, "55"},
		{"other key", []report{{'5', dtmf.Event, 0}, {'8', dtmf.InBand, 50}}, "58"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var m dtmf.Merger
			got := ""
			for _, r := range tt.reports {
				d := media.Digit{Key: r.key, Duration: 80 * time.Millisecond}
				if m.Take(d, r.by, noon.Add(time.Duration(r.at)*time.Millisecond)) {
					got += string(r.key)
				}
			}
			if got != tt.want {
				t.Errorf("counted %q, want %q", got, tt.want)
			}
		})
	}
}

// TestMergerCountsOnce reports every press by some of the ways, each late by
// its own delay.
func TestMergerCountsOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.StringMatching(`[0-9*#]{1,10}`).Draw(t, "keys")
		delays := [3]time.Duration{}
		for i := range delays {
			delays[i] = time.Duration(rapid.IntRange(0, 30).Draw(t, "delay")) * 10 * time.Millisecond
		}
		both := rapid.IntRange(1, 7).Draw(t, "ways") // a bit for each
		var m dtmf.Merger
		var got []byte
		for at := time.Duration(0); at < 20*time.Second; at += 10 * time.Millisecond {
			for way := range dtmf.Source(3) {
				press := at - delays[way]
				if both>>way&1 == 0 || press < 0 || press%(250*time.Millisecond) != 0 {
					continue
				}
				if n := int(press / (250 * time.Millisecond)); n < len(keys) {
					if m.Take(media.Digit{Key: keys[n], Duration: 100 * time.Millisecond}, way, noon.Add(at)) {
						got = append(got, keys[n])
					}
				}
			}
		}
		if string(got) != keys {
			t.Fatalf("counted %q, want %q", got, keys)
		}
	})
}

func TestCollector(t *testing.T) {
	t.Parallel()
	type key struct {
		key byte
		at  time.Duration
	}
	rules := dtmf.Rules{Min: 2, Max: 5, Terminator: "#", Erase: "*", First: 8 * time.Second, Between: 2 * time.Second}
	s := time.Second
	for _, tt := range []struct {
		name  string
		keys  []key
		until time.Duration // then time passes
		want  dtmf.Entry
	}{
		{"terminated", []key{{'1', s}, {'2', 2 * s}, {'#', 3 * s}}, 0, dtmf.Entry{Keys: "12", Why: dtmf.Terminated, Complete: true}},
		{"too short", []key{{'1', s}, {'#', 2 * s}}, 0, dtmf.Entry{Keys: "1", Why: dtmf.Terminated}},
		{"full", []key{{'1', s}, {'2', s}, {'3', s}, {'4', s}, {'5', s}, {'6', s}}, 0, dtmf.Entry{Keys: "12345", Why: dtmf.Full, Complete: true}},
		{"nothing", nil, 8 * s, dtmf.Entry{Why: dtmf.TimedOut}},
		{"not yet", nil, 8*s - 1, dtmf.Entry{}},
		{"slow", []key{{'1', s}, {'2', 2 * s}}, 4 * s, dtmf.Entry{Keys: "12", Why: dtmf.TimedOut, Complete: true}},
		{"waiting", []key{{'1', s}, {'2', 2 * s}}, 4*s - 1, dtmf.Entry{Keys: "12", Complete: true}},
		{"erased", []key{{'1', s}, {'2', s}, {'*', 2 * s}, {'9', 9 * s}, {'8', 9 * s}, {'#', 9 * s}}, 0, dtmf.Entry{Keys: "98", Why: dtmf.Terminated, Complete: true}},
		{"no key", []key{{'x', s}, {'1', s}, {'#', s}}, 0, dtmf.Entry{Keys: "1", Why: dtmf.Terminated}},
		{"after the end", []key{{'1', s}, {'2', 4 * s}}, 0, dtmf.Entry{Keys: "1", Why: dtmf.TimedOut}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := dtmf.NewCollector(rules, noon)
			got := c.Entry()
			for _, k := range tt.keys {
				got = c.Key(k.key, noon.Add(k.at))
			}
			if tt.until != 0 {
				got = c.Expire(noon.Add(tt.until))
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("entry (-want +got):\n%s", d)
			}
		})
	}
}

func TestCollectorDefaults(t *testing.T) {
	t.Parallel()
	c := dtmf.NewCollector(dtmf.Rules{}, noon)
	if d := c.Deadline().Sub(noon); d != 10*time.Second {
		t.Errorf("waits %v for the first key, want 10 s", d)
	}
	var got dtmf.Entry
	for range 40 {
		got = c.Key('#', noon)
	}
	if len(got.Keys) != 32 || got.Why != dtmf.Full {
		t.Errorf("entry %+v, want 32 keys", got)
	}
	if d := c.Deadline().Sub(noon); d != 3*time.Second {
		t.Errorf("waits %v for the next key, want 3 s", d)
	}
}
