// Package framing is the server's side of WebSocket framing (RFC 6455 sections
// 5 to 7), once the handshake is done: it cuts what a client sent into messages,
// and puts frames around ours. It is pure: who calls it owns the socket.
//
// The twilio door's Leg reads and writes its socket on the line clock's tick,
// where nothing may wait or allocate. That is why it does not use a library
// whose connections own their reads and writes. Extensions are not spoken: the
// handshake must have agreed on none.
package framing
