// Package ladder keeps the messages of one call, within bounds, for whoever
// wants to see later what was said. Package sip adds to it, package call asks
// for it at the call's end. Secrets are masked in what it gives.
package ladder
