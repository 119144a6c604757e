package speech_test

import (
	"testing"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/speech"
)

func TestRecordings(t *testing.T) {
	t.Parallel()
	all, err := speech.Recordings()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"uh-huh", "cough", "room", "awb-thursday-at-four"} {
		if len(all[name]) < media.SampleRate/10 {
			t.Errorf("%s has %d samples, want a tenth of a second or more", name, len(all[name]))
		}
	}
}

func TestPlayed(t *testing.T) {
	t.Parallel()
	got := speech.Played([]int16{100, -20000, 20000}, 2, 2, g711.PCMU)
	if len(got) != 5 || got[0] > 8 || got[1] > 8 {
		t.Fatalf("got %v, want two samples of silence and three of sound", got)
	}
	for i, want := range []int{200, -32768, 32767} {
		if d := int(got[i+2]) - want; d > 1000 || d < -1000 {
			t.Errorf("sample %d is %d, want about %d", i, got[i+2], want)
		}
	}
}

func TestFrames(t *testing.T) {
	t.Parallel()
	x := make([]int16, 200)
	for i := range x {
		x[i] = 7
	}
	var sum, n int
	speech.Frames(x, func(f *media.Frame) {
		n++
		for _, v := range f {
			sum += int(v)
		}
	})
	if n != 2 || sum != 7*200 {
		t.Errorf("%d frames with a sum of %d, want 2 and 1400", n, sum)
	}
}
