// Package line joins the parts of one call's audio and moves one frame each
// way per tick of the clock.
//
// In this order: the leg's frame from the caller, the agent's echo out of it,
// keys in it, voice activity, the ear (whoever listens: recogniser, turn
// machine), key presses to the ear, machines' tones, the player's frame to the
// leg, and both frames to the tap (the recorder). So what the ear decides at a tick, such as a pause at a barge-in, is true of the
// frame that leaves at the same tick.
//
// The ear and the tap get silence in place of a key's tone, and the ear each key
// press once, by whichever ways it was told.
//
// A frame that the leg does not send, as on hold, does not count as played:
// the player gives the same audio again at the next tick. The player's Started
// event is therefore stamped when the first packet of an utterance has really
// left.
//
// The call package makes a Line per call and adds it to the clock. A Line
// starts no goroutine, owns nothing that it is given and allocates nothing per
// tick.
package line
