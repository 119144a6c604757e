// Package narrowband fits a wideband Sphinx acoustic model to telephone audio.
//
// Debian's US English model was trained on 16 kHz speech: its Gaussians stand
// for mel cepstra of 25 filters over 130-6800 Hz. A telephone call has nothing
// above 3400 Hz, so the model is projected instead of the audio: each mean goes
// back to the 25 log filter energies, the filters above 3446 Hz are dropped,
// and the rest becomes cepstra again. The map is linear, so the same matrix
// carries the variances, to which the energy that the cepstra never described
// is added.
//
// [Ensure] does this once per source model and keeps the result in a cache
// directory; the recogniser calls it at start. The package reads and writes
// files only. It knows nothing of decoders and needs no C library.
package narrowband
