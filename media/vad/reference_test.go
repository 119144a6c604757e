//go:build cgo

package vad_test

import (
	"bytes"
	"io/fs"
	"math"
	"math/rand/v2"
	"path"
	"testing"
	"unsafe"

	webrtcvad "github.com/maxhawkins/go-webrtcvad"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/media/vad"
	"trunkline/testdata"
)

// pair is the detector and the one that it is to be like, the WebRTC
// project's in C.
type pair struct {
	ours   *vad.Detector
	theirs *webrtcvad.VAD
	frames int
}

func newPair(t testing.TB) *pair {
	t.Helper()
	theirs, err := webrtcvad.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := theirs.SetMode(2); err != nil {
		t.Fatal(err)
	}
	return &pair{ours: detector(t), theirs: theirs}
}

func (p *pair) step(t testing.TB, f *media.Frame) {
	t.Helper()
	samples := unsafe.Slice((*byte)(unsafe.Pointer(f)), unsafe.Sizeof(*f))
	want, err := p.theirs.Process(media.SampleRate, samples)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.ours.Voiced(f); got != want {
		t.Fatalf("frame %d: voiced is %v, want %v", p.frames, got, want)
	}
	p.frames++
}

// All audio of testdata, each file at several levels, judged frame by frame
// as the reference does.
func TestDetectorIsLikeTheReference(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(testdata.Files, "audio/*.wav")
	if err != nil || len(files) == 0 {
		t.Fatalf("no audio in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(path.Base(file), func(t *testing.T) {
			t.Parallel()
			data, err := fs.ReadFile(testdata.Files, file)
			if err != nil {
				t.Fatal(err)
			}
			a, err := record.DecodeWAV(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			p := newPair(t)
			for _, gain := range []float64{1, 0.03, 20} {
				for in := a.Samples[0]; len(in) >= media.FrameSamples; in = in[media.FrameSamples:] {
					f := media.Frame(in[:media.FrameSamples])
					for i, v := range f {
						f[i] = int16(max(-32768, min(32767, gain*float64(v))))
					}
					p.step(t, &f)
				}
			}
		})
	}
}

// Noise, tones, clicks and silence of any level, ten minutes of them.
func TestDetectorIsLikeTheReferenceInNoise(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 11))
	p := newPair(t)
	var f media.Frame
	for range 500 {
		amplitude := math.Pow(2, 16*random.Float64())
		tone := random.Float64() * math.Pi
		kind := random.IntN(5)
		for range 1 + random.IntN(119) {
			for i := range f {
				x := 0.0
				switch kind {
				case 0:
					x = amplitude * random.NormFloat64()
				case 1:
					x = amplitude * math.Sin(tone*float64(i))
				case 2:
					x = amplitude * (2*random.Float64() - 1)
				case 3:
					x = -32768 + 65535*float64(random.IntN(2))
				}
				f[i] = int16(max(-32768, min(32767, x)))
			}
			p.step(t, &f)
		}
	}
}

func FuzzDetectorIsLikeTheReference(f *testing.F) {
	f.Add([]byte("telephone"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := newPair(t)
		var frame media.Frame
		for i := 0; i < len(b) && i < 1<<12; i++ {
			for k := range frame {
				frame[k] = int16(int8(b[i])) * int16(b[(i+k)%len(b)])
			}
			p.step(t, &frame)
		}
	})
}

func BenchmarkReference(b *testing.B) {
	p := newPair(b)
	s := newScene(60, 8000)
	var frames [50]*media.Frame
	for i := range frames {
		frames[i] = s.frame(i%50 > 25)
	}
	for i := 0; b.Loop(); i++ {
		samples := unsafe.Slice((*byte)(unsafe.Pointer(frames[i%50])), unsafe.Sizeof(media.Frame{}))
		if _, err := p.theirs.Process(media.SampleRate, samples); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDetector(b *testing.B) {
	d := detector(b)
	s := newScene(60, 8000)
	var frames [50]*media.Frame
	for i := range frames {
		frames[i] = s.frame(i%50 > 25)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d.Voiced(frames[i%50])
	}
}
