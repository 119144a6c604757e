// Package quality judges how a call sounds by the E-model of ITU-T G.107: a
// rating R from 0 to about 93 for G.711, and the mean opinion score (MOS) that
// people would give.
//
// media/rtp calls it for each direction of a call with what RTP and RTCP
// measured. The package is pure: numbers in, numbers out. It measures nothing
// and knows no packets.
package quality
