// Package certs keeps the certificate that we show and the authorities that
// we believe, for connections of SIP over TLS and secure WebSocket.
//
// The command opens a Store from the configuration's files and gives its
// tls.Configs to room sip. The files are looked at again with a handshake, at
// most every few seconds, and when Reload is called: a renewed certificate is
// shown to the next connection, and open ones, with their calls, go on. Files
// that cannot be used leave what was there.
//
// Never: verification left out. There is no setting that believes any
// certificate.
package certs
