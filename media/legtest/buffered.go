package legtest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"trunkline/media"
	"trunkline/media/player"
)

// maxAhead bounds what may be written and not yet played (media.Buffered).
const maxAhead = 50

// Buffered has a Leg whose far side queues pass its own tests, besides those of
// Run.
func Buffered(t *testing.T, setup Setup) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, media.Buffered, Far){
		"marks when played": marksWhenPlayed,
		"drops":             drops,
		"ledger":            ledger,
		"between ticks":     betweenTicks,
	} {
		t.Run(name, func(t *testing.T) {
			leg, far := setup(t)
			b, ok := leg.(media.Buffered)
			if !ok {
				t.Fatalf("%T is no media.Buffered", leg)
			}
			if n := b.Ahead(); n < 1 || n > maxAhead {
				t.Fatalf("%d frames ahead, want 1 to %d", n, maxAhead)
			}
			test(t, b, far)
			if err := leg.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// A mark comes back when what was written before it has been played, and not
// earlier.
func marksWhenPlayed(t *testing.T, leg media.Buffered, far Far) {
	n := leg.Ahead()
	for i := range n {
		if !leg.Write(level(int16(1000 + 100*i))) {
			t.Fatalf("frame %d of %d is not taken", i, n)
		}
		leg.Mark(media.Mark{Generation: 3, Frames: uint64(i + 1)})
	}
	var got []media.Mark
	var f media.Frame
	for tick := 0; len(got) < n && tick < 10*maxAhead; tick++ {
		far.Tick()
		leg.Read(&f)
		for m, ok := leg.Marked(); ok; m, ok = leg.Marked() {
			got = append(got, m)
			if heard := len(far.Heard()) / media.FrameSamples; m.Frames > uint64(heard) {
				t.Fatalf("mark %+v after %d frames were heard", m, heard)
			}
		}
	}
	for i, m := range got {
		if want := (media.Mark{Generation: 3, Frames: uint64(i + 1)}); m != want {
			t.Errorf("mark %d is %+v, want %+v", i, m, want)
		}
	}
	if len(got) != n {
		t.Errorf("%d marks of %d came back", len(got), n)
	}
}

// Another goroutine than the tick's may write and drop.
func betweenTicks(t *testing.T, leg media.Buffered, far Far) {
	var other sync.WaitGroup
	other.Go(func() {
		f := level(1000)
		for n := range 5 * maxAhead {
			if leg.Ahead() > 0 && leg.Write(f) {
				leg.Mark(media.Mark{Generation: uint32(n / maxAhead), Frames: uint64(n%maxAhead + 1)})
			}
			leg.Flush()
			if n%maxAhead == maxAhead-1 {
				leg.Drop()
			}
		}
	})
	var f media.Frame
	for range settled {
		leg.Read(&f)
		leg.Marked()
		leg.Stats()
	}
	other.Wait()
	far.Tick()
	before := len(far.Heard())
	for range 3 {
		if !leg.Write(level(2000)) {
			t.Fatal("after all that a frame is not taken")
		}
	}
	leg.Flush()
	for range settled {
		far.Tick()
		leg.Read(&f)
		leg.Flush()
	}
	if heard := far.Heard()[before:]; !slices.ContainsFunc(heard, func(v int16) bool { return isNear(v, 2000) }) {
		t.Errorf("%d samples were heard, none of them of what was written last", len(heard))
	}
}

// Of what was dropped nothing more is heard, and what is written afterwards is
// heard at once.
func drops(t *testing.T, leg media.Buffered, far Far) {
	const old, fresh = 2000, 12000
	for range leg.Ahead() {
		leg.Write(level(old))
	}
	leg.Mark(media.Mark{Generation: 1, Frames: uint64(leg.Ahead())})
	var f media.Frame
	for range 3 {
		far.Tick()
		leg.Read(&f)
	}
	leg.Drop()
	leg.Write(level(fresh))
	leg.Mark(media.Mark{Generation: 2, Frames: 1})
	back := false
	for tick := 0; !back && tick < maxAhead; tick++ {
		far.Tick()
		leg.Read(&f)
		for m, ok := leg.Marked(); ok; m, ok = leg.Marked() {
			back = back || m == media.Mark{Generation: 2, Frames: 1}
		}
	}
	if !back {
		t.Error("the mark after a drop does not come back")
	}
	heard := far.Heard()
	i := slices.IndexFunc(heard, func(v int16) bool { return isNear(v, fresh) })
	if i < 0 {
		t.Fatal("what was written after a drop is not heard")
	}
	for _, v := range heard[i:] {
		if isNear(v, old) {
			t.Fatal("what was dropped is heard after what came later")
		}
	}
	if i >= leg.Ahead()*media.FrameSamples {
		t.Errorf("%d samples of what was dropped were heard: all there was", i)
	}
}

// With a player, pauses lose nothing: every part of an utterance is heard, what
// the ledger has was heard, and nothing is heard that was not said.
func ledger(t *testing.T, leg media.Buffered, far Far) {
	const parts, frames = 12, 8 // levels, and how long each of them is
	audio := make([]int16, 0, parts*frames*media.FrameSamples)
	for i := range parts {
		for range frames * media.FrameSamples {
			audio = append(audio, int16(1500*(1+i%8)))
		}
	}
	finished := false
	p := player.New(player.Options{Notify: func(e player.Event) { finished = finished || e.Kind == player.Finished }})
	s := p.Add(1, "a sentence")
	if err := s.Write(context.Background(), audio, nil); err != nil {
		t.Fatal(err)
	}
	s.Close()
	p.Seal(1)
	var caller, agent media.Frame
	for tick := 0; !finished; tick++ {
		if tick > 20*parts*frames {
			t.Fatal("the utterance does not end")
		}
		switch tick % 40 {
		case 20:
			p.Pause()
		case 30:
			p.Resume()
		}
		far.Tick()
		leg.Read(&caller)
		p.PlayAhead(&agent, leg)
	}
	heard := far.Heard()
	if len(heard) < len(audio) {
		t.Errorf("the ledger has %d samples and %d were heard", len(audio), len(heard))
	}
	for i := range parts {
		want := int16(1500 * (1 + i%8))
		at := slices.IndexFunc(heard, func(v int16) bool { return isNear(v, want) })
		if at < 0 {
			t.Fatalf("part %d was not heard", i)
		}
		heard = heard[at:]
	}
}
