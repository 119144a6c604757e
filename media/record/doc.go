// Package record writes a call's audio to a two-channel WAV file, the caller
// left and the agent right, and reads and writes WAV files in general.
//
// The line gives a Recorder both directions of each tick in one Write, so the
// channels stay aligned by construction; a goroutine of the Recorder's own
// does the file work. After a crash the file holds all but the last second,
// and RepairHeader makes its header right.
//
// The softphone and the console use ReadWAV. The package does not resample and
// does not decide what is recorded.
package record
