package g711_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/media/g711"
)

// Values of ITU-T G.711 tables 1a to 2b at the ends and around zero, scaled to
// 16 bits.
func TestDecodeKnownOctets(t *testing.T) {
	t.Parallel()
	tests := []struct {
		codec g711.Codec
		octet byte
		want  int16
	}{
		{g711.PCMU, 0xFF, 0},
		{g711.PCMU, 0x7F, 0},
		{g711.PCMU, 0x80, 32124},
		{g711.PCMU, 0x00, -32124},
		{g711.PCMA, 0xD5, 8},
		{g711.PCMA, 0x55, -8},
		{g711.PCMA, 0xAA, 32256},
		{g711.PCMA, 0x2A, -32256},
	}
	for _, tt := range tests {
		var got [1]int16
		tt.codec.Decode(got[:], []byte{tt.octet})
		if got[0] != tt.want {
			t.Errorf("%v.Decode(%#02x) = %d, want %d", tt.codec, tt.octet, got[0], tt.want)
		}
	}
}

// Each octet stands for one value, so that audio may pass through us many
// times without losing more than the first time. The two zeros of PCMU are one.
func TestOctetsSurviveARoundTrip(t *testing.T) {
	t.Parallel()
	for _, codec := range []g711.Codec{g711.PCMU, g711.PCMA} {
		for octet := range 256 {
			in := []byte{byte(octet)}
			if codec == g711.PCMU && octet == 0x7F {
				continue
			}
			samples, out := make([]int16, 1), make([]byte, 1)
			codec.Decode(samples, in)
			codec.Encode(out, samples)
			if diff := cmp.Diff(in, out); diff != "" {
				t.Errorf("%v octet %#02x (-in +out):\n%s", codec, octet, diff)
			}
		}
	}
}

// G.711's steps grow with the level: an error stays within 1/16 of the sample
// plus half of the finest step.
func TestErrorStaysWithinTheStep(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		codec := rapid.SampledFrom([]g711.Codec{g711.PCMU, g711.PCMA}).Draw(t, "codec")
		s := rapid.Int16().Draw(t, "sample")
		octet, back := make([]byte, 1), make([]int16, 1)
		codec.Encode(octet, []int16{s})
		codec.Decode(back, octet)
		if diff, limit := abs(int(s)-int(back[0])), abs(int(s))/16+16; diff > limit {
			t.Fatalf("%v: %d came back as %d, off by %d, more than %d", codec, s, back[0], diff, limit)
		}
	})
}

func abs(v int) int { return max(v, -v) }

func TestLengthIsTheShorterOfTheTwo(t *testing.T) {
	t.Parallel()
	if n := g711.PCMA.Encode(make([]byte, 3), make([]int16, 5)); n != 3 {
		t.Errorf("Encode into 3 octets wrote %d", n)
	}
	if n := g711.PCMU.Decode(make([]int16, 5), make([]byte, 2)); n != 2 {
		t.Errorf("Decode of 2 octets wrote %d", n)
	}
}

func TestByName(t *testing.T) {
	t.Parallel()
	for _, codec := range []g711.Codec{g711.PCMU, g711.PCMA} {
		if got, ok := g711.ByName(codec.String()); !ok || got != codec {
			t.Errorf("ByName(%q) = %v, %v", codec.String(), got, ok)
		}
	}
	if got, ok := g711.ByName("pcma"); !ok || got != g711.PCMA {
		t.Errorf("ByName ignores letter case: got %v, %v", got, ok)
	}
	if _, ok := g711.ByName("opus"); ok {
		t.Error(`ByName("opus") found a codec`)
	}
	if g711.PCMU.PayloadType() != 0 || g711.PCMA.PayloadType() != 8 {
		t.Error("static payload types are 0 for PCMU and 8 for PCMA")
	}
}

// Serial: allocations are counted for the whole process.
func TestAllocatesNothing(t *testing.T) {
	var f media.Frame
	octets := make([]byte, media.FrameSamples)
	allocs := testing.AllocsPerRun(100, func() {
		g711.PCMA.Encode(octets, f[:])
		g711.PCMA.Decode(f[:], octets)
	})
	if allocs != 0 {
		t.Errorf("%v allocations per frame, want none", allocs)
	}
}

func BenchmarkCodec(b *testing.B) {
	var f media.Frame
	octets := make([]byte, media.FrameSamples)
	for i := range f {
		f[i] = int16(i * 200)
	}
	for _, codec := range []g711.Codec{g711.PCMU, g711.PCMA} {
		b.Run("Encode/"+codec.String(), func(b *testing.B) {
			for b.Loop() {
				codec.Encode(octets, f[:])
			}
		})
		b.Run("Decode/"+codec.String(), func(b *testing.B) {
			for b.Loop() {
				codec.Decode(f[:], octets)
			}
		})
	}
}
