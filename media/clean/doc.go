// Package clean makes a noisy or badly levelled caller easier to recognise: a
// noise suppressor and a level control in front of the recogniser.
//
// The conversation's ear shows a Cleaner every frame, and passes what it feeds
// to the recogniser through it. The recorder keeps what was said as it was
// said, and voice activity and barge-in are tuned to the plain line, so
// neither they nor the caller ever hear the result.
//
// A Cleaner decides at the start of each talkspurt, from the call's noise and
// level so far, what it will do during the talkspurt. On a clean line at a
// usual level it does nothing: frames pass bit for bit. It knows no words and
// is not made to please human ears.
package clean
