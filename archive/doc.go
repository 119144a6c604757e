// Package archive takes care of the calls' recordings as files: it begins
// them, repairs what a crash left, keeps what is known of each in the records,
// and brings copies to where the operator wants them.
//
// A call begins its recording with Begin and hands it back with Finish; both
// return at once. From then on the archive's own goroutines work, and a marker
// beside each recording says how far they have come, so that a restart goes on
// where the run before was. Nothing of it is on the audio path.
//
// The archive does not decide which calls are recorded, and keeps no file
// longer or shorter than it was told.
package archive
