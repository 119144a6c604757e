// Package speech hands out recorded speech to tests and benchmarks: the lines
// of testdata, louder or softer, later, and through G.711.
//
// No gateway uses it.
package speech
