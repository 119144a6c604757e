// Package session is the arithmetic of session timers (RFC 4028): who
// refreshes a call's session, how often, and when the other side gives it up.
// Package sip asks it for each INVITE and UPDATE; it has no clock and sends
// nothing.
package session
