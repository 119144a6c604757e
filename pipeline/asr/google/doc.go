// Package google is a recogniser behind Google's Speech-to-Text v2 streaming,
// over gRPC.
//
// A talkspurt is a stream: ending it asks for the last words, and its end says
// that there are no more. So no stream comes near Google's bound of five
// minutes, except in a talkspurt as long, which goes on in another one; and
// nothing is paid between talkspurts. Connections are shared by calls and kept.
//
// Used of the service: µ-law at 8 kHz as it came from the line, interim
// results, phrases to expect, several languages. Not used: voice activity
// events and the service's endpointing, since only speech is sent; its noise
// reduction; recognisers stored at Google.
//
// Google's own client is not used, only its messages: the client retries by
// itself and hides when the first byte came, and fail-over needs to see both.
//
// Source: google.cloud.speech.v2 and the page "Quotas and limits". The sub-room
// googletest has a server for tests.
package google
