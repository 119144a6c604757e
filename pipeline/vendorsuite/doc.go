// Package vendorsuite holds what the suites of recognisers, models and voices
// test alike: a server that counts connections, and what becomes of a wrong
// key.
package vendorsuite
