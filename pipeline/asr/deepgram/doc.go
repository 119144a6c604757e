// Package deepgram is a recogniser behind Deepgram's live transcription.
//
// Used of the protocol: mulaw at 8 kHz as it came from the line, interim
// results, Finalize in a lull that may be the end of a talkspurt and at its end,
// from_finalize with the result's place in the audio to tell the answers apart,
// KeepAlive while nobody speaks, speech_final as a sign of the end of a turn, key terms. Not used: diarisation,
// formatting, since the words go to a model; the server's own voice activity,
// since trunkline's gates the audio.
//
// Source: the API reference, "Live audio". The sub-room deepgramtest has a
// server for tests.
package deepgram
