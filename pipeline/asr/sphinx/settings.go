package sphinx

import "trunkline/media"

// searchSettings were chosen by measurement: see docs/speech.md.
var searchSettings = []string{
	"-maxhmmpf", "3000", // bounds the search on noise
	"-maxwpf", "10",
	"-ds", "2", // scores the acoustics of every second frame
}

// telephoneMean is the cepstral mean that a call starts with.
var telephoneMean = [13]float32{44.2, -1.3, 14.0, -4.0, -9.8, -6.7, -20.0, -4.6, -9.4, -6.3, -4.8, -4.7, -2.2}

var (
	// telephoneMeanFrames is how many 10 ms frames of speech weigh as much as
	// telephoneMean.
	telephoneMeanFrames = 100
	// cmnInterval is how much speech passes between moves of the mean.
	cmnInterval int = media.SampleRate / 4
	// domainShare is the domain's part of the mixture in GeneralAndDomain.
	domainShare = 0.5
)
