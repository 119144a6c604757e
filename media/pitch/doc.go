// Package pitch finds the distance after which a stretch of speech resembles
// itself: its pitch period, or a multiple of it.
//
// Concealment (plc) and time-scaling (stretch) are its callers. The search is
// pure and allocates nothing.
package pitch
