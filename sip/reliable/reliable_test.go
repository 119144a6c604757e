package reliable

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestParseRAck(t *testing.T) {
	t.Parallel()

	for value, want := range map[string]RAck{
		"776656 1 INVITE":     {776656, 1, "INVITE"},
		"  1\t 2   INVITE ":   {1, 2, "INVITE"},
		"4294967295 0 INVITE": {4294967295, 0, "INVITE"},
	} {
		if got, err := ParseRAck(value); err != nil || got != want {
			t.Errorf("%q = %+v, %v; want %+v", value, got, err, want)
		}
	}

	for _, value := range []string{"", "1 2", "1 2 INVITE x", "0 2 INVITE", "4294967296 1 INVITE", "-1 1 INVITE", "1 x INVITE"} {
		if got, err := ParseRAck(value); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q = %+v, %v; want ErrMalformed", value, got, err)
		}
	}
}

func TestSender(t *testing.T) {
	t.Parallel()

	s := NewSender(100, 7)

	n, ok := s.Number()
	if !ok || n != 100 || !s.Waiting() {
		t.Fatalf("Number = %d, %v", n, ok)
	}

	if _, ok := s.Number(); ok {
		t.Error("a second response may leave before the first is confirmed")
	}

	for _, wrong := range []RAck{{99, 7, "INVITE"}, {101, 7, "INVITE"}, {100, 8, "INVITE"}, {100, 7, "UPDATE"}} {
		if s.Confirm(wrong) {
			t.Errorf("%v confirms 100", wrong)
		}
	}

	if !s.Confirm(RAck{100, 7, "INVITE"}) || s.Confirm(RAck{100, 7, "INVITE"}) {
		t.Error("the response is not confirmed exactly once")
	}

	if n, ok := s.Number(); !ok || n != 101 {
		t.Errorf("Number = %d, %v; want 101", n, ok)
	}
}

// TestReceiver confirms each response once, in order, however the network
// mixes and repeats them.
func TestReceiver(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var (
			in    Receiver
			first = uint32(rapid.IntRange(1, 1<<31-1).Draw(r, "first"))
			next  = first
		)

		if in.Take(first) != Confirm {
			r.Fatal("the first response is not confirmed")
		}

		for range 50 {
			n := first + uint32(rapid.IntRange(0, 10).Draw(r, "number"))
			got := in.Take(n)

			switch {
			case n == next+1 && got != Confirm, n <= next && got != Repeat, n > next+1 && got != Ignore:
				r.Fatalf("after %d: %d is judged %d", next, n, got)
			}

			if got == Confirm {
				next = n
			}
		}
	})
}

func FuzzParseRAck(f *testing.F) {
	for _, seed := range []string{"776656 1 INVITE", "1 2", "", "0 0 0", "4294967295 4294967295 X"} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, value string) {
		r, err := ParseRAck(value)
		if err != nil {
			return
		}

		if again, err := ParseRAck(r.String()); err != nil || again != r {
			t.Errorf("%q reads as %v, and again as %v, %v", value, r, again, err)
		}
	})
}
