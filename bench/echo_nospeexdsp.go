//go:build !speexdsp

package bench

// rivals are the other cancellers: none is built in.
func rivals() []hearer { return nil }
