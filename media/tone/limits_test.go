package tone_test

import (
	"testing"

	"trunkline/media/g711"
)

// TestLimits holds docs/media.md's table: up to where a tone is told, and from
// where on it is not.
func TestLimits(t *testing.T) {
	t.Parallel()
	type limits struct {
		level, softest       float64 // dBm0: told, not told
		snr, noisiest        float64 // dB: told, not told
		off, farthest        float64 // per cent of the frequency, either way: told, not told
		pace, slowest, quick float64 // of the lengths, either way: told; not told
	}
	for _, tt := range []struct {
		name  string
		parts []part
		want  string
		limits
	}{
		{"ringback of two tones", times(2, on(2000, 440, 480), off(4000)), "ringback,ringback", limits{-43, -50, 10, 3, 1, 2, 0.2, 1.3, 0.7}},
		{"ringback of one tone", times(2, on(1000, 425), off(4000)), "ringback,ringback", limits{-43, -50, 12, 3, 5, 6.5, 0.2, 1.3, 0.7}},
		{"busy of two tones", times(6, on(500, 480, 620), off(500)), "busy", limits{-43, -50, 10, 3, 1, 2, 0.2, 1.3, 0.7}},
		{"busy of one tone", times(6, on(500, 425), off(500)), "busy", limits{-43, -50, 12, 3, 5, 6.5, 0.2, 1.3, 0.7}},
		{"reorder", times(8, on(250, 480, 620), off(250)), "reorder", limits{-43, -50, 10, 3, 1, 2, 0.2, 1.4, 0.6}},
		{"SIT", sit, "sit", limits{-43, -50, 8, 3, 3, 5, 0.2, 1.5, 0.5}},
		{"CNG", times(1, on(500, 1100), off(3000)), "fax_cng", limits{-43, -50, 8, 3, 3, 5, 0.2, 1.5, 0.5}},
		{"CED", []part{on(3000, 2100), off(500)}, "fax_ced", limits{-43, -50, 9, 3, 0.7, 1.5, 0.2, 0, 0.1}},
	} {
		for _, law := range []g711.Codec{g711.PCMU, g711.PCMA} {
			t.Run(tt.name+"/"+law.String(), func(t *testing.T) {
				t.Parallel()
				try := func(what string, value float64, told bool, change func(h *how)) {
					h := plain
					h.snr, h.law = 20, law
					change(&h)
					if got := names(found(h.sound(tt.parts), false)); (got == tt.want) != told {
						t.Errorf("%s %v: found %q, told should be %v", what, value, got, told)
					}
				}
				try("level", tt.level, true, func(h *how) { h.dBm0 = tt.level })
				try("level", tt.softest, false, func(h *how) { h.dBm0 = tt.softest })
				try("SNR", tt.snr, true, func(h *how) { h.snr = tt.snr })
				try("SNR", tt.noisiest, false, func(h *how) { h.snr = tt.noisiest })
				for _, sign := range []float64{-1, 1} {
					try("frequency off by %", sign*tt.off, true, func(h *how) { h.off = sign * tt.off / 100 })
					try("frequency off by %", sign*tt.farthest, false, func(h *how) { h.off = sign * tt.farthest / 100 })
					try("pace", 1+sign*tt.pace, true, func(h *how) { h.pace = 1 + sign*tt.pace })
				}
				if tt.slowest != 0 {
					try("pace", tt.slowest, false, func(h *how) { h.pace = tt.slowest })
				}
				try("pace", tt.quick, false, func(h *how) { h.pace = tt.quick })
			})
		}
	}
}
