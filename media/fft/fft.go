package fft

import "math"

// A Transform transforms n real samples. It is read-only after New, so all
// calls share one; each call brings its own Work.
type Transform struct {
	n      int
	stages []stage
	split  []complex64 // exp(-2πik/n), k < n/2
}

// stage is one pass of the complex transform of n/2 points: radix 2, 4 or 5,
// in Stockham's order, which sorts itself.
type stage struct {
	radix, m, s int
	twiddle     []complex64 // radix-1 factors per p < m
}

// New plans for n = 2 * 2^a * 5^b.
func New(n int) *Transform {
	f := &Transform{n: n, split: make([]complex64, n/2)}
	for k := range f.split {
		f.split[k] = root(k, n)
	}
	for left, s := n/2, 1; left > 1; {
		r := 2
		switch {
		case left%5 == 0:
			r = 5
		case left%4 == 0:
			r = 4
		}
		st := stage{radix: r, m: left / r, s: s}
		for p := range st.m {
			for k := 1; k < r; k++ {
				st.twiddle = append(st.twiddle, root(k*p, left))
			}
		}
		f.stages = append(f.stages, st)
		left /= r
		s *= r
	}
	return f
}

// root is exp(-2πik/n).
func root(k, n int) complex64 {
	sin, cos := math.Sincos(-2 * math.Pi * float64(k) / float64(n))
	return complex(float32(cos), float32(sin))
}

// Mul is a*b in single precision throughout; the operator goes by float64.
func Mul(a, b complex64) complex64 {
	ar, ai, br, bi := real(a), imag(a), real(b), imag(b)
	return complex(ar*br-ai*bi, ar*bi+ai*br)
}

// Work is the memory of a transform of n points: twice n/2.
type Work struct{ a, b []complex64 }

// NewWork makes the memory for a transform of n points.
func NewWork(n int) Work { return Work{make([]complex64, n/2), make([]complex64, n/2)} }

// Forward writes the bins 0 to n/2 of src, n samples, to dst.
func (f *Transform) Forward(dst []complex64, src []float32, w Work) {
	m := f.n / 2
	z := w.a[:m]
	src = src[:2*m]
	for k := range z {
		z[k] = complex(src[2*k], src[2*k+1])
	}
	z = f.complexes(w)
	dst = dst[:m+1]
	split := f.split[:m]
	dst[0] = complex(real(z[0])+imag(z[0]), 0)
	dst[m] = complex(real(z[0])-imag(z[0]), 0)
	for k := 1; k <= m-k; k++ {
		a, b := z[k], z[m-k]
		er, ei := (real(a)+real(b))/2, (imag(a)-imag(b))/2
		or, oi := (imag(a)+imag(b))/2, (real(b)-real(a))/2
		t := Mul(split[k], complex(or, oi))
		dst[k] = complex(er+real(t), ei+imag(t))
		dst[m-k] = complex(er-real(t), imag(t)-ei)
	}
}

// Inverse writes the n samples whose bins are src to dst.
func (f *Transform) Inverse(dst []float32, src []complex64, w Work) {
	m := f.n / 2
	z := w.a[:m]
	src = src[:m+1]
	split := f.split[:m]
	// Real and imaginary parts change places, which turns the forward
	// transform into the inverse.
	z[0] = complex(real(src[0])-real(src[m]), real(src[0])+real(src[m]))
	for k := 1; k <= m-k; k++ {
		a, b := src[k], src[m-k]
		er, ei := real(a)+real(b), imag(a)-imag(b)
		t := Mul(complex(real(a)-real(b), imag(a)+imag(b)), complex(real(split[k]), -imag(split[k])))
		z[k] = complex(ei+real(t), er-imag(t))
		z[m-k] = complex(real(t)-ei, er+imag(t))
	}
	z = f.complexes(w)
	scale := 1 / float32(f.n)
	dst = dst[:2*m]
	for k := range z {
		dst[2*k] = imag(z[k]) * scale
		dst[2*k+1] = real(z[k]) * scale
	}
}

// complexes transforms w.a and returns the result, which is in either half.
func (f *Transform) complexes(w Work) []complex64 {
	x, y := w.a[:f.n/2], w.b[:f.n/2]
	for i := range f.stages {
		st := &f.stages[i]
		switch st.radix {
		case 5:
			st.five(y, x)
		case 4:
			st.four(y, x)
		default:
			st.two(y, x)
		}
		x, y = y, x
	}
	return x
}

func (st *stage) two(y, x []complex64) {
	m, s := st.m, st.s
	for p := range m {
		w := st.twiddle[p]
		a, b := x[s*p:][:s], x[s*(p+m):][:s]
		c, d := y[2*s*p:][:s], y[2*s*p+s:][:s]
		for q := range a {
			c[q] = a[q] + b[q]
			d[q] = Mul(a[q]-b[q], w)
		}
	}
}

func (st *stage) four(y, x []complex64) {
	m, s := st.m, st.s
	for p := range m {
		w := st.twiddle[3*p:][:3]
		w1, w2, w3 := w[0], w[1], w[2]
		x0, x1, x2, x3 := x[s*p:][:s], x[s*(p+m):][:s], x[s*(p+2*m):][:s], x[s*(p+3*m):][:s]
		y0, y1, y2, y3 := y[4*s*p:][:s], y[4*s*p+s:][:s], y[4*s*p+2*s:][:s], y[4*s*p+3*s:][:s]
		for q := range x0 {
			a, b, c, d := x0[q], x1[q], x2[q], x3[q]
			ac, sac := a+c, a-c
			bd, sbd := b+d, b-d
			j := complex(imag(sbd), -real(sbd)) // -i (b-d)
			y0[q] = ac + bd
			y1[q] = Mul(sac+j, w1)
			y2[q] = Mul(ac-bd, w2)
			y3[q] = Mul(sac-j, w3)
		}
	}
}

// Of the fifth roots of one.
const (
	cos1 = 0.30901699437494742
	cos2 = -0.80901699437494742
	sin1 = 0.95105651629515357
	sin2 = 0.58778525229247313
)

func (st *stage) five(y, x []complex64) {
	m, s := st.m, st.s
	for p := range m {
		w := st.twiddle[4*p:][:4]
		w1, w2, w3, w4 := w[0], w[1], w[2], w[3]
		for q := range s {
			i, o := q+s*p, q+5*s*p
			a, b, c, d, e := x[i], x[i+s*m], x[i+2*s*m], x[i+3*s*m], x[i+4*s*m]
			be, sbe := b+e, b-e
			cd, scd := c+d, c-d
			r1 := complex(real(a)+cos1*real(be)+cos2*real(cd), imag(a)+cos1*imag(be)+cos2*imag(cd))
			r2 := complex(real(a)+cos2*real(be)+cos1*real(cd), imag(a)+cos2*imag(be)+cos1*imag(cd))
			// -i times the odd parts
			i1 := complex(sin1*imag(sbe)+sin2*imag(scd), -sin1*real(sbe)-sin2*real(scd))
			i2 := complex(sin2*imag(sbe)-sin1*imag(scd), -sin2*real(sbe)+sin1*real(scd))
			y[o] = a + be + cd
			y[o+s] = Mul(r1+i1, w1)
			y[o+2*s] = Mul(r2+i2, w2)
			y[o+3*s] = Mul(r2-i2, w3)
			y[o+4*s] = Mul(r1-i1, w4)
		}
	}
}
