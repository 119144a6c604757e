// Package ledger stamps the stages of one turn on one clock, from the last
// packet of the caller's speech to the first packet of the agent's.
//
// Turn latency is what the carrier sees: the total counts from the arrival of
// the last speech packet to the sending of the first packet of the answer.
// Time to a filler ("one moment") is kept apart, so that a filler never makes
// an answer look fast.
package ledger
