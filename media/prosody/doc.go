// Package prosody follows the melody and the loudness of one caller's speech:
// a pitch and a level per frame, and at a silence how the two moved towards
// it. A statement mostly ends low and faint; a speaker who wants to go on stays
// level, or rises.
//
// The conversation's ear feeds it on the tick and asks at the end of a
// talkspurt. The package is pure, allocates nothing, and decides nothing: what
// an ending means is the endpoint's business.
package prosody
