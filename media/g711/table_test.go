package g711

import (
	"math"
	"testing"

	"github.com/zaf/g711"
)

// Every sample is encoded as by the formula.
func TestTableIsLikeTheFormula(t *testing.T) {
	t.Parallel()
	for v := math.MinInt16; v <= math.MaxInt16; v++ {
		s := []int16{int16(v)}
		var u, a [1]byte
		PCMU.Encode(u[:], s)
		PCMA.Encode(a[:], s)
		if u[0] != g711.EncodeUlawFrame(s[0]) || a[0] != g711.EncodeAlawFrame(s[0]) {
			t.Fatalf("sample %d is encoded as %#x and %#x", v, u[0], a[0])
		}
	}
}
