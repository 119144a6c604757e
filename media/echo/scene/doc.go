// Package scene makes up calls with an echo: what the agent says, and what
// comes back of it by a path whose delay, return loss, shape and distortion
// are known, under a caller's speech and a line's noise.
//
// The tests of media/echo and `trunkline bench echo` measure cancellers with
// it. The same Setup always gives the same samples. No gateway uses it.
package scene
