package player

import (
	"testing"

	"trunkline/media"
)

func TestASoundIsRepeatedWhileNothingIsToBePlayed(t *testing.T) {
	t.Parallel()
	p := New(Options{})
	loop := make([]int16, 3*media.FrameSamples/2)
	for i := range loop {
		loop[i] = int16(i + 1)
	}
	p.Wait(loop)
	var f media.Frame
	for n := range 6 {
		if !p.Next(&f) {
			t.Fatalf("frame %d is not audible", n)
		}
		if want := int16(n*media.FrameSamples%len(loop) + 1); f[0] != want {
			t.Fatalf("frame %d begins with %d, want %d", n, f[0], want)
		}
	}
	seg := p.Add(1, "hello")
	if err := seg.Write(t.Context(), []int16{5000, 5000}, nil); err != nil {
		t.Fatal(err)
	}
	seg.Close()
	p.Seal(1)
	p.Next(&f)
	if f[1] != 5000 && f[0] == 0 {
		t.Errorf("speech does not come before the sound: %v", f[:4])
	}
	if h := p.Heard(1); h.Played != 2 {
		t.Errorf("%d samples were heard, want the two of the speech", h.Played)
	}
	p.Next(&f)
	p.Pause()
	p.Next(&f)
	if f != (media.Frame{}) {
		t.Error("a pause does not silence the sound")
	}
	p.Resume()
	p.Next(&f)
	p.Wait(nil)
	p.Next(&f) // it fades out
	if p.Next(&f) || f != (media.Frame{}) {
		t.Error("the sound goes on")
	}
}
