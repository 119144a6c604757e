// Package sip is trunkline's SIP user agent: it answers the calls that trunks
// send, places calls for the headless softphone, and hands the audio of each
// call over as a media.Leg.
//
// The command wires a UA; package call implements Handler and drives each
// Dialog; the softphone uses Dial. The package knows no conversation and
// stores nothing.
//
// Messages, their parser and the transaction state machines of RFC 3261
// section 17 come from sipgo. Transports, the transaction table and dialogs
// are here, because a trunk needs more of them than sipgo's own layers give:
// strangers' bytes never reach the parser, malformed requests are answered
// and counted instead of logged, responses larger than 1300 bytes leave by
// UDP (RFC 3261 section 18.1.1 limits requests only), one To tag serves all
// responses of a dialog, and every goroutine has an owner that waits for it.
//
// The way of a message: a socket reads it; the gate (gate.go) drops it when its
// source is not a trunk's; inspect (inspect.go) bounds, parses and checks it;
// dispatch (dispatch.go) finds its transaction and dialog. Each dialog is one
// goroutine (dialog.go) that owns the dialog's state; requests, commands and
// timers reach it one after another, so a session ends exactly once however
// BYE, CANCEL and timeouts race.
//
// Keys come as telephone events, which are the leg's, or by INFO (key.go).
//
// SRTP keys travel in the descriptions (RFC 4568), as a trunk's policy says; with
// browsers, which call over WebSocket, ICE and DTLS make them (RFC 8827).
//
// Who sends a request is proved and checked by room digest (authorize.go). Call
// places a call on a trunk (call.go).
//
// Where a URI's requests go is found by room locate (route.go); a call is
// sent elsewhere when a hop fails (failover.go).
//
// Before the answer: provisional.go (ours, to callers), dialing.go (those of
// far ends that we call, with forks and redirects). In a call: midcall.go (what
// the far end asks), change.go (what we ask, one request at a time),
// sessiontimer.go, refer.go and replaces.go (transfers), ladder.go (what is
// remembered of it). Their arithmetic is in the rooms session, reliable and
// transfer.
//
// What the UA does by itself, outside of calls: a trunk's registration
// (register.go) and the question whether its targets are up (probe.go). What it
// takes on is bounded (admission.go), and counted by trunk (trunkstats.go).
package sip
