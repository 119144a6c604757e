// Package resample changes the sampling rate of linear 16-bit audio, chunk by
// chunk: from the 16 kHz of a synthesiser to the telephone's 8 kHz, from a
// recording's 44.1 kHz, or upwards.
//
// A Resampler is a polyphase FIR filter: a Kaiser-windowed sinc that is flat
// (within 0.1 dB) up to 0.85 of half the lower rate and at least 60 dB down
// from 1.15 of it on. To 8 kHz that is 3.4 kHz and 4.6 kHz: what would fold
// back into the telephone band is gone, and what folds between the two lands
// above it.
//
// It knows nothing of calls; synthesisers and readers of WAV files use it.
package resample
