// Package fft transforms real samples to their spectrum and back, in single
// precision and without allocating.
//
// The echo canceller and the noise suppressor use it. It knows no sampling
// rate, no window and no frame.
package fft
