// Package carrier is a small server that behaves as Twilio does, for tests,
// benchmarks and the demo: a gateway that works with it places and answers
// whole calls without an account and without the network.
//
// It speaks the documented wire protocols and shares no code with the door
// that it exercises: a subset of the REST API with its errors, signed
// webhooks, TwiML, status callbacks, answering machine detection and Media
// Streams. At the far end of each call is a Phone, whose owner speaks and
// hears, 20 ms at a time, what is really played: a stream's audio is queued
// here and leaves by the carrier's clock, as at Twilio.
//
// What goes wrong with a real carrier goes wrong here on demand (Trouble):
// lost responses, callbacks out of order and twice, streams that break off,
// marks that never return. Chance is seeded.
//
// Requests to the gateway's public URL go through Options.Tunnel to loopback,
// without TLS, as they do behind a load balancer; nothing goes anywhere else.
package carrier
