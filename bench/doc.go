// Package bench measures trunkline's speed and size on this machine and prints
// tables. `trunkline bench` calls it; docs/benchmarks.md says how to read what
// it prints.
//
// The gateway runs as a process of its own, the same program started again
// with providers that answer after declared delays, so that its processor time
// can be told from the load's. Calls come over loopback by real SIP and RTP,
// and where a time on the wire is measured, it is read from a packet capture.
//
// A benchmark never fails because something was slow. It fails when it could
// not be run.
package bench
