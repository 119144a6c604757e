package player_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/media/player"
)

func TestRetakeFadesAndStartsAnew(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	s := b.Add(1, "one two three four")
	b.write(s, steady(8000, 16000))
	b.take(5)
	s.Retake()
	var f media.Frame
	b.Next(&f)
	fade := 15 * media.SampleRate / 1000
	for i := 1; i < fade; i++ {
		if f[i] <= 0 || f[i] >= f[i-1] {
			t.Fatalf("sample %d of the fade is %d after %d", i, f[i], f[i-1])
		}
	}
	for i, v := range f[fade:] {
		if v != 0 {
			t.Fatalf("sample %d after the fade is %d", i, v)
		}
	}
	equal(t, "queued", b.Stats().Queued, 0)
	b.take(3)
	b.write(s, steady(1600, 8000))
	s.Close()
	b.Seal(1)
	b.take(11)
	equal(t, "heard", b.Heard(1), player.Heard{
		Text: "one two three four", Played: 800 + 1600, Total: 800 + 1600, Complete: true,
	})
}

func TestRetakeOfWhatIsNotPlayedYetIsSilent(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	b.say(1, "First.", steady(1600, 16000))
	s := b.Add(1, "Second.")
	b.write(s, steady(1600, 1))
	b.take(2)
	s.Retake()
	b.write(s, steady(3200, 8000))
	s.Close()
	b.Seal(1)
	for i := range 28 {
		var f media.Frame
		b.Next(&f)
		want := int16(16000)
		if i >= 8 {
			want = 8000
		}
		if f[media.FrameSamples-1] != want {
			t.Fatalf("frame %d ends with %d, want %d", i, f[media.FrameSamples-1], want)
		}
	}
	b.take(1)
	equal(t, "heard", b.Heard(1), player.Heard{Text: "First. Second.", Played: 4800, Total: 4800, Complete: true})
}

// TestRetakesCountWordsOnce checks, for any takes of a text, that what is heard
// is always a beginning of it, never shrinks, and ends as the whole.
func TestRetakesCountWordsOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "the", "the", "room,", "is", "ready."}), 1, 10).Draw(t, "words"), " ")
		p := player.New(player.Options{Bound: time.Hour})
		s := p.Add(1, text)
		before := ""
		played := media.Samples(0)
		tick := func() {
			var f media.Frame
			p.Next(&f)
			h := p.Heard(1)
			if !strings.HasPrefix(text, h.Text) || len(h.Text) < len(before) || h.Played < played {
				t.Fatalf("heard %q, %d samples, after %q, %d, of %q", h.Text, h.Played, before, played, text)
			}
			before, played = h.Text, h.Played
		}
		take := func() {
			frames := rapid.IntRange(0, 60).Draw(t, "frames")
			if err := s.Write(t.Context(), steady(frames*media.FrameSamples, 16000), nil); err != nil {
				t.Fatal(err)
			}
		}
		for range rapid.IntRange(0, 4).Draw(t, "failures") {
			take()
			for range rapid.IntRange(0, 70).Draw(t, "ticks") {
				if rapid.IntRange(0, 20).Draw(t, "pauses") == 0 {
					p.Pause()
					tick()
					p.ResumeWord()
				}
				tick()
			}
			s.Retake()
			tick()
		}
		if err := s.Write(t.Context(), steady(media.FrameSamples, 16000), nil); err != nil {
			t.Fatal(err)
		}
		take()
		s.Close()
		p.Seal(1)
		for !p.Heard(1).Complete {
			tick()
		}
		if h := p.Heard(1); h.Text != text {
			t.Fatalf("heard %q of %q", h.Text, text)
		}
	})
}
