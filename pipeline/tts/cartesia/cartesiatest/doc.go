// Package cartesiatest is a server that speaks Cartesia's WebSocket, failures
// included, for tests without a network.
package cartesiatest
