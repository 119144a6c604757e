// Package legtest is the suite that every media.Leg passes, and with more
// tests every media.Buffered one. Each leg's room gives it a far end: a bare
// peer on the wire whose time the suite moves on, 20 ms at a time.
package legtest
