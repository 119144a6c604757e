// Package speexdsp is the measure that media/echo is held against: SpeexDSP's
// echo canceller, with and without its residual suppressor.
//
// Only the comparison in media/echo uses it, built with the tag speexdsp and
// Debian's libspeexdsp-dev. No gateway contains it.
package speexdsp
