package stretch

import (
	"path"
	"strings"
	"testing"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/testdata"
)

// lines is every line of testdata.
func lines(tb testing.TB) map[string][]int16 {
	tb.Helper()
	entries, err := testdata.Files.ReadDir("audio")
	if err != nil {
		tb.Fatal(err)
	}
	all := map[string][]int16{}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".wav") {
			continue
		}
		file, err := testdata.Files.Open(path.Join("audio", entry.Name()))
		if err != nil {
			tb.Fatal(err)
		}
		audio, err := record.DecodeWAV(file)
		_ = file.Close()
		if err != nil {
			tb.Fatal(err)
		}
		all[entry.Name()] = audio.Samples[0]
	}
	return all
}

// step is the largest difference of neighbours.
func step(s []int16) int {
	most := 0
	for i := 1; i < len(s); i++ {
		d := int(s[i]) - int(s[i-1])
		most = max(most, d, -d)
	}
	return most
}

// join is a, dst and b in a row.
func join(a, dst, b []int16) []int16 {
	return append(append(append([]int16(nil), a...), dst...), b...)
}

const frame = media.FrameSamples

// Where the waveform repeats itself well, a change of the length leaves no
// step that the speech does not have itself, joins what precedes and what
// follows, and is of the length told.
func TestSeamsInSpeech(t *testing.T) {
	t.Parallel()
	changes := 0
	for name, s := range lines(t) {
		for at := MaxLag; at+frame+MaxLag+frame < len(s); at += frame {
			around := s[at-MaxLag : at+2*frame+MaxLag]
			own := step(around)
			dst := make([]int16, frame)
			if lag, match := Shorter(s[at:], MaxLag); match > 0.9 {
				changes++
				Shorten(dst, s[at:], lag)
				if got := step(join(s[at-10:at], dst, s[at+frame+lag:at+frame+lag+10])); got > own+own/8 {
					t.Errorf("%s at %d: %d samples less: neighbours differ by %d, before by %d", name, at, lag, got, own)
				}
			}
			if lag, match := Longer(s, at, MaxLag); match > 0.9 {
				changes++
				Lengthen(dst, s, at, lag)
				if got := step(join(s[at-10:at], dst, s[at+frame-lag:at+frame-lag+10])); got > own+own/8 {
					t.Errorf("%s at %d: %d samples more: neighbours differ by %d, before by %d", name, at, lag, got, own)
				}
			}
		}
	}
	if changes < 1000 {
		t.Errorf("only %d places in speech match well", changes)
	}
}

// A periodic sound keeps its waveform, whichever way it is stretched.
func TestKeepsAPeriodicSound(t *testing.T) {
	t.Parallel()
	const period = 64
	s := make([]int16, 1000)
	for i := range s {
		s[i] = int16((i%period - period/2) * 300)
	}
	want := func(from int) []int16 { return s[from%period : from%period+frame] }
	dst := make([]int16, frame)
	lag, match := Shorter(s[200:], 100)
	if Shorten(dst, s[200:], lag); lag != period || match < 0.999 {
		t.Errorf("leaves out %d at %.3f, want the period %d", lag, match, period)
	}
	for i, v := range want(200) {
		if dst[i] != v {
			t.Fatalf("shorter: sample %d is %d, want %d", i, dst[i], v)
		}
	}
	lag, match = Longer(s, 200, 100)
	if Lengthen(dst, s, 200, lag); lag != period || match < 0.999 {
		t.Errorf("repeats %d at %.3f, want the period %d", lag, match, period)
	}
	for i, v := range want(200) {
		if dst[i] != v {
			t.Fatalf("longer: sample %d is %d, want %d", i, dst[i], v)
		}
	}
}

// Serial: allocations are counted for the whole process.
func TestAllocatesNothing(t *testing.T) {
	s := make([]int16, 1000)
	dst := make([]int16, frame)
	if allocs := testing.AllocsPerRun(100, func() {
		lag, _ := Shorter(s[200:], MaxLag)
		Shorten(dst, s[200:], lag)
		lag, _ = Longer(s, 200, MaxLag)
		Lengthen(dst, s, 200, lag)
	}); allocs != 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}

func BenchmarkShorter(b *testing.B) {
	s := make([]int16, 1000)
	for i := range s {
		s[i] = int16(i * 7919)
	}
	b.ReportAllocs()
	for b.Loop() {
		Shorter(s, MaxLag)
	}
}
