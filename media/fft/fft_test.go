package fft_test

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"trunkline/media/fft"
)

// white is n samples of white noise of the given standard deviation.
func white(n int, sigma float64, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(sigma * r.NormFloat64())
	}
	return x
}

func TestForwardIsTheDefinition(t *testing.T) {
	t.Parallel()
	for _, n := range []int{4, 8, 10, 20, 40, 64, 320, 2048} {
		f, x := fft.New(n), white(n, 1, uint64(n))
		got := make([]complex64, n/2+1)
		f.Forward(got, x, fft.NewWork(n))
		for k := range got {
			var want complex128
			for i, v := range x {
				want += complex(float64(v), 0) * cmplx.Rect(1, -2*math.Pi*float64(k*i%n)/float64(n))
			}
			if d := cmplx.Abs(complex128(got[k]) - want); d > 1e-5*float64(n) {
				t.Fatalf("n %d: bin %d is %v, want %v", n, k, got[k], want)
			}
		}
	}
}

func TestInverseUndoesForward(t *testing.T) {
	t.Parallel()
	for _, n := range []int{4, 8, 10, 20, 40, 64, 320, 2048} {
		f, x, w := fft.New(n), white(n, 1, uint64(n)), fft.NewWork(n)
		bins, got := make([]complex64, n/2+1), make([]float32, n)
		f.Forward(bins, x, w)
		f.Inverse(got, bins, w)
		for i := range x {
			if math.Abs(float64(got[i]-x[i])) > 1e-5 {
				t.Fatalf("n %d: sample %d is %v, want %v", n, i, got[i], x[i])
			}
		}
	}
}

func BenchmarkFFT320(b *testing.B) {
	f, x, w := fft.New(320), white(320, 1, 1), fft.NewWork(320)
	bins := make([]complex64, 161)
	b.Run("forward", func(b *testing.B) {
		for b.Loop() {
			f.Forward(bins, x, w)
		}
	})
	b.Run("inverse", func(b *testing.B) {
		for b.Loop() {
			f.Inverse(x, bins, w)
		}
	})
}

func BenchmarkFFT2048(b *testing.B) {
	f, x, w := fft.New(2048), white(2048, 1, 1), fft.NewWork(2048)
	bins := make([]complex64, 1025)
	for b.Loop() {
		f.Forward(bins, x, w)
	}
}
