package sphinx

import "trunkline/media"

// searchSettings were chosen by measurement: see docs/speech.md.
var searchSettings = []string{
	"-maxhmmpf", "3000", // bounds the search on noise
	"-maxwpf", "10",
	"-pl_window", "0", // no lookahead: it would delay partials by 50 ms
	"-remove_silence", "no", // voice activity detection was done before us
	"-remove_noise", "no", // its noise estimate starts anew with each talkspurt
}

// everyFrame scores the acoustics of each 10 ms frame, which noise asks for;
// everyOther scores half of them, for the large vocabulary.
var (
	everyFrame = []string{"-ds", "1"}
	everyOther = []string{"-ds", "2"}
)

// telephoneMean is the cepstral mean that a call starts with: between that of
// a narrow (300-3400 Hz) and of a wide telephone channel at a speech level of
// about -20 dBFS.
var telephoneMean = [13]float32{44.2, -1.3, 14.0, -4.0, -9.8, -6.7, -20.0, -4.6, -9.4, -6.3, -4.8, -4.7, -2.2}

const (
	// telephoneMeanFrames is how many 10 ms frames of a caller's own speech
	// weigh as much as telephoneMean.
	telephoneMeanFrames = 70
	// meanInterval is how much speech passes between moves of the mean.
	meanInterval = media.SampleRate / 4
	// domainShare is the domain's part of the mixture in GeneralAndDomain.
	domainShare = 0.8
)
