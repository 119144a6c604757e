package whisper

import (
	"bytes"
	"fmt"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/record"
	"trunkline/media/resample"
)

const (
	// shortest is the least audio that servers take.
	shortest = 100 * time.Millisecond
	// quietSearch is the end of a long piece in which a quiet place is looked
	// for.
	quietSearch = 5 * time.Second
	// quietFrames is how long such a place is.
	quietFrames = 5
)

// quietest is where to cut audio: the middle of the quietest 100 ms of its last
// five seconds. Equal ones are cut late.
func quietest(octets []byte) int {
	from := max(0, len(octets)-int(media.SamplesIn(quietSearch)))
	tail := make([]int16, len(octets)-from)
	g711.PCMU.Decode(tail, octets[from:])
	energy := make([]int64, len(tail)/media.FrameSamples)
	for i := range energy {
		for _, v := range tail[i*media.FrameSamples : (i+1)*media.FrameSamples] {
			energy[i] += int64(v) * int64(v)
		}
	}
	best, at := int64(-1), len(energy)-quietFrames
	for i := 0; i+quietFrames <= len(energy); i++ {
		sum := int64(0)
		for _, e := range energy[i : i+quietFrames] {
			sum += e
		}
		if best < 0 || sum <= best {
			best, at = sum, i
		}
	}

	return from + at*media.FrameSamples + quietFrames*media.FrameSamples/2
}

// wav is µ-law audio as a WAV file of linear samples, with silence behind it
// when it is too short for a server.
func wav(octets []byte, rate int) ([]byte, error) {
	samples := make([]int16, max(len(octets), int(media.SamplesIn(shortest))))
	g711.PCMU.Decode(samples, octets)
	if rate != media.SampleRate {
		up, err := resample.New(media.SampleRate, rate)
		if err != nil {
			return nil, fmt.Errorf("change the rate: %w", err)
		}
		samples = up.Flush(up.Append(nil, samples))
	}
	var file bytes.Buffer
	err := record.EncodeWAV(&file, &record.Audio{Rate: rate, Channels: 1, Samples: [][]int16{samples}})

	return file.Bytes(), err
}
