package player_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/media/player"
)

// TestNoSampleIsLostOrDoubled runs random calls and looks only at what leaves.
//
// Every sample written is at least loudest and differs from its neighbours;
// ramps and fades bring it below. What leaves at or above loudest is thus what
// left at full level: it must be what was written, in order, each sample once,
// but for what a Clear dropped.
func TestNoSampleIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	const (
		loudest = 32500
		span    = 32768 - loudest
	)
	type segment struct {
		*player.Segment
		audio  []int16
		closed bool
	}
	rapid.Check(t, func(t *rapid.T) {
		p := player.New(player.Options{Bound: time.Hour})
		var (
			segments  []*segment
			left      []int16 // at full level
			forgotten []int16 // what left of utterances that are cleared
			utterance = 1
			value     int
			paused    int // frames since Pause, 0 when not paused

			lines, originals [][]int16 // shared, and as they were
		)
		written := func() []int16 {
			all := slices.Clone(forgotten)
			for _, s := range segments {
				all = append(all, s.audio...)
			}
			return all
		}
		tick := func(t *rapid.T, sends bool) {
			var f media.Frame
			_, sent := p.Play(&f, func(*media.Frame) bool { return sends })
			if sent != sends {
				t.Fatalf("Play says sent = %v, want %v", sent, sends)
			}
			if paused > 0 {
				if paused++; sends && paused > 3 && f != (media.Frame{}) {
					t.Fatalf("sound in frame %d of a pause", paused)
				}
			}
			if !sends {
				return
			}
			for _, s := range f {
				if s >= loudest {
					left = append(left, s)
				}
			}
			if all := written(); len(left) > len(all) || !slices.Equal(left, all[:len(left)]) {
				t.Fatalf("%d samples left at full level that do not begin the %d written", len(left), len(all))
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(*rapid.T) {
				segments = append(segments, &segment{Segment: p.Add(utterance, "words")})
			},
			"write": func(t *rapid.T) {
				if len(segments) == 0 {
					t.Skip("no segment")
				}
				s := rapid.SampledFrom(segments).Draw(t, "segment")
				if s.closed {
					t.Skip("closed")
				}
				chunk := make([]int16, rapid.IntRange(0, 700).Draw(t, "samples"))
				for i := range chunk {
					chunk[i] = int16(loudest + value%span)
					value++
				}
				s.audio = append(s.audio, chunk...)
				if err := s.Write(t.Context(), chunk, nil); err != nil {
					t.Fatalf("Write: %v", err)
				}
			},
			"share": func(t *rapid.T) {
				if len(segments) == 0 {
					t.Skip("no segment")
				}
				s := rapid.SampledFrom(segments).Draw(t, "segment")
				if s.closed {
					t.Skip("closed")
				}
				line := make([]int16, rapid.IntRange(0, 3000).Draw(t, "samples"))
				for i := range line {
					line[i] = int16(loudest + value%span)
					value++
				}
				s.audio = append(s.audio, line...)
				s.Share(line, nil)
				s.closed = true
				lines, originals = append(lines, line), append(originals, slices.Clone(line))
			},
			"close": func(t *rapid.T) {
				if len(segments) == 0 {
					t.Skip("no segment")
				}
				s := rapid.SampledFrom(segments).Draw(t, "segment")
				s.Close()
				s.closed = true
			},
			"seal": func(*rapid.T) {
				p.Seal(utterance)
				utterance++
			},
			"pause": func(*rapid.T) {
				p.Pause()
				paused = max(paused, 1)
			},
			"resume": func(*rapid.T) {
				p.Resume()
				paused = 0
			},
			"clear": func(*rapid.T) {
				p.Clear()
				forgotten, segments, paused = slices.Clone(left), nil, 0
				utterance++
			},
			"tick": func(t *rapid.T) { tick(t, true) },
			"hold": func(t *rapid.T) { tick(t, false) },
			"ticks": func(t *rapid.T) {
				for range rapid.IntRange(2, 12).Draw(t, "frames") {
					tick(t, true)
				}
			},
		})

		p.Resume()
		paused = 0
		for _, s := range segments {
			s.Close()
		}
		for u := range utterance + 1 {
			p.Seal(u)
		}
		for p.Stats().Queued > 0 {
			tick(t, true)
		}
		for i := range lines {
			if !slices.Equal(lines[i], originals[i]) {
				t.Fatalf("shared line %d was written to", i)
			}
		}
		if !slices.Equal(left, written()) {
			t.Fatalf("%d samples left at full level of %d written", len(left), len(written()))
		}
	})
}
