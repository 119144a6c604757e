// Package flite is a pipeline.Synthesizer on the Flite engine, in process.
//
// The engine is called for one piece of text at a time and hands its 16 kHz
// audio over as it makes it. The package trims the silence around it, brings
// it to telephone level and to 8 kHz, and says where in the audio each word of
// the text begins. Text that is longer than a sentence is spoken piece by
// piece, so that the first audio does not wait for the last word.
//
// Flite comes from Debian's libflite1 and flite1-dev, and is linked only with
// the build tag "offline"; without it New returns ErrNotBuilt. It speaks
// English. The voices are in the library: nothing is read at run time.
//
// The package knows no calls and no carriers. Nobody outside it calls the
// engine.
package flite
