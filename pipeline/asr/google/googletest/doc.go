// Package googletest is a server of Google's streaming recognition for tests.
// It speaks gRPC's wire format itself, so that it can break it.
package googletest
