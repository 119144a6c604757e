// Package assemblyai is a recogniser behind AssemblyAI's streaming API, version
// 3.
//
// Used of the protocol: pcm_mulaw at 8 kHz as it came from the line, in chunks
// of 60 ms, since the server takes none below 50; words before they stand;
// ForceEndpoint at the end of a talkspurt; end_of_turn as a sign of the end of a
// turn. Not used: formatting, since the words go to a model.
//
// Source: the API reference, "Streaming API". The sub-room assemblyaitest has a
// server for tests.
package assemblyai
