//go:build !race

package rtp

import (
	"testing"

	"trunkline/media"
	"trunkline/media/srtp"
)

// Serial: allocations are counted for the whole process. With the race detector
// sync.Pool, which pion/srtp uses, drops buffers at random.
func TestProtectedSessionAllocatesNothing(t *testing.T) {
	r := newRelay(t)
	toUs, toThem := r.from.in.params, r.to.in.params
	toUs.SRTP = srtp.Keys{Ours: srtp.NewKey(srtp.AES80), Theirs: srtp.NewKey(srtp.AES80)}
	toThem.SRTP = srtp.Keys{Ours: toUs.SRTP.Theirs, Theirs: toUs.SRTP.Ours}
	apply(t, r.from, toUs)
	apply(t, r.to, toThem)
	r.frame()
	if allocs := testing.AllocsPerRun(500, func() { r.frame() }); allocs != 0 {
		t.Errorf("%v allocations per frame from Write to Read, want none", allocs)
	}
}

func TestWebSessionAllocatesNothing(t *testing.T) {
	b := newBrowser(t, Options{})
	apply(t, b.session, b.params())
	b.join()
	b.deaf.Store(true)
	sealed := make([]byte, 0, datagramSize)
	var f media.Frame
	frame := func() {
		packet, err := b.sealer.Seal(b.talk(8000))
		if err != nil {
			t.Fatal(err)
		}
		sealed = append(sealed[:0], packet...)
		b.session.in.Lock()
		b.session.arrived(sealed, b.session.in.web.at, b.session.now())
		b.session.in.Unlock()
		b.session.Read(&f)
		if !b.session.Write(&f) {
			t.Fatal("a frame is not sent")
		}
	}
	frame()
	own := testing.AllocsPerRun(200, func() { _, _ = b.sealer.Seal(b.talk(8000)) }) // the test's share
	if allocs := testing.AllocsPerRun(200, frame); allocs > own {
		t.Errorf("%v allocations per frame, %v of them the test's; want no others", allocs, own)
	}
}
