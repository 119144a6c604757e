package redact

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A card's number that is said in pieces, while the history is asked about in
// between, is found in all of them, however much was read before.
func TestHistoryFindsWhatGoesOverItsJoints(t *testing.T) {
	t.Parallel()
	var h History
	turns := []Turn{
		{"agent", "Good morning, what can I do for you on this fine day?"},
		{"caller", "I would like to pay my bill with my card please"},
		{"agent", "Go ahead."},
	}
	h.Conversation(turns)
	if len(h.turns) != 3 {
		t.Errorf("%d of 3 turns without a number need not be read again", len(h.turns))
	}
	for _, said := range []string{"it is 4111 1111", "1111", "1111 and that is all that I have got for you"} {
		turns = append(turns, Turn{"caller", said}, Turn{"agent", "Yes, I have taken that down, so what comes next, please?"})
		h.Conversation(turns)
	}
	want := []string{
		turns[0].Text, turns[1].Text, turns[2].Text,
		"it is [card number]", turns[4].Text, "[card number]", turns[6].Text, "[card number] and that is all that I have got for you", turns[8].Text,
	}
	if diff := cmp.Diff(want, h.Conversation(turns)); diff != "" {
		t.Error(diff)
	}
	if len(h.turns) != len(turns) {
		t.Errorf("%d of %d turns need not be read again after the number", len(h.turns), len(turns))
	}
}

// saying is a turn in which numbers, names of codes and words mix.
func saying() *rapid.Generator[Turn] {
	texts := rapid.OneOf(
		rapid.SampledFrom([]string{
			"", "yes", "hello there", "um and", "4111", "1111", "4111 1111", "it is 4111111111111111", "four one one one", "one two three", "123", "1234",
			"the security", "code", "cvv", "the security code", "is on the back side of the card where it says so", "my number is 212 555 0123",
			"well I would like to know when you are open on a Sunday", "um um um", "um um um um",
		}),
		some(),
	)

	return rapid.Custom(func(t *rapid.T) Turn {
		return Turn{rapid.SampledFrom([]string{"caller", "agent", "tool"}).Draw(t, "speaker"), texts.Draw(t, "text")}
	})
}

// TestHistoryIsTheConversation: however a conversation grows, and is taken back
// and said otherwise, what the history makes of it is what the whole is.
func TestHistoryIsTheConversation(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var h History
		var turns []Turn
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			back := rapid.SampledFrom([]int{0, 0, 0, 0, 1, 2, 5, 99}).Draw(t, "taken back")
			turns = turns[:max(0, len(turns)-back)]
			for range rapid.IntRange(0, 3).Draw(t, "more") {
				turns = append(turns, saying().Draw(t, "turn"))
			}
			want, _ := Conversation(turns)
			given := slices.Clone(turns)
			if got := h.Conversation(given); !slices.Equal(want, got) {
				t.Fatalf("%q: %q, want %q", turns, got, want)
			}
			clear(given) // it is the caller's again
		}
	})
}

// BenchmarkHistory is one more exchange at the end of a long call.
func BenchmarkHistory(b *testing.B) {
	var turns []Turn
	for range 300 {
		turns = append(turns, Turn{"caller", "well I was wondering whether the delivery on Tuesday could come a little later"}, Turn{"agent", strings.Repeat("We can do that. ", 8)})
	}
	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Conversation(turns)
		}
	})
	b.Run("remembered", func(b *testing.B) {
		var h History
		h.Conversation(turns[:len(turns)-2])
		b.ReportAllocs()
		for b.Loop() {
			h.Conversation(turns[:len(turns)-2])
			h.Conversation(turns)
		}
	})
}
