// Package speexdsp is the measure that media/echo is held against: SpeexDSP's
// echo canceller, with and without its residual suppressor.
//
// Only `trunkline bench echo` uses it, in a program built with the tag
// speexdsp and Debian's libspeexdsp-dev. No gateway contains it.
package speexdsp
