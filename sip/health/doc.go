// Package health tells whether a trunk's target is up, from the outcomes of
// the OPTIONS requests that are sent to it.
//
// Room sip keeps one Tracker per target and asks it when a call is placed and
// for the trunks' state. The room is pure: no clock, no goroutine.
package health
