package sip

import (
	"sync"
	"sync/atomic"
)

// Stats is a snapshot of a UA's counters. All counters start at zero and only
// rise, but for those named as gauges.
type Stats struct {
	Sockets []SocketStats

	Requests  map[string]uint64 // requests accepted for processing, by method; unknown methods as "other"
	Responses map[int]uint64    // final responses to requests, by status
	Sent      uint64            // messages sent
	SendFails uint64            // messages that the transport refused

	Strangers  uint64 // datagrams and connections dropped unanswered by the source ACL
	Scanners   uint64 // of them, those that bear a scanning tool's mark; some hundred a second are looked at
	Throttled  uint64 // messages dropped because their source sends too many
	Malformed  uint64 // messages that do not parse or lack a mandatory header
	TooLarge   uint64 // messages over the size or header limit
	KeepAlives uint64 // CRLF keep-alives (RFC 5626 section 3.5.1)
	Handshakes uint64 // TLS and WebSocket handshakes that failed
	Overloaded uint64 // requests dropped because the transaction table or a dialog's queue was full
	Unmatched  uint64 // responses that belong to no transaction

	Transactions int            // gauge
	Dialogs      int            // gauge
	Calls        map[string]int // gauge: calls in progress, by trunk; placed calls under ""

	Retransmitted uint64 // 2xx responses sent again because no ACK had come
	Refreshes     uint64 // sessions refreshed by us (RFC 4028)
	NoACK         uint64 // calls ended because no ACK came at all
}

// SocketStats describes one listening socket.
type SocketStats struct {
	Network       string
	Local         string
	ReceiveBuffer int    // bytes that the kernel gave, UDP only; it counts its own overhead too
	KernelDrops   uint64 // datagrams lost to a full receive buffer, UDP only
	Connections   int    // gauge, not UDP
}

// counters are what Stats is taken from.
type counters struct {
	sent, sendFails                  atomic.Uint64
	strangers, malformed, tooLarge   atomic.Uint64
	keepAlives, overloaded           atomic.Uint64
	handshakes, scanners, throttled  atomic.Uint64
	unmatched, retransmitted, noACKs atomic.Uint64
	refreshes                        atomic.Uint64

	mu        sync.Mutex
	requests  map[string]uint64
	responses map[int]uint64
}

func (c *counters) request(method string) {
	if _, known := knownMethods[method]; !known {
		method = "other"
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	if c.requests == nil {
		c.requests = make(map[string]uint64)
	}

	c.requests[method]++
}

func (c *counters) response(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.responses == nil {
		c.responses = make(map[int]uint64)
	}

	c.responses[status]++
}
