//go:build !race

package rtp

import (
	"testing"

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
