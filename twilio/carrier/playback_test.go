package carrier

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestPlaybackPlaysAllInOrder compares with a plain list of octets and marks.
func TestPlaybackPlaysAllInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var p playback
		var waiting []byte
		var frame [frameSize]byte
		value, marks, cleared := byte(0), 0, 0
		pending := map[string]int{} // octets before the mark that have yet to be played
		playing := 0                // of them, in the 20 ms that run
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				audio := make([]byte, rapid.IntRange(0, 500).Draw(t, "octets"))
				for i := range audio {
					value++
					audio[i] = value
				}
				p.media(audio)
				waiting = append(waiting, audio...)
			case 1:
				marks++
				name := string(rune('0' + marks))
				if now := p.mark(name); now != (len(waiting)+playing == 0) {
					t.Fatalf("mark with %d octets to play returned at once: %v", len(waiting)+playing, now)
				} else if !now {
					pending[name] = len(waiting)
				}
			case 2:
				returned := p.clear()
				cleared++
				if len(returned) != len(pending) {
					t.Fatalf("clear returned %d of %d marks", len(returned), len(pending))
				}
				waiting, playing = nil, 0
				clear(pending)
			case 3:
				n, returned := p.next(&frame)
				if !slices.Equal(frame[:n], waiting[:min(frameSize, len(waiting))]) {
					t.Fatalf("played %v, want %v", frame[:n], waiting[:min(frameSize, len(waiting))])
				}
				for _, m := range returned {
					if left, ok := pending[m.name]; !ok || left > 0 {
						t.Fatalf("mark %q came with %d octets before it to play", m.name, left)
					}
					delete(pending, m.name)
				}
				for name, left := range pending {
					if left <= 0 {
						t.Fatalf("mark %q was kept back", name)
					}
					pending[name] = left - n
				}
				waiting, playing = waiting[n:], n
			}
		}
	})
}
