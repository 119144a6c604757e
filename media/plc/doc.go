// Package plc conceals missing audio after ITU-T G.711 appendix I: the last
// pitch period is repeated, ever more periods as the loss goes on, and faded
// out until it is silent after 60 ms.
//
// The rtp session makes one Concealer per call and gives it to the jitter
// buffer, which hands over all audio that plays and asks for what is missing.
// A Concealer is pure: no goroutine, no clock, no allocation.
//
// # No delay
//
// The appendix holds good audio back by 3.75 ms, so that the seam at the start
// of a loss can be blended before it is played. Here good audio is never held
// back. What was played cannot be changed any more, so the seam is smoothed on
// its other side: the difference of the last sample from the one a period
// before it is added to the made-up audio and faded out over a quarter period.
// The step across the seam is then the step that speech made one period ago.
package plc
