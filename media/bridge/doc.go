// Package bridge joins two legs: what one hears the other is sent, frame by
// frame, on one tick of the clock. Package call joins a caller to a person with
// it when the agent has left.
//
// A Bridge starts no goroutine, owns nothing that it is given and allocates
// nothing per tick. It knows no signalling.
package bridge
