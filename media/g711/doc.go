// Package g711 converts frames between linear 16-bit audio and the two laws of
// ITU-T G.711, PCMU and PCMA, one octet per sample.
//
// The rtp session calls it once per packet in each direction; it works in the
// caller's buffers and allocates nothing. It knows nothing of packets.
package g711
