package speech

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/record"
	"trunkline/testdata"
)

// Recordings are all recordings of testdata at media.SampleRate by file name
// without suffix, such as "uh-huh". Two are no speech: "cough" and "room".
func Recordings() (map[string][]int16, error) {
	files, err := fs.Glob(testdata.Files, "audio/*.wav")
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("speech: no recordings in testdata: %w", err)
	}
	all := make(map[string][]int16, len(files))
	for _, file := range files {
		data, err := fs.ReadFile(testdata.Files, file)
		if err != nil {
			return nil, fmt.Errorf("speech: %w", err)
		}
		a, err := record.DecodeWAV(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("speech: %s: %w", file, err)
		}
		all[strings.TrimSuffix(path.Base(file), ".wav")] = a.Samples[0]
	}
	return all, nil
}

// Played is x times gain after lead samples of silence, clipped to 16 bits and
// through a G.711 codec: as a line delivers it.
func Played(x []int16, gain float64, lead media.Samples, law g711.Codec) []int16 {
	y := make([]int16, int(lead), int(lead)+len(x))
	for _, v := range x {
		y = append(y, int16(max(-32768, min(32767, float64(v)*gain))))
	}
	return Coded(y, law)
}

// Coded is what is left of x after a trip by G.711.
func Coded(x []int16, law g711.Codec) []int16 {
	b := make([]byte, len(x))
	law.Encode(b, x)
	out := make([]int16, len(x))
	law.Decode(out, b)
	return out
}

// Frames hands x to do, frame by frame; what is left at its end is filled with
// silence.
func Frames(x []int16, do func(f *media.Frame)) {
	var f media.Frame
	for len(x) > 0 {
		n := copy(f[:], x)
		clear(f[n:])
		x = x[n:]
		do(&f)
	}
}
