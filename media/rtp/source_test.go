package rtp

import (
	"testing"

	"pgregory.net/rapid"
)

func TestSourceExtendsOverWraps(t *testing.T) {
	t.Parallel()
	var s source
	first, _ := s.place(1, 65000)
	for i := int64(1); i < 200_000; i++ {
		got, ok := s.place(1, uint16(65000+i))
		if !ok || got != first+i {
			t.Fatalf("packet %d is number %d, %v", i, got, ok)
		}
		s.count()
	}
	if got := s.lost(); got != 1 { // the first was not counted
		t.Errorf("lost %d, want 1", got)
	}
}

func TestSourceReordersAcrossAWrap(t *testing.T) {
	t.Parallel()
	var s source
	a, _ := s.place(1, 65535)
	c, _ := s.place(1, 1)
	b, _ := s.place(1, 0)
	before, ok := s.place(1, 65534)
	if b != a+1 || c != a+2 || before != a-1 || !ok {
		t.Errorf("numbers are %d %d %d %d", before, a, b, c)
	}
	if s.lost() != 4 {
		t.Errorf("lost %d, want the 4 that were not counted", s.lost())
	}
}

func TestSourceStartsAnew(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		ssrc uint32
		seq  uint16
	}{
		{"another SSRC", 2, 9},
		{"another SSRC, near by", 2, 1001},
		{"far ahead", 1, 1001 + maxDropout},
		{"far behind", 1, 1000 - maxMisorder - 1},
	}
	for _, tt := range tests {
		var s source
		last, _ := s.place(1, 1000)
		s.count()
		if _, ok := s.place(tt.ssrc, tt.seq); ok {
			t.Errorf("%s: believed at the first packet", tt.name)
		}
		if _, ok := s.place(1, 1001); !ok {
			t.Errorf("%s: one stray packet breaks the stream", tt.name)
		}
		s.count()
		s.place(tt.ssrc, tt.seq)
		got, ok := s.place(tt.ssrc, tt.seq+1)
		if !ok || got <= last+1 || uint16(got) != tt.seq+1 {
			t.Errorf("%s: the second packet is number %d, %v", tt.name, got, ok)
		}
		s.count()
		if s.lost() != 0 {
			t.Errorf("%s: lost %d", tt.name, s.lost())
		}
	}
}

// Two senders at one address do not throw the stream about.
func TestSourceKeepsToOneOfTwoInterleaved(t *testing.T) {
	t.Parallel()
	var s source
	s.place(1, 100)
	for seq := range uint16(100) {
		if _, ok := s.place(2, 5000+seq); ok && seq == 0 {
			t.Fatal("the second sender is believed at once")
		}
		s.place(1, 101+seq)
		s.pending = false // what a third sender's packet would do
	}
	if s.ssrc != 1 {
		t.Error("the stream has changed hands")
	}
}

// Numbers never fall below those of an earlier stream, and lost counts what
// was left out.
func TestSourceCountsLoss(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s source
		var lost, highest int64
		for stream := range rapid.IntRange(1, 4).Draw(t, "streams") {
			seq := rapid.Uint16().Draw(t, "start")
			ssrc := uint32(stream)
			s.place(ssrc, seq-1)
			if stream > 0 {
				if _, ok := s.place(ssrc, seq); !ok {
					t.Fatal("the second packet of a stream is refused")
				}
				s.count()
			} else {
				s.count()
				s.place(ssrc, seq)
				s.count()
			}
			if s.highest <= highest {
				t.Fatalf("number %d after %d", s.highest, highest)
			}
			for range rapid.IntRange(0, 100).Draw(t, "packets") {
				gap := rapid.IntRange(0, 50).Draw(t, "gap")
				lost += int64(gap)
				seq += uint16(gap) + 1
				if _, ok := s.place(ssrc, seq); !ok {
					t.Fatal("a packet of the stream is refused")
				}
				s.count()
			}
			highest = s.highest
		}
		if got := int64(s.lost()); got != lost {
			t.Fatalf("lost %d, want %d", got, lost)
		}
	})
}
