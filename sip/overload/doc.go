// Package overload tells whether the process has processor time left for
// another call.
//
// The command gives a Meter to room sip, which asks it for each new call. It
// looks at the process's own processor time when it is asked, and starts no
// goroutine.
package overload
