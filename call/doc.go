// Package call is one call's life, from the offer to the final record. It
// joins a door's leg, a conversation and the records, and it is the one owner
// of the call's deadlines: they fire whatever else hangs.
//
// The doors hand calls to a Manager; cmd/trunkline makes one and stops it.
// Every end has a reason and an owner of the fault. After the end nothing of
// the call is left: no goroutine, port, socket, timer or buffer.
//
// The package parses no protocol and decides nothing about words.
package call
