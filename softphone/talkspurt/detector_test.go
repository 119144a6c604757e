package talkspurt

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/media/vad"
)

const silence = vad.Silence

var start = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// level is a run of frames at one level.
type level struct {
	dbov   vad.DBov
	frames int
}

// found is a talkspurt in frame numbers, both inclusive.
type found struct{ First, Last int }

func detect(levels []level) []found {
	var (
		d   Detector
		out []found
		n   int
	)
	number := func(at time.Time) int { return int(at.Sub(start) / media.FrameDuration) }
	add := func() { out = append(out, found{number(d.Spurt().First), number(d.Spurt().Last)}) }
	for _, l := range levels {
		for range l.frames {
			if d.Step(l.dbov, start.Add(time.Duration(n)*media.FrameDuration), media.FrameDuration) == Offset {
				add()
			}
			n++
		}
	}
	if d.Flush() {
		add()
	}

	return out
}

func TestDetector(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		levels []level
		want   []found
	}{
		{"digital silence", []level{{silence, 500}}, nil},
		{"speech from the first packet", []level{{-25, 50}, {silence, 50}}, []found{{0, 49}}},
		{"exact edges beside digital silence", []level{{silence, 100}, {-25, 50}, {silence, 100}, {-30, 20}, {silence, 13}}, []found{{100, 149}, {250, 269}}},
		{"faint edges belong to the speech", []level{{silence, 50}, {-65, 5}, {-56, 3}, {-25, 20}, {-52, 4}, {-63, 5}, {silence, 50}}, []found{{55, 81}}},
		{"A-law idle pattern is silence", []level{{-72.2, 50}, {-25, 20}, {-72.2, 50}}, []found{{50, 69}}},
		{"comfort noise", []level{{-55, 100}, {-25, 40}, {-55, 100}}, []found{{100, 139}}},
		{"loud comfort noise", []level{{-42, 100}, {-20, 40}, {-42, 100}}, []found{{100, 139}}},
		{"comfort noise that begins and ends", []level{{silence, 50}, {-50, 200}, {silence, 50}}, nil},
		{"comfort noise only after speech", []level{{silence, 50}, {-25, 40}, {-52, 100}}, []found{{50, 89}}},
		{"a steady tone is audio", []level{{silence, 50}, {-20, 500}, {silence, 50}}, []found{{50, 549}}},
		{"a steady tone from the first packet", []level{{-30, 500}, {silence, 50}}, []found{{0, 499}}},
		{"a click is not speech", []level{{silence, 50}, {-10, 2}, {silence, 50}}, nil},
		{"clicks are not speech", []level{{silence, 50}, {-10, 1}, {silence, 4}, {-10, 1}, {silence, 4}, {-10, 1}, {silence, 50}}, nil},
		{"a short pause is inside", []level{{silence, 50}, {-25, 20}, {silence, 11}, {-25, 20}, {silence, 50}}, []found{{50, 100}}},
		{"a longer pause is not", []level{{silence, 50}, {-25, 20}, {silence, 12}, {-25, 20}, {silence, 50}}, []found{{50, 69}, {82, 101}}},
		{"the end cuts off", []level{{silence, 50}, {-25, 20}, {silence, 5}}, []found{{50, 69}}},
		{"a plosive before the vowel", []level{{silence, 50}, {-40, 1}, {silence, 2}, {-25, 20}, {silence, 50}}, []found{{50, 72}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, detect(test.levels)); diff != "" {
				t.Errorf("talkspurts (-want +got):\n%s", diff)
			}
		})
	}
}

// Packets that arrive in a burst carry as much audio as others.
func TestDetectorCountsMediaNotArrival(t *testing.T) {
	t.Parallel()
	var (
		d     Detector
		burst = start.Add(time.Second)
	)
	for range 10 {
		d.Step(silence, start, media.FrameDuration)
	}
	for i := range 20 {
		edge := d.Step(-25, burst, media.FrameDuration)
		if want := i == 2; want != (edge == Onset) {
			t.Fatalf("frame %d of the burst: edge %v", i, edge)
		}
	}
	if got := d.Spurt().First; !got.Equal(burst) {
		t.Errorf("first = %v, want %v", got, burst)
	}
}

func TestDetectorOtherPacketTimes(t *testing.T) {
	t.Parallel()
	for _, ms := range []int{10, 20, 30, 40, 60} {
		ptime := time.Duration(ms) * time.Millisecond
		var d Detector
		at := func(n int) time.Time { return start.Add(time.Duration(n) * ptime) }
		for n := range 200 {
			l := silence
			if n >= 50 && n < 100 {
				l = -25
			}
			d.Step(l, at(n), ptime)
		}
		if want := (Spurt{at(50), at(99)}); d.Talking() || d.Spurt() != want {
			t.Errorf("%v packets: %v, want %v", ptime, d.Spurt(), want)
		}
	}
}

// Whatever is on the line, talkspurts are in order, do not touch, and begin
// and end with frames that were not silent.
func TestDetectorProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		levels := rapid.SliceOf(rapid.Custom(func(t *rapid.T) level {
			return level{
				rapid.SampledFrom([]vad.DBov{silence, -72.2, -65, -57, -48, -40, -30, -20, -5}).Draw(t, "level"),
				rapid.IntRange(1, 40).Draw(t, "frames"),
			}
		})).Draw(t, "levels")
		var flat []vad.DBov
		for _, l := range levels {
			for range l.frames {
				flat = append(flat, l.dbov)
			}
		}
		end := -1
		for _, s := range detect(levels) {
			if s.First <= end || s.Last < s.First {
				t.Fatalf("talkspurt %v after %d", s, end)
			}
			if flat[s.First] < audibleMin || flat[s.Last] < audibleMin {
				t.Fatalf("talkspurt %v has a silent edge", s)
			}
			end = s.Last
		}
	})
}

func TestDetectorDoesNotAllocate(t *testing.T) {
	var d Detector
	n := 0
	if got := testing.AllocsPerRun(1000, func() {
		l := silence
		if n/50%2 == 1 {
			l = -25
		}
		d.Step(l, start, media.FrameDuration)
		n++
	}); got != 0 {
		t.Errorf("%v allocations per frame", got)
	}
}
