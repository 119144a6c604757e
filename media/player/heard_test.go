package player_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/media/player"
)

// mark is an engine's word mark, in frames.
func mark(text string, frame int) media.Word {
	return media.Word{Text: text, Start: media.Samples(frame * media.FrameSamples)}
}

func TestHeardText(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text   string
		words  []media.Word
		total  int  // frames written
		open   bool // more will come
		played int  // frames
		want   string
	}{
		"nothing":         {text: "one two", total: 10},
		"all":             {text: " one,  two! ", total: 10, played: 10, want: "one,  two!"},
		"by length, less": {text: "aaa bbb ccc ddd", total: 16, played: 1},
		"by length, half": {text: "aaa bbb ccc ddd", total: 16, played: 2, want: "aaa"},
		"by length, long": {text: "a incomprehensibility", total: 24, played: 12, want: "a"},
		"by length, end":  {text: "aaa bbb ccc ddd.", total: 16, played: 15, want: "aaa bbb ccc ddd."},
		"by marks, before half": {
			text: "Well, that is all.", words: []media.Word{mark("well", 0), mark("that", 10), mark("is", 12), mark("all", 20)},
			total: 30, played: 15, want: "Well, that",
		},
		"by marks, after half": {
			text: "Well, that is all.", words: []media.Word{mark("well", 0), mark("that", 10), mark("is", 12), mark("all", 20)},
			total: 30, played: 16, want: "Well, that is",
		},
		"number written out": {
			text: "It costs $25 today, sir.",
			words: []media.Word{
				mark("it", 0), mark("costs", 4), mark("twenty", 10), mark("five", 16), mark("dollars", 20), mark("today", 30), mark("sir", 40),
			},
			// $25 shares the 26 frames from "costs" to "today" by letters: it is spoken from frame 19.6 on.
			total: 50, played: 26, want: "It costs $25",
		},
		"marks of repeated words": {
			text:  "the red and the blue",
			words: []media.Word{mark("the", 0), mark("red", 10), mark("and", 20), mark("the", 30), mark("blue", 40)},
			total: 50, played: 36, want: "the red and the",
		},
		"marks that go back are ignored": {
			text: "one two three", words: []media.Word{mark("one", 0), mark("two", 20), mark("three", 5)},
			total: 40, played: 22, want: "one",
		},
		"mark behind the audio": {text: "one two", words: []media.Word{mark("two", 99)}, total: 40, played: 39},
		"open, by the usual pace": {
			// 21 letters and gaps of 70 ms are 73 frames, however little is written yet.
			text: "aaaaaa bbbbbb cccccc", total: 20, played: 20, open: true, want: "aaaaaa",
		},
		"open, slower than the usual pace": {
			text: "aaa bbb", total: 100, played: 99, open: true, want: "aaa bbb",
		},
		"open, by marks": {
			text: "one two three four", words: []media.Word{mark("one", 0), mark("two", 30)},
			total: 32, played: 32, open: true, want: "one",
		},
		"no words": {text: " ... ", total: 4, played: 4, want: "..."},
		"no text":  {text: "", total: 4, played: 3},
		"umlauts":  {text: "für Sie da", total: 11, played: 4, want: "für"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, player.Options{Bound: time.Hour})
			s := b.Add(1, tt.text)
			b.write(s, steady(tt.total*media.FrameSamples, 1), tt.words...)
			if !tt.open {
				s.Close()
			}
			b.take(tt.played)
			if got := b.Heard(1); got.Text != tt.want || int(got.Played) != tt.played*media.FrameSamples {
				t.Errorf("heard %q after %d samples, want %q after %d frames", got.Text, got.Played, tt.want, tt.played)
			}
		})
	}
}

func TestHeardEndsInTheSegmentThatPlays(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	b.say(1, "First sentence.", steady(1600, 1))
	b.say(1, "Second sentence.", steady(1600, 1))
	b.say(1, "Third.", steady(1600, 1))
	b.take(15)
	want := player.Heard{Text: "First sentence. Second", Played: 2400, Total: 4800}
	equal(t, "heard", b.Heard(1), want)
	b.Clear()
	b.take(1)
	equal(t, "heard after Clear", b.Heard(1), want)
}

func TestHeardOfABrokenSegment(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	b.say(1, "First sentence.", steady(1600, 1))
	s := b.Add(1, "This one breaks after a word.")
	b.write(s, steady(3200, 1))
	s.Break()
	b.Seal(1)
	b.take(40)
	equal(t, "heard", b.Heard(1), player.Heard{Text: "First sentence. This", Played: 4800, Total: 4800, Complete: true})
}

// TestHeardGrows checks, for any text and marks, that what is heard is always
// a beginning of the text, only grows, and ends as the whole.
func TestHeardGrows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		vocabulary := []string{"a", "the", "$5", "—", "reservation,", "is", "ready.", "für", "10:30"}
		words := rapid.SliceOfN(rapid.SampledFrom(vocabulary), 0, 12).Draw(t, "words")
		text := strings.Join(words, " ")
		frames := rapid.IntRange(1, 60).Draw(t, "frames")
		var marks []media.Word
		for _, w := range words {
			if rapid.Bool().Draw(t, "marked") {
				marks = append(marks, mark(w, rapid.IntRange(0, 70).Draw(t, "at")))
			}
		}
		p := player.New(player.Options{Bound: time.Hour})
		s := p.Add(1, text)
		if err := s.Write(t.Context(), steady(frames*media.FrameSamples, 1), marks); err != nil {
			t.Fatal(err)
		}
		s.Close()
		before := ""
		for range frames {
			var f media.Frame
			p.Next(&f)
			now := p.Heard(1).Text
			if !strings.HasPrefix(text, now) || !strings.HasPrefix(now, before) {
				t.Fatalf("heard %q after %q of %q", now, before, text)
			}
			before = now
		}
		if before != text {
			t.Fatalf("heard %q in the end, want %q", before, text)
		}
	})
}

func TestHeardDuringPlay(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{Bound: 100 * time.Millisecond})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for u := range 20 {
			s := b.Add(u, "some words that are spoken")
			for range 5 {
				if err := s.Write(t.Context(), steady(rand.IntN(800), 1), []media.Word{{Text: "some"}}); err != nil {
					t.Errorf("Write: %v", err)
				}
				b.Heard(u)
			}
			s.Close()
			b.Seal(u)
		}
	}()
	var f media.Frame
	for {
		b.Next(&f)
		select {
		case <-done:
			return
		default:
		}
	}
}

func TestTextMayComeBesideTheAudio(t *testing.T) {
	t.Parallel()
	p := player.New(player.Options{})
	s := p.Add(1, "")
	audio := make([]int16, 4*media.FrameSamples)
	if err := s.Write(t.Context(), audio, nil); err != nil {
		t.Fatal(err)
	}
	s.Extend("Good")
	s.Extend(" day")
	s.Close()
	var f media.Frame
	for range 3 {
		p.Next(&f)
	}
	if h := p.Heard(1); h.Text != "Good" {
		t.Errorf("%+v", h)
	}
	p.Seal(1)
	p.Next(&f)
	p.Next(&f)
	if h := p.Heard(1); h.Text != "Good day" || !h.Complete {
		t.Errorf("%+v", h)
	}
}
