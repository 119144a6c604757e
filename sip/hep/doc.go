// Package hep sends copies of SIP messages to a Homer server, by the protocol
// that such servers read (HEP version 3). Package sip hands messages over,
// cmd/trunkline makes the sender. Signalling never waits for it: what cannot be
// sent at once is dropped and counted. Secrets are masked as in a call's ladder
// before anything leaves.
package hep
