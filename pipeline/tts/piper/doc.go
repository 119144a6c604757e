// Package piper is a voice spoken by Piper, a program on this machine.
//
// One process speaks one text: it reads it from its input and writes linear
// 16-bit audio to its output until that ends. A process loads its voice when it
// starts, which takes a good part of a second, so that some are kept started
// and waiting. The audio's rate comes from the voice's own JSON file.
//
// Piper and its voices are no part of trunkline: the configuration names them.
package piper
