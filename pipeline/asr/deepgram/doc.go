// Package deepgram is a recogniser behind Deepgram's live transcription.
//
// Used of the protocol: mulaw at 8 kHz as it came from the line, interim
// results, Finalize at the end of a talkspurt, KeepAlive while nobody speaks,
// speech_final as a sign of the end of a turn, key terms. Not used: diarisation,
// formatting, since the words go to a model; the server's own voice activity,
// since trunkline's gates the audio.
//
// Source: the API reference, "Live audio". The sub-room deepgramtest has a
// server for tests.
package deepgram
