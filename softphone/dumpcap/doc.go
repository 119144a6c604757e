// Package dumpcap has the program of that name capture the calls on loopback,
// whose streams softphone/wire then finds. Benchmarks measure with it, tests
// compare with it what the softphone measures itself.
//
// It needs dumpcap (Debian: tshark) and the right to capture. It captures UDP
// only, and only on loopback.
package dumpcap
