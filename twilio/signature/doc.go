// Package signature tells whether a webhook, or the request that opens a
// socket, comes from the carrier that it names. The twilio door asks before it
// reads anything else; fakes and tests sign with it.
//
// # Twilio
//
// A request is signed over the public URL that Twilio was given, so the URL is
// made from the configured one and never from Host or X-Forwarded headers,
// which anybody can write. What carriers and load balancers are known to
// change is tried in turn: the port that may or may not be told, and a slash at
// the path's end. Every comparison takes the same time whatever is compared,
// and there is no way to switch validation off.
//
// The package is pure: no request is sent, and time is given to it.
package signature
